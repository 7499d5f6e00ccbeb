"""Checks that no feature knows the future, for definitions and for any code around them.

`future_blindness` rewrites what becomes known at or after a cut-off and asks whether any feature of an
earlier decision moves. It needs the truth: `Events` that say when each value really becomes known. A
definition that files a value under an earlier time is refused on import where the same `Events` declare it;
here it is caught even if it was declared wrongly, or if the leak is in code that no definition shows.

`suspects` knows no times: it reports features that separate the label better than any honest one would.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fullcycle.features.keys import NEVER, Times, microseconds
from fullcycle.features.rolling import Events, check_horizon

Build = Callable[[pd.DataFrame, dict[str, pd.DataFrame]], pd.DataFrame]


@dataclass(frozen=True)
class Leak:
    """A feature that moved though only the future did: where, from what, to what."""

    feature: str
    row: Any
    time: pd.Timestamp
    rows: int
    future: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """The finding as a sentence."""
        return (
            f"feature {self.feature!r} knows the future: with later events {self.future} it turns from "
            f"{self.before} to {self.after} in row {self.row!r} of {self.time} ({self.rows} rows in all)"
        )


def future_blindness(
    build: Build,
    rows: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    cut: pd.Timestamp,
    truth: Iterable[Events],
    horizon: str | timedelta,
    *,
    time: str = "time",
    row_table: str | None = None,
) -> list[Leak]:
    """Leaks found by changing, then deleting, all that becomes known at or after a cut-off.

    Args:
        build: Any function of (rows, tables) to a frame of features with the rows' index; not the label.
        rows: One row per decision.
        tables: Events by name.
        cut: Rows decided at or before it must not move; naive is UTC. Take one amid the rows: a leak shows
            only in decisions less than its reach before the cut-off.
        truth: For every table that is to be rewritten, when each of its values becomes known. Planned
            times are public and stay; columns that are no values and no times stay too.
        horizon: A row is decided this long before its time.
        time: The rows' time column.
        row_table: The name in ``truth`` whose columns the rows themselves carry (outcomes beside the
            schedule); rows are rewritten likewise, never deleted.

    Returns:
        One `Leak` per feature and way of rewriting, for its first row; empty if all are blind.

    Raises:
        ValueError: No row is decided at or before the cut-off, or the build changed the rows' index.
    """
    at = int(microseconds(pd.Series([cut]))[0])
    decided = microseconds(rows[time]) - check_horizon(horizon) <= at
    if not decided.any():
        raise ValueError(f"no row is decided at or before {cut}: the check would look at nothing")
    declared = {events.name: events for events in truth}
    before = build(rows.copy(), {name: table.copy() for name, table in tables.items()})
    leaks = []
    for future in ("changed", "deleted"):
        later = {
            name: _rewrite(table, declared[name], at, future, drop=True) if name in declared else table.copy()
            for name, table in tables.items()
        }
        ours = rows.copy()
        if row_table is not None:
            ours = _rewrite(rows, declared[row_table], at, future, drop=False)
        after = build(ours, later)
        if not (before.index.equals(rows.index) and after.index.equals(rows.index)):
            raise ValueError("build must give the rows' index, in their order, whatever the events are")
        for name in before.columns:
            moved = np.flatnonzero(decided & _differs(before[name], after[name]))
            if len(moved):
                i = moved[0]
                where = (rows.index[i], rows[time].iloc[i], len(moved), future)
                leaks.append(Leak(str(name), *where, before[name].iloc[i], after[name].iloc[i]))
    return leaks


def _rewrite(table: pd.DataFrame, truth: Events, cut: int, future: str, *, drop: bool) -> pd.DataFrame:
    """The table with another future: values not known before the cut are other ones, or gone."""
    known = {column: microseconds(table[column]) for column in truth.times if column in table}
    rewritten = table.copy()
    for value, times in truth.known_from.items():
        if value in table and times[0] in known:
            open_ = (known[times[0]] >= cut) | (known[times[0]] == NEVER)
            rewritten[value] = _other(table[value], open_, gone=future == "deleted")
    happened = [column for column in known if column not in truth.planned]
    for column in happened:
        late = known[column] >= cut
        moved = table[column] + pd.Timedelta("37min")
        rewritten[column] = table[column].mask(late, None if future == "deleted" else moved)
    if future == "deleted" and drop and happened and not set(truth.planned) & set(known):
        rewritten = rewritten[~_all_late([known[column] for column in happened], cut)]
    return rewritten


def _other(column: pd.Series, where: npt.NDArray[np.bool_], *, gone: bool) -> pd.Series:
    """The column with other values, or none, at some places."""
    if gone:
        plain_bool = column.dtype == np.bool_
        return column.astype("boolean" if plain_bool else column.dtype).mask(where)
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.mask(where, ~column.fillna(value=False).astype(bool))
    if column.dropna().isin((0, 1)).all():  # true or false as numbers: a share takes no others
        return column.mask(where, (1 - column.fillna(0)).astype(column.dtype))
    return column.mask(where, (column.fillna(0) * -3 + 977).astype(column.dtype))


def _all_late(times: Sequence[Times], cut: int) -> npt.NDArray[np.bool_]:
    late = [(known >= cut) for known in times]
    never = [known == NEVER for known in times]
    either: npt.NDArray[np.bool_] = np.all([a | b for a, b in zip(late, never, strict=True)], axis=0)
    some: npt.NDArray[np.bool_] = np.any(late, axis=0)
    return either & some


def _differs(before: pd.Series, after: pd.Series) -> npt.NDArray[np.bool_]:
    one, other = before.astype(object).to_numpy(), after.astype(object).to_numpy()
    both_null = before.isna().to_numpy() & after.isna().to_numpy()
    unequal: npt.NDArray[np.bool_] = np.fromiter(
        (a is not b and a != b for a, b in zip(one, other, strict=True)), bool, len(one)
    )
    return unequal & ~both_null


def suspects(features: pd.DataFrame, label: pd.Series, limit: float) -> dict[str, float]:
    """Features that alone separate the label with an area under the ROC curve above the limit.

    Args:
        features: One column per feature; NaN is a group of its own, ranked wherever it separates best.
            Texts and categories are ranked by their label rate in the other half of the rows.
        label: Boolean or 0/1, same index, no nulls.
        limit: Such as 0.9. Either direction counts: 0.05 is as suspect as 0.95.

    Returns:
        Feature to its area, largest first.

    Raises:
        ValueError: The label has one class only.
    """
    late = label.to_numpy(dtype=bool)
    if late.all() or not late.any():
        raise ValueError("the label has one class only: no feature can separate it")
    found = {str(name): _separation(features[name], late) for name in features.columns}
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: area for name, area in ranked if area > limit}


def _separation(column: pd.Series, label: npt.NDArray[np.bool_]) -> float:
    """The best area under the curve over both directions and both places of NaN."""
    if not (pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in "mM"):
        column = _rates(column, label)
    ranks, gaps = column.rank(na_option="top").to_numpy(), column.isna().to_numpy()
    # As first as they are ranked here, or as last: then all others move up by as many places.
    last = ranks + np.where(gaps, (~gaps).sum(), -gaps.sum())
    positive, negative = label.sum(), (~label).sum()
    areas = []
    for placed in (ranks, last):
        # Mann and Whitney 1947: the rank sum counts the pairs in the right order.
        area = (placed[label].sum() - positive * (positive + 1) / 2) / (positive * negative)
        areas += [float(area), 1 - float(area)]
    return max(areas)


def _rates(column: pd.Series, label: npt.NDArray[np.bool_]) -> pd.Series:
    """Each category's label rate among the rows of the other parity; NaN if it is not there."""
    odd = np.arange(len(column)) % 2 == 1
    plain = pd.Series(column.astype(object).to_numpy())
    plain = plain.where(plain.notna(), "")
    rates = pd.Series(np.nan, index=plain.index)
    for half in (odd, ~odd):
        learned = pd.Series(label[~half], dtype=float).groupby(plain[~half].to_numpy()).mean()
        rates[half] = plain[half].map(learned).astype(float)
    return rates
