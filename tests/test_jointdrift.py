"""Columns that look as ever and no longer fit each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fullcycle import drift, jointdrift, metrics


def _rows(count: int, seed: int, lag: int = 0) -> pd.DataFrame:
    """An hour, and a temperature and a town that follow it; with a lag they follow an earlier hour."""
    random = np.random.default_rng(seed)
    hour = random.integers(0, 24, count)
    then = hour - lag
    return pd.DataFrame(
        {
            "hour": hour.astype("float64"),
            "warmth": np.sin(then / 24 * 2 * np.pi) + random.normal(0, 0.2, count),
            "town": pd.Series(np.where(then % 24 < 12, "Rome", "Oslo"), dtype="str"),
            "gappy": np.where(random.random(count) < 0.3, np.nan, random.normal(size=count)),
        }
    )


def test_a_lag_shows_in_no_column_and_in_all_together():
    """Hours, temperatures and towns are as common as before; which goes with which has changed."""
    reference, late = _rows(2000, 0), _rows(2000, 1, lag=3)
    assert drift.drifted(drift.Reference(reference).differences(late), 4, 0.01) == []
    area, difference = jointdrift.separation(reference, late, 1)
    assert area > 0.7
    assert difference.drifted(5, 0.01)


def test_without_change_nothing_is_told_apart():
    """At most three alarms at a level of 0.05 in 60 pairs would be usual; large enough is rarer still."""
    found = [
        jointdrift.separation(_rows(600, 2 * seed), _rows(500, 2 * seed + 1), seed) for seed in range(60)
    ]
    assert sum(difference.p < 0.05 for _, difference in found) <= 8  # 1 chance in 100 at 0.05
    assert sum(difference.drifted(5, 0.01) for _, difference in found) == 0
    assert np.mean([area for area, _ in found]) == pytest.approx(0.5, abs=0.01)


def test_area_and_p_are_scipys(monkeypatch):
    """Those of Mann and Whitney's test, one-sided, of what the trees say of the other half."""
    seen = {}

    def of_probability(truth, said):
        seen["said"] = said
        return metrics.of_probability(truth, said)

    monkeypatch.setattr(jointdrift, "of_probability", of_probability)
    reference, late = _rows(400, 0), _rows(300, 1, lag=1)
    area, difference = jointdrift.separation(reference, late, 1)
    half = np.random.default_rng(1).permutation(700) % 2 == 0
    truth = np.repeat([0, 1], [400, 300])[~half]
    said = seen["said"]
    oracle = stats.mannwhitneyu(
        said[truth == 1], said[truth == 0], alternative="greater", use_continuity=False, method="asymptotic"
    )
    assert area == pytest.approx(oracle.statistic / ((truth == 1).sum() * (truth == 0).sum()), abs=1e-12)
    assert difference.p == pytest.approx(oracle.pvalue, rel=0.02)  # scipy corrects for ties


@pytest.mark.parametrize("change", ["gap", "category"])
def test_gaps_and_unseen_categories_are_told(change):
    """A value that became a gap, a category that nobody had seen."""
    changed = _rows(1000, 1)
    column, value = {"gap": ("warmth", np.nan), "category": ("town", "Lima")}[change]
    changed.loc[::3, column] = value
    assert jointdrift.separation(_rows(1000, 0), changed, 1)[1].drifted(5, 0.01)


def test_the_same_rows_give_the_same_answer_and_few_rows_none():
    """Nothing depends on the run; four rows cannot be told from four others."""
    one, two = _rows(300, 0), _rows(300, 1, lag=2)
    assert jointdrift.separation(one, two, 7) == jointdrift.separation(one, two, 7)
    assert jointdrift.separation(one.head(4), two.head(4), 7)[1].distance == 0


def test_categories_are_numbered_by_all_that_occur():
    """The same category has the same number on both sides; a gap stays one; a boolean is a number."""
    reference = pd.DataFrame({"town": pd.Series(["b", "a"], dtype="str"), "wet": [True, False]})
    current = pd.DataFrame({"town": pd.Series(["c", None, "b"], dtype="str"), "wet": [False, True, True]})
    expected = [[1, 1], [0, 0], [2, 0], [np.nan, 1], [1, 1]]
    np.testing.assert_array_equal(jointdrift.numbers(reference, current), expected)
