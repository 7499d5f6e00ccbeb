"""Windows as ranges of positions among grouped events, and the statistics over them.

Rows are handled in order of key and time, a block after another, so that what a block reads and writes stays
in the processor's cache and a search looks only at the events between the block's first and last row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fullcycle.features.fixedpoint import Array, Floats, Indices, Sums
from fullcycle.features.history import History
from fullcycle.features.keys import Times, blocks, search_between, stable_order
from fullcycle.features.rolling import Feature
from fullcycle.features.windows import extremes, quantiles

_MINUTE = 60_000_000


@dataclass(frozen=True)
class Rows:
    """Rows in order of key and time.

    Attributes:
        order: Position of each in the result.
        codes: Code of its key.
        chronological: Its position in order of time alone.
    """

    order: Indices
    codes: Array
    chronological: Indices

    def blocks(self) -> Iterator[slice]:
        """Slices of consecutive rows, in order."""
        return blocks(len(self.order))


class Grouped:
    """Events that count, by key and then time.

    Args:
        codes: Code of each event's key, events in order of time; -1 for none.
        valid: Which of them count.
        size: Number of groups.
        rows: Who asks.
        past: The events.
    """

    def __init__(
        self, codes: Array, valid: npt.NDArray[np.bool_], size: int, rows: Rows, past: History
    ) -> None:
        """Sort by group; see the class for the arguments."""
        self.valid, self.rows, self.past = valid, rows, past
        kept = np.flatnonzero(valid & (codes >= 0))
        self.positions: Indices = kept[stable_order(codes[kept], size + 1)]
        self.times = past.times[self.positions]
        self._width = len(past.times) + 1
        self._keyed: Times = codes[self.positions].astype(np.int64) * self._width + self.positions
        self._found: dict[int, Indices] = {}

    def before(self, offset: int, block: slice) -> Indices:
        """For a block of rows, the first event of the key that is not known before decision - offset."""
        passed = self.past.passed(offset)[self.rows.chronological[block]]
        asked = self.rows.codes[block].astype(np.int64)
        asked *= self._width
        asked += passed
        return search_between(self._keyed, asked)

    def ends(self, offset: int) -> Indices:
        """As `before` for all rows; kept, since most features share their end."""
        if offset not in self._found:
            self._found[offset] = self.starts(offset)
        return self._found[offset]

    def starts(self, offset: int) -> Indices:
        """As `before` for all rows."""
        found = [self.before(offset, block) for block in self.rows.blocks()]
        return np.concatenate(found) if found else np.empty(0, np.intp)


class Measure:
    """The statistics of one value.

    Args:
        values: In the order of the grouped events, float64 without NaN; None for statistics without a value.
        grouped: The events.
    """

    def __init__(self, values: Floats | None, grouped: Grouped) -> None:
        """Prepare prefix sums; see the class for the arguments."""
        self.grouped = grouped
        self.values = np.empty(0) if values is None else values
        self.sums = Sums(self.values)

    def evaluate(self, feature: Feature, out: Array) -> None:
        """Write the feature of every row into its place in the result."""
        rows = self.grouped.rows
        right = self.grouped.ends(0)
        if feature.stat in ("min", "max"):
            left = self.grouped.starts(feature.window)
            out[rows.order] = extremes(self.values, left, right, largest=feature.stat == "max")
        elif feature.stat == "quantile":
            left = self.grouped.starts(feature.window)
            out[rows.order] = quantiles(self.values, left, right, feature.q or 0.0)
        else:
            for block in rows.blocks():
                left = self.grouped.before(feature.window, block)
                out[rows.order[block]] = self._statistic(feature, left, right[block], block)

    def _statistic(self, feature: Feature, left: Indices, right: Indices, block: slice) -> Array:
        count = right - left
        match feature.stat:
            case "count":
                return count
            case "since":
                past, rows = self.grouped.past, self.grouped.rows
                newest = _pick(self.grouped.times, right - 1)
                return _where(count, (past.decision[rows.chronological[block]] - newest) / _MINUTE)
            case "last" | "change":
                now = _where(count, _pick(self.values, right - 1))
                return now - self._earlier(feature, block) if feature.over else now
            case "std":
                return self.sums.std(left, right, count)
        total = self.sums.total(left, right)
        return total if feature.stat == "sum" else _where(count, total / np.maximum(count, 1))

    def _earlier(self, feature: Feature, block: slice) -> Floats:
        right = self.grouped.ends(feature.over)[block]
        left = self.grouped.before(feature.over + feature.window, block)
        return _where(right - left, _pick(self.values, right - 1))


def _pick(values: Array, positions: Indices) -> Array:
    return values[np.maximum(positions, 0)] if len(values) else np.zeros(len(positions))


def _where(count: Indices, values: Array) -> Floats:
    return np.where(count > 0, values, np.nan)
