"""The moments of a flight in UTC: scheduled, actual, and when the outcome became known."""

from __future__ import annotations

import pandas as pd

HOME_ZONE = "America/New_York"
# Destinations that airports.csv lacks: Puerto Rico and the Virgin Islands.
OTHER_ZONES = dict.fromkeys(["SJU", "BQN", "PSE", "STT"], "America/Puerto_Rico")
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

    It is the first moment after departure at which the clock there shows that time.
    """
    zones = flights["dest"].map(airports.set_index("faa")["tzone"].to_dict() | OTHER_ZONES).fillna(HOME_ZONE)
    clock = pd.to_timedelta(
        flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100, unit="min"
    )
    arrives = pd.Series(pd.NaT, index=flights.index, dtype=departs.dtype)
    for zone, group in departs.groupby(zones):
        local = group.dt.tz_convert(zone)
        offset = local.dt.tz_localize(None) - group.dt.tz_localize(None)
        wait = clock.loc[group.index] - offset - (group - group.dt.floor("D"))
        arrives.loc[group.index] = group + (wait - wait.dt.floor("D"))
    return arrives
