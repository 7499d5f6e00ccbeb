"""The executor for a service: one event or one request at a time, the same numbers as `offline`.

An event goes into every stream that reads its table (`fullcycle.features.streams`): in order of time it
is appended; late, it is inserted and moves the newer events of its key. A request searches. ``min``, ``max``
and ``quantile`` look at every event of their window, so keep those windows short; the rest costs the same for
any. Pandas is not imported. Ids and keys are plain strings or integers, as JSON has them.

Memory is bounded by time, not by the length of the run. The clock is the newest time at which something
became known (planned times do not move it); what no window of a request at ``clock - lateness`` or later
could reach is dropped, and an id is remembered as long as its newest event could be.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from fullcycle.features.rolling import Events, Feature, check_horizon, duration, feature_set
from fullcycle.features.streams import (
    Key,
    Number,
    Stream,
    is_null,
    key_of,
    microseconds,
    number_of,
)

_FORMAT = 1
_PATIENCE = 1000


class Online:
    """Features of requests from events, as they come.

    Args:
        features: The definitions.
        horizon: Such as "2h": a request for time t sees what is known before t - horizon.
        time: The requests' time field.
        lateness: How far a request's time may lie before the newest time known; events older than every
            window that such a request could have are dropped.

    >>> trips = Events("trips", id="id", keys=["taxi"], values={"fare": "paid"})
    >>> from fullcycle.features.rolling import rolling
    >>> online = Online([rolling("fare", "taxi", "1h", "sum", "paid", "earned", table=trips)], "0min")
    >>> online.observe("trips", {"id": 1, "taxi": "A", "fare": 12.5, "paid": "2024-05-01T10:00Z"})
    >>> online.features({"taxi": "A", "time": "2024-05-01T10:30Z"})
    {'earned': 12.5}
    """

    def __init__(
        self,
        features: Iterable[Feature],
        horizon: str | timedelta,
        *,
        time: str = "time",
        lateness: str | timedelta = "0min",
    ) -> None:
        """Plan the streams; see the class for the arguments."""
        self._features = feature_set(features)
        self._horizon, self._lateness, self._time = check_horizon(horizon), duration(lateness), time
        slack = self._horizon + self._lateness
        grouped: dict[Any, list[Feature]] = {}
        for f in self._features:
            events = tuple(event for _, event in f.by)
            rows = tuple(row for row, _ in f.by)
            grouped.setdefault((f.table.name, events, rows, f.known_at, f.value, f.condition), []).append(f)
        self._streams: dict[str, list[Stream]] = {}
        for bit, group in enumerate(grouped.values()):
            self._streams.setdefault(group[0].table.name, []).append(Stream(group, 1 << bit, slack))
        self._all = [s for streams in self._streams.values() for s in streams]
        self._empty: dict[str, Number] = {f.name: 0 for f in self._features if f.stat == "count"}
        self._empty |= {f.name: 0.0 for f in self._features if f.stat == "sum"}
        self._tables: dict[str, Events] = {f.table.name: f.table for f in self._features}
        self._columns = {t: list(dict.fromkeys(s.known_at for s in ss)) for t, ss in self._streams.items()}
        self._keep = {table: max(s.keep for s in streams) for table, streams in self._streams.items()}
        self._seen: dict[str, dict[Any, list[int]]] = {table: {} for table in self._streams}
        self._due = dict.fromkeys(self._streams, _PATIENCE)  # events until ids are forgotten
        self._clock: int | None = None

    def observe(self, table: str, event: Mapping[str, Any]) -> None:
        """Take one event, in any order, as often as it comes.

        An event may come before all of it is known, its later columns null, and again when they are: each
        definition takes it once, when its own ``known_at`` and value are there.

        Args:
            table: The name of its table; a table that no feature reads is ignored.
            event: All columns that the definitions read; times as `microseconds` takes them.

        Raises:
            ValueError: A column is missing, the id is null, or a value is no finite number.
        """
        if table not in self._streams:
            return
        schema, streams = self._tables[table], self._streams[table]
        try:
            name = event[schema.id]
            known = {column: microseconds(event[column]) for column in self._columns[table]}
            taken = self._take(streams, event, known, name, self._seen[table].get(name))
        except KeyError as missing:
            raise ValueError(f"an event of table {table!r} lacks column {missing}") from None
        times = [at for column, at in known.items() if at is not None and column not in schema.planned]
        if times and (self._clock is None or max(times) > self._clock):
            self._clock = max(times)
        if taken is not None:
            self._seen[table][name] = taken
            self._due[table] -= 1
            if self._due[table] <= 0:
                self._forget(table)

    def _take(
        self,
        streams: list[Stream],
        event: Mapping[str, Any],
        known: dict[str, Any],
        name: Any,
        seen: list[int] | None,
    ) -> list[int] | None:
        """Put the event into the streams that do not hold it; what is known of its id afterwards."""
        if is_null(name):
            raise ValueError("an event has no id, so a second delivery could not be told from it")
        mask, newest = seen or (0, -(2**62))
        fresh: list[tuple[Stream, Any, int, Number]] = []
        for s in streams:
            at = known[s.known_at]
            if at is None or mask & s.bit:
                continue
            value = 0 if s.value is None else event[s.value]
            if s.value is not None:
                if is_null(value):
                    continue
                value = number_of(value, s)
            fresh.append((s, key_of(event, s.columns), at, value))
        for s, key, at, value in fresh:
            mask |= s.bit
            newest = max(newest, at)
            if key is None or (self._clock is not None and at < self._clock - s.keep):
                continue
            held = s.keys.get(key)
            if held is None:
                held = s.keys[key] = Key()
            held.add(at, name, value)
            s.due -= 1
            if self._clock is not None and s.due <= 0:
                s.sweep(self._clock)
        return [mask, newest] if fresh else None

    def forget(self) -> None:
        """Drop all that is too old at once; `observe` does so by itself, a part now and then."""
        for table in self._streams:
            self._forget(table)
        if self._clock is not None:
            for stream in self._all:
                stream.sweep(self._clock)

    def _forget(self, table: str) -> None:
        if self._clock is not None:
            oldest = self._clock - self._keep[table]
            self._seen[table] = {k: v for k, v in self._seen[table].items() if v[1] >= oldest}
        self._due[table] = _PATIENCE + len(self._seen[table])

    def features(self, row: Mapping[str, Any]) -> dict[str, Number]:
        """The features of a request, by name, in the order of the definitions.

        Args:
            row: The time field and the key fields of the features.

        Raises:
            ValueError: A field is missing, or the time is null or older than what is still held.
        """
        if (time := microseconds(row.get(self._time))) is None:
            raise ValueError(f"a request needs a time in {self._time!r}, not {row.get(self._time)!r}")
        if self._clock is not None and time < self._clock - self._lateness:
            late = timedelta(microseconds=self._clock - time)
            raise ValueError(f"the request lies {late} before the newest event: raise lateness to answer it")
        decision = time - self._horizon
        out: dict[str, Number] = dict.fromkeys((f.name for f in self._features), math.nan)
        out.update(self._empty)
        for s in self._all:
            try:
                held = s.keys.get(key_of(row, s.row_columns))
            except KeyError as missing:
                raise ValueError(f"the request lacks field {missing}") from None
            if held is not None:
                times, start = held.times, held.start
                end = bisect_left(times, decision, start)
                for f, statistic in s.plan:
                    begin = bisect_left(times, decision - f.window, start, end)
                    if begin < end:
                        out[f.name] = statistic(held, begin, end, f, decision)
        return out

    def state(self) -> dict[str, Any]:
        """All it holds, as plain data for JSON."""
        return {
            "format": _FORMAT,
            "definition": self._definition(),
            "clock": self._clock,
            "seen": {t: [[k, *v] for k, v in seen.items()] for t, seen in self._seen.items()},
            "streams": [
                [[k, h.times[h.start :], h.ids[h.start :], h.values[h.start :]] for k, h in s.keys.items()]
                for s in self._all
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state in place of what it holds.

        Raises:
            ValueError: The state was saved with other features, another horizon or lateness, or format.
        """
        if state.get("format") != _FORMAT or state.get("definition") != self._definition():
            raise ValueError("the state was saved with other definitions: replay the events instead")
        self._clock = state["clock"]
        self._seen = {t: {name: [m, n] for name, m, n in seen} for t, seen in state["seen"].items()}
        for stream, saved in zip(self._all, state["streams"], strict=True):
            stream.keys = {}
            for key, *events in saved:
                held = stream.keys[tuple(key)] = Key()
                for time, name, value in zip(*events, strict=True):
                    held.add(time, name, value)

    def _definition(self) -> str:
        return repr((self._features, self._horizon, self._lateness, self._time))
