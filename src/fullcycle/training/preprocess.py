"""From a table of features to numbers that an estimator takes; fitted on training rows alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from fullcycle.errors import Refusal

if TYPE_CHECKING:
    import pandas as pd

    from fullcycle.params.sections import Categories, Numbers, Prepare

MAX_ONE_HOT = 2000  # columns made of one: 1,000,000 rows of them are 16 GB
TARGETS = {"binary": "binary", "multiclass": "multiclass", "regression": "continuous"}


def kinds(features: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The numeric and the categorical (text) columns, in their order.

    Each step takes a list of its own: one that two steps share is stored once, but twice after scikit-learn
    cloned the steps (as it does where it keeps fitted ones), and the model's bytes would differ.
    """
    numeric = list(features.select_dtypes("number").columns)
    return numeric, [column for column in features.columns if column not in numeric]


def dense(features: pd.DataFrame, knots: int, min_category_rows: int) -> ColumnTransformer:
    """For linear models: numbers as piecewise linear splines with indicators of gaps, categories one-hot.

    The splines are constant beyond their outer knots, so an outlier weighs no more than the extreme value
    seen in training. A gap is 0 in all of them, and its indicator has a weight of its own; a feature without
    gaps in training has none, and a later gap counts as the mean of its splines, since the penalty keeps
    their weights around 0. Rare and unseen categories share one column.
    """
    numeric, categorical = kinds(features)
    known = [column for column in numeric if features[column].notna().any()]
    spline = SplineTransformer(
        n_knots=knots, degree=1, knots="quantile", extrapolation="constant", handle_missing="zeros"
    )
    return ColumnTransformer(
        [
            ("numbers", spline, known),
            ("gaps", MissingIndicator(error_on_new=False), numeric),
            ("categories", _one_hot(features[categorical], min_category_rows), categorical),
        ]
    )


def trees(features: pd.DataFrame, min_category_rows: int, *, keep_empty: bool = True) -> ColumnTransformer:
    """For trees: numbers as they are, gaps included; categories as whole numbers, unknown ones as gaps.

    Args:
        features: the training rows.
        min_category_rows: categories with fewer rows share a number.
        keep_empty: False leaves out what is missing on all rows, where an estimator cannot bin it.
    """
    if not keep_empty:
        features = features.loc[:, features.notna().any()]
    numeric, categorical = kinds(features)
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        min_frequency=min_category_rows,
    )
    return ColumnTransformer([("numbers", "passthrough", numeric), ("categories", ordinal, categorical)])


def prepared(features: pd.DataFrame, settings: Prepare, task: str) -> ColumnTransformer:
    """What a candidate's section ``prepare`` says, for any estimator that needs finite numbers.

    Args:
        features: the training rows: quantiles and what is rare are theirs.
        settings: numbers and categories.
        task: whose label the target encoder learns.
    """
    numeric, categorical = kinds(features)
    steps: list[Any] = [("numbers", _numbers(features[numeric], settings.numbers), numeric)]
    if settings.numbers.indicators:
        steps.append(("gaps", MissingIndicator(error_on_new=False), [*numeric]))
    encoder = _categories(features[categorical], settings.categories, settings.numbers.scale, task)
    return ColumnTransformer([*steps, ("categories", encoder, categorical)])


def _numbers(training: pd.DataFrame, settings: Numbers) -> Any:
    steps: list[Any] = [SimpleImputer(strategy=settings.impute, keep_empty_features=True)]
    if settings.clip is not None and training.shape[1]:
        known = training.astype("float64")
        low = known.quantile(settings.clip).fillna(-np.inf).to_numpy()
        high = known.quantile(1 - settings.clip).fillna(np.inf).to_numpy()
        steps.append(FunctionTransformer(np.clip, kw_args={"a_min": low, "a_max": high}))
    return make_pipeline(*steps, *_scaler(settings.scale))


def _scaler(name: str) -> list[Any]:
    scalers = {"standard": StandardScaler, "robust": RobustScaler, "range": MinMaxScaler}
    return [scalers[name]()] if name in scalers else []


def _categories(training: pd.DataFrame, settings: Categories, scale: str, task: str) -> Any:
    if settings.encode == "one_hot":
        return _one_hot(training, settings.min_rows)
    # Gaps, unseen and rare categories are three codes of their own.
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=-2,
        encoded_missing_value=-1,
        min_frequency=settings.min_rows,
    )
    if settings.encode == "ordinal":
        return make_pipeline(ordinal, *_scaler(scale))
    if task not in TARGETS:
        raise Refusal(f"prepare.categories.encode = target needs a label; the task {task} has none")
    folds = (KFold if task == "regression" else StratifiedKFold)(5, shuffle=True, random_state=0)
    return make_pipeline(ordinal, TargetEncoder(target_type=TARGETS[task], cv=folds), *_scaler(scale))


def _one_hot(training: pd.DataFrame, min_rows: int) -> OneHotEncoder:
    for name, column in training.items():
        frequent = int((column.value_counts() >= min_rows).sum())
        if frequent > MAX_ONE_HOT:
            raise Refusal(
                f"train: the feature {name} has {frequent} categories with {min_rows} rows or more, a column"
                f" for each; the rule is at most {MAX_ONE_HOT}: raise the least rows of a category, or encode"
                " it by target (prepare.categories.encode)"
            )
    return OneHotEncoder(min_frequency=min_rows, handle_unknown="infrequent_if_exist", sparse_output=False)
