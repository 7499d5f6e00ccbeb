"""Times come in many types, and none is dropped in silence."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from fullcycle.features.online import Online
from fullcycle.features.rolling import Events, rolling
from fullcycle.features.streams import microseconds

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MICROSECONDS = 1_714_564_800_000_000


@pytest.mark.parametrize(
    "time",
    [NOON, "2024-05-01T12:00:00Z", MICROSECONDS, pd.Timestamp(NOON)]
    + [np.datetime64("2024-05-01T12:00", unit) for unit in ("h", "s", "us", "ns")],
)
def test_a_time_is_microseconds_whatever_its_type(time):
    """Datetimes of Python, pandas and NumPy, text and whole microseconds mean the same."""
    found = microseconds(time)
    assert (found, type(found)) == (MICROSECONDS, int)


def test_nanoseconds_are_floored_before_1970_too():
    """A datetime64 converts like a Timestamp."""
    for nanoseconds in (-1, -1001, 1, 1999):
        time = np.datetime64(nanoseconds, "ns")
        assert microseconds(time) == microseconds(pd.Timestamp(time)) == nanoseconds // 1000


@pytest.mark.parametrize("time", [None, pd.NaT, pd.NA, math.nan, np.float64("nan"), np.datetime64("NaT")])
def test_null_is_no_time(time):
    """Every way to write that a time is missing."""
    assert microseconds(time) is None


@pytest.mark.parametrize("time", [np.int64(MICROSECONDS), float(MICROSECONDS), date(2024, 5, 1), True])
def test_a_value_that_is_no_time_is_refused(time):
    """With its type: as null it would drop the event."""
    trips = Events("trips", id="id", keys=["taxi"], values={"fare": "paid"})
    online = Online([rolling("fare", "taxi", "1h", "sum", "paid", table=trips)], "0min")
    with pytest.raises(ValueError, match=f"is of type {type(time).__name__}: a time is a datetime"):
        online.observe("trips", {"id": 1, "taxi": "A", "fare": 1.0, "paid": time})
