"""A number: how far off the answers are, and on which side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fullcycle.errors import Refusal
from fullcycle.metrics import per_block
from fullcycle.tasks.base import Task

if TYPE_CHECKING:
    import numpy.typing as npt

    from fullcycle.tasks.base import Array, Blocks

LEVELS = (0.1, 0.5, 0.9)


class Regression(Task):
    """Labels and answers are numbers."""

    name: ClassVar[str] = "regression"
    primary: ClassVar[str] = "rmse"

    def label(self, rows: pd.DataFrame, column: str, part: str) -> pd.Series[Any]:
        """The label as a number.

        Raises:
            Refusal: it is no number, is missing or infinite somewhere, or is the same everywhere.
        """
        if not pd.api.types.is_numeric_dtype(rows[column]):
            raise Refusal(f"{part}: the label {column} is {rows[column].dtype}; regression needs numbers")
        label = rows[column].astype("float64")
        if bad := int((~np.isfinite(label)).sum()):
            raise Refusal(f"{part}: the label {column} is missing or infinite on {bad} rows")
        if label.nunique() < 2:
            raise Refusal(
                f"{part}: the label {column} is the same on all {len(label)} rows: nothing to learn"
            )
        return label

    def outcome(self, rows: pd.DataFrame, column: str) -> npt.NDArray[Any]:
        """The number."""
        return rows[column].to_numpy("float64")

    def answer(self, pipeline: Any, features: pd.DataFrame) -> Array:
        """The predicted number."""
        predicted: Array = pipeline.predict(features).astype("float64")
        return predicted

    def table(self, answers: Array) -> pd.DataFrame:
        """One column, `prediction`."""
        return pd.DataFrame({"prediction": answers})

    def read(self, table: pd.DataFrame) -> Array:
        """The column `prediction`."""
        return table["prediction"].to_numpy()

    def measure(
        self,
        y: npt.NDArray[Any],
        answers: Array,
        decision: None,  # noqa: ARG002  a number is no decision
        bins: int,  # noqa: ARG002
        block: Blocks,
        weights: Array,
    ) -> dict[str, Array]:
        """RMSE, MAE, R2 and the pinball loss at three levels (Koenker & Bassett, 1978)."""

        def total(values: Array) -> Array:
            return per_block(values, block, weights)

        off = y - answers
        rows = total(np.ones(len(y)))
        shifted = y - y.mean()  # about their own mean, the squares do not cancel
        spread = total(shifted**2) - total(shifted) ** 2 / rows
        squares = total(off**2)
        pinball = {
            f"pinball_{level * 100:.0f}": total(np.where(off >= 0, level * off, (level - 1) * off)) / rows
            for level in LEVELS
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            r2 = np.where(spread > 0, 1 - squares / spread, np.nan)
        return {"rmse": np.sqrt(squares / rows), "mae": total(np.abs(off)) / rows, "r2": r2} | pinball

    def describe(self, y: npt.NDArray[Any]) -> dict[str, Any]:
        """Mean and standard deviation."""
        return {"label_mean": float(y.mean()), "label_sd": float(y.std())}


TASK = Regression()
