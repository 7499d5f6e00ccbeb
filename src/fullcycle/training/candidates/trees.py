"""scikit-learn's ensembles of trees: boosted on histograms, or averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from fullcycle.training import preprocess

if TYPE_CHECKING:
    import pandas as pd

    from fullcycle.training.context import Context


def boosting(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Gradient boosting on binned numbers; gaps are a branch of their own."""
    from sklearn.ensemble import (  # noqa: PLC0415
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    prepare = (
        preprocess.trees(features, settings.min_category_rows, keep_empty=False)
        if settings.prepare is None
        else preprocess.prepared(features, settings.prepare, context.task)
    )
    options = {
        "max_iter": settings.rounds,
        "learning_rate": settings.learning_rate,
        "max_leaf_nodes": settings.max_leaves,
        "min_samples_leaf": settings.min_leaf_rows,
        "l2_regularization": settings.l2,
        "early_stopping": False,
        "random_state": settings.seed,
    }
    estimate = (
        HistGradientBoostingRegressor(**options)
        if context.task == "regression"
        else HistGradientBoostingClassifier(**options, class_weight=settings.class_weight)
    )
    return Pipeline([("prepare", prepare), ("estimate", estimate)])


def anonymous(pipeline: Pipeline) -> None:
    """Forget the number of cores, which predictions do not use."""
    pipeline[-1]._bin_mapper.n_threads = 1  # noqa: SLF001


def best_round(
    pipeline: Pipeline,
    patience: int,
    features: pd.DataFrame,
    label: pd.Series[Any],
    later: pd.DataFrame,
    truth: pd.Series[Any],
) -> int:
    """The round with the lowest loss on later rows, unless a pause of `patience` rounds came before it."""
    from sklearn.metrics import log_loss, mean_squared_error  # noqa: PLC0415

    pipeline.fit(features, label)
    rows, estimate = pipeline[:-1].transform(later), pipeline[-1]
    if hasattr(estimate, "classes_"):
        known = truth.isin(estimate.classes_).to_numpy()
        stages = estimate.staged_predict_proba(rows[known])
        losses = (log_loss(truth[known], p, labels=estimate.classes_) for p in stages)
    else:
        losses = (mean_squared_error(truth, p) for p in estimate.staged_predict(rows))
    return first_best(losses, patience)


def first_best(losses: Any, patience: int) -> int:
    """The number (from 1) of the lowest loss before the first pause of `patience` without a lower one."""
    best, at = np.inf, 0
    for number, loss in enumerate(losses, start=1):
        if loss < best:
            best, at = loss, number
        elif number - at >= patience:
            break
    return at


def forest(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """A random forest on finite numbers."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor  # noqa: PLC0415

    options = {
        "n_estimators": settings.trees,
        "min_samples_leaf": settings.min_leaf_rows,
        "max_features": settings.feature_share,
        "random_state": settings.seed,
    }
    estimate = (
        RandomForestRegressor(**options)
        if context.task == "regression"
        else RandomForestClassifier(**options, class_weight=settings.class_weight)
    )
    prepare = preprocess.prepared(features, settings.prepare, context.task)
    return Pipeline([("prepare", prepare), ("estimate", estimate)])
