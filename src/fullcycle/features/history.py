"""The events of a table in the order in which they become known."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from fullcycle.features.fixedpoint import Array, Indices
from fullcycle.features.keys import NEVER, Times, blocks, microseconds, search_between
from fullcycle.features.rolling import DefinitionError, Feature


class History:
    """Events sorted by one time column, and how many of them each decision has behind it.

    Args:
        table: The events.
        feature: A definition over them: it names the time column and the id.
        decision: Decision times in order, microseconds.

    Raises:
        DefinitionError: An id is null.
    """

    def __init__(self, table: pd.DataFrame, feature: Feature, decision: Times) -> None:
        """Sort; see the class for the arguments."""
        self.table, self.decision = table, decision
        known = microseconds(table[feature.known_at])
        ids = table[feature.table.id]
        if ids.isna().any():
            raise DefinitionError(f"table {feature.table.name!r} has events without {feature.table.id!r}")
        by_id = np.arange(len(table))
        if not ids.is_monotonic_increasing:
            by_id = np.asarray(ids.argsort(kind="stable"))
        repeated = (sorted_ids := ids.iloc[by_id]).eq(sorted_ids.shift()).to_numpy(dtype=bool)
        self.repeats = bool(repeated.any())
        self.rank = np.empty(0, np.intp)  # of an event's id among ids; needed only where ids repeat
        if self.repeats:
            self.rank = np.empty(len(table), np.intp)
            self.rank[by_id] = np.cumsum(~repeated)
        times = known[by_id]
        chronological = np.argsort(times, kind="stable")
        chronological = chronological[np.searchsorted(times[chronological], NEVER, side="right") :]
        self.events: Indices = by_id[chronological]  # ties in time are in order of id
        self.times: Times = times[chronological]
        self._passed: dict[int, Array] = {}

    def passed(self, offset: int) -> Array:
        """How many events are known before each decision minus the offset; decisions in order of time."""
        if offset not in self._passed:
            found: Array = np.empty(len(self.decision), np.intp if len(self.times) >= 2**31 else np.int32)
            for block in blocks(len(found)):
                found[block] = search_between(self.times, self.decision[block] - offset)
            self._passed[offset] = found
        return self._passed[offset]

    def first_deliveries(self, value: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which of ``events`` count: the first of each id in the table among those usable (value set)."""
        events = np.sort(self.events[value])
        _, first = np.unique(self.rank[events], return_index=True)
        counts = np.zeros(len(self.table), dtype=bool)
        counts[events[first]] = True
        return counts[self.events]
