"""What a point-in-time feature is: a value, its keys, a window, a statistic, and when an event becomes known.

One rule decides which events a row may see. For a row at time ``t``, asked ``horizon`` before it, an event
counts if it has the row's keys and ::

    t - horizon - window <= known_at < t - horizon

in whole microseconds, UTC. What follows from it, for every executor:

* An event whose ``known_at`` or key is null never counts; a row with a null key sees no event.
* An event whose value is null does not count for a statistic of that value; ``count`` without a value
  counts events.
* An event is what the table's ``id`` names. Delivered twice, it counts once: as first delivered with both
  ``known_at`` and value set.
* Of an empty window ``count`` and ``sum`` are 0, everything else is NaN. ``std`` has ``ddof=1``: one event
  gives NaN. ``quantile`` interpolates linearly (type 7 of Hyndman and Fan 1996). ``last`` is the value with
  the largest ``known_at``, then the largest id.

``rolling``, ``latest`` and ``since`` write a definition; a bad one raises `DefinitionError` on the line where
it stands, so that importing the module fails.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fullcycle.errors import Refusal

STATISTICS = ("mean", "sum", "count", "share", "min", "max", "last", "std", "quantile")
_UNITS = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_CONDITION = re.compile(r"(\w+)\s*(>=|<=|==|!=|>|<)\s*(-?\d+(?:\.\d+)?)")
_WORDS = {">=": "ge", "<=": "le", "==": "eq", "!=": "ne", ">": "gt", "<": "lt"}

By = str | Sequence[str] | Mapping[str, str]


class DefinitionError(Refusal, ValueError):
    """A definition, or a table that it reads, breaks a rule; the message states the value and the rule."""


def duration(text: str | timedelta) -> int:
    """Microseconds in a duration such as "90min", "28d" or a timedelta.

    Args:
        text: A whole number with a unit (s, min, h, d, w), or a timedelta.

    Raises:
        DefinitionError: The text has no unit, or is no whole number.

    >>> duration("90min")
    5400000000
    """
    if isinstance(text, timedelta):
        return text // timedelta(microseconds=1)
    match = re.fullmatch(r"(\d+)(s|min|h|d|w)", text) if isinstance(text, str) else None
    if match is None:
        raise DefinitionError(f"{text!r} is no duration: write a whole number and a unit, s, min, h, d or w")
    return int(match[1]) * _UNITS[match[2]]


def check_horizon(horizon: str | timedelta) -> int:
    """The horizon in microseconds.

    Raises:
        DefinitionError: It is negative.
    """
    if (asked := duration(horizon)) < 0:
        raise DefinitionError(f"horizon {horizon} is negative: a decision cannot come after its row")
    return asked


@dataclass(frozen=True)
class Events:
    """A table of events: its id, its keys, and the time column from which each value is known.

    Attributes:
        name: The table's name, as in ``tables[name]``.
        id: Column that names an event; deliveries with the same id are one event. Integers or strings.
        keys: Columns to group by, known as soon as the event is.
        values: Value column (number or boolean) to the time column at which it becomes known. With several
            time columns the first is the true one; the others are never before it and may be used too.
        planned: Time columns that are public before they come, as in a timetable. They are known times like
            the others, but seeing one does not mean that this time has come.
    """

    name: str
    id: str
    keys: Sequence[str] = ()
    values: Mapping[str, str | Sequence[str]] = field(default_factory=dict, hash=False)
    planned: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Normalise to tuples, so that a definition can be compared and hashed."""
        known = {v: (t,) if isinstance(t, str) else tuple(t) for v, t in self.values.items()}
        for value, times in known.items():
            if not times:
                raise DefinitionError(f"value {value!r} of table {self.name!r} needs a time column")
        object.__setattr__(self, "values", known)
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "planned", tuple(self.planned))

    @property
    def known_from(self) -> dict[str, tuple[str, ...]]:
        """Value column to its time columns, the true one first."""
        return {value: tuple(times) for value, times in self.values.items()}

    @property
    def times(self) -> tuple[str, ...]:
        """Every time column, in order of first mention."""
        return tuple(dict.fromkeys([t for ts in self.known_from.values() for t in ts] + list(self.planned)))


@dataclass(frozen=True)
class Feature:
    """One definition, checked. Write it with `rolling`, `latest` or `since`.

    Attributes:
        name: Output column.
        stat: One of `STATISTICS`, or "since" (minutes since the last event) or "change" (last value minus
            the last value ``over`` earlier).
        table: The events that are aggregated.
        by: (row column, event column) pairs; none means all events.
        known_at: Time column of the events that places them in a window.
        window: Length of the window, microseconds.
        value: Value column, or None to count events.
        condition: (operator, number) that turns the value into true or false, for "share".
        q: The quantile, 0 to 1.
        over: Distance of the two values of "change", microseconds.
    """

    name: str
    stat: str
    table: Events
    by: tuple[tuple[str, str], ...]
    known_at: str
    window: int
    value: str | None = None
    condition: tuple[str, float] | None = None
    q: float | None = None
    over: int = 0

    @property
    def lookback(self) -> int:
        """How far before the decision time the definition reads, microseconds."""
        return self.window + self.over

    def __post_init__(self) -> None:
        """Refuse what no executor could compute, or what would read the future."""
        self._check_statistic(f"feature {self.name!r}: ")
        self._check_columns(f"feature {self.name!r}: ")

    def _check_statistic(self, say: str) -> None:
        if self.stat not in (*STATISTICS, "since", "change"):
            raise DefinitionError(f"{say}stat {self.stat!r} is unknown: one of {', '.join(STATISTICS)}")
        if self.window <= 0:
            raise DefinitionError(f"{say}a window must be longer than zero")
        if (self.stat == "change") != (self.over > 0):
            raise DefinitionError(f"{say}a change is over a time longer than zero")
        if (self.stat == "quantile") != (self.q is not None) or not 0 <= (self.q or 0) <= 1:
            raise DefinitionError(f"{say}stat 'quantile', and it alone, takes q from 0 to 1, not {self.q}")
        if self.condition and self.stat != "share":
            raise DefinitionError(f"{say}a condition is true or false: use stat 'share', not {self.stat!r}")

    def _check_columns(self, say: str) -> None:
        table = self.table
        for _, key in self.by:
            if key not in table.keys:
                raise DefinitionError(f"{say}{key!r} is no key of table {table.name!r}: {list(table.keys)}")
        if self.known_at not in table.times:
            raise DefinitionError(
                f"{say}known_at {self.known_at!r} is no time of table {table.name!r}: {list(table.times)}"
            )
        if self.value is None:
            if self.stat not in ("count", "since"):
                raise DefinitionError(f"{say}stat {self.stat!r} needs a value; only count does without")
        elif self.value not in table.values:
            raise DefinitionError(f"{say}{self.value!r} is no value of {table.name!r}: {list(table.values)}")
        elif self.known_at not in table.known_from[self.value]:
            raise DefinitionError(
                f"{say}{self.value!r} is known from {table.known_from[self.value][0]!r} on, not at "
                f"{self.known_at!r}: a row would see its future (allowed: {table.known_from[self.value]})"
            )


def _pairs(by: By) -> tuple[tuple[str, str], ...]:
    if isinstance(by, str):
        return ((by, by),)
    return tuple(by.items()) if isinstance(by, Mapping) else tuple((key, key) for key in by)


def _suffix(pairs: tuple[tuple[str, str], ...]) -> str:
    return "_by_" + "_".join(row for row, _ in pairs) if pairs else ""


def rolling(
    value: str | None,
    by: By,
    window: str,
    stat: str,
    known_at: str,
    name: str | None = None,
    *,
    table: Events,
    q: float | None = None,
) -> Feature:
    """A statistic of the events of the row's key that became known within a window before the decision.

    Args:
        value: Value column; for "share" a boolean column or a condition such as "delay >= 15"; None counts.
        by: Key column or columns; a mapping where the row calls it otherwise: {row column: event column}.
        window: Such as "90min" or "28d".
        stat: One of `STATISTICS`.
        known_at: Time column at which the value is known.
        name: Output column; by default made of the other arguments.
        table: The events.
        q: For "quantile", between 0 and 1.

    Raises:
        DefinitionError: A rule is broken.
    """
    pairs = _pairs(by)
    condition, label = None, value
    if value is not None and (match := _CONDITION.fullmatch(value)):
        value, condition = match[1], (match[2], float(match[3]))
        label = f"{value}_{_WORDS[match[2]]}_{match[3]}"
    stated = f"{stat}{round(q * 100):d}" if q is not None else stat
    auto = f"{label or table.name}_{stated}_{window}{_suffix(pairs)}"
    return Feature(name or auto, stat, table, pairs, known_at, duration(window), value, condition, q)


def latest(
    value: str,
    by: By,
    known_at: str,
    table: Events,
    max_age: str,
    name: str | None = None,
    *,
    change_over: str | None = None,
) -> Feature:
    """The value of the newest known event of the row's key, or its change over a time.

    Args:
        value: Value column.
        by: As in `rolling`.
        known_at: Time column at which the value is known.
        table: The events.
        max_age: NaN if the newest known event is older than this at the decision.
        name: Output column.
        change_over: Such as "3h": the value minus the one a decision 3 h earlier would have seen.

    Raises:
        DefinitionError: A rule is broken.
    """
    pairs = _pairs(by)
    stat, over = ("change", duration(change_over)) if change_over is not None else ("last", 0)
    auto = f"{value}_{f'change_{change_over}' if change_over else 'latest'}{_suffix(pairs)}"
    return Feature(name or auto, stat, table, pairs, known_at, duration(max_age), value, over=over)


def since(by: By, known_at: str, table: Events, max_age: str, name: str | None = None) -> Feature:
    """Minutes from the last known event of the row's key to the decision; NaN beyond ``max_age``.

    Args:
        by: As in `rolling`.
        known_at: Time column of the event.
        table: The events.
        max_age: Longest time to look back.
        name: Output column.

    Raises:
        DefinitionError: A rule is broken.
    """
    pairs = _pairs(by)
    auto = f"minutes_since_{known_at}{_suffix(pairs)}"
    return Feature(name or auto, "since", table, pairs, known_at, duration(max_age))


def reads(features: Sequence[Feature]) -> tuple[tuple[str, ...], dict[str, int]]:
    """What features over one table read of it.

    Args:
        features: At least one, all over the same table.

    Returns:
        The table's columns in order of first mention, its id first; and for each time column how far before
        a decision they look back by it, in microseconds.
    """
    columns: dict[str, None] = {features[0].table.id: None}
    lookback: dict[str, int] = {}
    for f in features:
        columns |= dict.fromkeys([f.known_at, *(event for _, event in f.by), *([f.value] if f.value else [])])
        lookback[f.known_at] = max(lookback.get(f.known_at, 0), f.lookback)
    return tuple(columns), lookback


def feature_set(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """The features as a tuple, after checking that they can stand side by side.

    Raises:
        DefinitionError: Two features share a name, or two different tables do.
    """
    features = tuple(features)
    names: set[str] = set()
    tables: dict[str, Events] = {}
    for feature in features:
        if feature.name in names:
            raise DefinitionError(f"feature name {feature.name!r} is used twice: give one of them a name")
        names.add(feature.name)
        if tables.setdefault(feature.table.name, feature.table) != feature.table:
            raise DefinitionError(f"table {feature.table.name!r} is declared in two ways")
    return features
