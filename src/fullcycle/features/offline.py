"""The vectorised executor: all rows of a history at once.

Events are sorted once per (table, known_at) by time and once per key by group; a window is then a range of
positions, found by binary search, and every statistic comes from prefix sums or another structure over the
sorted values. The rule is in `fullcycle.features.rolling`. A long history is cut into stretches of time, so
that time and memory grow with its rows; of what is computed only the results are kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

import numpy as np
import pandas as pd

from fullcycle.features.fixedpoint import Array, Floats, Indices
from fullcycle.features.history import History
from fullcycle.features.keys import NEVER, Times, codes, microseconds, stable_order
from fullcycle.features.measure import Grouped, Measure, Rows
from fullcycle.features.rolling import DefinitionError, Feature, check_horizon, feature_set, reads
from fullcycle.features.stretches import stretches

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
        DefinitionError: A table or column is missing, a time is null, a value is infinite or no number, a
            time or key is of the wrong type, or the horizon is negative.
    """
    features = feature_set(features)
    check_columns(rows, tables, features, time)
    decision = decisions(rows[time], horizon)
    kinds = {f.name: np.int64 if f.stat == "count" else np.float64 for f in features}
    out: dict[str, Array] = {name: np.empty(len(rows), kind) for name, kind in kinds.items()}
    keys = rows[list(dict.fromkeys(row for f in features for row, _ in f.by))]
    for chosen, visible in stretches(decision, tables, features):
        _compute_stretch(keys.iloc[chosen], chosen, decision[chosen], visible, features, out)
    return pd.DataFrame(out, index=rows.index, copy=False)


def decisions(time: pd.Series, horizon: str | timedelta) -> Times:
    """When each row is decided on, in microseconds since 1970 UTC: one horizon before its time.

    Raises:
        DefinitionError: A time is null, the column has no times, or the horizon is negative.
    """
    known = microseconds(time)
    if (known == NEVER).any():
        raise DefinitionError(f"column {time.name!r} has null times: a row without a time has no past")
    asked: Times = known - check_horizon(horizon)
    return asked


def check_columns(
    rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], features: Sequence[Feature], time: str
) -> None:
    """Refuse tables that lack what the definitions read.

    Raises:
        DefinitionError: A table or a column is missing.
    """
    asked = {time} | {row for f in features for row, _ in f.by}
    if missing := sorted(asked - set(rows.columns)):
        raise DefinitionError(f"the rows lack {missing}, which the features read")
    for f in features:
        if f.table.name not in tables:
            raise DefinitionError(f"feature {f.name!r} reads table {f.table.name!r}, which is not given")
        if missing := sorted(set(reads([f])[0]) - set(tables[f.table.name].columns)):
            raise DefinitionError(f"table {f.table.name!r} lacks {missing}, which feature {f.name!r} reads")


def _compute_stretch(
    keys: pd.DataFrame,
    chosen: Indices,
    decision: Times,
    tables: Mapping[str, pd.DataFrame],
    features: Sequence[Feature],
    out: dict[str, Array],
) -> None:
    """Compute every feature of some rows, given in order of decision with their positions in ``out``."""
    ordered = sorted(features, key=lambda f: (f.table.name, f.by, f.known_at))
    history: dict[tuple[str, str], History] = {}
    for (name, by), same_key in groupby(ordered, key=lambda f: (f.table.name, f.by)):
        coded = codes(keys, tables[name], by)
        for known_at, group in groupby(same_key, key=lambda f: f.known_at):
            batch = list(group)
            if (name, known_at) not in history:
                history[name, known_at] = History(tables[name], batch[0], decision)
            _compute_group(history[name, known_at], coded, chosen, batch, out)


def _compute_group(
    past: History,
    coded: tuple[Array, Array, int],
    chosen: Indices,
    batch: Sequence[Feature],
    out: dict[str, Array],
) -> None:
    """Compute the features of one (table, keys, known_at); they share the order of events and rows."""
    row_codes, event_codes, size = coded
    by_code = stable_order(row_codes, size + 1)
    rows = Rows(chosen[by_code], row_codes[by_code], by_code)
    ordered = sorted(batch, key=lambda f: (f.value or "", str(f.condition)))
    grouped: Grouped | None = None
    for (value, condition), same_value in groupby(ordered, key=lambda f: (f.value, f.condition)):
        values = None if value is None else _values(past, value, condition)
        valid = np.ones(len(past.events), bool) if values is None else ~np.isnan(values)
        if past.repeats:
            valid &= past.first_deliveries(valid)
        if grouped is None or not np.array_equal(valid, grouped.valid):
            grouped = Grouped(event_codes[past.events], valid, size, rows, past)
        ours = None if values is None else values[grouped.positions]
        measure = Measure(ours, grouped)
        for feature in same_value:
            if feature.stat == "share" and not np.isin(measure.values, (0.0, 1.0)).all():
                raise DefinitionError(f"feature {feature.name!r}: the share of {value!r} needs true or false")
            measure.evaluate(feature, out[feature.name])


def _values(past: History, column: str, condition: tuple[str, float] | None) -> Floats:
    """A value column in order of time as float64, null as NaN, a condition as 0 and 1."""
    series = past.table[column]
    if not (pd.api.types.is_numeric_dtype(series.dtype) or series.isna().all()):
        raise DefinitionError(f"value {column!r} is {series.dtype}: a value must be a number or a boolean")
    values: Floats = series.to_numpy(dtype=np.float64, na_value=np.nan)[past.events]
    if np.isinf(values).any():
        raise DefinitionError(f"value {column!r} is infinite in some events: no sum could hold it")
    if condition is not None:
        values = np.where(np.isnan(values), np.nan, _COMPARE[condition[0]](values, condition[1]))
    return values
