"""From tables to one row per flight: what is known `horizon` before departure, and the label.

Times are UTC. What a flight will be like (carrier, route, aircraft, schedule) is public long before;
weather counts only if it was observed before the moment of asking. The label `late` is an arrival 15
minutes late or more; a flight that never arrived has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

DAY = pd.Timedelta("1D")
LATE_MINUTES = 15
HOME_ZONE = "America/New_York"
# Destinations that airports.csv lacks: Puerto Rico and the Virgin Islands.
OTHER_ZONES = dict.fromkeys(["SJU", "BQN", "PSE", "STT"], "America/Puerto_Rico")
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
WEATHER_MAX_AGE = pd.Timedelta("6h")


def build(tables: dict[str, pd.DataFrame], horizon: pd.Timedelta) -> pd.DataFrame:
    """One row per flight with its id, time, label, moment at which the label is known, and features.

    Args:
        tables: clean tables by name, as `flights.schema.TABLES` describes them.
        horizon: how long before scheduled departure the question is asked.
    """
    flights = with_times(tables["flights"], tables["airports"])
    rows = pd.concat([identity(flights), schedule(flights)], axis=1)
    rows = rows.merge(aircraft(tables["planes"]), on="tailnum", how="left", validate="m:1")
    rows["plane_age"] = rows["time"].dt.year - rows.pop("built")
    return weather_before(rows.drop(columns="tailnum"), tables["weather"], horizon)


def with_times(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Flights with their scheduled and actual moments in UTC (`NaT` where it never happened)."""
    departs = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    arrives = scheduled_arrival(flights, departs, airports)
    return flights.assign(
        time=departs,
        arrives=arrives,
        departed=departs + pd.to_timedelta(flights["dep_delay"], unit="min"),
        arrived=arrives + pd.to_timedelta(flights["arr_delay"], unit="min"),
    )


def scheduled_arrival(
    flights: pd.DataFrame, departs: pd.Series[pd.Timestamp], airports: pd.DataFrame
) -> pd.Series[pd.Timestamp]:
    """The scheduled arrival in UTC, from a local time of day at the destination without a date.

    It is the first moment after departure at which the clock there shows that time. Where the clock is
    put forward or back within the next day it is read under both offsets, and the earlier that holds counts.
    """
    zones = flights["dest"].map(airports.set_index("faa")["tzone"].to_dict() | OTHER_ZONES).fillna(HOME_ZONE)
    clock = pd.to_timedelta(
        flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100, unit="min"
    )
    arrives = pd.Series(pd.NaT, index=flights.index, dtype=departs.dtype)
    for zone, group in departs.groupby(zones):
        shown = clock.loc[group.index]
        now, next_day = _offset(group, zone), _offset(group + DAY, zone)
        early, late = _next_at(group, shown, now), _next_at(group, shown, next_day)
        early_holds, late_holds = _offset(early, zone) == now, _offset(late, zone) == next_day
        arrives.loc[group.index] = early.mask(late_holds & (~early_holds | (late < early)), late)
    return arrives


def _offset(moments: pd.Series[pd.Timestamp], zone: Any) -> pd.Series[pd.Timedelta]:
    """What the clock in a zone shows beyond UTC."""
    return moments.dt.tz_convert(zone).dt.tz_localize(None) - moments.dt.tz_localize(None)


def _next_at(
    start: pd.Series[pd.Timestamp], clock: pd.Series[pd.Timedelta], offset: pd.Series[pd.Timedelta]
) -> pd.Series[pd.Timestamp]:
    """The first moment from `start` on at which a clock at a fixed offset shows a time of day."""
    wait = clock - offset - (start - start.dt.floor("D"))
    return start + (wait - wait.dt.floor("D"))


def identity(flights: pd.DataFrame) -> pd.DataFrame:
    """Id, time, label and the moment at which the label is known."""
    flight = flights["carrier"] + flights["flight"].astype("str") + "-" + flights["origin"]
    return pd.DataFrame(
        {
            "flight_id": flight + "-" + flights["time"].dt.strftime("%Y%m%dT%H%M"),
            "time": flights["time"],
            "late": (flights["arr_delay"] >= LATE_MINUTES)
            .astype("float64")
            .where(flights["arr_delay"].notna()),
            "label_known_at": flights["arrived"],
        }
    )


def schedule(flights: pd.DataFrame) -> pd.DataFrame:
    """What the timetable says."""
    local = flights["time"].dt.tz_convert(HOME_ZONE)
    return pd.DataFrame(
        {
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "tailnum": flights["tailnum"],
            "flight": flights["flight"].astype("float64"),
            "distance": flights["distance"].astype("float64"),
            "minute_of_day": (local.dt.hour * 60 + local.dt.minute).astype("float64"),
            "weekday": local.dt.day_of_week.astype("float64"),
            "block_minutes": (flights["arrives"] - flights["time"]).dt.total_seconds() / 60,
        }
    )


def aircraft(planes: pd.DataFrame) -> pd.DataFrame:
    """What the register says of an aircraft."""
    return planes.rename(columns={"year": "built"})[["tailnum", "built", "manufacturer", "engine", "seats"]]


def weather_before(rows: pd.DataFrame, weather: pd.DataFrame, horizon: pd.Timedelta) -> pd.DataFrame:
    """Rows with the newest weather at their origin observed before `time - horizon`."""
    asked = rows.assign(asked=rows["time"] - horizon).sort_values("asked", kind="stable")
    observed = weather[["origin", "time_hour", *WEATHER]].sort_values("time_hour", kind="stable")
    joined = pd.merge_asof(
        asked,
        observed,
        left_on="asked",
        right_on="time_hour",
        by="origin",
        allow_exact_matches=False,
        tolerance=WEATHER_MAX_AGE,
    )
    radians = np.deg2rad(joined.pop("wind_dir"))
    joined["wind_north"], joined["wind_east"] = (joined["wind_speed"] * f(radians) for f in (np.cos, np.sin))
    return joined.drop(columns=["asked", "time_hour"])
