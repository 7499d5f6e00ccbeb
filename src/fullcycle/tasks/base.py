"""The one interface of all tasks: from a model to answers, from answers to metrics.

Answers are an array (n,) where one number says all, else a table with a named column for each number.
Metrics are computed for many weightings of blocks of rows at once, as the bootstrap needs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fullcycle.params import LOWER_IS_BETTER

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]
    Blocks = npt.NDArray[np.int64]


class Task(ABC):
    """A kind of answer with its labels, metrics and what they say of a set of labels."""

    name: ClassVar[str]
    # The metric that importance and noise are measured in, where nobody names another.
    primary: ClassVar[str]

    def label(self, rows: pd.DataFrame, column: str, _part: str) -> pd.Series[Any]:
        """The label as models learn it.

        Raises:
            Refusal: it is not what this task needs.
        """
        return rows[column]

    @abstractmethod
    def outcome(self, rows: pd.DataFrame, column: str) -> npt.NDArray[Any]:
        """The label as metrics compare it."""

    @abstractmethod
    def answer(self, pipeline: Any, features: pd.DataFrame) -> Any:
        """What a model says of each row."""

    @abstractmethod
    def table(self, answers: Any) -> pd.DataFrame:
        """Answers as columns of a file."""

    @abstractmethod
    def read(self, table: pd.DataFrame) -> Any:
        """Answers from columns of a file; other columns are left out."""

    def decide(self, _y: npt.NDArray[Any], _answers: Any, _costs: Any) -> dict[str, Any]:
        """What a model's folder keeps about turning answers into decisions."""
        return {}

    def decision(self, _kept: dict[str, Any]) -> Any:
        """What `decide` kept, as `measure` takes it."""
        return None

    @abstractmethod
    def measure(
        self, y: npt.NDArray[Any], answers: Any, decision: Any, bins: int, block: Blocks, weights: Array
    ) -> dict[str, Array]:
        """Every metric for every weighting, name -> shape (resamples,); without a meaning it is NaN.

        Args:
            y: what `outcome` gave.
            answers: what `answer` gave.
            decision: what `decision` gave.
            bins: bins of equal size for calibration.
            block: for each row the number of its block, shape (n,).
            weights: how often each block counts in each resample, shape (resamples, blocks).
        """

    @abstractmethod
    def describe(self, y: npt.NDArray[Any]) -> dict[str, Any]:
        """What the labels are like."""

    def values(self, y: npt.NDArray[Any], answers: Any, decision: Any, bins: int = 10) -> dict[str, float]:
        """Every metric that has a meaning, each row counting once."""
        block = np.zeros(len(y), dtype="int64")
        found = self.measure(y, answers, decision, bins, block, np.ones((1, 1)))
        return {name: float(value[0]) for name, value in found.items() if not np.isnan(value[0])}


def per_block(values: Array, block: Blocks, weights: Array) -> Array:
    """Weighted sums of a value over all rows, by way of its sums in each block; shape (resamples,)."""
    total: Array = weights @ np.bincount(block, values, minlength=weights.shape[1])
    return total


def better(metric: str, value: float, than: float) -> float:
    """By how much a value is better than another; negative where it is worse."""
    return (than - value) if metric in LOWER_IS_BETTER else (value - than)
