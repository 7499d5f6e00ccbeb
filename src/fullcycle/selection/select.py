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
from fullcycle.intervals import days, gain, resampled
from fullcycle.params.metrics import LOWER_IS_BETTER
from fullcycle.tasks import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from fullcycle.tasks.base import Task

    Array = npt.NDArray[np.float64]
    Table = Mapping[str, Mapping[str, float]]


def best(
    table: Table,
    complexity: Mapping[str, int],
    metric: str,
    tie: float,
    within_noise: frozenset[str] = frozenset(),
) -> str:
    """The best candidate by `metric`, or the simplest of those within `tie` of it or within noise.

    Raises:
        Refusal: the metric has no value for any of them.
    """
    sign = -1 if metric in LOWER_IS_BETTER else 1
    scores = {name: sign * row[metric] for name, row in table.items() if metric in row}
    if not scores:
        raise Refusal(f"select.metric = {metric} has no value on these validation rows for any candidate")
    top = max(scores.values())
    tied = [name for name, score in scores.items() if score >= top - tie or name in within_noise]
    return min(tied, key=lambda name: (complexity[name], -scores[name], name))


def reason(winner: str, table: Table, metric: str, tie: float) -> str:
    """One sentence that says why the winner won."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    top = best(table, dict.fromkeys(table, 0), metric, 0.0)
    if top == winner:
        return f"best {metric} on the validation rows"
    within = sign * table[winner][metric] >= sign * table[top][metric] - tie
    by = f"within {tie:g}" if within else "within noise"
    return f"{metric} {by} of {top}'s on the validation rows, and simpler"


def behind(
    resamples: Mapping[str, dict[str, Array]], top: str, confidence: float
) -> dict[str, dict[str, dict[str, float]]]:
    """By how much each candidate is worse than the best one, metric by metric, on the same resamples."""
    return {name: gain(own, resamples[top], confidence) for name, own in resamples.items()}


def compared(
    task: Task, settings: Any, y: Any, answered: Mapping[str, Any], decided: Mapping[str, Any], block: Any,
    bins: int,
) -> dict[str, dict[str, Array]]:  # fmt: skip
    """Every metric of every candidate on the same resampled days."""
    weights = resampled(int(block.max()) + 1, settings.resamples, settings.seed)
    return {
        name: task.measure(y, answers, task.decision(decided[name]), bins, block, weights)
        for name, answers in answered.items()
    }


def main(*, candidates: Path, train: Path, validation: Path, champion: Path, report: Path) -> None:
    """Compare all candidates and write the winner, with its threshold, to ``champion``."""
    settings, costs = params.read("select"), params.read("problem.costs").model_dump()
    bins, task = params.read("evaluate.bins"), task_of(params.read("problem.task"))
    identity, label, time = (params.read(f"problem.{role}") for role in ("id", "label", "time"))
    rows = read_table(validation, columns=[identity, label, time])
    y = task.outcome(rows, label)
    # By the names in params.yaml: a folder that a removed candidate left behind takes no part.
    complexity = {
        name: read_json(candidates / name / "manifest.json")["complexity"] for name in params.read("train")
    }
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
        found = compared(task, settings, y, answered, decided, days(rows[time]), bins)
        top = best(table, dict.fromkeys(table, 0), settings.metric, 0.0)
        content["behind_best"] = behind(found, top, settings.confidence)
        noisy = frozenset(
            name
            for name, lines in content["behind_best"].items()
            if settings.metric in lines and lines[settings.metric]["low"] <= 0
        )
    winner = best(table, complexity, settings.metric, settings.tie, noisy)
    content |= {"champion": winner, "reason": reason(winner, table, settings.metric, settings.tie)}
    screened = {name: candidates / name / SCREENED for name in complexity}
    if found := {name: read_json(path) for name, path in screened.items() if path.exists()}:
        content["screening"] = found
    with replacing(champion) as folder:
        if settings.refit:
            from fullcycle.selection.refit import refit  # noqa: PLC0415  a mere copy needs no libraries

            folder.mkdir()
            refit(candidates / winner, train, validation, folder)
        else:
            shutil.copytree(candidates / winner, folder, copy_function=shutil.copyfile)
            folder.joinpath(PREDICTIONS).unlink()
        # Unrounded: a threshold is one of the probabilities, and rounded up it would not warn on it.
        write_json(decided[winner], folder / DECISION, decimals=None)
    write_json(content, report)
