"""Leaks are found, honest features are not accused."""

import numpy as np
import pandas as pd
import pytest

from fullcycle.features.leakcheck import future_blindness, suspects
from fullcycle.features.offline import compute
from fullcycle.features.rolling import DefinitionError, Events, latest, rolling, since

TRUTH = Events(
    "flights",
    id="id",
    keys=["origin"],
    values={"dep_delay": ("dep_time", "arr_time"), "arr_delay": "arr_time", "late": "arr_time"},
    planned=["slot"],
)
WEATHER = Events("weather", id="id", keys=["origin"], values={"wind": "observed"})
HORIZON = "2h"
HONEST = [
    rolling("dep_delay", "origin", "6h", "mean", "dep_time", table=TRUTH),
    rolling("arr_delay", "origin", "6h", "max", "arr_time", table=TRUTH),
    rolling("late", "origin", "6h", "share", "arr_time", table=TRUTH),
    rolling(None, "origin", "1h", "count", "slot", table=TRUTH),
    since("origin", "arr_time", TRUTH, "1d"),
    latest("wind", "origin", "observed", WEATHER, "4h"),
]


@pytest.fixture(name="world", scope="module")
def make_world():
    """Two days of flights from two airports with hourly weather."""
    rng = np.random.default_rng(3)
    count = 600
    slot = pd.Series(pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 5, unit="min"))
    dep_delay, air_time = rng.integers(-5, 90, count), rng.integers(60, 300, count)
    flights = pd.DataFrame({"id": np.arange(count), "origin": rng.choice(["A", "B"], count), "slot": slot})
    flights["time"] = slot + pd.Timedelta(HORIZON)
    flights["dep_delay"] = dep_delay.astype(float)
    flights["dep_time"] = flights["time"] + pd.to_timedelta(dep_delay, unit="min")
    flights["arr_time"] = flights["dep_time"] + pd.to_timedelta(air_time, unit="min")
    flights["arr_delay"] = dep_delay + rng.normal(0, 9, count)
    flights["late"] = flights["arr_delay"] >= 15
    lost = rng.random(count) < 0.03
    flights.loc[lost, ["dep_delay", "arr_delay", "dep_time", "arr_time"]] = None
    observed = pd.date_range("2024-04-30", periods=100, freq="h", tz="UTC")
    weather = pd.DataFrame({"origin": ["A", "B"] * 50, "observed": observed, "wind": rng.normal(9, 3, 100)})
    return flights, {"flights": flights, "weather": weather.assign(id=np.arange(100))}


CUT = pd.Timestamp("2024-05-02T03:20", tz="UTC")


def leaks(build, world, **more):
    """Leaks by the true times of both tables."""
    return future_blindness(build, *world, CUT, [TRUTH, WEATHER], HORIZON, row_table="flights", **more)


def test_honest_definitions_are_blind(world):
    """No feature filed under its true time moves when the future does."""
    assert leaks(lambda rows, tables: compute(rows, tables, HONEST, HORIZON), world) == []


def test_a_value_filed_too_early_is_refused_on_import():
    """A definition whose known_at comes before the declared time of its value cannot be written."""
    with pytest.raises(DefinitionError, match="'arr_delay' is known from 'arr_time' on, not at 'dep_time'"):
        rolling("arr_delay", "origin", "6h", "mean", "dep_time", table=TRUTH)


@pytest.mark.parametrize("stat", ["mean", "last", "max", "std", "quantile"])
def test_a_value_declared_too_early_is_caught(world, stat):
    """With a false declaration the definition passes, and the rewritten future gives it away."""
    false = Events("flights", id="id", keys=["origin"], values={"arr_delay": "dep_time"})
    q = 0.9 if stat == "quantile" else None
    planted = rolling("arr_delay", "origin", "6h", stat, "dep_time", "planted", table=false, q=q)
    found = leaks(lambda rows, tables: compute(rows, tables, [planted], HORIZON), world)
    assert found[0].future == "changed"
    assert {leak.feature for leak in found} == {"planted"}
    assert "feature 'planted' knows the future: with later events changed it turns from" in str(found[0])


LEAKY_CODE = {
    "its own outcome": lambda rows, _: rows["dep_delay"],
    "the whole table's mean": lambda _, tables: tables["flights"]["arr_delay"].mean(),
    "weather to come": lambda rows, tables: pd.merge_asof(
        rows[["time"]], tables["weather"][["observed", "wind"]], left_on="time", right_on="observed"
    )["wind"],
}


@pytest.mark.parametrize("leak", LEAKY_CODE)
def test_a_leak_in_code_beside_the_definitions_is_caught(world, leak):
    """The check asks the built frame, so it sees what no definition shows."""

    def build(rows, tables):
        return compute(rows, tables, HONEST, HORIZON).assign(extra=LEAKY_CODE[leak](rows, tables))

    assert {found.feature for found in leaks(build, world)} == {"extra"}


def test_a_shorter_horizon_than_asked_is_caught(world):
    """Features computed one hour ahead know too much for a decision two hours ahead."""
    found = leaks(lambda rows, tables: compute(rows, tables, HONEST, "1h"), world)
    assert "dep_delay_mean_6h_by_origin" in {leak.feature for leak in found}


def test_a_check_of_nothing_is_refused(world):
    """A cut-off before all rows would pass anything."""
    with pytest.raises(ValueError, match="no row is decided at or before"):
        future_blindness(lambda rows, _: rows, *world, pd.Timestamp("2020-01-01"), [TRUTH], HORIZON)


def test_suspects_are_features_that_separate_the_label_alone():
    """Either direction counts, NaN is a group, categories face the other half; noise is not accused."""
    rng = np.random.default_rng(5)
    label = pd.Series(rng.random(2000) < 0.3)
    noise = rng.normal(size=2000)
    features = pd.DataFrame(
        {
            "noise": noise,
            "honest": noise + label,
            "outcome": label * 40.0 + noise,
            "reversed": -(label * 40.0) + noise,
            "missing_tells": np.where(label, np.nan, noise),
            "status": np.where(label, "LATE", "OK"),
            "unique_name": [f"flight {i}" for i in range(2000)],
        }
    )
    found = suspects(features, label, limit=0.95)
    assert set(found) == {"outcome", "reversed", "missing_tells", "status"}
    assert found["outcome"] == pytest.approx(1.0)


@pytest.mark.parametrize("late", [lambda x: x > 0.5, lambda x: x < 0.5], ids=["the high", "the low"])
def test_gaps_are_ranked_where_they_separate_best(late):
    """Rows without the value are late, and so are those at one end: ranked beside these, gaps tell all."""
    x = pd.Series(np.random.default_rng(0).random(300)).mask(lambda known: known.index % 3 == 0)
    label = late(x) | x.isna()
    assert suspects(pd.DataFrame({"x": x}), label, limit=0.999) == {"x": 1.0}


def test_suspects_need_two_classes():
    """With one class there is nothing to separate."""
    with pytest.raises(ValueError, match="one class only"):
        suspects(pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([True, True]), 0.9)
