"""How every kind is fitted: rounds found and probabilities calibrated on rows kept apart."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.candidates.entry import rounds_of, with_seed
from fullcycle.training.candidates.trees import first_best
from fullcycle.training.context import Context

LIGHTGBM = {"kind": "lightgbm", "rounds": 200, "learning_rate": 0.3, "num_leaves": 15, "min_leaf_rows": 5,
            "row_share": 0.8, "feature_share": 0.8, "l2": 0.0, "min_category_rows": 5, "seed": 1}  # fmt: skip
BOOSTING = {"kind": "boosting", "rounds": 200, "learning_rate": 0.3, "max_leaves": 15, "min_leaf_rows": 5,
            "l2": 0.0, "min_category_rows": 5, "seed": 1}  # fmt: skip
LOGISTIC = {"kind": "logistic", "c": 1.0, "max_iter": 50, "knots": 3, "min_category_rows": 5}
STOP = {"early_stopping": {"share": 0.25, "patience": 10}}
HOUR = timedelta(hours=1)


def _rows(count: int = 800, seed: int = 0, share: float = 0.5) -> tuple[pd.DataFrame, pd.Series, Context]:
    random = np.random.default_rng(seed)
    features = pd.DataFrame(random.normal(size=(count, 4)), columns=list("abcd"))
    score = features["a"] + random.normal(size=count)
    label = pd.Series((score > score.quantile(1 - share)).astype("int64"))
    time = pd.Series(pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="h"))
    return features, label, Context("binary", time, time + 3 * HOUR, 2 * HOUR)


def _fit(section: dict, rows=None):
    features, label, context = rows or _rows()
    settings = params.candidate(section)
    return CANDIDATES[settings.kind].fit(settings, features, label, context)


def test_the_latest_rows_are_kept_apart_and_what_was_unknown_then_is_in_neither():
    """A label known 3 hours later and a horizon of 2 hours purge the last 5 hours before."""
    *_, context = _rows(100)
    early, held = context.latest(0.25, 100)
    assert held.tolist() == [False] * 75 + [True] * 25
    assert early.tolist() == [True] * 70 + [False] * 30
    assert context.of(held).time.tolist() == context.time[75:].tolist()


def test_latest_means_by_time_and_not_by_place():
    """Rows in any order."""
    *_, context = _rows(100)
    order = np.random.default_rng(0).permutation(100)
    shuffled = Context("binary", context.time.iloc[order], context.known_at.iloc[order], context.horizon)
    np.testing.assert_array_equal(shuffled.latest(0.25, 100)[1], order >= 75)


def test_a_label_without_a_moment_at_which_it_became_known_is_not_purged():
    """As `split` keeps such a row."""
    *_, context = _rows(100)
    unknown = Context("binary", context.time, context.known_at.mask(context.time.notna()), context.horizon)
    assert unknown.latest(0.25, 100)[0].tolist() == [True] * 75 + [False] * 25


def test_a_share_that_leaves_nothing_is_refused():
    """When every early label became known too late."""
    *_, context = _rows(100)
    late = Context("binary", context.time, context.time + 1000 * HOUR, 2 * HOUR)
    with pytest.raises(Refusal, match=r"a share of 0\.25 of 100 rows leaves 0 to fit on and 25"):
        late.latest(0.25, 100)


@pytest.mark.parametrize("section", [LIGHTGBM, BOOSTING], ids=["lightgbm", "boosting"])
def test_early_stopping_finds_rounds_on_later_rows_and_refits_on_all(section):
    """The result is the very model that those rounds give without it; fewer rounds cost less later on."""
    stopped = _fit(section | STOP)
    rounds = rounds_of(stopped)
    assert 1 <= rounds < 100
    features, label, _ = _rows(seed=7)
    plain = _fit(section | {"rounds": rounds}).predict_proba(features)
    np.testing.assert_array_equal(stopped.predict_proba(features), plain)
    assert log_loss(label, plain) < log_loss(label, _fit(section).predict_proba(features))


@pytest.mark.parametrize("section", [LIGHTGBM, BOOSTING], ids=["lightgbm", "boosting"])
def test_early_stopping_minimises_the_loss_on_the_rows_kept_apart(section):
    """Of all rounds up to the stop it is the best, fitted on the early rows alone."""
    features, label, context = _rows()
    early, held = context.latest(0.25, len(label))
    found = rounds_of(_fit(section | STOP))
    losses = []
    for rounds in range(1, found + 10):
        model = _fit(section | {"rounds": rounds}, (features[early], label[early], context.of(early)))
        losses.append(log_loss(label[held], model.predict_proba(features[held])))
    assert int(np.argmin(losses)) + 1 == found


def test_the_search_for_rounds_ends_at_the_first_long_pause():
    """A later and lower loss behind a pause of `patience` rounds is not seen; a tie keeps the earlier."""
    assert first_best([3, 2, 2, 2.5, 1], 2) == 2
    assert first_best([3, 2, 2, 2.5, 1], 3) == 5
    assert first_best([3.0], 1) == 1


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("section", [LIGHTGBM, BOOSTING, LOGISTIC], ids=["lightgbm", "boosting", "logistic"])
def test_calibration_is_scikit_learns_on_rows_that_the_model_has_not_seen(section, method):
    """Fitted on the early rows, mapped on the latest."""
    features, label, context = _rows()
    early, held = context.latest(0.3, len(label))
    own = _fit(section | {"calibration": {"share": 0.3, "method": method}})
    plain = _fit(section, (features[early], label[early], context.of(early)))
    oracle = CalibratedClassifierCV(FrozenEstimator(plain), method=method).fit(features[held], label[held])
    asked = _rows(seed=3)[0]
    np.testing.assert_allclose(own.predict_proba(asked), oracle.predict_proba(asked), rtol=1e-12)


def test_calibration_mends_an_overconfident_model():
    """Log loss on other rows falls."""
    features, label, _ = _rows(seed=5)
    before, after = _fit(LIGHTGBM), _fit(LIGHTGBM | {"calibration": {"share": 0.3, "method": "sigmoid"}})
    losses = [log_loss(label, model.predict_proba(features)) for model in (before, after)]
    assert losses[1] < losses[0] - 0.1


WEIGHTED = [(LIGHTGBM, {"scale_pos_weight": 9.0}), (LIGHTGBM, {"class_weight": "balanced"}),
            (BOOSTING, {"class_weight": "balanced"}), (LOGISTIC, {"class_weight": "balanced"})]  # fmt: skip


@pytest.mark.parametrize(("section", "weight"), WEIGHTED)
def test_weights_move_the_mean_probability_of_a_rare_class_towards_a_half(section, weight):
    """A tenth of the rows are positive; weighed up, about a half of the probability is."""
    section = section | ({"rounds": 20, "learning_rate": 0.1} if "rounds" in section else {})
    rows = _rows(2000, share=0.1)
    plain, weighted = (
        _fit(each, rows).predict_proba(rows[0])[:, 1].mean() for each in (section, section | weight)
    )
    assert plain == pytest.approx(0.1, abs=0.03)
    assert 0.2 < weighted < 0.6


@pytest.mark.parametrize("kind", ["baseline", "logistic", "lightgbm"])
def test_features_that_tell_no_row_from_another_are_refused(kind):
    """All missing or constant: whatever was learnt would be the baseline."""
    sections = {"baseline": {"kind": "baseline"}, "logistic": LOGISTIC, "lightgbm": LIGHTGBM}
    label = pd.Series([0, 1] * 50)
    features = pd.DataFrame({"gone": [np.nan] * 100, "same": 7.0, "word": ["x"] * 100})
    with pytest.raises(Refusal, match="every one of 3 features is constant or missing on all rows"):
        _fit(sections[kind], (features, label, Context()))


def test_another_seed_is_another_model_and_a_kind_without_one_is_refused():
    """Noise of seeds needs a seed."""
    settings = params.candidate(LIGHTGBM)
    assert with_seed(settings, 7).seed == 7
    with pytest.raises(Refusal, match="the kind logistic draws nothing at random: it has no seed"):
        with_seed(params.candidate(LOGISTIC), 7)
