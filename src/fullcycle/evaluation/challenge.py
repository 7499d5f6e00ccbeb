"""The champion against the one promoted before it: both answer the same test rows.

Each decides at its own threshold. Differences are paired, on the same resampled days, and positive where
the champion is better; what both share (an easy month, a bad storm) cancels out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.errors import Refusal
from fullcycle.files import DECISION, read_json
from fullcycle.intervals import days, estimates, resampled
from fullcycle.metrics import Decision, measure
from fullcycle.params import LOWER_IS_BETTER
from fullcycle.training import store

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]


class Player:
    """A model with its decision, and its answers for some rows."""

    def __init__(self, folder: Path, rows: pd.DataFrame) -> None:
        """Load the model and let it answer.

        Raises:
            Refusal: the model was changed, or asks for a feature that the rows do not have.
        """
        columns = store.columns(folder)
        if missing := [column for column in columns if column not in rows]:
            raise Refusal(
                f"{folder}: this model asks for the feature {missing[0]!r}, which the test rows do not have:"
                " the two cannot be compared. Give the feature back, or begin anew (docs/gate.md, Afresh)"
            )
        kept = read_json(folder / DECISION)
        self.decision = Decision(kept["threshold"], **kept["costs"])
        self.p: Array = store.load(folder).predict_proba(rows[columns])[:, 1]


class Rows:
    """Test rows with the settings of their metrics."""

    def __init__(self, rows: pd.DataFrame, settings: Any, roles: dict[str, str]) -> None:
        """Take labelled rows."""
        self.rows, self.settings = rows, settings
        self.y: Array = rows[roles["label"]].to_numpy("float64")
        self.time = rows[roles["time"]]

    def measured(self, player: Player, chosen: npt.NDArray[np.bool_]) -> dict[str, Array]:
        """Every metric of the chosen rows as they are (first) and for each resample of their days."""
        block = days(self.time[chosen])
        weights = resampled(int(block.max()) + 1, self.settings.resamples, self.settings.seed)
        return measure(self.y[chosen], player.p[chosen], player.decision, self.settings.bins, block, weights)

    def all(self) -> npt.NDArray[np.bool_]:
        """Every row chosen."""
        return np.ones(len(self.y), bool)


def deviation(rows: Rows, player: Player, said: dict[str, Any]) -> float:
    """By how much a metrics file differs at most, intervals included, from what the model answers.

    A file of another number of rows, or without a metric, is off by 1.
    """
    if said.get("rows") != len(rows.y):
        return 1.0
    own = estimates(rows.measured(player, rows.all()), rows.settings.confidence)
    gaps = [
        abs(float(said.get(name, {}).get(end, np.inf)) - number)
        for name, estimate in own.items()
        for end, number in estimate.as_dict().items()
    ]
    return min(1.0, max(gaps))


def gains(rows: Rows, champion: Player, before: Player, slices: list[str], least: int) -> dict[str, Any]:
    """By how much the champion is better, metric by metric: on all rows, and on each slice of enough rows."""

    def gain(chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        own, theirs = (rows.measured(each, chosen) for each in (champion, before))
        better = {name: (theirs[name] - own[name]) * (1 if name in LOWER_IS_BETTER else -1) for name in own}
        found = estimates(better, rows.settings.confidence)
        return {"rows": int(chosen.sum())} | {name: each.as_dict() for name, each in found.items()}

    result: dict[str, Any] = {"gain": gain(rows.all()), "slices": {}}
    for column in slices:
        names, counts = rows.rows[column], rows.rows[column].value_counts()
        large = sorted(counts.index[counts >= least])
        result["slices"][column] = {str(name): gain((names == name).to_numpy()) for name in large}
    return result
