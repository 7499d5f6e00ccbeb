"""From a table of features to numbers that an estimator takes; fitted on training rows alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer

if TYPE_CHECKING:
    import pandas as pd


def kinds(features: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The numeric and the categorical (text) columns, in their order."""
    numeric = list(features.select_dtypes("number").columns)
    return numeric, [column for column in features.columns if column not in numeric]


def dense(features: pd.DataFrame, knots: int, min_category_rows: int) -> ColumnTransformer:
    """For linear models: numbers as piecewise linear splines with indicators of gaps, categories one-hot.

    The splines are constant beyond their outer knots, so an outlier weighs no more than the extreme value
    seen in training. Rare and unseen categories share one column.
    """
    numeric, categorical = kinds(features)
    spline = SplineTransformer(n_knots=knots, degree=1, knots="quantile", extrapolation="constant")
    one_hot = OneHotEncoder(
        min_frequency=min_category_rows, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), spline),
                numeric,
            ),
            ("gaps", MissingIndicator(error_on_new=False), numeric),
            ("categories", one_hot, categorical),
        ]
    )


def trees(features: pd.DataFrame, min_category_rows: int) -> ColumnTransformer:
    """For trees: numbers as they are, gaps included; categories as whole numbers, unknown ones as gaps."""
    numeric, categorical = kinds(features)
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=min_category_rows,
    )
    return ColumnTransformer([("numbers", "passthrough", numeric), ("categories", ordinal, categorical)])
