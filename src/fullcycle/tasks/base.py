"""The one interface of all tasks: from a model to answers, from answers to metrics.

Answers are an array (n,) where one number says all, else a table with a named column for each number.
Metrics are computed for many weightings of blocks of rows at once, as the bootstrap needs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]
    Blocks = npt.NDArray[np.int64]


class Task(ABC):
    """A kind of answer with its labels, metrics and what they say of a set of labels."""

    name: ClassVar[str]
    # The metric that importance, the months' plot and honesty are about.
    primary: ClassVar[str]
    # Whether rows have labels: one without is then set aside by `split`.
    labelled: ClassVar[bool] = True
    # The decision to measure with where none has been chosen.
    undecided: ClassVar[Any] = None

    @abstractmethod
    def label(self, rows: pd.DataFrame, column: str, part: str) -> pd.Series[Any]:
        """The label as models learn it; `part` names the rows in a refusal.

        Raises:
            Refusal: it is not what this task needs.
        """

    @abstractmethod
    def outcome(self, rows: pd.DataFrame, column: str) -> npt.NDArray[Any]:
        """The label as metrics compare it, shape (n,)."""

    @abstractmethod
    def answer(self, pipeline: Any, features: pd.DataFrame) -> Any:
        """What a model says of each row."""

    @abstractmethod
    def table(self, answers: Any) -> pd.DataFrame:
        """Answers as columns of a file."""

    @abstractmethod
    def read(self, table: pd.DataFrame) -> Any:
        """Answers from columns of a file; other columns are left out."""

    def refits(
        self, _fit: Callable[[npt.NDArray[np.int64]], Any], _rows: int, _asked: pd.DataFrame
    ) -> pd.DataFrame | None:
        """Further columns beside the answers, from models that `fit` gives for chosen places of the rows."""
        return None

    def decide(
        self, _y: npt.NDArray[Any], _answers: Any, _costs: Mapping[str, float] | None
    ) -> dict[str, Any]:
        """What a model's folder keeps about turning answers into decisions."""
        return {}

    def decision(self, _kept: Mapping[str, Any]) -> Any:
        """What `decide` kept, as `measure` takes it."""
        return None

    def decided(self, _y: npt.NDArray[Any], _answers: Any, _decision: Any) -> dict[str, Any]:
        """How the decisions came out, in counts."""
        return {}

    def constant(
        self, _y: npt.NDArray[Any], _decision: Any, _block: Blocks, _weights: Array
    ) -> dict[str, Array]:
        """What the best answer that is the same for every row would have reached, with hindsight."""
        return {}

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

    def of_answers(self, y: npt.NDArray[Any], answers: Any) -> dict[str, float]:
        """The metrics that need neither costs nor bins, as `train` measures them."""
        return self.values(y, answers, self.undecided)

    @abstractmethod
    def describe(self, y: npt.NDArray[Any]) -> dict[str, Any]:
        """What the labels are like."""

    def values(self, y: npt.NDArray[Any], answers: Any, decision: Any, bins: int = 10) -> dict[str, float]:
        """Every metric that has a meaning, each row counting once."""
        block = np.zeros(len(y), dtype="int64")
        found = self.measure(y, answers, decision, bins, block, np.ones((1, 1)))
        return {name: float(value[0]) for name, value in found.items() if not np.isnan(value[0])}
