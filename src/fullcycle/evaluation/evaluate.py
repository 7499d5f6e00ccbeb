"""Stage `evaluate`: what the champion is worth on rows that no earlier stage has looked at.

The intervals are bootstrapped over days. The other candidates answer the same rows, for comparison
only: selection is over. `live` rows get the same report, without plots, and no criterion reads it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.evaluation.draw import DRAW, Drawn, confusion
from fullcycle.files import DECISION, PREDICTIONS, read_json, read_table, replacing, write_json
from fullcycle.intervals import Estimate, days, estimates, resampled
from fullcycle.metrics import Decision, decisions
from fullcycle.params import LOWER_IS_BETTER, Costs
from fullcycle.tasks import task_of
from fullcycle.tasks.base import better
from fullcycle.tasks.binary import TASK as BINARY
from fullcycle.training import store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from fullcycle.tasks.base import Task

    Array = npt.NDArray[np.float64]
    Predict = Callable[[pd.DataFrame], Any]


class Rows:
    """Labelled rows with what their metrics need: labels, days, settings."""

    def __init__(self, rows: pd.DataFrame, settings: Any, roles: dict[str, str], task: Task = BINARY) -> None:
        """Take rows of one part of the split."""
        self.rows, self.settings, self.task = rows, settings, task
        self.time = rows[roles["time"]]
        self.y = task.outcome(rows, roles["label"])

    def resamples(
        self, p: Any, decision: Any, chosen: npt.NDArray[np.bool_] | None = None
    ) -> dict[str, Array]:
        """Every metric for the rows as they are (first) and for each resample of their days."""
        chosen = np.ones(len(self.y), bool) if chosen is None else chosen
        block = days(self.time[chosen])
        weights = resampled(int(block.max()) + 1, self.settings.resamples, self.settings.seed)
        return self.task.measure(self.y[chosen], p[chosen], decision, self.settings.bins, block, weights)

    def report(self, p: Any, decision: Any, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Rows, what their labels are like, and every metric with its interval."""
        own = self.y if chosen is None else self.y[chosen]
        found = estimates(self.resamples(p, decision, chosen), self.settings.confidence)
        return {"rows": len(own)} | self.task.describe(own) | _flat(found)

    def groups(self, names: pd.Series[Any], p: Any, decision: Any, least: int) -> dict[str, Any]:
        """A report for each value of `names` that has at least `least` rows."""
        counts = names.value_counts()
        return {
            str(name): self.report(p, decision, (names == name).to_numpy())
            for name in sorted(counts.index[counts >= least])
        }


def _flat(found: dict[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.as_dict() for name, estimate in found.items()}


def gain(base: dict[str, Array], own: dict[str, Array], confidence: float) -> dict[str, Any]:
    """By how much the champion is better, metric by metric, on the same resamples (paired)."""
    gained = {
        name: (base[name] - own[name]) * (1 if name in LOWER_IS_BETTER else -1)
        for name in own
        if name in base
    }
    return _flat(estimates(gained, confidence))


def gain_over_constant(rows: Rows, own: dict[str, Array], decision: Decision) -> dict[str, Any]:
    """What a row costs less than under the cheaper of "always warn" and "never warn" on these very rows.

    Harder than any baseline that has to choose beforehand: it chooses with hindsight.
    """
    block = days(rows.time)
    weights = resampled(int(block.max()) + 1, rows.settings.resamples, rows.settings.seed)
    always, never = (replace(decision, threshold=threshold) for threshold in (0.0, 2.0))
    costs = [
        decisions(rows.y, np.ones(len(rows.y)), each, block, weights)["cost"] for each in (always, never)
    ]
    cheaper = min(costs, key=lambda cost: float(cost[0]))
    return gain({"cost": cheaper}, {"cost": own["cost"]}, rows.settings.confidence)


def importance(
    predict: Predict, features: pd.DataFrame, y: Any, settings: Any, task: Task = BINARY
) -> pd.DataFrame:
    """What shuffling each feature costs in the task's primary metric (Breiman, 2001), largest first."""
    generator = np.random.default_rng(settings.seed)
    drawn = np.sort(
        generator.choice(len(features), min(settings.importance_rows, len(features)), replace=False)
    )
    sample, y = features.iloc[drawn].reset_index(drop=True), y[drawn]

    def score(table: pd.DataFrame) -> float:
        return task.values(y, predict(table), Decision(0.5, 1, 1), 2).get(task.primary, 0.0)

    whole = score(sample)
    order = generator.permutation(len(sample))
    costs = {
        name: better(task.primary, whole, score(sample.assign(**{name: sample[name].to_numpy()[order]})))
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
    plots_out: Path,
) -> None:
    """Measure the champion on the test rows (and the live rows) and write metrics and plots."""
    settings = params.read("evaluate")
    roles = {role: params.read(f"problem.{role}") for role in ("id", "time", "label", "known_at")}
    slices = params.read("problem.slices")
    task = task_of(params.read("problem.task"))
    kept = read_json(champion / DECISION)
    decision = task.decision(kept)
    name = read_json(champion / store.MANIFEST)["candidate"]
    columns = list(read_json(champion / store.MANIFEST)["features"])
    pipeline = store.load(champion)

    def predict(table: pd.DataFrame) -> Any:
        return task.answer(pipeline, table[columns])

    for part, path in (("test", test_metrics), ("live", live_metrics)):
        rows = Rows(read_table(test if part == "test" else live), settings, roles, task)
        p = predict(rows.rows)
        month = rows.time.dt.strftime("%Y-%m")
        months = rows.groups(month, p, decision, settings.min_slice_rows)
        report = rows.report(p, decision) | {
            "part": part,
            "months": months,
            "slices": {
                column: rows.groups(rows.rows[column], p, decision, settings.min_slice_rows)
                for column in slices
            },
        }
        if task is BINARY:
            counts = confusion(rows.y, p, decision.threshold)
            report |= {"threshold": decision.threshold, "confusion": counts}
        if part == "test":
            report |= compare(rows, p, kept, name, candidates, validation, roles)
            ranked = importance(predict, rows.rows[columns], rows.y, settings, task)
            known = {month: each for month, each in months.items() if task.primary in each}
            with replacing(plots_out) as folder:
                folder.mkdir()
                DRAW[task.name](Drawn(rows.y, p, decision, settings, known, ranked, roles["label"]), folder)
        write_json(report, path)


def compare(
    rows: Rows,
    p: Any,
    kept: dict[str, Any],
    champion: str,
    candidates: Path,
    validation: Path,
    roles: dict[str, str],
) -> dict[str, Any]:
    """The other candidates on the same rows, each deciding at its own cheapest validation threshold."""
    task = rows.task
    own = rows.resamples(p, task.decision(kept))
    asked = read_table(validation, columns=[roles["label" if task.name != "clustering" else "id"]])
    label, costs = task.outcome(asked, roles["label"]), Costs(**kept["costs"]) if "costs" in kept else None
    result: dict[str, Any] = {"candidates": {}}
    if task is BINARY:
        result["gain_over_constant"] = gain_over_constant(rows, own, task.decision(kept))
    for path in sorted(candidates.glob(f"*/{store.MANIFEST}")):
        manifest, folder = read_json(path), path.parent
        if folder.name == champion:
            continue
        model = store.load(folder)
        answers = task.read(read_table(folder / PREDICTIONS))
        other = task.decision(task.decide(label, answers, costs))
        theirs = rows.resamples(task.answer(model, rows.rows[list(manifest["features"])]), other)
        result["candidates"][folder.name] = _flat(estimates(theirs, rows.settings.confidence))
        gained = gain(theirs, own, rows.settings.confidence)
        result["candidates"][folder.name]["champion_gains"] = gained
        if manifest["params"]["kind"] == "baseline":
            result["gain_over_baseline"] = gained
    return result
