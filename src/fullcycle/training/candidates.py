"""The kinds of model: each takes its section of ``train`` and the training rows, and gives a Pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from fullcycle.training import preprocess

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from fullcycle.training.hooks import Hooks

STORED_DECIMALS = 8  # of linear coefficients: further digits depend on the processor


@dataclass(frozen=True)
class Candidate:
    """One kind of model; a tie in selection goes to the lower `complexity`."""

    complexity: int
    fit: Callable[[Any, pd.DataFrame, pd.Series[Any], Hooks], Pipeline]


def _baseline(_settings: Any, features: pd.DataFrame, label: pd.Series[Any], _hooks: Hooks) -> Pipeline:
    from sklearn.dummy import DummyClassifier  # noqa: PLC0415  each kind pays for its own imports

    return Pipeline([("estimate", DummyClassifier(strategy="prior"))]).fit(features, label)


def _logistic(settings: Any, features: pd.DataFrame, label: pd.Series[Any], hooks: Hooks) -> Pipeline:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    prepare = preprocess.dense(features, settings.knots, settings.min_category_rows)
    # Newton's steps with a Cholesky factor: 5 where L-BFGS needs over 300 on splines.
    estimate = LogisticRegression(C=settings.c, max_iter=settings.max_iter, solver="newton-cholesky")
    pipeline = Pipeline([("prepare", prepare), ("estimate", estimate)], memory=hooks.memory)
    pipeline.fit(features, label).set_params(memory=None)
    for coefficients in (estimate.coef_, estimate.intercept_):
        coefficients[...] = coefficients.round(STORED_DECIMALS)
    return pipeline


def _lightgbm(settings: Any, features: pd.DataFrame, label: pd.Series[Any], hooks: Hooks) -> Pipeline:
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    prepare = preprocess.trees(features, settings.min_category_rows).set_output(transform="pandas")
    estimate = LGBMClassifier(
        n_estimators=settings.rounds,
        learning_rate=settings.learning_rate,
        num_leaves=settings.num_leaves,
        min_child_samples=settings.min_leaf_rows,
        subsample=settings.row_share,
        subsample_freq=1,
        colsample_bytree=settings.feature_share,
        reg_lambda=settings.l2,
        random_state=settings.seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=0,  # all cores, without their number standing in the model
        verbose=-1,
    )
    pipeline = Pipeline([("prepare", prepare), ("estimate", estimate)], memory=hooks.memory)
    pipeline.fit(features, label, estimate__callbacks=hooks.callbacks or None)
    return pipeline.set_params(memory=None)


CANDIDATES = {
    "baseline": Candidate(0, _baseline),
    "logistic": Candidate(1, _logistic),
    "lightgbm": Candidate(2, _lightgbm),
}
