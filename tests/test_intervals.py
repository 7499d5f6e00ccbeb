"""Bootstrap intervals over days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fullcycle.intervals import days, estimates, resampled


def test_days_are_utc_days_numbered_in_the_order_of_time():
    """Whatever the order of the rows, and without numbers for days that have no row."""
    time = pd.Series(
        pd.to_datetime(
            ["2013-03-11T00:00Z", "2013-03-10T23:59:59Z", "2013-03-01T12:00Z", "2013-03-10T00:00Z"],
            format="ISO8601",
        )
    )
    assert days(time).tolist() == [2, 1, 0, 1]


def test_row_0_is_the_data_as_they_are():
    """Every block counts once there, and every resample draws as many blocks as there are."""
    weights = resampled(12, 200, seed=3)
    assert weights.shape == (201, 12)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 12).all()
    assert (weights[1:] != 1).any(axis=1).all()


def test_resamples_repeat_with_their_seed():
    """The same seed draws the same blocks; another draws others."""
    np.testing.assert_array_equal(resampled(20, 50, 7), resampled(20, 50, 7))
    assert (resampled(20, 50, 7) != resampled(20, 50, 8)).any()


def test_each_block_is_drawn_equally_often():
    """On average once a resample, with the variance of a draw with replacement (1 - 1/n)."""
    drawn = resampled(10, 20_000, seed=1)[1:]
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(drawn.var(axis=0), 0.9, atol=0.05)


def test_an_interval_is_that_of_the_percentiles():
    """The value is row 0; resamples without a value are left out; a metric without one has no entry."""
    values = np.array([7.0, *np.arange(101), np.nan])
    found = estimates({"a": values, "b": np.array([np.nan, 1, 2])}, confidence=0.9)
    assert set(found) == {"a"}
    assert found["a"].as_dict() == pytest.approx({"value": 7.0, "low": 5.0, "high": 95.0})


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_a_95_percent_interval_covers_about_95_percent(shared):
    """Over 400 simulated samples of 60 independent days; also where the rows of a day share their fate."""
    random = np.random.default_rng(2)
    of_days, per_day, covered = 60, 5, 0
    for trial in range(400):
        fate = shared * random.normal(size=of_days)
        sums = (fate[:, None] + random.normal(size=(of_days, per_day))).sum(axis=1)
        means = resampled(of_days, 300, seed=trial) @ sums / (of_days * per_day)
        found = estimates({"mean": means}, 0.95)["mean"]
        covered += found.low <= 0 <= found.high
    assert 0.88 <= covered / 400 <= 0.99
