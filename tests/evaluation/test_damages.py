"""Each damage does what its name says to the columns it is given, and loses no row."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fullcycle.errors import Refusal
from fullcycle.evaluation.damages import DAMAGES, UNSEEN, hit, matching, stale

ROWS = 4000


@pytest.fixture
def rows():
    """Hours of two stations with numbers, gaps, text and a flag."""
    random = np.random.default_rng(0)
    time = pd.Timestamp("2013-09-01", tz="UTC") + pd.to_timedelta(np.arange(ROWS) // 2, unit="h")
    return pd.DataFrame(
        {
            "time": time,
            "station": pd.Series(["a", "b"] * (ROWS // 2), dtype="str"),
            "temp": np.arange(ROWS, dtype="float64"),
            "gappy": np.where(random.random(ROWS) < 0.25, np.nan, random.normal(5, 3, ROWS)),
            "count": random.integers(0, 9, ROWS),
            "flag": random.random(ROWS) < 0.5,
        }
    )


COLUMNS = ["station", "temp", "gappy", "count", "flag"]


def _hurt(rows, kind, columns=None, **settings):
    return DAMAGES[kind](rows, columns or COLUMNS, SimpleNamespace(**settings), np.random.default_rng(1))


def test_noise_has_the_size_that_was_asked_for(rows):
    """In standard deviations of each number; gaps stay gaps, text and flags as they are."""
    hurt = _hurt(rows, "noise", sd=0.5)
    for name in ("temp", "gappy", "count"):
        assert (hurt[name] - rows[name]).std() == pytest.approx(0.5 * rows[name].std(), rel=0.05)
    assert (hurt["gappy"].isna() == rows["gappy"].isna()).all()
    assert hurt[["station", "flag"]].equals(rows[["station", "flag"]])


def test_a_share_of_all_values_is_missing(rows):
    """Of every kind of column, independently of each other."""
    hurt = _hurt(rows, "missing", ["station", "temp", "count"], share=0.2)
    lost = hurt[["station", "temp", "count"]].isna()
    assert lost.mean().between(0.17, 0.23).all()
    assert lost.all(axis=1).mean() == pytest.approx(0.2**3, abs=0.006)


def test_a_source_that_is_gone_leaves_gaps_alone(rows):
    """In its own columns."""
    hurt = _hurt(rows, "gone", ["station", "temp"])
    assert hurt[["station", "temp"]].isna().all(axis=None)
    assert hurt[["gappy", "count", "flag"]].equals(rows[["gappy", "count", "flag"]])


def test_outliers_lie_as_far_as_was_asked_for_on_both_sides(rows):
    """A share of the numbers, the others untouched."""
    hurt = _hurt(rows, "outliers", ["temp"], share=0.1, sd=10.0)
    moved = hurt["temp"] != rows["temp"]
    assert moved.mean() == pytest.approx(0.1, abs=0.02)
    distance = ((hurt["temp"] - rows["temp"].mean()) / rows["temp"].std())[moved]
    assert set(distance.round(6)) == {-10.0, 10.0}


def test_unseen_categories_come_into_text_alone(rows):
    """Numbers and flags know no others."""
    hurt = _hurt(rows, "unseen", share=0.3)
    assert (hurt["station"] == UNSEEN).mean() == pytest.approx(0.3, abs=0.03)
    assert hurt.drop(columns="station").equals(rows.drop(columns="station"))


def test_duplicates_stand_after_their_originals(rows):
    """Every row is still there, in its order, and a share of them twice."""
    hurt = _hurt(rows, "duplicated", share=0.25)
    assert len(hurt) == pytest.approx(1.25 * ROWS, rel=0.03)
    assert hurt["temp"].is_monotonic_increasing
    assert hurt["temp"].drop_duplicates().tolist() == rows["temp"].tolist()


def test_another_unit_is_a_linear_map(rows):
    """Fahrenheit given as Celsius."""
    hurt = _hurt(rows, "unit", ["temp"], scale=5 / 9, offset=-160 / 9)
    assert hurt["temp"].tolist() == pytest.approx(((rows["temp"] - 32) * 5 / 9).tolist())


def test_a_stale_source_gives_what_it_gave_before(rows):
    """The last values of the same station at least so long ago; none where the history begins."""
    lag = SimpleNamespace(by=timedelta(hours=5), keys=["station"])
    shuffled = rows.sample(frac=1, random_state=0).reset_index(drop=True)
    hurt = stale(shuffled, ["temp"], lag, rows, "time")
    expected = shuffled["temp"] - 10  # two stations, so ten rows are five hours
    early = shuffled["time"] < rows["time"].min() + pd.Timedelta("5h")
    assert hurt["temp"][early].isna().all()
    assert hurt["temp"][~early].tolist() == expected[~early].tolist()
    assert hurt.drop(columns="temp").equals(shuffled.drop(columns="temp"))


def test_a_stale_sources_keys_stay(rows):
    """A source whose patterns match a key, or a key named twice, changes nothing for the others."""
    lag = SimpleNamespace(by=timedelta(hours=5), keys=["station", "station"])
    once = SimpleNamespace(by=timedelta(hours=5), keys=["station"])
    hurt = stale(rows, ["station", "temp"], lag, rows, "time")
    pd.testing.assert_frame_equal(hurt, stale(rows, ["temp"], once, rows, "time"))


BAD = [
    ({"kind": "stale", "source": "all", "keys": ["origim"]},
     r"stress.damages.x.keys: 'origim' is no column; there are station, temp, gappy, count, flag"),
    ({"kind": "stale", "source": "all", "keys": ["time"]}, "stress.damages.x.keys: 'time' is no column"),
    ({"kind": "unit", "columns": ["temp", "stat*"]},
     r"stress.damages.x.columns: 'station' \(str\) is no number, .*; there are temp, gappy, count$"),
    ({"kind": "unit", "columns": ["flag"]}, r"'flag' \(bool\) is no number"),
    ({"kind": "gone", "source": "sea"}, r"stress.damages.x: 'wind_\*' is no feature"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "rule"), BAD, ids=[rule for _, rule in BAD])
def test_a_damage_that_cannot_be_done_is_refused(rows, damage, rule):
    """With its name, the value and the columns that would do."""
    settings = SimpleNamespace(
        damages={"x": SimpleNamespace(**damage)}, sources={"all": ["*"], "sea": ["wind_*"]}
    )
    with pytest.raises(Refusal, match=rule):
        hit(rows, COLUMNS, "x", settings, "time")


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_same_chance_does_the_same_damage(rows, kind):
    """To a copy: the rows that were given stay as they are."""
    before = rows.copy()
    settings = {"sd": 1.0, "share": 0.3, "scale": 2.0, "offset": 1.0}
    first, second = (_hurt(rows, kind, ["temp"], **settings) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(rows, before)


def test_patterns_name_columns_in_their_order_and_must_name_some():
    """A pattern that a renaming has left behind is refused with the columns that there are."""
    assert matching(["t*", "cou?t"], COLUMNS, "key") == ["temp", "count"]
    with pytest.raises(
        Refusal, match=r"params.yaml: stress.damages.x: 'wind_\*' is no feature; there are station"
    ):
        matching(["temp", "wind_*"], COLUMNS, "stress.damages.x")
