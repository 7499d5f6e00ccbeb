"""What a service holds of past events: per stream and key, sorted, with prefix sums of exact integers.

A stream is the events of one (table, keys, known_at, value); the features over it share its lists. A window
is found by binary search and nothing is taken away, so requests may come in any order.
"""
# ruff: noqa: ARG001, ARG005 (every statistic takes the same arguments)

import math
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import numpy as np

from fullcycle.features.fixedpoint import SCALE, fixed, std_of
from fullcycle.features.rolling import Feature

_EPOCH, _EPOCH_NAIVE = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)  # noqa: DTZ001 (naive is UTC)
_COMPARE = {">=": ge, "<=": le, "==": eq, "!=": ne, ">": gt, "<": lt}
_MINUTE = 60_000_000
_PATIENCE = 100
Number = int | float


def microseconds(time: Any) -> int | None:
    """A time as microseconds since 1970 UTC; null (None, NaT, NaN) as None.

    Args:
        time: A datetime or numpy.datetime64 (naive is UTC), an ISO 8601 text, or the microseconds themselves.

    Raises:
        ValueError: It is of another type, or the text is no time.
    """
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime) and time == time:  # noqa: PLR0124 (NaT is unlike itself)
        gap = time - (_EPOCH_NAIVE if time.tzinfo is None else _EPOCH)
        return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
    if type(time) is int:
        return time
    if is_null(time):
        return None
    if isinstance(time, np.datetime64):
        return int(time.astype("datetime64[us]").astype(int))
    raise ValueError(
        f"{time!r} is of type {type(time).__name__}: a time is a datetime, an ISO 8601 text or whole"
        " microseconds (int)"
    )


class Key:
    """The events of one key of a stream, by (time, id), with prefix sums one longer than the events."""

    __slots__ = ("ids", "squares", "start", "sums", "times", "values")

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.times: list[int] = []
        self.ids: list[Any] = []
        self.values: list[Number] = []
        self.sums: list[int] = [0]
        self.squares: list[int] = [0]
        self.start = 0  # events before this position are dropped

    def add(self, time: int, name: Any, value: Number) -> None:
        """Take an event; an append if it is the newest."""
        at = len(self.times)
        while at > self.start and (time, name) < (self.times[at - 1], self.ids[at - 1]):
            at -= 1
        exact = fixed(value)
        if at == len(self.times):
            self.times.append(time)
            self.ids.append(name)
            self.values.append(value)
            self.sums.append(self.sums[-1] + exact)
            self.squares.append(self.squares[-1] + exact * exact)
            return
        self.times.insert(at, time)
        self.ids.insert(at, name)
        self.values.insert(at, value)
        self.sums[at + 1 :] = [s + exact for s in self.sums[at:]]
        self.squares[at + 1 :] = [s + exact * exact for s in self.squares[at:]]

    def drop_before(self, time: int) -> bool:
        """Forget older events; False if none is left."""
        self.start = bisect_left(self.times, time, self.start)
        if (gone := self.start) > len(self.times) // 2:
            for column in (self.times, self.ids, self.values, self.sums, self.squares):
                del column[:gone]
            self.start = 0
        return self.start < len(self.times)


class Stream:
    """Events of one (table, keys, known_at, value), and the features that read them."""

    def __init__(self, features: list[Feature], bit: int, slack: int) -> None:
        """Read what the features have in common; ``bit`` marks the stream among those of its table."""
        first = features[0]
        self.features, self.bit = features, bit
        self.known_at, self.value = first.known_at, first.value
        self.columns = [event for _, event in first.by]
        self.row_columns = [row for row, _ in first.by]
        self.test = first.condition and (_COMPARE[first.condition[0]], first.condition[1])
        self.shares = any(f.stat == "share" for f in features)
        self.keep = max(f.lookback for f in features) + slack
        self.plan = [(f, _STATISTIC[f.stat]) for f in features]
        self.keys: dict[Any, Key] = {}
        self.due = _PATIENCE  # events until the next sweep

    def sweep(self, clock: int) -> None:
        """Drop what is too old from every key; called after as many events as there are keys."""
        for key in [k for k, held in self.keys.items() if not held.drop_before(clock - self.keep)]:
            del self.keys[key]
        self.due = _PATIENCE + len(self.keys)


def is_null(value: Any) -> bool:
    """Whether it is None, NaN, NaT or pandas' NA."""
    return value is None or type(value).__name__ == "NAType" or value != value  # noqa: PLR0124 (NaN)


def number_of(value: Any, stream: Stream) -> Number:
    """The value as the stream adds it up.

    Raises:
        ValueError: It is infinite, or of a share and not true or false.
    """
    number: Number = value if type(value) in (int, float) else float(value)
    if math.isinf(number):
        raise ValueError(f"value {stream.value!r} is infinite: no sum could hold it")
    if stream.test:
        return int(stream.test[0](number, stream.test[1]))
    if stream.shares and number not in (0, 1):
        raise ValueError(f"the share of {stream.value!r} needs true or false, not {value!r}")
    return number


def key_of(record: Mapping[str, Any], columns: list[str]) -> tuple[Any, ...] | None:
    """The key as a tuple, None if a part is null."""
    key = tuple([record[column] for column in columns])
    for part in key:
        if part is None or (type(part) is not str and is_null(part)):
            return None
    return key


def _mean(h: Key, i: int, j: int, *_: Any) -> float:
    return float(h.sums[j] - h.sums[i]) / SCALE / (j - i)


def _change(h: Key, i: int, j: int, f: Feature, decision: int) -> float:
    then = bisect_left(h.times, decision - f.over, h.start)
    if then == bisect_left(h.times, decision - f.over - f.window, h.start):
        return math.nan
    return float(h.values[j - 1]) - float(h.values[then - 1])


def _quantile(h: Key, i: int, j: int, f: Feature, *_: Any) -> float:
    ordered = sorted(h.values[i:j])
    at = (f.q or 0.0) * (j - i - 1)
    below = math.floor(at)
    low, high = float(ordered[below]), float(ordered[min(below + 1, j - i - 1)])
    return low + (high - low) * (at - below)


_STATISTIC: dict[str, Any] = {
    "count": lambda h, i, j, *_: j - i,
    "sum": lambda h, i, j, *_: float(h.sums[j] - h.sums[i]) / SCALE,
    "mean": _mean,
    "share": _mean,
    "min": lambda h, i, j, *_: float(min(h.values[i:j])),
    "max": lambda h, i, j, *_: float(max(h.values[i:j])),
    "last": lambda h, i, j, *_: float(h.values[j - 1]),
    "change": _change,
    "quantile": _quantile,
    "since": lambda h, i, j, f, decision: (decision - h.times[j - 1]) / _MINUTE,
    "std": lambda h, i, j, *_: std_of(j - i, h.sums[j] - h.sums[i], h.squares[j] - h.squares[i]),
}
