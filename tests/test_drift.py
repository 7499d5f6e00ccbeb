"""The rule that says whether a column has drifted, and its parts beside scipy's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fullcycle import drift


def _samples(seed: int, tied: bool):
    random = np.random.default_rng(seed)
    one, two = random.normal(size=900), random.normal(0.1 * seed, 1 + 0.1 * seed, size=1100)
    return (np.sort(np.round(each, 1) if tied else each) for each in (one, two))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_distances_are_scipys(seed, tied):
    """The Kolmogorov-Smirnov statistic and the Wasserstein distance, with and without ties."""
    one, two = _samples(seed, tied)
    oracle = stats.ks_2samp(one, two)
    statistic, p = drift.kolmogorov_smirnov(one, two)
    assert statistic == pytest.approx(oracle.statistic, abs=1e-12)
    size = len(one) * len(two) / (len(one) + len(two))
    assert p == pytest.approx(stats.kstwobign.sf(np.sqrt(size) * statistic), rel=1e-9)
    assert p == pytest.approx(oracle.pvalue, rel=0.2, abs=0.02)  # exact there, its limit for many rows here
    assert drift.wasserstein(one, two) == pytest.approx(stats.wasserstein_distance(one, two), rel=1e-12)


@pytest.mark.parametrize(
    "counts", [[[10, 20, 30], [12, 18, 40]], [[5, 0, 9], [5, 0, 9]], [[900, 1], [900, 30]]]
)
def test_counts_are_compared_as_scipy_does(counts):
    """Pearson's test without correction; a category that neither has plays no part."""
    counts = np.array(counts)
    oracle = stats.chi2_contingency(counts[:, counts.sum(axis=0) > 0], correction=False)
    assert drift.chi_squared(counts) == pytest.approx(oracle.pvalue, rel=1e-9)
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert drift.total_variation(counts) == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)


def test_one_category_on_both_sides_is_no_difference():
    """There is nothing to test."""
    assert drift.chi_squared(np.array([[7], [9]])) == 1.0


def _table(rows: int, seed: int, **changed) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    number = random.normal(10, 2, rows)
    table = pd.DataFrame(
        {
            "number": number,
            "gappy": np.where(random.random(rows) < 0.3, np.nan, number),
            "town": pd.Series(random.choice(["Rome", "Oslo", "Lima"], rows, p=[0.6, 0.3, 0.1]), dtype="str"),
            "constant": 1.0,
        }
    )
    return table.assign(**{name: change(table[name]) for name, change in changed.items()})


CHANGES = {
    "shifted": ("number", lambda x: x + 1),
    "wider": ("number", lambda x: 10 + (x - 10) * 2),
    "gone": ("number", lambda x: x.mask(x > -99)),
    "more gaps": ("gappy", lambda x: x.mask(np.arange(len(x)) % 4 == 0)),
    "other town": ("town", lambda x: x.mask(np.arange(len(x)) % 5 == 0, "Kyiv")),
    "town unknown": ("town", lambda x: x.mask(np.arange(len(x)) % 5 == 0)),
    "constant moved": ("constant", lambda x: x + 0.001),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_large_change_of_one_column_is_found_in_that_column_alone(change):
    """Values, spread, gaps, categories; a constant that moves at all has moved far."""
    column, how = CHANGES[change]
    reference = drift.Reference(_table(2000, 0))
    found = reference.differences(_table(1500, 1, **{column: how}))
    assert drift.drifted(found, 4, 0.01) == [column]


def test_infinities_are_gaps():
    """Two of them and more hide no change of the other values, and many are a change themselves."""
    few = np.where(np.arange(2000) % 700 == 0, np.inf, 0.0)
    reference = drift.Reference(_table(2000, 0, number=lambda x: x + few)[["number"]])
    moved = _table(2000, 1, number=lambda x: x + 1 - few)[["number"]]
    assert drift.drifted(reference.differences(moved), 1, 0.01) == ["number"]
    many = _table(2000, 1, number=lambda x: x.mask(np.arange(len(x)) % 4 == 0, -np.inf))[["number"]]
    assert drift.drifted(reference.differences(many), 1, 0.01) == ["number"]
    same = _table(2000, 1, number=lambda x: x + few)[["number"]]
    assert drift.drifted(reference.differences(same), 1, 0.01) == []


def test_without_change_nothing_has_drifted():
    """At most one alarm in 100 pairs of samples, from 200 rows to 4,000."""
    alarms = 0
    for seed in range(100):
        rows = (200, 1000, 4000)[seed % 3]
        reference = drift.Reference(_table(rows, 2 * seed))
        alarms += bool(drift.drifted(reference.differences(_table(rows, 2 * seed + 1)), 4, 0.01))
    assert alarms <= 1


def test_a_change_that_is_sure_but_small_is_no_drift():
    """With 100,000 rows a twentieth of a standard deviation is significant, and does not matter."""
    reference = drift.Reference(_table(100_000, 0)[["number"]])
    found = reference.differences(_table(100_000, 1, number=lambda x: x + 0.1)[["number"]])
    assert found["number"].p < 1e-6
    assert drift.drifted(found, 1, 0.01) == []


def test_only_the_columns_asked_for_are_compared():
    """And the farthest stands first."""
    reference = drift.Reference(_table(1000, 0))
    other = _table(1000, 1, number=lambda x: x + 1, gappy=lambda x: x + 5, town=lambda x: x.mask(x == "Rome"))
    found = reference.differences(other, ["number", "gappy"])
    assert drift.drifted(found, 4, 0.01) == ["gappy", "number"]
