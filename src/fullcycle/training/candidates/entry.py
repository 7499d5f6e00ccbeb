"""How every kind is fitted: rounds are found, the estimate is fitted, its probabilities are calibrated."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fullcycle.errors import Refusal
from fullcycle.training.context import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import pandas as pd
    from sklearn.pipeline import Pipeline

    from fullcycle.training.context import Context, Mask

    Label = pd.Series[Any]


@dataclass(frozen=True)
class Candidate:
    """One kind of model; a tie in selection goes to the lower `complexity`.

    Args:
        complexity: its rank.
        make: settings, training features and context -> an unfitted Pipeline `prepare`, `estimate`.
        finish: what is done to the fitted Pipeline before it is stored.
        best_round: the round at which a Pipeline, fitted on early rows, was best on later ones.
        continued: the Pipeline of an earlier champion, with more rounds.
        watched: whether its estimate calls back after every round, as LightGBM does.
        around: what surrounds the fit: a limit of threads, a warning that means nothing here.
    """

    complexity: int
    make: Callable[[Any, pd.DataFrame, Context], Pipeline]
    finish: Callable[[Pipeline], None] | None = None
    best_round: Callable[..., int] | None = None
    continued: Callable[..., Pipeline] | None = None
    watched: bool = False
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def fit(
        self, settings: Any, features: pd.DataFrame, label: Label, context: Context = NOTHING
    ) -> Pipeline:
        """Fit one on training rows.

        Raises:
            Refusal: there is nothing to learn from, or rows cannot be set aside as the settings want.
        """
        informative(features)
        if getattr(settings, "init_from_champion", None) is not None and self.continued is not None:
            return self.continued(settings, features, label, context)
        calibration = getattr(settings, "calibration", None)
        if calibration is None:
            return self._fitted(settings, features, label, context)
        early, held = _apart(label, context, calibration.share)
        fitted = self._fitted(settings, features[early], label[early], context.of(early))
        return _calibrated(fitted, calibration.method, features[held], label[held])

    def _fitted(self, settings: Any, features: pd.DataFrame, label: Label, context: Context) -> Pipeline:
        if getattr(settings, "early_stopping", None) is not None and self.best_round is not None:
            early, held = _apart(label, context, settings.early_stopping.share)
            trial = self.make(settings, features[early], context.of(early))
            rows = (features[early], label[early], features[held], label[held])
            found = self.best_round(trial, settings.early_stopping.patience, *rows)
            settings = settings.model_copy(update={"rounds": found, "early_stopping": None})
        pipeline = self.make(settings, features, context)
        with self.around():
            context.hooks.fit(pipeline, features, label, watched=self.watched)
        if self.finish:
            self.finish(pipeline)
        return pipeline


def one_thread() -> AbstractContextManager[Any]:
    """One thread, where sums of several differ in their last bits, or rows are too few to share out."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def rounds_of(pipeline: Pipeline) -> int:
    """The boosting rounds of a fitted Pipeline, as early stopping found them."""
    estimate = pipeline[-1]
    if hasattr(estimate, "calibrated_classifiers_"):
        estimate = estimate.calibrated_classifiers_[0].estimator.estimator
    return int(getattr(estimate, "n_estimators", None) or estimate.max_iter)


def informative(features: pd.DataFrame) -> None:
    """Refuse features that tell no row from another.

    Raises:
        Refusal: every column is missing or constant.
    """
    if all(len(column.drop_duplicates()) < 2 for _, column in features.items()):
        raise Refusal(f"train: every one of {features.shape[1]} features is constant or missing on all rows")


def _apart(label: Label, context: Context, share: float) -> tuple[Mask, Mask]:
    """The rows to fit on and the latest ones, as `Context.latest` parts them.

    Raises:
        Refusal: the rows to fit on have one class only, or there are none.
    """
    early, held = context.latest(share, len(label))
    if label[early].nunique() < 2:
        raise Refusal(
            f"train: the {int(early.sum())} rows before the latest (a share of {share:g}) have one label"
            " only: nothing to learn from; choose a smaller share, or leave the option out"
        )
    return early, held


def _calibrated(pipeline: Pipeline, method: str, features: pd.DataFrame, label: Label) -> Pipeline:
    """The same Pipeline with its last step's probabilities mapped to the frequencies on other rows.

    Raises:
        Refusal: a class is missing among the rows fitted on or among these.
    """
    from sklearn.calibration import CalibratedClassifierCV  # noqa: PLC0415
    from sklearn.frozen import FrozenEstimator  # noqa: PLC0415
    from sklearn.pipeline import Pipeline as Steps  # noqa: PLC0415

    if alone := set(pipeline.classes_) ^ set(label):
        raise Refusal(
            f"train: calibration: the class {min(alone)} is only among the rows fitted on or only among the"
            f" {len(label)} latest; change calibration.share, or leave calibration out"
        )
    estimate = CalibratedClassifierCV(FrozenEstimator(pipeline[-1]), method=method)
    estimate.fit(pipeline[:-1].transform(features), label)
    return Steps([*pipeline.steps[:-1], ("estimate", estimate)])


def with_seed(settings: Any, seed: int) -> Any:
    """The same settings with another seed.

    Raises:
        Refusal: the kind draws nothing.
    """
    if not hasattr(settings, "seed"):
        raise Refusal(f"the kind {settings.kind} draws nothing at random: it has no seed")
    return settings.model_copy(update={"seed": seed})
