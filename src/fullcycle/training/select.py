"""Stage `select`: the best candidate on the validation rows; a tie goes to the simpler one.

Two candidates tie if they differ by no more than `select.tie`, or if the difference is within noise: its
paired interval over resampled days holds 0. The threshold of binary decisions is chosen on the same
rows, at the lowest cost. Test rows have no part in any of it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import DECISION, PREDICTIONS, SCREENED, read_json, read_table, replacing, write_json
from fullcycle.intervals import days, estimates, resampled
from fullcycle.tasks import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from fullcycle.tasks.base import Task

    Array = npt.NDArray[np.float64]


def best(
    table: Mapping[str, Mapping[str, float]],
    complexity: Mapping[str, int],
    metric: str,
    tie: float,
    within_noise: frozenset[str] = frozenset(),
) -> str:
    """The best candidate by `metric`, or the simplest of those within `tie` of it or within noise."""
    sign = -1 if metric in params.LOWER_IS_BETTER else 1
    top = max(sign * row[metric] for row in table.values())
    tied = [name for name, row in table.items() if sign * row[metric] >= top - tie or name in within_noise]
    return min(tied, key=lambda name: (complexity[name], -sign * table[name][metric], name))


def reason(winner: str, table: Mapping[str, Mapping[str, float]], metric: str, tie: float) -> str:
    """One sentence that says why the winner won."""
    sign = -1 if metric in params.LOWER_IS_BETTER else 1
    top = best(table, dict.fromkeys(table, 0), metric, 0.0)
    if top == winner:
        return f"best {metric} on the validation rows"
    if sign * (table[top][metric] - table[winner][metric]) <= tie:
        return f"{metric} within {tie:g} of {top}'s on the validation rows, and simpler"
    return f"{metric} within noise of {top}'s on the validation rows, and simpler"


def behind(
    resamples: Mapping[str, dict[str, Array]], top: str, confidence: float
) -> dict[str, dict[str, dict[str, float]]]:
    """By how much each candidate is worse than the best one, metric by metric, on the same resamples."""
    result = {}
    for name, own in resamples.items():
        worse = {
            metric: (resamples[top][metric] - values) * (-1 if metric in params.LOWER_IS_BETTER else 1)
            for metric, values in own.items()
            if metric in resamples[top]
        }
        result[name] = {metric: found.as_dict() for metric, found in estimates(worse, confidence).items()}
    return result


def main(*, candidates: Path, validation: Path, champion: Path, report: Path) -> None:
    """Compare all candidates and copy the winner, with its threshold, to ``champion``."""
    settings, costs = params.read("select"), params.read("problem.costs")
    bins, task = params.read("evaluate.bins"), task_of(params.read("problem.task"))
    identity, label = params.read("problem.id"), params.read("problem.label")
    rows = read_table(validation)
    y = task.outcome(rows, label)
    complexity = {
        path.parent.name: read_json(path)["complexity"] for path in sorted(candidates.glob("*/manifest.json"))
    }
    if not complexity:
        raise Refusal(f"select: no candidate in {candidates}; run `dvc repro`")
    table, decided, answered = {}, {}, {}
    for name in complexity:
        kept = read_table(candidates / name / PREDICTIONS)
        if not kept[identity].equals(rows[identity]):
            raise Refusal(f"select: {name} answered other rows than {validation} holds; run `dvc repro`")
        answered[name] = task.read(kept)
        decided[name] = task.decide(y, answered[name], costs)
        table[name] = task.values(y, answered[name], task.decision(decided[name]), bins)
        table[name] |= {key: value for key, value in decided[name].items() if key == "threshold"}
    content: dict[str, Any] = {"rows": len(rows), "candidates": table}
    noisy: frozenset[str] = frozenset()
    if settings.confidence is not None:
        found = _compared(
            task, settings, (y, answered, decided), days(rows[params.read("problem.time")]), bins
        )
        top = best(table, dict.fromkeys(table, 0), settings.metric, 0.0)
        content["behind_best"] = behind(found, top, settings.confidence)
        noisy = frozenset(
            name
            for name, lines in content["behind_best"].items()
            if settings.metric in lines and lines[settings.metric]["low"] <= 0
        )
    screened = {name: candidates / name / SCREENED for name in complexity}
    content["screening"] = {name: read_json(path) for name, path in screened.items() if path.exists()}
    winner = best(table, complexity, settings.metric, settings.tie, noisy)
    with replacing(champion) as folder:
        shutil.copytree(candidates / winner, folder, copy_function=shutil.copyfile)
        folder.joinpath(PREDICTIONS).unlink()
        write_json(decided[winner], folder / DECISION)
    why = reason(winner, table, settings.metric, settings.tie)
    content = {name: value for name, value in content.items() if value}
    write_json(content | {"champion": winner, "reason": why}, report)


def _compared(
    task: Task, settings: Any, candidates: tuple[Any, Any, Any], block: Any, bins: int
) -> dict[str, dict[str, Array]]:
    """Every metric of every candidate on the same resampled days."""
    y, answered, decided = candidates
    weights = resampled(int(block.max()) + 1, settings.resamples, settings.seed)
    return {
        name: task.measure(y, answers, task.decision(decided[name]), bins, block, weights)
        for name, answers in answered.items()
    }
