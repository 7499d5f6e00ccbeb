"""LightGBM, trained anew or as the continuation of an earlier champion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline

from fullcycle.errors import Refusal
from fullcycle.files import read_json
from fullcycle.training import preprocess, store

if TYPE_CHECKING:
    from fullcycle.training.context import Context


def lightgbm(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Boosted trees that grow leaf by leaf (Ke et al., 2017)."""
    prepare = (
        preprocess.trees(features, settings.min_category_rows)
        if settings.prepare is None
        else preprocess.prepared(features, settings.prepare, context.task)
    )
    if settings.prepare is None:
        prepare.set_output(transform="pandas")
    return Pipeline([("prepare", prepare), ("estimate", _estimate(settings, context.task))])


def _estimate(settings: Any, task: str) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415  each kind pays for its own imports

    options: dict[str, Any] = {
        "n_estimators": settings.rounds,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_child_samples": settings.min_leaf_rows,
        "subsample": settings.row_share,
        "subsample_freq": 1,
        "colsample_bytree": settings.feature_share,
        "reg_lambda": settings.l2,
        "random_state": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "n_jobs": 0,  # all cores, without their number standing in the model
        "verbose": -1,
    }
    if task == "regression":
        if settings.quantile is not None:
            options |= {"objective": "quantile", "alpha": settings.quantile}
        return LGBMRegressor(**options)
    if settings.scale_pos_weight is not None:
        options["scale_pos_weight"] = settings.scale_pos_weight
    return LGBMClassifier(**options, class_weight=settings.class_weight)


def best_round(
    pipeline: Pipeline,
    patience: int,
    features: pd.DataFrame,
    label: pd.Series[Any],
    later: pd.DataFrame,
    truth: pd.Series[Any],
) -> int:
    """The round with the lowest loss on later rows before a pause of `patience` rounds."""
    from lightgbm import early_stopping  # noqa: PLC0415

    rows = pipeline[:-1].fit_transform(features, label)
    # A class that has come up only later has no probability to be judged by.
    known = truth.isin(label).to_numpy() | is_regressor(pipeline)
    held = {"eval_X": pipeline[:-1].transform(later[known]), "eval_y": truth[known]}
    stop = early_stopping(patience, verbose=False)
    estimate = pipeline[-1].fit(rows, label, **held, callbacks=[stop])
    return int(estimate.best_iteration_ or estimate.n_estimators)


def continued(settings: Any, features: pd.DataFrame, label: pd.Series[Any], context: Context) -> Pipeline:
    """The champion's trees and `rounds` more, learnt on these rows as its own first step sees them.

    Raises:
        Refusal: the champion is another file than the parameters say, no LightGBM model, has other features
            or classes, or learnt from what became known after these rows.
    """
    from lightgbm import Booster  # noqa: PLC0415

    origin = settings.init_from_champion
    champion = store.load(Path(origin.folder), sha256_of_pipeline=origin.sha256)
    if not hasattr(champion[-1], "booster_"):
        raise Refusal(f"{origin.folder} holds no LightGBM model that could be continued")
    if list(champion.feature_names_in_) != list(features.columns):
        other = set(champion.feature_names_in_) ^ set(features.columns)
        raise Refusal(
            f"{origin.folder} has other features than the training rows:"
            f" {', '.join(sorted(other)) or 'the same ones in another order'}"
        )
    _blind_to_the_future(origin.folder, context)
    known = [str(each) for each in getattr(champion[-1], "classes_", ())]
    asked = [] if context.task == "regression" else [str(each) for each in sorted(label.unique())]
    if known != asked:
        was, now = (f"the classes {', '.join(each)}" if each else "numbers" for each in (known, asked))
        raise Refusal(f"{origin.folder} answers {was}; the training rows have {now}")
    estimate = _estimate(settings, context.task)
    estimate.fit(champion[:-1].transform(features), label, init_model=champion[-1].booster_)
    # All trees, the champion's first, without the handle on the champion that they were learnt with.
    estimate._Booster = Booster(model_str=estimate.booster_.model_to_string())  # noqa: SLF001
    return Pipeline([*champion.steps[:-1], ("estimate", estimate)])


def _blind_to_the_future(folder: str, context: Context) -> None:
    """Refuse a champion that may have learnt from rows on which its continuation will be judged.

    The split purges training rows by what the next part's first decision could know, so whatever became
    known no later than their labels is safe.

    Raises:
        Refusal: it learnt from labels that became known later, or does not say until when.
    """
    if context.known_at is None:
        return
    until, latest = read_json(Path(folder) / store.MANIFEST).get("known_until"), context.known_at.max()
    if until is None or pd.Timestamp(until) > latest:
        raise Refusal(
            f"{folder} learnt from labels known until {until or '(it does not say)'}, these rows' until"
            f" {latest.isoformat()}: it may have seen the rows on which it would be judged"
        )
