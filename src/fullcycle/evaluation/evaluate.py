"""Stage `evaluate`: what the champion is worth on rows that no earlier stage has looked at.

The intervals are bootstrapped over days. The other candidates answer the same rows, for comparison
only: selection is over. `live` rows get the same report, without plots, and no criterion reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.evaluation.draw import DRAW, Drawn
from fullcycle.evaluation.rows import Rows
from fullcycle.files import DECISION, PREDICTIONS, read_json, read_table, replacing, write_json
from fullcycle.intervals import estimates, flat, gain
from fullcycle.params.metrics import LOWER_IS_BETTER
from fullcycle.tasks import task_of
from fullcycle.training import store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from fullcycle.tasks.base import Task

    Array = npt.NDArray[np.float64]
    Predict = Callable[[pd.DataFrame], Any]


def importance(predict: Predict, features: pd.DataFrame, y: Any, settings: Any, task: Task) -> pd.DataFrame:
    """What shuffling each feature costs in the task's primary metric (Breiman, 2001), largest first."""
    generator = np.random.default_rng(settings.seed)
    drawn = np.sort(
        generator.choice(len(features), min(settings.importance_rows, len(features)), replace=False)
    )
    sample, y = features.iloc[drawn].reset_index(drop=True), y[drawn]
    sign = -1 if task.primary in LOWER_IS_BETTER else 1

    def score(table: pd.DataFrame) -> float:
        return sign * task.values(y, predict(table), task.undecided, 2).get(task.primary, 0.0)

    whole = score(sample)
    order = generator.permutation(len(sample))
    costs = {
        name: whole - score(sample.assign(**{name: sample[name].to_numpy()[order]}))
        for name in sample.columns
    }
    table = pd.DataFrame({"feature": list(costs), "importance": list(costs.values())}).round(6)
    return table.sort_values(["importance", "feature"], ascending=[False, True], ignore_index=True)


def main(
    *,
    champion: Path,
    candidates: Path,
    validation: Path,
    test: Path,
    live: Path,
    test_metrics: Path,
    live_metrics: Path,
    details: Path,
    plots_out: Path,
) -> None:
    """Measure the champion on the test rows (and the live rows) and write metrics and plots.

    The headline numbers are metrics, which `dvc metrics diff` shows; months, slices and the other
    candidates go to ``details``.
    """
    settings = params.read("evaluate")
    roles = {role: params.read(f"problem.{role}") for role in ("id", "time", "label", "known_at")}
    sliced = params.read("problem.slices")
    task = task_of(params.read("problem.task"))
    kept = read_json(champion / DECISION)
    decision = task.decision(kept)
    champion_name = read_json(champion / store.MANIFEST)["candidate"]
    columns = store.columns(champion)
    pipeline = store.load(champion)

    def predict(table: pd.DataFrame) -> Any:
        return task.answer(pipeline, table[columns])

    detailed: dict[str, Any] = {}
    for part, source, path in (("test", test, test_metrics), ("live", live, live_metrics)):
        rows = Rows(read_table(source), settings, roles, task)
        p = predict(rows.rows)
        month = rows.time.dt.strftime("%Y-%m")
        months = rows.groups(month, p, decision, settings.min_slice_rows)
        headline = rows.report(p, decision) | {"part": part} | task.decided(rows.y, p, decision)
        slices = {name: rows.groups(rows.rows[name], p, decision, settings.min_slice_rows) for name in sliced}
        detailed[part] = {"months": months, "slices": slices}
        if part == "test":
            gains, others = compare(rows, p, kept, champion_name, candidates, validation, roles["label"])
            headline |= gains
            detailed[part]["candidates"] = others
            ranked = importance(predict, rows.rows[columns], rows.y, settings, task)
            known = {name: each for name, each in months.items() if task.primary in each}
            with replacing(plots_out) as folder:
                folder.mkdir()
                DRAW[task.name](Drawn(rows.y, p, decision, settings, known, ranked, roles["label"]), folder)
        write_json(headline, path)
    write_json(detailed, details)


def compare(
    rows: Rows,
    p: Any,
    kept: dict[str, Any],
    champion: str,
    candidates: Path,
    validation: Path,
    label: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the champion gains over trivial answers, and the other candidates on the same rows.

    Each decides as is cheapest on the validation rows; `kept` is the champion's decision.
    """
    task, confidence = rows.task, rows.settings.confidence
    decision = task.decision(kept)
    own = rows.resamples(p, decision)
    y = task.outcome(read_table(validation, columns=[label]), label)
    gains: dict[str, Any] = {}
    if constant := rows.constant(decision):
        gains["gain_over_constant"] = gain(constant, own, confidence)
    others: dict[str, Any] = {}
    for name, settings in params.read("train").items():
        theirs = own
        if name != champion:
            folder = candidates / name
            answers = task.read(read_table(folder / PREDICTIONS))
            other = task.decision(task.decide(y, answers, kept.get("costs")))
            answered = task.answer(store.load(folder), rows.rows[store.columns(folder)])
            theirs = rows.resamples(answered, other)
        gained = gain(theirs, own, confidence)
        if name != champion:
            others[name] = flat(estimates(theirs, confidence)) | {"champion_gains": gained}
        if settings.kind == "baseline":
            gains["gain_over_baseline"] = gained  # nothing, where the baseline is the champion
    return gains, others
