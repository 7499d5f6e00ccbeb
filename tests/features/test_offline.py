"""What tables the vectorised executor takes, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from fullcycle.errors import Refusal
from fullcycle.features.fixedpoint import Sums
from fullcycle.features.offline import compute
from fullcycle.features.rolling import Events, rolling, since

TRIPS = Events("trips", id="id", keys=["taxi", "zone"], values={"fare": "paid", "shared": "paid"})
MEAN = rolling("fare", "taxi", "1h", "mean", "paid", "fare", table=TRIPS)
SHARE = rolling("shared", "taxi", "1h", "share", "paid", "shared", table=TRIPS)
NOON = pd.Timestamp("2024-05-01T12:00")


def trips(**more):
    """Two trips, spoilt in one column."""
    times = pd.Series([NOON, NOON + pd.Timedelta("5min")])
    good = {"id": [1, 2], "taxi": ["A", "A"], "zone": [1, 2], "fare": [10.0, 20.0], "shared": [True, False]}
    return pd.DataFrame(good | {"paid": times} | more)


def rows(**more):
    """One request half an hour later."""
    return pd.DataFrame({"taxi": ["A"], "time": [NOON + pd.Timedelta("30min")]} | more)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_of_any_resolution_and_zone_mean_the_same(unit, zone):
    """Naive times are UTC, other zones are converted."""

    def cast(times):
        times = times.dt.as_unit(unit)
        return times if zone is None else times.dt.tz_localize("UTC").dt.tz_convert(zone)

    events, asked = trips(), rows()
    events["paid"], asked["time"] = cast(events["paid"]), cast(asked["time"])
    assert compute(asked, {"trips": events}, [MEAN], "0min")["fare"].tolist() == [15.0]


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_keys_may_be_text_or_categories(kind):
    """Rows and events need not have the same categories."""
    events = trips(taxi=["A", "B"]).astype({"taxi": kind})
    assert compute(rows().astype({"taxi": kind}), {"trips": events}, [MEAN], "0min")["fare"].tolist() == [
        10.0
    ]


def test_index_and_order_of_the_rows_are_kept():
    """Any index, any order: the result has the rows' own."""
    asked = pd.DataFrame(
        {"taxi": ["A", "B", "A"], "time": NOON + pd.to_timedelta([30, 30, 3], unit="min")},
        index=["x", "y", "x"],
    )
    got = compute(asked, {"trips": trips()}, [MEAN], "0min")
    assert list(got.index) == ["x", "y", "x"]
    np.testing.assert_array_equal(got["fare"], [15.0, np.nan, 10.0])


def test_no_events_and_no_rows_are_no_trouble():
    """Empty tables give empty windows, empty rows an empty frame."""
    features = [MEAN, SHARE, since("taxi", "paid", TRIPS, "1d")]
    assert compute(rows(), {"trips": trips().iloc[:0]}, features, "0min").isna().all(axis=None)
    assert compute(rows().iloc[:0], {"trips": trips()}, features, "0min").shape == (0, 3)


REFUSED = {
    "no table": ((rows(), {}, [MEAN], "0min"), "reads table 'trips', which is not given"),
    "no column": ((rows(), {"trips": trips().drop(columns="paid")}, [MEAN], "0min"), r"lacks \['paid'\]"),
    "no row key": (
        (rows().drop(columns="taxi"), {"trips": trips()}, [MEAN], "0min"),
        r"rows lack \['taxi'\]",
    ),
    "null time": ((rows(time=[pd.NaT]), {"trips": trips()}, [MEAN], "0min"), "null times"),
    "text time": ((rows(time=["noon"]), {"trips": trips()}, [MEAN], "0min"), "must be datetime64"),
    "text value": (
        (rows(), {"trips": trips(fare=["1", "2"])}, [MEAN], "0min"),
        "must be a number or a boolean",
    ),
    "infinite": ((rows(), {"trips": trips(fare=[1.0, np.inf])}, [MEAN], "0min"), "infinite"),
    "no truth": ((rows(), {"trips": trips(shared=[1, 3])}, [SHARE], "0min"), "needs true or false"),
    "no id": ((rows(), {"trips": trips(id=[1, None])}, [MEAN], "0min"), "events without 'id'"),
    "other keys": ((rows(taxi=[7]), {"trips": trips()}, [MEAN], "0min"), "they can never be equal"),
    "negative horizon": ((rows(), {"trips": trips()}, [MEAN], -pd.Timedelta("1h")), "is negative"),
    "horizon without unit": ((rows(), {"trips": trips()}, [MEAN], "2"), "no duration"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_table_is_refused_with_the_rule(case):
    """The message names the table or column and what is wrong with it; a stage ends without a traceback."""
    arguments, message = REFUSED[case]
    with pytest.raises(Refusal, match=message):
        compute(*arguments)


@pytest.mark.parametrize("size", [1.0, 1e6 + 0.1, 3e9 + 0.3, 1e15, 1e30])
def test_sums_are_exact_for_numbers_of_any_size(size):
    """Beyond int64 Python's integers take over: no digit is lost, and equal values have deviation zero."""
    sums = Sums(np.full(1_000, size))
    left, right = np.array([0, 10, 5]), np.array([1_000, 13, 5])
    np.testing.assert_allclose(sums.total(left, right), size * np.array([1_000.0, 3, 0]), rtol=1e-12)
    np.testing.assert_array_equal(sums.std(left, right, right - left), [0.0, 0.0, np.nan])
