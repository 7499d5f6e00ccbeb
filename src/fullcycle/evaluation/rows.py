"""Labelled rows with what their metrics need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.intervals import days, estimates, flat, resampled

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
        drawn = self._drawn(chosen)
        return self.task.measure(self.y[chosen], p[chosen], decision, self.settings.bins, *drawn)

    def constant(self, decision: Any) -> dict[str, Array]:
        """What the best constant answer would have reached, on the same resamples."""
        return self.task.constant(self.y, decision, *self._drawn(np.ones(len(self.y), bool)))

    def _drawn(self, chosen: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], Array]:
        """The day of each chosen row, and how often each day counts in each resample."""
        block = days(self.time[chosen])
        return block, resampled(int(block.max()) + 1, self.settings.resamples, self.settings.seed)

    def report(self, p: Any, decision: Any, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Rows and days, what their labels are like, and every metric with its interval."""
        chosen = np.ones(len(self.y), bool) if chosen is None else chosen
        own, block = self.y[chosen], days(self.time[chosen])
        found = estimates(self.resamples(p, decision, chosen), self.settings.confidence)
        return {"rows": len(own), "days": int(block.max()) + 1} | self.task.describe(own) | flat(found)

    def groups(self, names: pd.Series[Any], p: Any, decision: Any, least: int) -> dict[str, Any]:
        """A report for each value of `names` that has at least `least` rows."""
        counts = names.value_counts()
        return {
            str(name): self.report(p, decision, (names == name).to_numpy())
            for name in sorted(counts.index[counts >= least])
        }
