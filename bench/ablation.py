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

from flights.features import DERIVED, GROUPS, build  # noqa: E402
from fullcycle import params  # noqa: E402
from fullcycle.data.split import assign  # noqa: E402
from fullcycle.evaluation.honesty import score  # noqa: E402
from fullcycle.files import read_table  # noqa: E402
from fullcycle.tasks import task_of  # noqa: E402
from fullcycle.training.context import Question  # noqa: E402
from fullcycle.training.train import fitted  # noqa: E402

PARTS = ("validation", "test", "live")


def parts_at(horizon: pd.Timedelta, roles: dict[str, str]) -> dict[str, pd.DataFrame]:
    """The rows of each part of the split, asked one horizon before."""
    tables = {path.stem: read_table(path) for path in sorted(Path("data/clean").glob("*.parquet"))}
    rows = build(tables, horizon).sort_values(["time", "flight_id"], ignore_index=True)
    part = assign(rows, params.read("split"), roles, horizon.to_pytimedelta())
    return {name: rows[part == name] for name in ("train", *PARTS)}


def scores(parts: dict[str, pd.DataFrame], dropped: set[str], question: Question) -> list[str]:
    """The ROC AUC on validation, test and live rows of a model without the dropped columns."""
    rows = parts["train"].drop(columns=list(dropped))
    model, _ = fitted(params.read("train.lightgbm"), rows, question)
    evaluate, task = params.read("evaluate"), task_of(question.task)
    areas = [
        score(parts[name], task.answer(model, parts[name][list(model.feature_names_in_)]), question, evaluate)
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
    question = Question.read()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    names = {group: {feature.name for feature in features} for group, features in GROUPS.items()}
    for group in names.values():  # what is derived goes with what it is derived from
        group |= {derived for derived, reads in DERIVED.items() if group & set(reads)}
    everything = set().union(*names.values())
    started = time.monotonic()
    parts = parts_at(horizons[0], question.roles)

    print(f"Commit {commit.stdout.strip()}, horizon {horizons[0]}, ROC AUC of the LightGBM candidate.\n")
    print("| features | validation | test | live | without: validation | test | live |")
    print("|---|---|---|---|---|---|---|")
    kept: set[str] = set()
    print("| timetable and aircraft register |", " | ".join(scores(parts, everything, question)), "| | | |")
    for group, own in names.items():
        kept |= own
        added, without = scores(parts, everything - kept, question), scores(parts, own, question)
        print(f"| + {group} ({len(own)}) |", " | ".join(added + without), "|", flush=True)

    print("\n| horizon | validation | test | live |\n|---|---|---|---|")
    for horizon in horizons:
        rows = parts if horizon == horizons[0] else parts_at(horizon, question.roles)
        print(f"| {horizon} |", " | ".join(scores(rows, set(), question)), "|", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
