"""A neural network of dense layers."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from fullcycle.training import preprocess

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from fullcycle.training.context import Context


def mlp(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Rectified linear units, trained by Adam (Kingma & Ba, 2015) for a fixed number of epochs at most."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: PLC0415

    estimator = MLPRegressor if context.task == "regression" else MLPClassifier
    estimate = estimator(
        hidden_layer_sizes=tuple(settings.layers),
        alpha=settings.alpha,
        learning_rate_init=settings.learning_rate,
        max_iter=settings.epochs,
        n_iter_no_change=settings.epochs,  # the epochs are the budget: no stop on the training loss
        batch_size=min(settings.batch_rows, len(features)),
        random_state=settings.seed,
    )
    return Pipeline([("prepare", preprocess.prepared(features, settings.prepare, context.task)),
                     ("estimate", estimate)])  # fmt: skip


@contextmanager
def for_all_epochs() -> Iterator[None]:
    """Without the warning that the last epoch was reached: it is the budget."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def trimmed(pipeline: Pipeline) -> None:
    """Leave out what only further training would need, two thirds of the file."""
    del pipeline[-1]._optimizer  # noqa: SLF001
