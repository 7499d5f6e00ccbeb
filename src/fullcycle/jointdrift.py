"""Whether rows look other than rows of reference, all columns together.

Columns can each look as ever and no longer fit each other: a feed that lags has old delays beside the
present hour. A classifier two-sample test sees it (Lopez-Paz and Oquab, 2017, "Revisiting classifier
two-sample tests"): a model learns on half of the rows to tell the two kinds apart, and where it can do so
on the other half, they differ. Trees are used, since gaps and categories need no preparation for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from fullcycle.drift import Difference
from fullcycle.metrics import of_probability

if TYPE_CHECKING:
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float64]

LEAST_SEPARATION = 0.05  # beyond a ROC AUC of 0.5
ROUNDS = 40
TREES = {
    "objective": "binary",
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "learning_rate": 0.1,
    "feature_fraction": 0.5,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


def separation(reference: pd.DataFrame, current: pd.DataFrame, seed: int) -> tuple[float, Difference]:
    """How well trees tell current rows from those of reference, on rows that they did not learn from.

    Args:
        reference: at least four rows.
        current: at least four rows with the same columns, numbers or categories.
        seed: draws the half that is learnt from.

    Returns:
        The ROC AUC, and the difference: its p-value (Mann and Whitney, 1947; normal approximation without
        correction for ties), and its distance, 1 at a ROC AUC of 0.5 + `LEAST_SEPARATION`.
    """
    import lightgbm  # noqa: PLC0415  only who asks pays for it

    rows = numbers(reference, current)
    is_current = np.repeat([0, 1], [len(reference), len(current)])
    half = np.random.default_rng(seed).permutation(len(rows)) % 2 == 0
    learnt = lightgbm.Dataset(rows[half], is_current[half])
    model = lightgbm.train(TREES | {"seed": seed}, learnt, ROUNDS)
    said, truth = np.asarray(model.predict(rows[~half])), is_current[~half]
    new = int(truth.sum())
    old = len(truth) - new
    if not new or not old:
        return 0.5, Difference(1.0, 0.0)
    area = of_probability(truth, said)["roc_auc"]
    p = float(ndtr((0.5 - area) / np.sqrt((new + old + 1) / (12 * new * old))))
    return area, Difference(p, max(0.0, area - 0.5) / LEAST_SEPARATION)


def numbers(reference: pd.DataFrame, current: pd.DataFrame) -> Matrix:
    """Both tables as one matrix: numbers as they are, categories by their place among all that occur."""
    both = pd.concat([reference, current], ignore_index=True)
    return np.column_stack([_number(both[name]) for name in both]).astype("float64")


def _number(column: pd.Series[Any]) -> Matrix:
    if pd.api.types.is_numeric_dtype(column.dtype):
        values: Matrix = column.to_numpy("float64", na_value=np.nan)
        return values
    codes = pd.Categorical(column.astype("str").where(column.notna())).codes.astype("float64")
    return np.where(codes < 0, np.nan, codes)
