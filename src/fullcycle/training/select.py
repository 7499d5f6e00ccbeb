"""Stage `select`: the best candidate on the validation rows; a tie goes to the simpler one.

The threshold of its decisions is chosen on the same rows, at the lowest cost. Test rows have no part
in either.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import DECISION, PREDICTIONS, read_json, read_table, replacing, write_json
from fullcycle.metrics import Decision, cheapest_threshold, measure

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def scores(label: npt.NDArray[Any], probability: npt.NDArray[Any], costs: Any, bins: int) -> dict[str, float]:
    """The validation metrics of one candidate at its own cheapest threshold, and that threshold."""
    threshold = cheapest_threshold(label, probability, costs.false_alarm, costs.missed)
    block = np.zeros(len(label), dtype="int64")
    decision = Decision(threshold, costs.false_alarm, costs.missed)
    values = measure(label, probability, decision, bins, block, np.ones((1, 1)))
    return {name: float(value[0]) for name, value in values.items()} | {"threshold": threshold}


def best(table: dict[str, dict[str, float]], complexity: dict[str, int], metric: str, tie: float) -> str:
    """The name of the best candidate by `metric`, or the simplest of those within `tie` of it."""
    sign = -1 if metric in params.LOWER_IS_BETTER else 1
    top = max(sign * row[metric] for row in table.values())
    tied = [name for name, row in table.items() if sign * row[metric] >= top - tie]
    return min(tied, key=lambda name: (complexity[name], -sign * table[name][metric], name))


def reason(winner: str, table: dict[str, dict[str, float]], metric: str, tie: float) -> str:
    """One sentence that says why the winner won."""
    top = best(table, dict.fromkeys(table, 0), metric, 0.0)
    if top == winner:
        return f"best {metric} on the validation rows"
    return f"{metric} within {tie:g} of {top}'s on the validation rows, and simpler"


def main(*, candidates: Path, validation: Path, champion: Path, report: Path) -> None:
    """Compare all candidates and copy the winner, with its threshold, to ``champion``."""
    settings = params.read("select")
    costs = params.read("problem.costs")
    bins = params.read("evaluate.bins")
    identity, label = params.read("problem.id"), params.read("problem.label")
    rows = read_table(validation, columns=[identity, label])
    # By the names in params.yaml: a folder that a removed candidate left behind takes no part.
    complexity = {
        name: read_json(candidates / name / "manifest.json")["complexity"] for name in params.read("train")
    }
    table = {}
    for name in complexity:
        answers = read_table(candidates / name / PREDICTIONS)
        if not answers[identity].equals(rows[identity]):
            raise Refusal(f"select: {name} answered other rows than {validation} holds; run `dvc repro`")
        table[name] = scores(rows[label].to_numpy(), answers["probability"].to_numpy(), costs, bins)
    winner = best(table, complexity, settings.metric, settings.tie)
    with replacing(champion) as folder:
        shutil.copytree(candidates / winner, folder, copy_function=shutil.copyfile)
        folder.joinpath(PREDICTIONS).unlink()
        decision = {"threshold": table[winner]["threshold"], "costs": costs.model_dump()}
        # Unrounded: a threshold is one of the probabilities, and rounded up it would not warn on it.
        write_json(decision, folder / DECISION, decimals=None)
    write_json(
        {
            "rows": len(rows),
            "champion": winner,
            "reason": reason(winner, table, settings.metric, settings.tie),
            "candidates": table,
        },
        report,
    )
