"""Which features a candidate needs, with evidence: a score, how often it repeats, what leaving it out costs.

Everything is computed on training rows: scores on resamples of the earlier ones, losses on the latest,
so that validation scores stay what they claim to be. Time is bounded by the rows of a resample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.params.sections import Categories, Numbers, Prepare
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.candidates.entry import one_thread
from fullcycle.training.context import Context
from fullcycle.training.preprocess import kinds, prepared

if TYPE_CHECKING:
    import numpy.typing as npt

    from fullcycle.params.sections import Screening

    Array = npt.NDArray[np.float64]

# The model that measures what leaving a feature out costs; small, since it is fitted once for each.
PROBE = {"kind": "boosting", "rounds": 40, "learning_rate": 0.15, "max_leaves": 15, "min_leaf_rows": 20,
         "l2": 1.0, "min_category_rows": 20, "seed": 1}  # fmt: skip


def screen(
    settings: Screening, features: pd.DataFrame, label: pd.Series[Any], context: Context
) -> tuple[list[str], dict[str, Any]]:
    """The features to keep, in their order, and for every feature why it stays or goes.

    Raises:
        Refusal: the score has no meaning for the task.
    """
    if settings.by == "chi2" and context.task == "regression":
        raise Refusal("screening.by = chi2 compares classes; for regression use l1, mutual_information or"
                      " permutation")  # fmt: skip
    early, held = (np.flatnonzero(part) for part in context.latest(settings.share, len(features)))
    generator = np.random.default_rng(settings.seed)
    held = np.sort(generator.choice(held, min(settings.rows, len(held)), replace=False))
    drawn = [np.sort(generator.choice(early, min(settings.rows, len(early) // 2 + 1), replace=False))
             for _ in range(settings.resamples)]  # fmt: skip
    scores = np.array([_scores(settings, features, label, rows, held, context.task) for rows in drawn])
    mean = scores.mean(axis=0)
    rank = np.empty(len(mean), dtype="int64")
    rank[np.argsort(-mean, kind="stable")] = np.arange(1, len(mean) + 1)
    stays = (rank <= settings.keep) & (mean > 0)
    within = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1) < settings.keep
    kept = [str(name) for name, stay in zip(features.columns, stays, strict=True) if stay]
    if not kept:
        raise Refusal(f"screening.by = {settings.by}: no feature scores above 0")
    rows = np.sort(generator.choice(early, min(settings.rows, len(early)), replace=False))
    loss = _Losses(features, label, rows, held, context.task)
    whole, report = loss(kept), {}
    for place, name in enumerate(str(column) for column in features.columns):
        other = [each for each in features.columns if (each in kept) != (each == name)]
        cost = (loss(other) - whole) * (1 if stays[place] else -1) if other else None
        report[name] = {
            "kept": bool(stays[place]),
            "why": _why(bool(stays[place]), int(rank[place]), len(mean), float(mean[place]), settings),
            "score": float(mean[place]),
            "score_sd": float(scores[:, place].std()),
            "stability": float(within[:, place].mean()),
            "dropping_costs": cost,
        }
    every = [str(name) for name in features.columns]
    summary = {
        "by": settings.by,
        "kept": len(kept),
        "of": len(every),
        "loss": loss.name,
        "loss_with_all": loss(every),
        "loss_with_kept": whole,
        "features": report,
    }
    return kept, summary


def _why(stays: bool, rank: int, of: int, score: float, settings: Screening) -> str:
    if stays:
        return f"rank {rank} of {of} by {settings.by}, and {settings.keep} are kept"
    if score <= 0:
        return f"its {settings.by} score is 0 or below: it says nothing"
    return f"rank {rank} of {of} by {settings.by}, beyond the {settings.keep} that are kept"


def _scores(
    settings: Screening,
    features: pd.DataFrame,
    label: pd.Series[Any],
    rows: npt.NDArray[np.int64],
    held: npt.NDArray[np.int64],
    task: str,
) -> Array:
    table, target = features.iloc[rows], label.iloc[rows]
    if settings.by == "permutation":
        return _permutation(table, target, features.iloc[held], label.iloc[held], task, settings.seed)
    numbers, owners = _encoded(table, target, "range" if settings.by == "chi2" else "standard", task)
    each = {"l1": _l1, "chi2": _chi2, "mutual_information": _information}[settings.by](
        numbers, target.to_numpy(), task
    )
    each = np.where(numbers.std(axis=0) > 0, np.nan_to_num(each), 0.0)
    return np.array([each[owners == place].max() for place in range(table.shape[1])])


def _encoded(
    table: pd.DataFrame, target: pd.Series[Any], scale: Any, task: str
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Finite columns, and for each the place of the feature whose it is.

    A category is its label's mean, cross-fitted; of several classes the share of each is a column.
    """
    plan = Prepare(
        numbers=Numbers(indicators=False, scale=scale),
        categories=Categories(encode="target", min_rows=20),
    )
    found = prepared(table, plan, task).fit_transform(table, target)
    numeric, categorical = kinds(table)
    wide = (found.shape[1] - len(numeric)) // max(1, len(categorical))
    names = numeric + [name for name in categorical for _ in range(wide)]
    owners = np.array([table.columns.get_loc(name) for name in names])
    return np.clip(found, 0, None) if scale == "range" else found, owners


def _l1(numbers: Array, target: npt.NDArray[Any], task: str) -> Array:
    """The largest penalty under which a feature still has a weight (Efron et al., 2004, lasso path)."""
    from sklearn.linear_model import lars_path  # noqa: PLC0415

    wanted = [target.astype("float64")] if task == "regression" else [
        (target == each).astype("float64") for each in np.unique(target)]  # fmt: skip
    best = np.zeros(numbers.shape[1])
    for each in wanted:
        spread = each.std() or 1.0
        alphas, _, weights = lars_path(numbers, (each - each.mean()) / spread, method="lasso")
        there = weights != 0
        before = np.maximum(there.argmax(axis=1) - 1, 0)  # the knot at which the weight leaves 0
        best = np.maximum(best, np.where(there.any(axis=1), alphas[before], 0.0))
    return best


def _chi2(numbers: Array, target: npt.NDArray[Any], _task: str) -> Array:
    """The chi-squared statistic of a feature's sums by class (Liu & Setiono, 1995)."""
    from sklearn.feature_selection import chi2  # noqa: PLC0415

    statistic: Array = chi2(numbers, target)[0]
    return statistic


def _information(numbers: Array, target: npt.NDArray[Any], task: str) -> Array:
    """The mutual information with the label by nearest neighbours (Kraskov et al., 2004; Ross, 2014)."""
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression  # noqa: PLC0415

    estimate = mutual_info_regression if task == "regression" else mutual_info_classif
    found: Array = estimate(numbers, target, random_state=0)
    return found


def _permutation(
    table: pd.DataFrame,
    target: pd.Series[Any],
    later: pd.DataFrame,
    truth: pd.Series[Any],
    task: str,
    seed: int,
) -> Array:
    """What shuffling a feature costs the probe on later rows (Breiman, 2001)."""
    loss = _Losses(pd.concat([table, later]), pd.concat([target, truth]), np.arange(len(table)),
                   np.arange(len(table), len(table) + len(later)), task)  # fmt: skip
    columns = [str(name) for name in table.columns]
    model = loss.fitted(columns)
    later = loss.later
    before, order = loss.of(model, later), np.random.default_rng(seed).permutation(len(later))
    costs = [
        loss.of(model, later.assign(**{name: later[name].to_numpy()[order]})) - before for name in columns
    ]
    return np.array(costs)


class _Losses:
    """The probe's loss on later rows for any set of features."""

    def __init__(
        self,
        features: pd.DataFrame,
        label: pd.Series[Any],
        rows: npt.NDArray[np.int64],
        held: npt.NDArray[np.int64],
        task: str,
    ) -> None:
        self.task, self.name = task, "rmse" if task == "regression" else "log_loss"
        self.table, self.target = features.iloc[rows], label.iloc[rows]
        known = held if task == "regression" else held[label.iloc[held].isin(self.target).to_numpy()]
        self.later, self.truth = features.iloc[known], label.iloc[known]

    def fitted(self, columns: list[str]) -> Any:
        settings = params.candidate(PROBE)
        pipeline = CANDIDATES["boosting"].make(settings, self.table[columns], Context(self.task))
        with one_thread():
            return pipeline.fit(self.table[columns], self.target)

    def of(self, model: Any, later: pd.DataFrame) -> float:
        from sklearn.metrics import log_loss, root_mean_squared_error  # noqa: PLC0415

        if self.task == "regression":
            return float(root_mean_squared_error(self.truth, model.predict(later)))
        return float(log_loss(self.truth, model.predict_proba(later), labels=list(model.classes_)))

    def __call__(self, columns: list[str]) -> float:
        return self.of(self.fitted(columns), self.later[columns])
