"""Stage `honesty`: what a random split would have promised, beside the score on later rows.

The same candidate is fitted once more, on as many rows drawn at random from train, validation and test
together, and scored on the rows that the draw left for testing; also on those of them that lie in the
test period, so that an easier or harder season explains nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from fullcycle import params
from fullcycle.data.split import by_share
from fullcycle.evaluation.plots import draw_honesty
from fullcycle.files import read_json, read_table, replacing, write_json
from fullcycle.intervals import days, estimates, resampled
from fullcycle.metrics import Decision, measure
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.hooks import NONE
from fullcycle.training.train import ROLES, parted

if TYPE_CHECKING:
    from pathlib import Path

POOLED = ("train", "validation", "test")
WHY = (
    "A random split puts flights of the same hour, storm and aircraft on both sides, so the model is asked"
    " about days that it has partly seen. In use it will only ever be asked about days that have not come"
    " yet, which is what the split by time measures."
)


def area(rows: pd.DataFrame, probability: Any, roles: dict[str, str], settings: Any) -> dict[str, float]:
    """The ROC AUC of probabilities for labelled rows, with its interval over days."""
    block = days(rows[roles["time"]])
    weights = resampled(int(block.max()) + 1, settings.resamples, settings.seed)
    label = rows[roles["label"]].to_numpy("float64")
    values = measure(label, probability, Decision(0.5, 1, 1), settings.bins, block, weights)
    return estimates(values, settings.confidence)["roc_auc"].as_dict() | {"rows": len(rows)}


def redrawn(parts: dict[str, pd.DataFrame], identity: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test rows drawn at random from all parts, in the shares that the parts have."""
    pool = pd.concat(parts.values(), ignore_index=True)
    shares = {name: len(part) / len(pool) for name, part in parts.items()} | {"live": 0.0}
    drawn = by_share(pool[identity], shares, seed)
    return pool[drawn == "train"], pool[drawn == "test"]


def main(*, candidates: Path, split: Path, metrics: Path, plot: Path) -> None:
    """Score the candidate under both splits, and write numbers, reasons and plot."""
    settings = params.read("evaluate")
    name = params.read("honesty.candidate")
    chosen = params.read(f"train.{name}")
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    parts = {part: read_table(split / f"{part}.parquet") for part in POOLED}

    columns = store.columns(candidates / name)
    honest = store.load(candidates / name).predict_proba(parts["test"][columns])[:, 1]
    train, test = redrawn(parts, roles["id"], settings.seed)
    model = CANDIDATES[chosen.kind].fit(chosen, *parted(train, roles), NONE)
    promised = model.predict_proba(test[columns])[:, 1]
    since = parts["test"][roles["time"]].min()
    same_period = (test[roles["time"]] >= since).to_numpy()

    scores = {
        "time_split": area(parts["test"], honest, roles, settings),
        "random_split": area(test, promised, roles, settings),
        "random_split_same_period": area(test[same_period], promised[same_period], roles, settings),
    }
    write_json(
        read_json(split / "summary.json") | {"honesty": {"candidate": name, "roc_auc": scores, "why": WHY}},
        metrics,
    )
    with replacing(plot) as path:
        draw_honesty(scores, path)
