"""The rule by which a difference is called noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from fullcycle.operations.review_noise import BETTER, NOISE, SAME, WORSE, Side, paired_shares, rule

SPLIT = {"test": {"rows": 100, "first": "a", "last": "b"}}


def ends(value, half):
    """A number with a symmetric interval."""
    return {"value": value, "low": value - half, "high": value + half}


def side(value=0.75, half=0.025, champion="trees", noise=None, split=SPLIT, gains=None):
    """One side with one metric, and a rival whose paired gain has an interval of 2 x 0.01."""
    rival = {"roc_auc": ends(0.74, half), "champion_gains": {"roc_auc": ends(0.01, 0.01)}}
    details = {"test": {"candidates": {"linear": rival} if gains is None else gains}}
    return Side({"roc_auc": ends(value, half)}, details, split, noise or {}, champion)


def band(candidate="trees", sd=0.001, seeds=4):
    """A noise.json."""
    return {"candidate": candidate, "seeds": list(range(seeds)), "metrics": {"test": {"roc_auc": {"sd": sd}}}}


def judged(before, after, metric="roc_auc", looks=1):
    """Verdict and noise for the one metric."""
    own = rule(before, after, 0.95)
    return own.verdict("test", metric, before.test["roc_auc"], after.test["roc_auc"], looks)


def test_on_the_same_rows_the_intervals_are_narrowed_by_the_paired_comparison():
    """The paired interval of the pipeline's own candidates, scaled to the intervals at hand."""
    verdict, noise = judged(side(0.75), side(0.7598))
    assert noise == pytest.approx(0.01)
    assert verdict == NOISE
    assert judged(side(0.75), side(0.7602))[0] == BETTER
    assert judged(side(0.75), side(0.7398))[0] == WORSE
    assert judged(side(0.75), side(0.75))[0] == SAME


def test_on_other_rows_the_intervals_count_in_full():
    """Where the test rows changed nothing cancels out."""
    other = side(0.78, split={"test": {"rows": 101}})
    verdict, noise = judged(side(0.75), other)
    assert noise == pytest.approx(math.hypot(0.025, 0.025))
    assert verdict == NOISE


def test_seeds_are_added_in_quadrature():
    """Two refits differ by less than t * sqrt(2) * sd, with one degree of freedom less than refits."""
    _, noise = judged(side(), side(noise=band()))
    assert noise == pytest.approx(math.hypot(0.01, t.ppf(0.975, 3) * math.sqrt(2) * 0.001))


@pytest.mark.parametrize("noise", [band(candidate="another"), band(seeds=1), band(sd=0.0), {}])
def test_a_band_that_says_nothing_of_these_models_is_left_out(noise):
    """A band of another candidate, of one refit, or of none."""
    assert judged(side(), side(noise=noise))[1] == pytest.approx(0.01)


def test_a_smaller_loss_is_better():
    """The direction belongs to the metric."""
    own = rule(side(), side(), 0.95)
    assert own.verdict("test", "log_loss", ends(0.4, 0.01), ends(0.3, 0.01))[0] == BETTER
    assert own.verdict("test", "log_loss", ends(0.3, 0.01), ends(0.4, 0.01))[0] == WORSE


def test_many_looks_widen_the_noise():
    """Bonferroni: among 20 slices each is asked at a twentieth of the error."""
    _, noise = judged(side(), side(), looks=20)
    assert noise == pytest.approx(0.01 * norm.ppf(1 - 0.025 / 20) / norm.ppf(0.975))


def test_the_share_comes_from_the_rival_itself_where_the_sides_name_each_other():
    """If the champion changed from linear to trees, their own paired interval counts, not a nearer one's."""
    gains = {
        "linear": {"roc_auc": ends(0.7, 0.025), "champion_gains": {"roc_auc": ends(0.05, 0.02)}},
        "near": {"roc_auc": ends(0.75, 0.025), "champion_gains": {"roc_auc": ends(0.0, 0.001)}},
    }
    full = math.hypot(0.025, 0.025)
    assert paired_shares(side(gains=gains), "linear")["roc_auc"] == pytest.approx(0.02 / full)
    assert paired_shares(side(gains=gains), None)["roc_auc"] == pytest.approx(0.001 / full)
    assert paired_shares(side(gains={}), None) == {}


def test_seeds_alone_are_called_noise_and_real_gains_are_not():
    """Models that differ by seed and days pass as better or worse in one of twenty reviews.

    Simulated: the metric of each is the truth, plus a day's luck that both share, plus their own.
    """
    chance = np.random.default_rng(1)
    sd, own, shared, wrong, missed = 0.001, 0.003, 0.012, 0, 0
    halves = 1.96 * math.hypot(own, shared)
    gains = {
        "linear": {
            "roc_auc": ends(0.7, halves),
            "champion_gains": {"roc_auc": ends(0.05, 1.96 * math.sqrt(2) * own)},
        }
    }
    for _ in range(1000):
        day = chance.normal(0, shared)
        seeds = chance.normal(0, sd, 4)
        first, second = (0.75 + day + chance.normal(0, own) + chance.normal(0, sd) for _ in range(2))
        noise = band(sd=float(seeds.std(ddof=1)))
        before = side(first, halves, gains=gains)
        wrong += judged(before, side(second, halves, gains=gains, noise=noise))[0] != NOISE
        missed += judged(before, side(second + 0.03, halves, gains=gains, noise=noise))[0] != BETTER
    assert wrong / 1000 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)  # three standard errors of a share
    assert missed / 1000 < 0.05
