"""The trivial answers that every other candidate must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from fullcycle.errors import Refusal
from fullcycle.params.sections import Prepare
from fullcycle.training import preprocess

if TYPE_CHECKING:
    import pandas as pd

    from fullcycle.training.context import Context


def baseline(_settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """The training rows' share of each class, or their mean; rows cut in two along the widest direction."""
    from sklearn.dummy import DummyClassifier, DummyRegressor  # noqa: PLC0415  each kind pays for its imports

    if context.task == "clustering":
        from sklearn.cluster import KMeans  # noqa: PLC0415
        from sklearn.decomposition import PCA  # noqa: PLC0415

        return Pipeline(
            [
                ("prepare", preprocess.prepared(features, Prepare(), context.task)),
                ("narrow", PCA(1)),
                ("estimate", KMeans(2, random_state=0)),
            ]
        )
    if context.task == "regression":
        return Pipeline([("estimate", DummyRegressor(strategy="mean"))])
    return Pipeline([("estimate", DummyClassifier(strategy="prior"))])


def last_value(settings: Any, features: pd.DataFrame, _context: Context) -> Pipeline:
    """What a column says was the last value; the mean of the others where it is missing."""
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415

    if settings.column not in features:
        raise Refusal(
            f"last_value.column = {settings.column!r} is no feature; there are {list(features.columns)}"
        )
    pick = ColumnTransformer([("last", SimpleImputer(strategy="mean"), [settings.column])])
    return Pipeline([("prepare", pick), ("estimate", LinearRegression())])


def as_it_is(pipeline: Pipeline) -> None:
    """Answer the column itself, whatever line was fitted through it."""
    pipeline[-1].coef_, pipeline[-1].intercept_ = np.ones(1), 0.0
