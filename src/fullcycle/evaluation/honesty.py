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
from fullcycle.errors import Refusal
from fullcycle.evaluation.plots import draw_honesty
from fullcycle.evaluation.rows import Rows
from fullcycle.files import read_json, read_table, replacing, write_json
from fullcycle.intervals import estimates
from fullcycle.tasks import task_of
from fullcycle.training import store
from fullcycle.training.context import Question
from fullcycle.training.train import fitted

if TYPE_CHECKING:
    from pathlib import Path

POOLED = ("train", "validation", "test")
WHY = (
    "A random split puts rows of the same hour and day on both sides, so the model is asked about days that"
    " it has partly seen. In use it will only ever be asked about days that have not come yet, which is what"
    " the split by time measures."
)
NOT_BY_TIME = (
    "The rows are not split by time (split.method), so this score is itself a promise about days that the"
    " model has partly seen; how it does on later days is not known."
)


def score(rows: pd.DataFrame, answers: Any, question: Question, settings: Any) -> dict[str, float]:
    """The task's primary metric of answers to labelled rows, with its interval over days.

    Raises:
        Refusal: it has no value on these rows.
    """
    task = task_of(question.task)
    values = Rows(rows, settings, question.roles, task).resamples(answers, task.undecided)
    found = estimates(values, settings.confidence)
    if task.primary not in found:
        raise Refusal(f"honesty: {task.primary} has no value on {len(rows)} rows of one label or one cluster")
    return found[task.primary].as_dict() | {"rows": len(rows)}


def redrawn(parts: dict[str, pd.DataFrame], identity: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test rows drawn at random from all parts, in the shares that the parts have."""
    pool = pd.concat(parts.values(), ignore_index=True)
    shares = {name: len(part) / len(pool) for name, part in parts.items()} | {"live": 0.0}
    drawn = by_share(pool[identity], shares, seed)
    return pool[drawn == "train"], pool[drawn == "test"]


def main(*, candidates: Path, split: Path, metrics: Path, plot: Path) -> None:
    """Score the candidate under both splits, and write numbers, reasons and plot."""
    settings, question = params.read("evaluate"), Question.read()
    name = params.read("honesty.candidate")
    chosen = params.read(f"train.{name}")
    task, time = task_of(question.task), question.roles["time"]
    parts = {part: read_table(split / f"{part}.parquet") for part in POOLED}

    columns = store.columns(candidates / name)
    honest = task.answer(store.load(candidates / name), parts["test"][columns])
    if (method := params.read("split.method")) != "time":
        scores = {f"{method}_split": score(parts["test"], honest, question, settings)}
        about = {"candidate": name, task.primary: scores, "why": NOT_BY_TIME}
        tell(about, task.primary, split, metrics, plot)
        return
    train, test = redrawn(parts, question.roles["id"], settings.seed)
    model, _ = fitted(chosen, train, question, columns)
    promised = task.answer(model, test[columns])
    same_period = (test[time] >= parts["test"][time].min()).to_numpy()

    scores = {
        "time_split": score(parts["test"], honest, question, settings),
        "random_split": score(test, promised, question, settings),
        "random_split_same_period": score(test[same_period], promised[same_period], question, settings),
    }
    tell({"candidate": name, task.primary: scores, "why": WHY}, task.primary, split, metrics, plot)


def tell(about: dict[str, Any], metric: str, split: Path, metrics: Path, plot: Path) -> None:
    """Write the scores beside the summary of the split, and draw them."""
    write_json(read_json(split / "summary.json") | {"honesty": about}, metrics)
    with replacing(plot) as path:
        draw_honesty(about[metric], metric, path)
