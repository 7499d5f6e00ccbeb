"""Each kind of model learns what there is to learn, and survives what may come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fullcycle.training.candidates import CANDIDATES

KINDS = ["baseline", "boosting", "forest", "lightgbm", "logistic", "mlp"]  # with a probability of two classes
LEARNERS = [kind for kind in KINDS if kind != "baseline"]


@pytest.fixture
def fitted(made, settings_of):
    """Fit a kind on the small table, or on another."""

    def fit(kind: str, features: pd.DataFrame | None = None, label: pd.Series | None = None):
        own, own_label = made()
        return CANDIDATES[kind].fit(
            settings_of(kind), own if features is None else features, own_label if label is None else label
        )

    return fit


def test_the_baseline_answers_the_training_share(fitted, made):
    """Whatever it is asked."""
    features, label = made(seed=1)
    answers = fitted("baseline", features, label).predict_proba(made(seed=2)[0])[:, 1]
    assert answers == pytest.approx(label.mean())


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_finds_what_there_is_to_find(fitted, made, kind):
    """On rows that it has not seen it ranks far better than chance."""
    features, label = made(seed=3)
    assert roc_auc_score(label, fitted(kind).predict_proba(features)[:, 1]) > 0.75


@pytest.mark.parametrize("kind", LEARNERS)
def test_fitting_repeats(fitted, made, kind):
    """The same rows and parameters give the same answers, bit for bit."""
    features = made(seed=3)[0]
    first, second = (fitted(kind).predict_proba(features) for _ in range(2))
    np.testing.assert_array_equal(first, second)


ODD = {
    "unseen category": {"town": "Atlantis"},
    "missing category": {"town": None},
    "missing number": {"number": np.nan},
    "a column missing only now": {"noise": np.nan},
    "huge number": {"number": 1e300},
    "everything missing": {"number": np.nan, "noise": np.nan, "town": None},
}


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
@pytest.mark.parametrize("kind", KINDS)
def test_odd_rows_get_a_probability(fitted, made, kind, values):
    """An answer between 0 and 1, the same whether a row is asked alone or among others."""
    features = made(rows=20, seed=4)[0]
    odd = features.assign(
        **{name: pd.Series([value] * 20, dtype=features[name].dtype) for name, value in values.items()}
    )
    pipeline = fitted(kind)
    answers = pipeline.predict_proba(odd)[:, 1]
    assert ((answers > 0) & (answers < 1)).all()
    alone = [pipeline.predict_proba(odd.iloc[[row]])[0, 1] for row in range(3)]
    np.testing.assert_allclose(alone, answers[:3], rtol=1e-12)


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
def test_a_gap_that_training_never_saw_is_no_extreme(fitted, made, kind):
    """Models of finite numbers take it for something in the middle, not for the largest or the least."""
    features, label = made()
    whole = features.assign(number=features["number"].fillna(0.0))
    pipeline = fitted(kind, whole, label)
    low, high = whole["number"].quantile([0.1, 0.9])
    less, gap, more = (
        pipeline.predict_proba(whole.assign(number=number))[:, 1] for number in (low, np.nan, high)
    )
    assert ((less < gap) & (gap < more)).all()


@pytest.mark.parametrize("kind", LEARNERS)
def test_an_unseen_category_counts_as_a_rare_one_or_a_gap(fitted, made, kind):
    """Not as one of the known."""
    features, label = made()
    features.loc[:2, "town"] = "Rare"
    pipeline = fitted(kind, features, label)
    asked = features.head(5)
    rare, unseen = (pipeline.predict_proba(asked.assign(town=town)) for town in ("Rare", "Atlantis"))
    known = pipeline.predict_proba(asked.assign(town="Oslo"))
    assert (unseen != known).all()
    if kind == "logistic":
        np.testing.assert_array_equal(rare, unseen)


COLUMNS = {
    "all missing": np.nan,
    "constant": 7.0,
    "constant text": "same",
    "all missing text": pd.Series([None] * 600, dtype="str"),
    "missing but once": [1.0] + [np.nan] * 599,
    "bool": [True, False] * 300,
    "text with its own words": ["file", "__id__"] * 300,
}


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_says_nothing_does_no_harm(fitted, made, kind, values):
    """A source may lose a column, or freeze it: training goes on, and says nothing worse."""
    features, label = made()
    pipeline = fitted(kind, features.assign(more=values), label)
    answers = pipeline.predict_proba(features.assign(more=values))[:, 1]
    assert np.isfinite(answers).all()
    if kind != "baseline":
        assert roc_auc_score(label, answers) > 0.75


@pytest.mark.parametrize("columns", [["number", "noise"], ["town"]], ids=["numbers", "text"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_of_column_is_enough(fitted, made, kind, columns):
    """Numbers alone or categories alone."""
    features, label = made()
    assert np.isfinite(fitted(kind, features[columns], label).predict_proba(features[columns])).all()


def test_the_model_does_not_say_how_many_cores_there_were(fitted):
    """Trees are the same on any number, and so is the file."""
    assert "[num_threads: 0]" in fitted("lightgbm")[-1].booster_.model_to_string()


def test_linear_coefficients_are_stored_to_the_digits_that_repeat(fitted):
    """Further digits depend on the processor."""
    coefficients = fitted("logistic")[-1].coef_
    np.testing.assert_array_equal(coefficients, coefficients.round(8))
    assert np.abs(coefficients).max() > 0.1
