"""How much of a metric is luck: the champion refitted with other seeds, on the same rows.

`fullcycle noise` runs this and writes `metrics/noise.json`; a difference between two models that is
smaller than this band may be nothing but their seeds (Bouthillier et al., Accounting for variance in
machine learning benchmarks, 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import DECISION, read_json, read_table, sha256, write_json
from fullcycle.tasks import task_of
from fullcycle.training import store
from fullcycle.training.candidates.entry import with_seed
from fullcycle.training.refit import chosen
from fullcycle.training.train import ROLES, fitted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def band(values: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation (of a sample), lowest and highest."""
    array = np.asarray(values)
    return {
        "mean": float(array.mean()),
        "sd": float(array.std(ddof=1)),
        "low": float(array.min()),
        "high": float(array.max()),
    }


def main(*, champion: Path, split: Path, out: Path, seeds: str) -> None:
    """Refit with `seeds` seeds after the champion's own, and write each metric's band.

    Raises:
        Refusal: `seeds` is no number above 1, or the champion draws nothing.
    """
    if not seeds.isdigit() or int(seeds) < 2:
        raise Refusal(f"noise: --seeds {seeds} is no whole number of 2 or more")
    about, kept = read_json(champion / store.MANIFEST), read_json(champion / DECISION)
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    task = task_of(params.read("problem.task"))
    settings = chosen(about["params"], champion)
    parts = {part: read_table(split / f"{part}.parquet") for part in ("train", "validation", "test")}
    rows = parts["train"]
    measured = ["validation", "test"]
    if "refit" in about["rows"]:  # it has seen the validation rows
        rows, measured = pd.concat([rows, parts["validation"]], ignore_index=True), ["test"]
    found: dict[str, list[dict[str, float]]] = {part: [] for part in measured}
    columns = list(about["features"])
    first = getattr(settings, "seed", 0)
    for seed in range(first + 1, first + 1 + int(seeds)):
        pipeline, _ = fitted(with_seed(settings, seed), rows, roles, task.name, columns)
        for part in measured:
            y = task.outcome(parts[part], roles["label"])
            answers = task.answer(pipeline, parts[part][columns])
            found[part].append(task.values(y, answers, task.decision(kept), params.read("evaluate.bins")))
    write_json(summary(about, champion, found, int(seeds)), out)


def summary(
    about: dict[str, Any], champion: Path, found: dict[str, list[dict[str, float]]], seeds: int
) -> dict[str, Any]:
    """The bands, and which model they belong to."""
    return {
        "candidate": about["candidate"],
        "model": sha256(champion.joinpath(store.PIPELINE).read_bytes()),
        "seeds": seeds,
        "metrics": {
            part: {name: band([each[name] for each in rows]) for name in rows[0]}
            for part, rows in found.items()
        },
    }
