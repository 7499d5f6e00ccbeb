"""Every metric equals scikit-learn's, or a brute-force reading of its definition, for any weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from fullcycle.metrics import Decision, bin_of, cheapest_threshold, measure

ORACLES = {
    "roc_auc": lambda y, p, _, w: oracle.roc_auc_score(y, p, sample_weight=w),
    "average_precision": lambda y, p, _, w: oracle.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, _, w: oracle.log_loss(y, p, sample_weight=w, labels=[0, 1]),
    "brier": lambda y, p, _, w: oracle.brier_score_loss(y, p, sample_weight=w),
    "accuracy": lambda y, _, d, w: oracle.accuracy_score(y, d, sample_weight=w),
    "precision": lambda y, _, d, w: oracle.precision_score(y, d, sample_weight=w, zero_division=0),
    "recall": lambda y, _, d, w: oracle.recall_score(y, d, sample_weight=w),
    "f1": lambda y, _, d, w: oracle.f1_score(y, d, sample_weight=w),
}


def _problem(seed: int, rows: int = 400, blocks: int = 30, decimals: int = 2):
    """Labels, probabilities (with ties, and with 0 and 1 among them), and the rows' blocks."""
    random = np.random.default_rng(seed)
    y = (random.random(rows) < 0.3).astype("float64")
    p = np.clip(random.normal(0.3 + 0.2 * y, 0.3), 0, 1).round(decimals)
    return y, p, random.integers(0, blocks, rows), random


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("decimals", [1, 2, 15])
@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_scikit_learns(name, seed, decimals):
    """For the rows as they are and for 40 random weightings of blocks, with and without ties, to 1e-12."""
    y, p, block, random = _problem(seed, decimals=decimals)
    weights = np.vstack([np.ones(30), random.integers(0, 4, (40, 30))]).astype("float64")
    threshold = float(p[7])  # a probability at the threshold is a warning
    found = measure(y, p, Decision(threshold, 1.0, 3.0), 10, block, weights)[name]
    expected = [ORACLES[name](y, p, p >= threshold, each[block]) for each in weights]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_certain_and_wrong_answer_costs_as_much_as_in_scikit_learn():
    """The log loss is clipped at the same place."""
    y, p = np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.5])
    found = measure(y, p, Decision(0.5, 1, 1), 2, np.zeros(3, int), np.ones((1, 1)))["log_loss"][0]
    assert found == pytest.approx(oracle.log_loss(y, p, labels=[0, 1]), rel=1e-12)


def test_the_cost_is_the_mean_of_what_each_wrong_decision_costs():
    """Counted row by row, weights included."""
    y, p, block, random = _problem(5)
    weights = random.integers(0, 4, (7, 30)).astype("float64")
    found = measure(y, p, Decision(0.4, 2.0, 5.0), 10, block, weights)["cost"]
    each = np.where(p >= 0.4, 2.0 * (y == 0), 5.0 * (y == 1))
    np.testing.assert_allclose(found, [np.average(each, weights=w[block]) for w in weights], rtol=1e-12)


@pytest.mark.parametrize("bins", [2, 5, 20])
@pytest.mark.parametrize("decimals", [1, 3])
def test_the_calibration_error_is_the_mean_gap_over_bins(bins, decimals):
    """Bin by bin and row by row, with the weights inside each bin."""
    y, p, block, random = _problem(9, decimals=decimals)
    weights = np.vstack([np.ones(30), random.integers(0, 4, (5, 30))]).astype("float64")
    found = measure(y, p, Decision(0.4, 1, 1), bins, block, weights)["calibration_error"]
    number = bin_of(p, bins)
    for result, weight in zip(found, weights[:, block], strict=True):
        total = 0.0
        for each in range(bins):
            own = number == each
            if weight[own].sum() > 0:
                gap = np.average(p[own], weights=weight[own]) - np.average(y[own], weights=weight[own])
                total += weight[own].sum() / weight.sum() * abs(gap)
        assert result == pytest.approx(total, abs=1e-12)


def test_bins_hold_equal_numbers_of_rows():
    """Without ties, to within one row; equal probabilities are never torn apart."""
    p = np.random.default_rng(1).random(1000)
    assert set(np.bincount(bin_of(p, 20))) <= {49, 50, 51}
    tied = p.round(1)
    assert all(len(set(bin_of(tied, 20)[tied == value])) == 1 for value in np.unique(tied))


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_repetitions(seed):
    """A block drawn twice counts as its rows written down twice: all metrics agree with that."""
    y, p, block, random = _problem(seed, blocks=6, decimals=15)
    weights = random.integers(0, 3, 6)
    rows = np.repeat(np.arange(len(y)), weights[block])
    decision = Decision(0.35, 1.0, 3.0)
    weighted = measure(y, p, decision, 5, block, weights[None].astype("float64"))
    written = measure(y[rows], p[rows], decision, 5, np.zeros(len(rows), int), np.ones((1, 1)))
    for name in set(weighted) - {"calibration_error"}:  # whose bins are those of the whole data
        assert weighted[name][0] == pytest.approx(written[name][0], abs=1e-12), name


def test_many_resamples_equal_one_at_a_time():
    """Working in chunks changes no number beyond the order of a sum."""
    y, p, block, random = _problem(3)
    weights = random.integers(0, 3, (70, 30)).astype("float64")
    decision = Decision(0.4, 1, 3)
    together = measure(y, p, decision, 10, block, weights)
    for name, values in together.items():
        alone = [measure(y, p, decision, 10, block, each[None])[name][0] for each in weights]
        np.testing.assert_allclose(values, alone, rtol=1e-14, err_msg=name)


@pytest.mark.parametrize(
    ("label", "meaningless"), [(0.0, {"roc_auc", "average_precision", "recall"}), (1.0, {"roc_auc"})]
)
def test_a_metric_without_meaning_is_nan(label, meaningless):
    """One class alone has no ranking; the metrics that need no second class have their values."""
    p = np.array([0.2, 0.7, 0.9])
    found = measure(np.full(3, label), p, Decision(0.5, 1, 1), 2, np.zeros(3, int), np.ones((1, 1)))
    assert {name for name, value in found.items() if np.isnan(value[0])} == meaningless


def test_a_resample_without_a_class_is_nan_and_the_others_are_not():
    """The days that hold all positives may not be drawn: that resample alone has no value."""
    y, p, block = np.array([1.0, 0, 0, 0]), np.array([0.9, 0.1, 0.5, 0.2]), np.array([0, 0, 1, 1])
    found = measure(y, p, Decision(0.5, 1, 1), 2, block, np.array([[1.0, 1], [0, 2], [2, 0]]))["roc_auc"]
    assert np.isnan(found).tolist() == [False, True, False]


ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.7, 1.0])),
    min_size=1,
    max_size=30,
)
COST = st.sampled_from([0.5, 1.0, 2.0, 3.0])


@settings(max_examples=200)
@given(rows=ROWS, false_alarm=COST, missed=COST)
def test_the_cheapest_threshold_is_the_cheapest_of_all(rows, false_alarm, missed):
    """No other threshold is cheaper; of equally cheap ones it is the highest; 1.1 means never."""
    y, p = (np.array(column) for column in zip(*rows, strict=True))

    def cost(threshold: float) -> float:
        return float(np.where(p >= threshold, false_alarm * (y == 0), missed * (y == 1)).sum())

    found = cheapest_threshold(y, p, false_alarm, missed)
    every = [*np.unique(p), 1.1]
    cheapest = min(map(cost, every))
    assert cost(found) == cheapest
    assert found == max(each for each in every if cost(each) == cheapest)


@given(rows=ROWS, factor=st.sampled_from([2.0, 4.0]))
def test_only_the_ratio_of_the_costs_moves_the_threshold(rows, factor):
    """Costs in cents give the decisions of costs in dollars."""
    y, p = (np.array(column) for column in zip(*rows, strict=True))
    assert cheapest_threshold(y, p, 1.0, 3.0) == cheapest_threshold(y, p, factor, 3.0 * factor)


@settings(max_examples=60)
@given(rows=ROWS)
def test_ranking_ignores_how_probabilities_are_spaced(rows):
    """ROC AUC and average precision depend on the order alone."""
    y, p = (np.array(column) for column in zip(*rows, strict=True))
    assume(0 < y.sum() < len(y))
    block, one, decision = np.zeros(len(y), int), np.ones((1, 1)), Decision(0.5, 1, 1)
    first, second = (measure(y, each, decision, 2, block, one) for each in (p, p**3 / 2))
    assert first["roc_auc"] == pytest.approx(second["roc_auc"])
    assert first["average_precision"] == pytest.approx(second["average_precision"])
