"""From a table of features to numbers that an estimator takes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fullcycle.training.preprocess import dense, kinds, trees


def test_columns_are_numbers_or_categories():
    """In their order; what is no number is a category."""
    features = pd.DataFrame({"b": [1.0], "t": ["x"], "a": [1], "flag": [True]})
    assert kinds(features) == (["b", "a"], ["t", "flag"])


def test_trees_see_numbers_as_they_are(made):
    """Gaps included; categories are whole numbers, gaps and unknown ones are gaps."""
    features = made()[0]
    prepared = trees(features, 5).fit(features)
    found = prepared.transform(features)
    np.testing.assert_array_equal(found[:, :2], features[["number", "noise"]].to_numpy())
    codes = pd.Series(found[:, 2]).groupby(features["town"]).unique()
    assert {town: list(code) for town, code in codes.items()} == {
        "Kyiv": [0],
        "Lima": [1],
        "Oslo": [2],
        "Rome": [3],
    }
    assert np.isnan(found[features["town"].isna().to_numpy(), 2]).all()
    unknown = prepared.transform(features.head(1).assign(town="Atlantis"))
    assert np.isnan(unknown[0, 2])


def test_a_linear_model_sees_finite_numbers_only(made):
    """Four knots give four spline columns, gaps an indicator, each category a column of its own."""
    features = made()[0]
    prepared = dense(features, 4, 5).fit(features)
    found = prepared.transform(features)
    assert found.shape == (600, 2 * 4 + 1 + 5)
    assert np.isfinite(found).all()
    gaps = features["number"].isna().to_numpy()
    np.testing.assert_array_equal(found[:, 8], gaps)
    np.testing.assert_array_equal(found[:, 9:].sum(axis=1), 1)


def test_a_gap_is_no_number_of_a_linear_model(made):
    """A row without a number has 0 in all its splines, whatever other rows have; the indicator says so."""
    features = made()[0]
    found = dense(features, 4, 5).fit(features).transform(features)
    gaps = features["number"].isna().to_numpy()
    splines = found[:, 4 * features.columns.get_loc("number") :][:, :4]
    assert gaps.any()
    np.testing.assert_allclose(splines.sum(axis=1), ~gaps, rtol=1e-12)


def test_an_outlier_weighs_no_more_than_the_extreme_of_training(made):
    """The spline is constant beyond its outer knots."""
    features = made()[0]
    prepared = dense(features, 4, 5).fit(features)
    extreme, beyond = (
        prepared.transform(features.head(1).assign(noise=x)) for x in (features["noise"].max(), 1e9)
    )
    np.testing.assert_array_equal(extreme, beyond)


def test_preprocessing_learns_from_the_training_rows_alone(made):
    """Asking about other rows changes nothing that was learnt."""
    features = made()[0]
    prepared = dense(features, 4, 5).fit(features)
    before = prepared.transform(features)
    prepared.transform(features.assign(number=1e6, town="Atlantis"))
    np.testing.assert_array_equal(prepared.transform(features), before)
