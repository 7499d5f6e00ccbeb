"""One of several classes: a probability for each; the decision is the most probable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fullcycle.errors import Refusal
from fullcycle.metrics import CLIP, per_block
from fullcycle.tasks.base import Task

if TYPE_CHECKING:
    import numpy.typing as npt

    from fullcycle.tasks.base import Array, Blocks

PREFIX = "probability_"
MAX_CLASSES = 1000


def names(label: pd.Series[Any]) -> pd.Series[str]:
    """Classes as text, whole numbers without a point: 3.0 (a column with gaps elsewhere) is ``3``."""
    if label.dtype.kind == "f" and (label == label.round()).all():
        label = label.astype("int64")
    return label.astype("str")


class Multiclass(Task):
    """Labels are names; an answer is a row of probabilities, a column for each class seen in training."""

    name: ClassVar[str] = "multiclass"
    primary: ClassVar[str] = "log_loss"

    def label(self, rows: pd.DataFrame, column: str, part: str) -> pd.Series[Any]:
        """The class of each row, as text.

        Raises:
            Refusal: a label is missing, or there is one class only, or nearly as many as rows.
        """
        if gaps := int(rows[column].isna().sum()):
            raise Refusal(f"{part}: the label {column} is missing on {gaps} rows; the rule is a class each")
        label = names(rows[column])
        if not 2 <= label.nunique() <= MAX_CLASSES:
            raise Refusal(
                f"{part}: the label {column} has {label.nunique()} class(es); the rule is 2 to {MAX_CLASSES}"
            )
        return label

    def outcome(self, rows: pd.DataFrame, column: str) -> npt.NDArray[Any]:
        """The class's name."""
        return names(rows[column]).to_numpy("object")

    def answer(self, pipeline: Any, features: pd.DataFrame) -> pd.DataFrame:
        """A probability for each class, in the order of their names."""
        return pd.DataFrame(pipeline.predict_proba(features), columns=[str(c) for c in pipeline.classes_])

    def table(self, answers: pd.DataFrame) -> pd.DataFrame:
        """A column for each class."""
        return answers.add_prefix(PREFIX)

    def read(self, table: pd.DataFrame) -> pd.DataFrame:
        """The columns of classes."""
        own = table[[column for column in table if str(column).startswith(PREFIX)]]
        return own.rename(columns=lambda column: column.removeprefix(PREFIX))

    def measure(
        self,
        y: npt.NDArray[Any],
        answers: pd.DataFrame,
        decision: None,  # noqa: ARG002  the most probable class is the decision
        bins: int,  # noqa: ARG002
        block: Blocks,
        weights: Array,
    ) -> dict[str, Array]:
        """Log loss, accuracy, macro F1, and the recall of each class.

        F1 and recall are averaged over the classes that occur among labels or answers (Manning, Raghavan
        & Schütze, Introduction to Information Retrieval, 2008, section 13.6), as scikit-learn does.
        """
        p = answers.to_numpy("float64")
        known = np.array(answers.columns, dtype="object")
        said = known[p.argmax(axis=1)]
        own = known[None, :] == y[:, None]
        p_true = np.where(own.any(axis=1), (p * own).sum(axis=1) / p.sum(axis=1), 0.0)
        rows = per_block(np.ones(len(y)), block, weights)
        result = {
            "log_loss": per_block(-np.log(np.clip(p_true, CLIP, 1 - CLIP)), block, weights) / rows,
            "accuracy": per_block((said == y).astype("float64"), block, weights) / rows,
        }
        f1, recalls = [], {}
        with np.errstate(invalid="ignore", divide="ignore"):
            for each in sorted({*known, *y}):
                hit, real, answered = (
                    per_block(cell.astype("float64"), block, weights)
                    for cell in ((said == each) & (y == each), y == each, said == each)
                )
                f1.append(2 * hit / (real + answered))
                recalls[f"recall_{each}"] = hit / real
        # A class that a resample lacks has no recall there: it is left out of that resample's mean.
        result["macro_f1"] = _mean(np.array(f1))
        result["macro_recall"] = _mean(np.array(list(recalls.values())))
        return result | recalls

    def describe(self, y: npt.NDArray[Any]) -> dict[str, Any]:
        """The share of each class."""
        found, counts = np.unique(y.astype("str"), return_counts=True)
        shares = zip(found, counts / len(y), strict=True)
        return {"class_share": {str(each): float(share) for each, share in shares}}


def _mean(values: Array) -> Array:
    there = ~np.isnan(values)
    total: Array = np.where(there, values, 0).sum(axis=0) / there.sum(axis=0)
    return total


TASK = Multiclass()
