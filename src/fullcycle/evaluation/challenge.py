"""The champion against the one promoted before it: both answer the same test rows.

Each decides at its own threshold. Differences are paired, on the same resampled days, and positive where
the champion is better; what both share (an easy month, a bad storm) cancels out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.errors import Refusal
from fullcycle.files import DECISION, read_json
from fullcycle.intervals import estimates, gain
from fullcycle.training import store

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from fullcycle.evaluation.rows import Rows


class Player:
    """A model with its decision, and its answers for some rows."""

    def __init__(self, folder: Path, rows: Rows) -> None:
        """Load the model and let it answer.

        Raises:
            Refusal: the model was changed, or asks for a feature that the rows do not have.
        """
        columns = store.columns(folder)
        if missing := [column for column in columns if column not in rows.rows]:
            raise Refusal(
                f"{folder}: this model asks for the feature {missing[0]!r}, which the test rows do not have:"
                " the two cannot be compared. Give the feature back, or begin anew (docs/gate.md, Afresh)"
            )
        self.decision = rows.task.decision(read_json(folder / DECISION))
        self.answers = rows.task.answer(store.load(folder), rows.rows[columns])


def deviation(rows: Rows, player: Player, said: dict[str, Any]) -> float:
    """By how much a metrics file differs at most, intervals included, from what the model answers.

    A file of another number of rows, or without a metric, is off by 1.
    """
    if said.get("rows") != len(rows.y):
        return 1.0
    own = estimates(rows.resamples(player.answers, player.decision), rows.settings.confidence)
    gaps = [
        abs(float(said.get(name, {}).get(end, np.inf)) - number)
        for name, estimate in own.items()
        for end, number in estimate.as_dict().items()
    ]
    return min(1.0, max(gaps))


def gains(rows: Rows, champion: Player, before: Player, slices: list[str], least: int) -> dict[str, Any]:
    """By how much the champion is better, metric by metric: on all rows, and on each slice of enough rows."""

    def gained(chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        own, theirs = (rows.resamples(each.answers, each.decision, chosen) for each in (champion, before))
        return {"rows": int(chosen.sum())} | gain(theirs, own, rows.settings.confidence)

    result: dict[str, Any] = {"gain": gained(np.ones(len(rows.y), bool)), "slices": {}}
    for column in slices:
        names, counts = rows.rows[column], rows.rows[column].value_counts()
        large = sorted(counts.index[counts >= least])
        result["slices"][column] = {str(name): gained((names == name).to_numpy()) for name in large}
    return result
