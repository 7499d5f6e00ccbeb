"""From tables to one row per flight: what is known `horizon` before departure, and the label.

Times are UTC. What a flight will be like (carrier, route, aircraft, schedule) is public long before. All
else is an event with the moment at which it became known, and `FEATURES` says what is made of it. The
label `late` is an arrival 15 minutes late or more; a flight that never arrived has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from flights.places import regions
from flights.times import HOME_ZONE, with_times
from fullcycle.features.offline import compute
from fullcycle.features.rolling import Events, feature_set, latest, rolling, since

if TYPE_CHECKING:
    from collections.abc import Callable

    from fullcycle.features.rolling import Feature

    Executor = Callable[..., pd.DataFrame]

LATE_MINUTES = 15

FLIGHTS = Events(
    "flights",
    id="flight_id",
    keys=["origin", "dest", "region", "carrier", "flight", "tailnum"],
    values={
        "dep_delay": "departed",
        "block_minutes": "departed",
        "cancelled": "settled",
        "arr_delay": "arrived",
        "late": "arrived",
        "made_up": "arrived",
    },
    # `slot` is the scheduled departure less the horizon, so a window of one hour counts the departures
    # scheduled in the hour before the row's own. The timetable is public months ahead.
    planned=["time", "slot"],
)
WEATHER = Events(
    "weather",
    id="reading",
    keys=["origin"],
    values=dict.fromkeys(
        ["temp", "dewp", "humid", "wind_speed", "wind_north", "wind_east", "wind_gust", "precip", "pressure",
         "visib"], "time_hour"
    ),
)  # fmt: skip


def _delay(by: str | list[str], window: str) -> Feature:
    return rolling("dep_delay", by, window, "mean", "departed", table=FLIGHTS)


def _late(by: str | list[str], window: str) -> Feature:
    return rolling("late", by, window, "share", "arrived", table=FLIGHTS)


def _count(by: str | list[str] | dict[str, str], window: str, known_at: str, name: str) -> Feature:
    return rolling(None, by, window, "count", known_at, name, table=FLIGHTS)


def _arrivals(value: str, by: str | list[str], window: str) -> Feature:
    return rolling(value, by, window, "mean", "arrived", table=FLIGHTS)


def _last_arrival(by: str | list[str], max_age: str) -> Feature:
    return latest("arr_delay", by, "arrived", FLIGHTS, max_age)


# What was tried beyond these and added nothing on validation rows stands in docs/log.md.
GROUPS = {
    # Delays of the last hours: the airport, the carrier there, the destination and its region. What flights
    # make up on the way tells of winds and queues in the air there.
    "recent delays": [
        _delay("origin", "90min"),
        _delay("origin", "4h"),
        _delay(["origin", "carrier"], "3h"),
        _delay(["origin", "carrier"], "12h"),
        _delay("dest", "6h"),
        _delay("dest", "24h"),
        _delay([], "60min"),
        _arrivals("arr_delay", "dest", "6h"),
        _arrivals("arr_delay", "region", "4h"),
        _arrivals("arr_delay", "origin", "2h"),
        _arrivals("arr_delay", ["origin", "carrier"], "6h"),
        _arrivals("made_up", [], "6h"),
        _arrivals("made_up", "region", "2h"),
        _arrivals("made_up", "region", "4h"),
        _arrivals("made_up", "region", "24h"),
        _last_arrival("dest", "12h"),
        _last_arrival(["carrier", "flight"], "7d"),
    ],
    "cancellations": [
        rolling("cancelled", "carrier", "12h", "share", "settled", table=FLIGHTS),
        rolling("cancelled", "dest", "12h", "share", "settled", table=FLIGHTS),
    ],
    # Flights due to have left by now, and those that have: `DERIVED` tells who waits on the ground.
    "congestion": [
        _count("origin", "60min", "slot", "departures_hour_before"),
        _count(["origin", "carrier"], "60min", "slot", "own_departures_hour_before"),
        _count("origin", "3h", "time", "due_3h"),
        _count("origin", "3h", "departed", "departed_3h"),
        _count(["origin", "carrier"], "6h", "time", "own_due_6h"),
        _count(["origin", "carrier"], "6h", "departed", "own_departed_6h"),
    ],
    # Habits: how often it was late over days and weeks.
    "lateness": [
        _late("origin", "24h"),
        _late("carrier", "7d"),
        _late(["carrier", "flight"], "14d"),
        _late(["origin", "dest", "carrier"], "60d"),
        _late("tailnum", "28d"),
        _late([], "7d"),
        _arrivals("arr_delay", ["carrier", "flight"], "28d"),
        rolling("arr_delay", ["carrier", "flight"], "28d", "quantile", "arrived", table=FLIGHTS, q=0.5),
        _arrivals("made_up", ["origin", "dest", "carrier"], "28d"),
    ],
    # Where the aircraft is: its previous leg out of New York. `DERIVED` tells when it can be back.
    "aircraft": [
        latest("dep_delay", "tailnum", "departed", FLIGHTS, "24h", "previous_dep_delay"),
        latest("block_minutes", "tailnum", "departed", FLIGHTS, "24h", "previous_block_minutes"),
        since("tailnum", "departed", FLIGHTS, "3d", "minutes_since_departure"),
        latest("arr_delay", "tailnum", "arrived", FLIGHTS, "24h", "previous_arr_delay"),
        since("tailnum", "arrived", FLIGHTS, "3d", "minutes_since_arrival"),
    ],
    "weather": [
        *(latest(value, "origin", "time_hour", WEATHER, "6h", value) for value in WEATHER.known_from),
        *(
            latest(value, "origin", "time_hour", WEATHER, "6h", change_over="3h")
            for value in ("pressure", "visib")
        ),
        rolling("precip", "origin", "6h", "sum", "time_hour", table=WEATHER),
        rolling("visib", "origin", "6h", "min", "time_hour", table=WEATHER),
    ],
}
FEATURES = feature_set(feature for group in GROUPS.values() for feature in group)
# What `derived` adds, and the features that it reads: an executor's answer is all it needs.
DERIVED = {
    "aircraft_slack": ("minutes_since_arrival", "minutes_since_departure", "previous_block_minutes"),
    "waiting": ("due_3h", "departed_3h"),
    "own_waiting": ("own_due_6h", "own_departed_6h"),
}


def build(
    tables: dict[str, pd.DataFrame], horizon: pd.Timedelta, execute: Executor = compute
) -> pd.DataFrame:
    """One row per flight with its id, time, label, moment at which the label is known, and features.

    Args:
        tables: clean tables by name, as `flights.schema.TABLES` describes them.
        horizon: how long before scheduled departure the question is asked.
        execute: what computes `FEATURES`: `offline.compute`, or the same on a cluster.
    """
    events = histories(tables, horizon)
    rows = statics(events["flights"], tables["planes"])
    rolled = derived(execute(rows, events, FEATURES, horizon.to_pytimedelta()).astype("float64"), horizon)
    return pd.concat([rows.drop(columns=["tailnum", "region"]), rolled], axis=1)


def derived(rolled: pd.DataFrame, horizon: pd.Timedelta) -> pd.DataFrame:
    """The features of any executor, and beside them those of `DERIVED`.

    `aircraft_slack` is how many minutes before departure the aircraft can be back from its previous leg, if
    the way home takes as long as the timetable gave the way out; turning round is not counted. An aircraft
    that has landed out there has only the way home before it. `waiting` counts the flights that should have
    left by now and have not, those that never will among them.
    """
    landed = rolled["minutes_since_arrival"] < rolled["minutes_since_departure"]
    since_landing = rolled["minutes_since_arrival"].where(
        landed, rolled["minutes_since_departure"] - rolled["previous_block_minutes"]
    )
    return rolled.assign(
        aircraft_slack=since_landing - rolled["previous_block_minutes"] + horizon / pd.Timedelta(minutes=1),
        waiting=rolled["due_3h"] - rolled["departed_3h"],
        own_waiting=rolled["own_due_6h"] - rolled["own_departed_6h"],
    )


def histories(tables: dict[str, pd.DataFrame], horizon: pd.Timedelta) -> dict[str, pd.DataFrame]:
    """The event tables that `FEATURES` reads, each value beside the moment at which it became known."""
    flights = with_times(tables["flights"], tables["airports"])
    never = flights["arr_delay"].isna()
    flights = flights.assign(
        slot=flights["time"] - horizon,
        cancelled=flights["departed"].isna().astype("float64"),
        late=(flights["arr_delay"] >= LATE_MINUTES).astype("float64").mask(never),
        made_up=flights["dep_delay"] - flights["arr_delay"],
        block_minutes=(flights["arrives"] - flights["time"]).dt.total_seconds() / 60,
        region=regions(flights["dest"], tables["airports"]),
    )
    weather = tables["weather"]
    radians = np.deg2rad(weather["wind_dir"])
    weather = weather.assign(
        reading=weather["origin"] + weather["time_hour"].dt.strftime("%Y%m%dT%H"),
        wind_north=weather["wind_speed"] * np.cos(radians),
        wind_east=weather["wind_speed"] * np.sin(radians),
    )
    return {"flights": flights, "weather": weather}


def statics(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Id, time, label, and what the timetable and the aircraft register say long before."""
    local = flights["time"].dt.tz_convert(HOME_ZONE)
    rows = pd.DataFrame(
        {
            "flight_id": flights["flight_id"],
            "time": flights["time"],
            "late": flights["late"],
            "label_known_at": flights["arrived"],
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "region": flights["region"],
            "tailnum": flights["tailnum"],
            "flight": flights["flight"].astype("float64"),
            "distance": flights["distance"].astype("float64"),
            "minute_of_day": (local.dt.hour * 60 + local.dt.minute).astype("float64"),
            "weekday": local.dt.day_of_week.astype("float64"),
            "block_minutes": flights["block_minutes"],
        }
    )
    register = planes.rename(columns={"year": "built"})
    rows = rows.merge(
        register[["tailnum", "built", "manufacturer", "engine", "seats"]],
        on="tailnum",
        how="left",
        validate="m:1",
    )
    return rows.assign(plane_age=rows["time"].dt.year - rows.pop("built"))
