"""What each group of features adds: the LightGBM candidate with groups added one by one, and left out.

    python bench/ablation.py [--horizon 2h 24h]

Prints Markdown. Needs `data/clean` (run `dvc repro` or `dvc pull` first). Test and live scores are shown
for the report; nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
import stage

stage.pin_environment()

import pandas as pd  # noqa: E402  after the pins

from flights.features import GROUPS, build  # noqa: E402
from fullcycle import params  # noqa: E402
from fullcycle.data.split import assign  # noqa: E402
from fullcycle.evaluation.honesty import area  # noqa: E402
from fullcycle.files import read_table  # noqa: E402
from fullcycle.training.candidates import CANDIDATES  # noqa: E402
from fullcycle.training.hooks import NONE  # noqa: E402
from fullcycle.training.train import ROLES, parted  # noqa: E402

PARTS = ("validation", "test", "live")


def parts_at(horizon: pd.Timedelta, roles: dict[str, str]) -> dict[str, pd.DataFrame]:
    """The rows of each part of the split, asked one horizon before."""
    tables = {path.stem: read_table(path) for path in sorted(Path("data/clean").glob("*.parquet"))}
    rows = build(tables, horizon).sort_values(["time", "flight_id"], ignore_index=True)
    part = assign(rows, params.read("split"), roles, horizon.to_pytimedelta())
    return {name: rows[part == name] for name in ("train", *PARTS)}


def scores(parts: dict[str, pd.DataFrame], dropped: set[str], roles: dict[str, str]) -> list[str]:
    """The ROC AUC on validation, test and live rows of a model without the dropped columns."""
    settings = params.read("train.lightgbm")
    features, label = parted(parts["train"].drop(columns=list(dropped)), roles)
    model = CANDIDATES[settings.kind].fit(settings, features, label, NONE)
    evaluate = params.read("evaluate")
    areas = [
        area(parts[name], model.predict_proba(parts[name][features.columns])[:, 1], roles, evaluate)
        for name in PARTS
    ]
    return [f"{each['value']:.4f}" for each in areas]


def main() -> None:
    """Print one table for the groups and one for the horizons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--horizon", nargs="+", default=["2h", "24h"], help="the first is used for the groups"
    )
    horizons = [pd.Timedelta(text) for text in parser.parse_args().horizon]
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    names = {group: {feature.name for feature in features} for group, features in GROUPS.items()}
    everything = set().union(*names.values())
    started = time.monotonic()
    parts = parts_at(horizons[0], roles)

    print(f"Commit {commit.stdout.strip()}, horizon {horizons[0]}, ROC AUC of the LightGBM candidate.\n")
    print("| features | validation | test | live | without: validation | test | live |")
    print("|---|---|---|---|---|---|---|")
    kept: set[str] = set()
    print("| timetable and aircraft register |", " | ".join(scores(parts, everything, roles)), "| | | |")
    for group, own in names.items():
        kept |= own
        added, without = scores(parts, everything - kept, roles), scores(parts, own, roles)
        print(f"| + {group} ({len(own)}) |", " | ".join(added + without), "|", flush=True)

    print("\n| horizon | validation | test | live |\n|---|---|---|---|")
    for horizon in horizons:
        rows = parts if horizon == horizons[0] else parts_at(horizon, roles)
        print(f"| {horizon} |", " | ".join(scores(rows, set(), roles)), "|", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
