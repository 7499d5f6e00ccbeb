"""Preprocessing by parameter: each option does what it says, learnt from the training rows alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from fullcycle.errors import Refusal
from fullcycle.params.sections import Categories, Numbers, Prepare
from fullcycle.training.preprocess import MAX_ONE_HOT, dense, prepared


def _rows(count: int = 500, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    random = np.random.default_rng(seed)
    number = random.normal(5, 2, count)
    town = random.choice(["Rome", "Oslo", "Lima"], count, p=[0.6, 0.35, 0.05])
    label = pd.Series((number + 3 * (town == "Oslo") + random.normal(size=count) > 6).astype("int64"))
    features = pd.DataFrame(
        {
            "number": np.where(random.random(count) < 0.1, np.nan, number),
            "whole": random.normal(size=count),
            "town": pd.Series(town, dtype="str").mask(random.random(count) < 0.1),
        }
    )
    return features, label


def _fitted(numbers: dict | None = None, categories: dict | None = None, task: str = "binary"):
    features, label = _rows()
    settings = Prepare(numbers=Numbers(**numbers or {}), categories=Categories(**categories or {}))
    steps = prepared(features, settings, task)
    return steps, steps.fit_transform(features, label), features, label


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_gaps_get_the_training_rows_statistic_and_an_indicator(statistic):
    """The indicator stands for the columns with gaps in training only."""
    plain = {"impute": statistic, "clip": None, "scale": "none"}
    _, found, features, _ = _fitted(plain)
    gaps = features["number"].isna().to_numpy()
    assert found[gaps, 0] == pytest.approx(getattr(features["number"], statistic)())
    np.testing.assert_array_equal(found[:, 2], gaps)
    assert found.shape[1] == _fitted(plain | {"indicators": False})[1].shape[1] + 1


def test_outliers_are_pulled_to_the_quantiles_of_training():
    """Also those that come later, however large; what lies between is left alone."""
    steps, found, features, _ = _fitted({"clip": 0.05, "scale": "none"})
    low, high = features["whole"].quantile([0.05, 0.95])
    np.testing.assert_array_equal(found[:, 1], features["whole"].clip(low, high))
    later = steps.transform(features.head(2).assign(whole=[1e9, -1e9]))[:, 1]
    assert later.tolist() == [high, low]


@pytest.mark.parametrize(
    ("scale", "check"),
    [
        ("standard", lambda x: (x.mean(), x.std()) == pytest.approx((0, 1), abs=1e-9)),
        (
            "robust",
            lambda x: (np.median(x), np.subtract(*np.quantile(x, [0.75, 0.25]))) == pytest.approx((0, 1)),
        ),
        ("range", lambda x: (x.min(), x.max()) == pytest.approx((0, 1))),
    ],
)
def test_numbers_are_scaled(scale, check):
    """To mean and deviation, median and quartiles, or 0 to 1 on the training rows."""
    assert check(_fitted({"scale": scale})[1][:, 1])


@pytest.mark.parametrize("encode", ["one_hot", "ordinal", "target"])
def test_rare_and_unseen_categories_are_not_taken_for_a_frequent_one(encode):
    """A category with fewer training rows than the rule, or none, never looks like a known one."""
    steps, _, features, _ = _fitted(categories={"encode": encode, "min_rows": 60})
    codes = {
        town: tuple(steps.transform(features.head(1).assign(town=town))[0, 3:])
        for town in ("Rome", "Oslo", "Lima", "Atlantis")
    }
    assert len({codes["Rome"], codes["Oslo"], codes["Lima"]}) == 3
    assert codes["Atlantis"] not in (codes["Rome"], codes["Oslo"])
    if encode == "one_hot":
        assert codes["Atlantis"] == codes["Lima"]


def test_target_encoding_of_training_rows_is_cross_fitted():
    """A row's own label has no part in its code: as scikit-learn does it, fold by fold."""
    steps, found, features, label = _fitted({"scale": "none"}, {"encode": "target", "min_rows": 60})
    codes = features["town"].map({"Oslo": 0, "Rome": 1, "Lima": 2}).fillna(-1).to_frame()
    expected = TargetEncoder(
        target_type="binary", cv=StratifiedKFold(5, shuffle=True, random_state=0)
    ).fit_transform(codes, label)
    np.testing.assert_allclose(found[:, -1], expected[:, 0])
    once = steps.transform(features)[:, -1]
    assert len(np.unique(once)) < len(np.unique(found[:, -1]))


def test_target_encoding_without_a_label_is_refused():
    """Clusters have none."""
    with pytest.raises(Refusal, match="needs a label; the task clustering has none"):
        _fitted(categories={"encode": "target"}, task="clustering")


@pytest.mark.parametrize("encode", ["one_hot", "ordinal", "target"])
def test_odd_later_rows_become_finite_numbers(encode):
    """All missing, unseen, huge."""
    steps, _, features, _ = _fitted(categories={"encode": encode})
    odd = features.head(3).assign(
        number=[np.nan, 1e300, -1e300], whole=np.nan, town=pd.Series([None, "Atlantis", "Rome"], dtype="str")
    )
    assert np.isfinite(steps.transform(odd)).all()


def test_columns_that_are_missing_or_constant_become_finite_numbers():
    """Numbers and categories alike."""
    features, label = _rows()
    features = features.assign(gone=np.nan, same=7.0, word="same", none=pd.Series([None] * 500, dtype="str"))
    steps = prepared(features, Prepare(), "binary")
    assert np.isfinite(steps.fit_transform(features, label)).all()


def test_a_hundred_thousand_categories_are_refused_where_each_would_be_a_column():
    """And taken where rare ones share a column, or a category is one number."""
    features = pd.DataFrame({"tail": [f"N{number}" for number in range(100_000)]})
    label = pd.Series(np.arange(100_000) % 2)
    every = Categories(min_rows=1)
    rule = rf"the feature tail has 100000 categories with 1 rows or more.* at most {MAX_ONE_HOT}"
    with pytest.raises(Refusal, match=rule):
        prepared(features, Prepare(categories=every), "binary")
    with pytest.raises(Refusal, match=rule):
        dense(features, 3, 1)
    shared = prepared(features, Prepare(categories=Categories(min_rows=2)), "binary")
    assert shared.fit_transform(features, label).shape == (100_000, 1)
    target = Categories(encode="target", min_rows=1)
    found = prepared(features, Prepare(categories=target), "binary").fit_transform(features, label)
    assert found.shape == (100_000, 1)
    assert np.isfinite(found).all()
