"""Keys and times of tables as integers: what sorting and searching work on."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from fullcycle.features.fixedpoint import Array, Indices
from fullcycle.features.rolling import DefinitionError

NEVER = np.iinfo(np.int64).min
Times = npt.NDArray[np.int64]
_RADIX = 2**16
_BLOCK = 2**14


def microseconds(column: pd.Series) -> Times:
    """Times as int64 microseconds since 1970 UTC, null as `NEVER`.

    Args:
        column: datetime64 of any resolution, finer ones floored; without a time zone it is taken as UTC.

    Raises:
        DefinitionError: The column is no datetime column.
    """
    if isinstance(column.dtype, pd.ArrowDtype):
        column = pd.Series(pd.DatetimeIndex(column), name=column.name)
    if column.dtype.kind != "M":
        raise DefinitionError(
            f"column {column.name!r} has dtype {column.dtype}: a time column must be datetime64"
        )
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy().astype("datetime64[us]", copy=False).view(np.int64)


def stable_order(codes: Array, size: int) -> Indices:
    """The stable sorting permutation of codes in [0, size), in linear time (radix sort, 16 bits a pass)."""
    if size <= _RADIX:
        return np.argsort(codes.astype(np.uint16), kind="stable")
    order = np.argsort((codes % _RADIX).astype(np.uint16), kind="stable")
    return order[stable_order((codes // _RADIX)[order], -(-size // _RADIX))]


def blocks(size: int) -> Iterator[slice]:
    """Consecutive slices of [0, size), each small enough for the processor's cache."""
    return (slice(start, start + _BLOCK) for start in range(0, size, _BLOCK))


def search_between(haystack: Times, needles: Times) -> Indices:
    """Positions of needles by binary search between those of the first and the last; both are sorted."""
    first, last = haystack.searchsorted(needles[[0, -1]])
    found: Indices = haystack[first:last].searchsorted(needles)
    found += first
    return found


def codes(
    rows: pd.DataFrame, events: pd.DataFrame, by: Sequence[tuple[str, str]]
) -> tuple[Array, Array, int]:
    """Integers that are equal where keys are equal: of rows, of events, and how many there are.

    Args:
        rows: Has the first column of each pair.
        events: Has the second.
        by: Pairs of (row column, event column); none puts all in one group.

    Returns:
        int32 codes of the rows, with the number of groups for a key that no event has; int32 codes of the
        events, -1 where a key is null; the number of groups.

    Raises:
        DefinitionError: A pair compares text with numbers, which could never be equal.
    """
    row_codes, event_codes = np.zeros(len(rows), np.int64), np.zeros(len(events), np.int64)
    size = 1
    for row_column, event_column in by:
        ours, theirs = rows[row_column], events[event_column]
        if _is_text(ours) != _is_text(theirs) and len(ours) and len(theirs):
            raise DefinitionError(
                f"key {row_column!r} of the rows is {ours.dtype}, {event_column!r} of the events "
                f"is {theirs.dtype}: they can never be equal"
            )
        e_codes, names = pd.factorize(theirs)
        if ours is theirs:
            r_codes = e_codes
        else:
            r_local, r_names = pd.factorize(ours)
            r_codes = np.append(pd.Index(names).get_indexer(pd.Index(r_names)), -1)[r_local]
        event_codes, names_e = _join(event_codes, e_codes, len(names))
        row_codes = _find(names_e, row_codes, r_codes, len(names))
        size = len(names_e)
    row_codes[row_codes < 0] = size
    return row_codes.astype(np.int32), event_codes.astype(np.int32), size


def _join(left: Array, right: Array, width: int) -> tuple[Array, Array]:
    """Codes of pairs of codes, -1 if either is, and the pairs that occur, as left * width + right."""
    missing = (left < 0) | (right < 0)
    pairs = left.astype(np.int64) * width + right
    pairs[missing] = -1
    joined, names = pd.factorize(pairs)
    joined, names = np.asarray(joined), np.asarray(names)
    if missing.any():
        hole = int(joined[missing.argmax()])
        joined = np.where(joined > hole, joined - 1, joined)
        joined[missing] = -1
        names = np.delete(names, hole)
    return joined, names


def _find(names: Array, left: Array, right: Array, width: int) -> Array:
    """Codes of pairs of codes among the pairs that occur; -1 for one that does not."""
    pairs = left.astype(np.int64) * width + right
    pairs[(left < 0) | (right < 0)] = -1
    local, found = pd.factorize(pairs)
    return np.asarray(pd.Index(names).get_indexer(pd.Index(found)))[local]


def _is_text(column: pd.Series) -> bool:
    kind = column.cat.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind))
