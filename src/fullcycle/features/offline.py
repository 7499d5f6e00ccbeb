"""The vectorised executor: all rows of a history at once.

Events are sorted once per (table, known_at) by time and once per key by group; a window is then a range of
positions, found by binary search, and every statistic comes from prefix sums or another structure over the
sorted values. The rule is in `fullcycle.features.rolling`. Time O((events + rows) log events) a feature,
memory O(events + rows): features are computed one after another and only results are kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fullcycle.features.fixedpoint import Array, Floats, Indices, Sums
from fullcycle.features.keys import NEVER, Times, codes, microseconds, stable_order
from fullcycle.features.rolling import Feature, duration, feature_set
from fullcycle.features.windows import extremes, quantiles

_MINUTE = 60_000_000
_COMPARE = {
    ">=": np.greater_equal,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
}


def compute(
    rows: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    features: Iterable[Feature],
    horizon: str | timedelta,
    *,
    time: str = "time",
) -> pd.DataFrame:
    """The features of every row, as known ``horizon`` before the row's time.

    Args:
        rows: One row per decision: the time column and the key columns of the features.
        tables: Events by table name. Where an id occurs twice, the first delivery (row) counts.
        features: The definitions.
        horizon: Such as "2h"; zero or longer.
        time: The rows' time column, datetime64, no nulls.

    Returns:
        One column per feature, in order; the rows' index and order. Counts are int64, the rest float64.

    Raises:
        ValueError: A table or column is missing, a time is null, a value is infinite or of the wrong type.
    """
    features = feature_set(features)
    check_columns(rows, tables, features, time)
    decision = microseconds(rows[time]) - check_horizon(horizon)
    if (microseconds(rows[time]) == NEVER).any():
        raise ValueError(f"column {time!r} has null times: a row without a time has no past")
    out: dict[str, Array] = {}
    row_order = np.argsort(decision, kind="stable")
    ordered = sorted(features, key=lambda f: (f.table.name, f.by, f.known_at))
    history: dict[tuple[str, str], _History] = {}
    for (name, by), same_key in groupby(ordered, key=lambda f: (f.table.name, f.by)):
        coded = codes(rows, tables[name], by)
        for known_at, group in groupby(same_key, key=lambda f: f.known_at):
            batch = list(group)
            if (name, known_at) not in history:
                history[name, known_at] = _History(tables[name], batch[0], decision[row_order])
            past = history[name, known_at]
            _grouped(past, coded, row_order, batch, out)
    return pd.DataFrame({f.name: out[f.name] for f in features}, index=rows.index, copy=False)


def check_horizon(horizon: str | timedelta) -> int:
    """The horizon in microseconds.

    Raises:
        ValueError: It is negative.
    """
    if (asked := duration(horizon)) < 0:
        raise ValueError(f"horizon {horizon} is negative: a decision cannot come after its row")
    return asked


def check_columns(
    rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], features: Sequence[Feature], time: str
) -> None:
    """Refuse tables that lack what the definitions read.

    Raises:
        ValueError: A table or a column is missing.
    """
    asked = {time} | {row for f in features for row, _ in f.by}
    if missing := sorted(asked - set(rows.columns)):
        raise ValueError(f"the rows lack {missing}, which the features read")
    for f in features:
        if f.table.name not in tables:
            raise ValueError(f"feature {f.name!r} reads table {f.table.name!r}, which is not given")
        reads = {f.table.id, f.known_at, *(key for _, key in f.by), *([f.value] if f.value else [])}
        if missing := sorted(reads - set(tables[f.table.name].columns)):
            raise ValueError(f"table {f.table.name!r} lacks {missing}, which feature {f.name!r} reads")


class _History:
    """The events of a table in the order in which they become known by one time column."""

    def __init__(self, table: pd.DataFrame, feature: Feature, decision: Times) -> None:
        self.table, self.decision = table, decision
        known = microseconds(table[feature.known_at])
        ids = table[feature.table.id]
        if ids.isna().any():
            raise ValueError(f"table {feature.table.name!r} has events without {feature.table.id!r}")
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
        self._passed: dict[int, Indices] = {}

    def passed(self, offset: int) -> Indices:
        """How many events are known before each decision minus the offset; decisions in order of time."""
        if offset not in self._passed:
            found = np.searchsorted(self.times, self.decision - offset)
            self._passed[offset] = found.astype(np.int32 if len(self.times) < 2**31 else np.int64)
        return self._passed[offset]

    def first_deliveries(self, value: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which of ``events`` count: the first of each id in the table among those usable (value set)."""
        events = np.sort(self.events[value])
        _, first = np.unique(self.rank[events], return_index=True)
        counts = np.zeros(len(self.table), dtype=bool)
        counts[events[first]] = True
        return counts[self.events]


def _grouped(
    past: _History,
    coded: tuple[Array, Array, int],
    row_order: Indices,
    batch: Sequence[Feature],
    out: dict[str, Array],
) -> None:
    """Compute the features of one (table, keys, known_at); they share the order of events and rows."""
    row_codes, event_codes, size = coded
    by_code = stable_order(row_codes[row_order], size + 1)
    rows = row_order[by_code]
    base = row_codes[rows].astype(np.int64) * (len(past.times) + 1)
    ordered = sorted(batch, key=lambda f: (f.value or "", str(f.condition)))
    sorted_events: _Sorted | None = None
    for (value, condition), same_value in groupby(ordered, key=lambda f: (f.value, f.condition)):
        values = None if value is None else _values(past, value, condition)
        valid = np.ones(len(past.events), bool) if values is None else ~np.isnan(values)
        if past.repeats:
            valid &= past.first_deliveries(valid)
        if sorted_events is None or not np.array_equal(valid, sorted_events.valid):
            sorted_events = _Sorted(past, event_codes[past.events], valid, size, base, by_code)
        ours = None if values is None else values[sorted_events.positions]
        measure = _Measure(ours, sorted_events, past.decision[by_code])
        for feature in same_value:
            if feature.stat == "share" and not np.isin(measure.values, (0.0, 1.0)).all():
                raise ValueError(f"feature {feature.name!r}: the share of {value!r} needs true or false")
            result = measure.evaluate(feature)
            out[feature.name] = np.empty(len(result), result.dtype)
            out[feature.name][rows] = result


def _values(past: _History, column: str, condition: tuple[str, float] | None) -> Floats:
    """A value column in order of time as float64, null as NaN, a condition as 0 and 1."""
    series = past.table[column]
    if not (pd.api.types.is_numeric_dtype(series.dtype) or series.isna().all()):
        raise ValueError(f"value {column!r} is {series.dtype}: a value must be a number or a boolean")
    values: Floats = series.to_numpy(dtype=np.float64, na_value=np.nan)[past.events]
    if np.isinf(values).any():
        raise ValueError(f"value {column!r} is infinite in some events: no sum could hold it")
    if condition is not None:
        values = np.where(np.isnan(values), np.nan, _COMPARE[condition[0]](values, condition[1]))
    return values


class _Sorted:
    """Events that count, by key and then time, and where the rows' windows begin and end among them."""

    def __init__(
        self,
        past: _History,
        event_codes: Array,
        valid: npt.NDArray[np.bool_],
        size: int,
        base: Times,
        by_code: Indices,
    ) -> None:
        self.past, self.valid, self.base, self.by_code = past, valid, base, by_code
        kept = np.flatnonzero(valid & (event_codes >= 0))
        self.positions: Indices = kept[stable_order(event_codes[kept], size + 1)]
        self.keyed = event_codes[self.positions].astype(np.int64) * (len(past.times) + 1) + self.positions
        self._found: dict[int, Indices] = {}

    def before(self, offset: int, *, keep: bool = True) -> Indices:
        """Position of the first event not known before each row's decision minus the offset."""
        if offset in self._found:
            return self._found[offset]
        found = np.searchsorted(self.keyed, self.base + self.past.passed(offset)[self.by_code])
        if keep:
            self._found[offset] = found
        return found


class _Measure:
    """The statistics of one value over the windows of the rows."""

    def __init__(self, values: Floats | None, events: _Sorted, decision: Times) -> None:
        self.events, self.decision = events, decision
        self.values = np.empty(0) if values is None else values
        self.sums = None if values is None else Sums(values)

    def evaluate(self, feature: Feature) -> Array:
        """The feature of every row, rows in order of key and time."""
        right = self.events.before(0)
        left = self.events.before(feature.window, keep=False)
        count = right - left
        match feature.stat:
            case "count":
                return count.astype(np.int64, copy=False)
            case "since":
                at = self.events.past.times[self.events.positions]
                return _where(count, (self.decision - _pick(at, right - 1)) / _MINUTE)
            case "last" | "change":
                now = _where(count, _pick(self.values, right - 1))
                return now - self._earlier(feature) if feature.over else now
            case "min" | "max":
                return extremes(self.values, left, right, largest=feature.stat == "max")
            case "quantile":
                return quantiles(self.values, left, right, feature.q or 0.0)
        return self._summed(feature.stat, left, right, count)

    def _earlier(self, feature: Feature) -> Floats:
        right = self.events.before(feature.over)
        left = self.events.before(feature.over + feature.window, keep=False)
        return _where(right - left, _pick(self.values, right - 1))

    def _summed(self, stat: str, left: Indices, right: Indices, count: Indices) -> Floats:
        sums: Any = self.sums
        if stat == "std":
            spread: Floats = sums.std(left, right, count)
            return spread
        total: Floats = sums.total(left, right)
        return total if stat == "sum" else _where(count, total / np.maximum(count, 1))


def _pick(values: Array, positions: Indices) -> Array:
    return values[np.maximum(positions, 0)] if len(values) else np.zeros(len(positions))


def _where(count: Indices, values: Array) -> Floats:
    return np.where(count > 0, values, np.nan)
