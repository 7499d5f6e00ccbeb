"""Offline, online and distributed agree with a reading of the definition in plain Python."""

import json
import math
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcycle.features import stretches
from fullcycle.features.distributed import compute_distributed
from fullcycle.features.offline import compute
from fullcycle.features.online import Online
from fullcycle.features.rolling import Events, duration, latest, rolling, since

START = datetime(2024, 3, 10, 5, tzinfo=UTC)
EVENTS = Events(
    "events",
    id="id",
    keys=["k", "n"],
    values={"v": ("t1", "t2"), "w": "t2", "flag": ("t2",)},
    planned=["slot"],
)
TESTS = {
    ">=": lambda v, c: v >= c,
    "<": lambda v, c: v < c,
    "==": lambda v, c: v == c,
}


def brute(row, events, feature, horizon):
    """The feature of one row straight from the definition; events in order of delivery, None as null."""
    decision = row["time"] - timedelta(microseconds=duration(horizon))

    def windowed(end):
        begin, seen, inside = end - timedelta(microseconds=feature.window), set(), []
        for event in events:
            known = event[feature.known_at]
            value = 0.0 if feature.value is None else event[feature.value]
            if known is None or value is None or event["id"] in seen:
                continue
            seen.add(event["id"])
            if feature.condition:
                value = TESTS[feature.condition[0]](value, feature.condition[1])
            keys = [(row[ours], event[theirs]) for ours, theirs in feature.by]
            if all(a is not None and a == b for a, b in keys) and begin <= known < end:
                inside.append((known, event["id"], float(value)))
        return sorted(inside)

    inside = windowed(decision)
    values = [value for _, _, value in inside]
    if feature.stat in ("count", "sum"):
        return len(values) if feature.stat == "count" else math.fsum(values)
    if feature.stat == "change":
        before = windowed(decision - timedelta(microseconds=feature.over))
        return values[-1] - before[-1][2] if values and before else math.nan
    if not values or (feature.stat == "std" and len(values) < 2):
        return math.nan
    if feature.stat == "quantile":
        ordered, at = sorted(values), feature.q * (len(values) - 1)
        low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
        return low + (high - low) * (at - math.floor(at))
    return {
        "mean": lambda: math.fsum(values) / len(values),
        "share": lambda: math.fsum(values) / len(values),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "last": lambda: values[-1],
        "std": lambda: statistics.stdev(values),
        "since": lambda: (decision - inside[-1][0]).total_seconds() / 60,
    }[feature.stat]()


def times(values):
    """Times as a UTC column, None as null."""
    return pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]")


def frame(records):
    """Events or rows as a frame with the types of real tables."""
    kinds = {"id": "int64", "k": "str", "n": "Int64", "v": "float64", "w": "float64", "flag": "boolean"}
    columns = {}
    for name in ("id", "k", "n", "v", "w", "flag", "t1", "t2", "slot", "time"):
        if records and name not in records[0]:
            continue
        values = [record[name] for record in records]
        columns[name] = pd.Series(values, dtype=kinds[name]) if name in kinds else times(values)
    return pd.DataFrame(columns)


MINUTES = st.integers(0, 90).map(lambda m: START + timedelta(minutes=m))
NUMBERS = st.one_of(
    st.integers(-60, 300).map(float),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([0.1, 0.2, 0.3, 1e9 + 0.25, -0.0]),
)
KEYS = {"k": st.sampled_from(["a", "b", "ü", None]), "n": st.sampled_from([1, 2, None])}


@st.composite
def deliveries(draw, size=25):
    """Events in any order: ties, gaps, nulls, the same id again (complete or corrected)."""
    event = st.fixed_dictionaries(
        {
            "id": st.integers(0, 15),
            **KEYS,
            "v": st.none() | NUMBERS,
            "w": st.none() | NUMBERS,
            "flag": st.none() | st.booleans(),
            "t1": st.none() | MINUTES,
            "t2": st.none() | MINUTES,
            "slot": MINUTES,
        }
    )
    return draw(st.lists(event, max_size=size))


ROWS = st.lists(st.fixed_dictionaries({"time": MINUTES, **KEYS}), max_size=12)
BYS = st.sampled_from(["k", "n", ["k", "n"], [], {"k": "k"}])
WINDOWS = st.sampled_from(["1min", "7min", "30min", "2h", "3d"])


@st.composite
def definitions(draw):
    """One to six definitions of every kind."""
    found = []
    for i in range(draw(st.integers(1, 6))):
        by, window, name = draw(BYS), draw(WINDOWS), f"f{i}"
        kind = draw(st.sampled_from(["value", "value", "count", "share", "latest", "change", "since"]))
        if kind == "value":
            stat = draw(st.sampled_from(["mean", "sum", "count", "min", "max", "last", "std", "quantile"]))
            q = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])) if stat == "quantile" else None
            value, at = draw(st.sampled_from([("v", "t1"), ("v", "t2"), ("w", "t2"), ("flag", "t2")]))
            found.append(rolling(value, by, window, stat, at, name, table=EVENTS, q=q))
        elif kind == "count":
            at = draw(st.sampled_from(["t1", "t2", "slot"]))
            found.append(rolling(None, by, window, "count", at, name, table=EVENTS))
        elif kind == "share":
            value = draw(st.sampled_from(["flag", "w >= 15", "w < 0.3", "w == 0"]))
            found.append(rolling(value, by, window, "share", "t2", name, table=EVENTS))
        elif kind == "since":
            found.append(since(by, draw(st.sampled_from(["t1", "t2", "slot"])), EVENTS, window, name))
        else:
            over = draw(st.sampled_from(["5min", "1h"])) if kind == "change" else None
            found.append(latest("v", by, "t1", EVENTS, window, name, change_over=over))
    return found


def same(got, wanted, feature, row):
    """Counts exactly, other statistics to 1e-9 of the largest number that went into them."""
    where = f"{feature} at {row}: got {got}, the definition says {wanted}"
    if feature.stat in ("count", "last", "min", "max", "since", "change"):
        assert got == wanted or (math.isnan(got) and math.isnan(wanted)), where
    else:
        assert got == pytest.approx(wanted, rel=1e-9, abs=3e-9, nan_ok=True), where


@given(
    deliveries(), ROWS, definitions(), st.sampled_from(["0min", "5min", "1h"]), st.sampled_from([1, 2, 100])
)
@settings(max_examples=250, deadline=None)
def test_offline_is_the_definition(events, rows, features, horizon, stretch):
    """The vectorised executor is the definition read event by event, on the whole or in stretches of time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "STRETCH", stretch)
        got = compute(frame(rows), {"events": frame(events)}, features, horizon)
    assert list(got.columns) == [f.name for f in features]
    for i, row in enumerate(rows):
        for feature in features:
            same(got[feature.name].iloc[i], brute(row, events, feature, horizon), feature, row)


def identical(got, wanted, feature, row):
    """Equal to the last bit, and counts are whole numbers in both."""
    where = f"{feature} at {row}: online {got}, offline {wanted}"
    assert got == wanted or (math.isnan(got) and math.isnan(wanted)), where
    assert (type(got) is int) == (feature.stat == "count"), where


@given(deliveries(), ROWS, definitions(), st.sampled_from(["0min", "5min", "1h"]), st.integers(0, 30))
@settings(max_examples=250, deadline=None)
def test_online_equals_offline_to_the_last_bit(events, rows, features, horizon, pause):
    """Events in any order, twice or partial, and a state saved between two of them, change no digit."""
    online = Online(features, horizon, lateness="2h")
    for i, event in enumerate(events):
        if i == pause:
            saved = json.loads(json.dumps(online.state()))
            online = Online(features, horizon, lateness="2h")
            online.restore(saved)
        online.observe("events", event)
    wanted = compute(frame(rows), {"events": frame(events)}, features, horizon)
    for i, row in enumerate(rows):
        got = online.features(row)
        assert list(got) == [f.name for f in features]
        for feature in features:
            identical(got[feature.name], wanted[feature.name].iloc[i], feature, row)


@given(deliveries(size=60), ROWS, definitions(), st.sampled_from(["0min", "5min", "1h"]))
@settings(max_examples=150, deadline=None)
def test_online_equals_offline_while_it_forgets(events, rows, features, horizon):
    """A stream in order of time, swept after every event, answers each request as offline does."""
    events = [{**e, "id": i, "t2": e["t1"], "slot": e["t1"] or START} for i, e in enumerate(events)]
    events = sorted((e for e in events if e["t1"]), key=lambda e: e["t1"])
    wanted = compute(frame(rows), {"events": frame(events)}, features, horizon)
    online, position = Online(features, horizon), 0
    for i, row in sorted(enumerate(rows), key=lambda pair: pair[1]["time"]):
        while position < len(events) and events[position]["t1"] <= row["time"]:
            online.observe("events", events[position])
            online.forget()
            position += 1
        got = online.features(row)
        for feature in features:
            identical(got[feature.name], wanted[feature.name].iloc[i], feature, row)


def partitions(table, column, size, folder, name):
    """The table as Parquet files, cut by time; the order within a file is kept."""
    paths = []
    parts = table[column].dt.floor(size)
    for i, part in enumerate([*sorted(parts.dropna().unique()), None]):
        chosen = table[parts.isna() if part is None else parts == part]
        paths.append(Path(folder) / f"{name}-{i}.parquet")
        chosen.to_parquet(paths[-1])
    return paths


def in_partitions(events, rows, features, horizon, size="20min", **where):
    """Distributed and offline results of the same tables, events in the order of their files."""
    with tempfile.TemporaryDirectory() as folder:
        event_files = partitions(events, "t1", size, folder, "events")
        row_files = partitions(rows, "time", size, folder, "rows")
        files = compute_distributed(
            row_files, {"events": event_files}, features, horizon, Path(folder) / "out", **where
        )
        got = pd.concat([pd.read_parquet(file) for file in files])
        delivered = pd.concat([pd.read_parquet(file) for file in event_files], ignore_index=True)
    wanted = compute(rows, {"events": delivered}, features, horizon)
    return got.loc[wanted.index], wanted


@given(deliveries(), ROWS, definitions(), st.sampled_from(["0min", "5min", "1h"]))
@settings(max_examples=60, deadline=None)
def test_distributed_equals_offline_to_the_last_bit(events, rows, features, horizon):
    """Partitions with their look-back, repeated ids across them included, give offline's rows."""
    got, wanted = in_partitions(frame(events), frame(rows), features, horizon, scheduler="synchronous")
    pd.testing.assert_frame_equal(got, wanted, check_exact=True, check_freq=False, check_index_type=False)


def many(keys, events=20_000, rows=3_000):
    """A large random table over many keys; floats of all sizes, times with ties."""
    rng = np.random.default_rng(7)
    t1 = pd.Timestamp(START) + pd.to_timedelta(np.sort(rng.integers(0, 5_000, events)), unit="min")
    table = pd.DataFrame(
        {
            "id": rng.permutation(events),
            "k": rng.integers(0, keys, events).astype(str),
            "n": rng.integers(0, 3, events),
            "v": rng.normal(10, 60, events),
            "w": np.round(rng.normal(10, 60, events)),
            "flag": rng.random(events) < 0.2,
            "t1": t1,
            "t2": t1 + pd.to_timedelta(rng.integers(0, 300, events), unit="min"),
            "slot": t1,
        }
    )
    asked = table.sample(rows, random_state=1)[["k", "n"]].reset_index(drop=True)
    asked["time"] = pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, 5_400, rows), unit="min")
    return table, asked


EVERY_STATISTIC = [
    *(
        rolling(v, by, "6h", stat, "t2", f"{v}_{stat}_{len(by)}", table=EVENTS)
        for v in ("v", "w")
        for by in (["k"], ["k", "n"])
        for stat in ("mean", "sum", "count", "min", "max", "last", "std")
    ),
    rolling("v", "k", "3d", "quantile", "t2", table=EVENTS, q=0.3),
    rolling("w >= 15", "k", "1d", "share", "t2", table=EVENTS),
    latest("v", "k", "t1", EVENTS, "1d", change_over="3h"),
    since(["k", "n"], "t1", EVENTS, "2d"),
]


@pytest.mark.parametrize("keys", [1, 10_000])
def test_all_executors_agree_on_one_key_and_on_ten_thousand(keys):
    """Twenty thousand events, every statistic: offline is the definition, the others are offline."""
    events, rows = many(keys)
    horizon, sample = "2h", range(0, len(rows), 150 if keys > 1 else 1_000)
    got, wanted = in_partitions(events, rows, EVERY_STATISTIC, horizon, scheduler="threads", size="24h")
    pd.testing.assert_frame_equal(got, wanted, check_exact=True)
    online = Online(EVERY_STATISTIC, horizon, lateness="5d")
    records = events.to_dict("records")
    for event in records:
        online.observe("events", event)
    asked = rows.to_dict("records")
    for i in sample:
        answer = online.features(asked[i])
        near = [e for e in records if e["k"] == asked[i]["k"]]
        for feature in EVERY_STATISTIC:
            identical(answer[feature.name], wanted[feature.name].iloc[i], feature, asked[i])
            same(answer[feature.name], brute(asked[i], near, feature, horizon), feature, asked[i])


@pytest.mark.slow
def test_a_local_cluster_of_processes_gives_the_same():
    """Two worker processes over their own scheduler write offline's rows."""
    events, rows = many(100)
    got, wanted = in_partitions(events, rows, EVERY_STATISTIC, "2h", scheduler=None, size="24h")
    pd.testing.assert_frame_equal(got, wanted, check_exact=True)
