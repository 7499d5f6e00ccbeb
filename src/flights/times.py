"""The moments of a flight in UTC: scheduled, actual, and when the outcome became known."""

from __future__ import annotations

from typing import Any

import pandas as pd

from flights.places import OTHER_PLACES

DAY = pd.Timedelta("1D")
HOME_ZONE = "America/New_York"
OTHER_ZONES = dict.fromkeys(OTHER_PLACES, "America/Puerto_Rico")
# A flight that has not left so long after its time counts as known to be cancelled, no sooner.
CANCELLED_AFTER = pd.Timedelta("2h")


def with_times(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Flights with their moments in UTC (`NaT` where something never happened).

    Adds `time` and `arrives` (scheduled), `departed` and `arrived` (actual), `settled` (when it was known
    whether the flight left: at departure, or `CANCELLED_AFTER` its time) and the key `flight_id`.
    """
    departs = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    arrives = scheduled_arrival(flights, departs, airports)
    departed = departs + pd.to_timedelta(flights["dep_delay"], unit="min")
    flight = flights["carrier"] + flights["flight"].astype("str") + "-" + flights["origin"]
    return flights.assign(
        flight_id=flight + "-" + departs.dt.strftime("%Y%m%dT%H%M"),
        time=departs,
        arrives=arrives,
        departed=departed,
        arrived=arrives + pd.to_timedelta(flights["arr_delay"], unit="min"),
        settled=departed.fillna(departs + CANCELLED_AFTER),
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
