"""Small tables that keep the contracts of `flights.schema`."""

from __future__ import annotations

import pandas as pd
import pytest

from flights import schema

ROWS = 24


def _typed(rows: list[dict], table: str) -> pd.DataFrame:
    columns = schema.TABLES[table].schema.columns
    frame = pd.DataFrame(rows)[list(columns)]
    return frame.astype({name: str(column.dtype) for name, column in columns.items()})


def _dates(time: pd.Timestamp) -> dict:
    local = time.tz_convert("America/New_York")
    return {"year": local.year, "month": local.month, "day": local.day, "hour": local.hour, "time_hour": time}


def _flight(number: int) -> dict:
    time = pd.Timestamp("2013-03-09T12:00Z") + pd.Timedelta(hours=number)
    dates = _dates(time)
    clock = dates["hour"] * 100 + 15
    return dates | {
        "minute": 15,
        "carrier": ["AA", "UA"][number % 2],
        "flight": 100 + number,
        "tailnum": f"N{number % 3}",
        "origin": ["EWR", "JFK", "LGA"][number % 3],
        "dest": ["IAH", "SJU"][number % 2],
        "distance": 1400,
        "sched_dep_time": clock,
        "sched_arr_time": 1130,
        "dep_time": float(clock),
        "arr_time": 1145.0,
        "dep_delay": 0.0,
        "arr_delay": 15.0,
        "air_time": 200.0,
    }


def _weather(number: int) -> dict:
    time = pd.Timestamp("2013-03-09T12:00Z") + pd.Timedelta(hours=number // 3)
    return _dates(time) | {
        "origin": ["EWR", "JFK", "LGA"][number % 3],
        "temp": 40.0,
        "dewp": 30.0,
        "humid": 60.0,
        "wind_dir": 270.0,
        "wind_speed": 10.0,
        "wind_gust": None if number % 2 else 20.0,
        "precip": 0.0,
        "pressure": 1012.0,
        "visib": 10.0,
    }


def _plane(number: int) -> dict:
    return {
        "tailnum": f"N{number}",
        "year": 2004.0,
        "type": "Fixed wing multi engine",
        "manufacturer": "BOEING",
        "model": "737",
        "engines": 2,
        "seats": 149,
        "engine": "Turbo-fan",
    }


def _airport(code: str) -> dict:
    return {
        "faa": code,
        "name": code,
        "lat": 29.98,
        "lon": -95.34,
        "alt": 97,
        "tz": -6,
        "tzone": "America/Chicago",
    }


@pytest.fixture
def tables():
    """All five tables; every row of them is clean."""
    return {
        "flights": _typed([_flight(number) for number in range(ROWS)], "flights"),
        "weather": _typed([_weather(number) for number in range(ROWS)], "weather"),
        "planes": _typed([_plane(number) for number in range(3)], "planes"),
        "airports": _typed([_airport(code) for code in ("IAH", "MIA")], "airports"),
        "airlines": _typed([{"carrier": code, "name": code} for code in ("AA", "UA")], "airlines"),
    }
