"""Labelled rows with what their metrics need, and differences between models on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.intervals import Estimate, days, estimates, resampled
from fullcycle.params.metrics import LOWER_IS_BETTER

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from fullcycle.tasks.base import Task

    Array = npt.NDArray[np.float64]


class Rows:
    """Labelled rows with what their metrics need: labels, days, settings."""

    def __init__(self, rows: pd.DataFrame, settings: Any, roles: dict[str, str], task: Task) -> None:
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

    def constant(self, decision: Any) -> dict[str, Array]:
        """What the best constant answer would have reached, on the same resamples."""
        block = days(self.time)
        weights = resampled(int(block.max()) + 1, self.settings.resamples, self.settings.seed)
        return self.task.constant(self.y, decision, block, weights)

    def report(self, p: Any, decision: Any, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Rows, what their labels are like, and every metric with its interval."""
        own = self.y if chosen is None else self.y[chosen]
        found = estimates(self.resamples(p, decision, chosen), self.settings.confidence)
        return {"rows": len(own)} | self.task.describe(own) | flat(found)

    def groups(self, names: pd.Series[Any], p: Any, decision: Any, least: int) -> dict[str, Any]:
        """A report for each value of `names` that has at least `least` rows."""
        counts = names.value_counts()
        return {
            str(name): self.report(p, decision, (names == name).to_numpy())
            for name in sorted(counts.index[counts >= least])
        }


def flat(found: dict[str, Estimate]) -> dict[str, Any]:
    """Estimates as plain numbers, as they stand in JSON."""
    return {name: estimate.as_dict() for name, estimate in found.items()}


def gain(base: dict[str, Array], own: dict[str, Array], confidence: float) -> dict[str, Any]:
    """By how much the champion is better, metric by metric, on the same resamples (paired)."""
    gained = {
        name: (base[name] - own[name]) * (1 if name in LOWER_IS_BETTER else -1)
        for name in own
        if name in base
    }
    return flat(estimates(gained, confidence))
