"""Linear models: a weight for each prepared feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from fullcycle.training import preprocess

if TYPE_CHECKING:
    import pandas as pd

    from fullcycle.training.context import Context

STORED_DECIMALS = 8  # of coefficients: further digits depend on the processor


def logistic(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Logistic regression with an L2 penalty; multinomial where there are more than two classes."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    prepare = (
        preprocess.dense(features, settings.knots, settings.min_category_rows)
        if settings.prepare is None
        else preprocess.prepared(features, settings.prepare, context.task)
    )
    # Newton's steps with a Cholesky factor: 5 where L-BFGS needs over 300 on splines.
    estimate = LogisticRegression(
        C=settings.c,
        max_iter=settings.max_iter,
        solver="newton-cholesky",
        class_weight=settings.class_weight,
    )
    return Pipeline([("prepare", prepare), ("estimate", estimate)])


def ridge(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Least squares with an L2 penalty (Hoerl & Kennard, 1970)."""
    from sklearn.linear_model import Ridge  # noqa: PLC0415

    prepare = preprocess.prepared(features, settings.prepare, context.task)
    return Pipeline([("prepare", prepare), ("estimate", Ridge(alpha=settings.alpha, solver="cholesky"))])


def lasso(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Least squares with an L1 penalty (Tibshirani, 1996)."""
    from sklearn.linear_model import Lasso  # noqa: PLC0415

    prepare = preprocess.prepared(features, settings.prepare, context.task)
    estimate = Lasso(alpha=settings.alpha, max_iter=settings.max_iter)
    return Pipeline([("prepare", prepare), ("estimate", estimate)])


def rounded(pipeline: Pipeline) -> None:
    """Keep the digits of the coefficients that every processor agrees on."""
    estimate = pipeline[-1]
    estimate.coef_ = estimate.coef_.round(STORED_DECIMALS)
    intercept = estimate.intercept_
    estimate.intercept_ = intercept.round(STORED_DECIMALS) if hasattr(intercept, "round") else intercept
