"""How much of a metric is luck: the champion refitted with other seeds, on the same rows.

`fullcycle noise` starts this and writes `metrics/noise.json`; a difference between two models that is
smaller than this band may be nothing but their seeds (Bouthillier et al., Accounting for variance in
machine learning benchmarks, 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import DECISION, read_json, read_table, sha256, write_json
from fullcycle.selection.refit import settled
from fullcycle.tasks import task_of
from fullcycle.training import store
from fullcycle.training.candidates.entry import with_seed
from fullcycle.training.context import Question
from fullcycle.training.train import fitted

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
    if not seeds.isdecimal() or int(seeds) < 2:
        raise Refusal(f"noise: --seeds {seeds} is no whole number of 2 or more")
    about, kept = read_json(champion / store.MANIFEST), read_json(champion / DECISION)
    question, columns, settings = Question.read(), store.columns(champion), settled(champion)
    task, bins = task_of(question.task), params.read("evaluate.bins")
    first = getattr(settings, "seed", 0) + 1
    varied = [with_seed(settings, seed) for seed in range(first, first + int(seeds))]
    parts = {part: read_table(split / f"{part}.parquet") for part in ("train", "validation", "test", "live")}
    rows, measured = parts["train"], ["validation", "test", "live"]
    if "refit" in about["rows"]:  # it has seen the validation rows
        rows, measured = pd.concat([rows, parts["validation"]], ignore_index=True), ["test", "live"]
    found: dict[str, list[dict[str, float]]] = {part: [] for part in measured}
    for each in varied:
        pipeline, _ = fitted(each, rows, question, columns)
        for part in measured:
            y = task.outcome(parts[part], question.roles["label"])
            answers = task.answer(pipeline, parts[part][columns])
            found[part].append(task.values(y, answers, task.decision(kept), bins))
    content = {
        "candidate": about["candidate"],
        "model": sha256(champion.joinpath(store.PIPELINE).read_bytes()),
        "seeds": [each.seed for each in varied],
        "metrics": {
            part: {name: band([each[name] for each in own]) for name in own[0]} for part, own in found.items()
        },
    }
    write_json(content, out)
