"""Yes or no: a probability, and a decision at the threshold that is cheapest on validation rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fullcycle.errors import Refusal
from fullcycle.metrics import Decision, cheapest_threshold, confusion, decisions, measure, of_probability
from fullcycle.tasks.base import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from fullcycle.tasks.base import Array, Blocks


class Binary(Task):
    """Labels are 0 and 1; an answer is the probability of 1."""

    name: ClassVar[str] = "binary"
    primary: ClassVar[str] = "roc_auc"
    undecided: ClassVar[Decision] = Decision(0.5, 1, 1)

    def label(self, rows: pd.DataFrame, column: str, part: str) -> pd.Series[Any]:
        """The label as 0 or 1.

        Raises:
            Refusal: another value, or one class only.
        """
        other = rows.loc[~rows[column].isin([0, 1]), column]
        if len(other):
            raise Refusal(
                f"{part}: the label {column} is {other.iloc[0]} on {len(other)} rows; the rule is 0 or 1"
            )
        label = rows[column].astype("int64")
        if label.nunique() != 2:
            raise Refusal(f"{part}: the label {column} has {label.nunique()} class(es); the rule is two")
        return label

    def outcome(self, rows: pd.DataFrame, column: str) -> npt.NDArray[Any]:
        """0.0 or 1.0."""
        return rows[column].to_numpy("float64")

    def answer(self, pipeline: Any, features: pd.DataFrame) -> Array:
        """The probability of 1."""
        probability: Array = pipeline.predict_proba(features)[:, 1]
        return probability

    def table(self, answers: Array) -> pd.DataFrame:
        """One column, `probability`."""
        return pd.DataFrame({"probability": answers})

    def read(self, table: pd.DataFrame) -> Array:
        """The column `probability`."""
        return table["probability"].to_numpy()

    def decide(
        self, y: npt.NDArray[Any], answers: Array, costs: Mapping[str, float] | None
    ) -> dict[str, Any]:
        """The threshold that is cheapest on these rows, and the costs that say so."""
        costs = dict(costs or {})
        return {"threshold": cheapest_threshold(y, answers, **costs), "costs": costs}

    def decision(self, kept: Mapping[str, Any]) -> Decision:
        """The threshold with its costs."""
        return Decision(kept["threshold"], **kept["costs"])

    def decided(self, y: npt.NDArray[Any], answers: Array, decision: Decision) -> dict[str, Any]:
        """The threshold and the confusion matrix."""
        return {"threshold": decision.threshold, "confusion": confusion(y, answers, decision.threshold)}

    def constant(
        self, y: npt.NDArray[Any], decision: Decision, block: Blocks, weights: Array
    ) -> dict[str, Array]:
        """The cost under the cheaper of "always warn" and "never warn" on these very rows.

        Harder than any baseline that has to choose beforehand: it chooses with hindsight.
        """
        always, never = (replace(decision, threshold=threshold) for threshold in (0.0, 2.0))
        ones = np.ones(len(y))
        costs = [decisions(y, ones, each, block, weights)["cost"] for each in (always, never)]
        return {"cost": min(costs, key=lambda cost: float(cost[0]))}

    def measure(
        self,
        y: npt.NDArray[Any],
        answers: Array,
        decision: Decision,
        bins: int,
        block: Blocks,
        weights: Array,
    ) -> dict[str, Array]:
        """Ranking, losses, calibration and decisions: see `fullcycle.metrics`."""
        return measure(y, answers, decision, bins, block, weights)

    def of_answers(self, y: npt.NDArray[Any], answers: Array) -> dict[str, float]:
        """Ranking and losses."""
        return of_probability(y, answers)

    def describe(self, y: npt.NDArray[Any]) -> dict[str, Any]:
        """The share of positives."""
        return {"positive_share": float(y.mean())}


TASK = Binary()
