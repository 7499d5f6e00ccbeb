"""One trial, in a worker process: the very code of stage `train`, its outputs put into DVC's cache."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.operations.experiments import Stored, kept_in_git, store
from fullcycle.operations.sweep_search import hopeless
from fullcycle.training.hooks import Hooks, Kept
from fullcycle.training.train import Inputs, produce

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

CHECKS = 10  # looks at a trial's metric while it trains
EVERY = 4  # one validation row in so many is looked at


@dataclass(frozen=True)
class Task:
    """What a worker needs to know of one trial; `curves` are those of the completed ones before it."""

    number: int
    drawn: dict[str, Any]
    values: dict[str, Any]
    curves: list[dict[int, float]]
    prune: bool


@dataclass(frozen=True)
class Result:
    """How a trial ended, and what it left in the cache."""

    state: str
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    steps: dict[int, float] = field(default_factory=dict)
    outs: dict[str, Stored] = field(default_factory=dict)


class Pruned(Exception):  # noqa: N818  it is a verdict, not a malfunction
    """The trial is not worth its remaining rounds."""


@dataclass(eq=False)  # LightGBM keeps callbacks in a set
class Watch:
    """Looks at a LightGBM model a few times while it trains; changes nothing in it."""

    inputs: Inputs
    memory: Kept
    metric: str
    curves: list[dict[int, float]]
    steps: dict[int, float] = field(default_factory=dict)
    _rows: npt.NDArray[np.float64] | None = None
    _score: Any = 0.0
    _done: int = 0

    def __call__(self, env: Any) -> None:
        """LightGBM's callback, after every round.

        Raises:
            Pruned: the median rule says so.
        """
        rounds = env.end_iteration - env.begin_iteration
        now = env.iteration - env.begin_iteration + 1
        step = 100 * now // rounds
        if now == rounds or step // CHECKS == 100 * (now - 1) // rounds // CHECKS:
            return
        self.steps[step // CHECKS * CHECKS] = self._measured(env.model, now)
        if hopeless(self.metric, self.curves, self.steps):
            raise Pruned

    def _measured(self, model: Any, now: int) -> float:
        from scipy.special import expit  # noqa: PLC0415

        from fullcycle.metrics import of_probability  # noqa: PLC0415

        asked = self.inputs.asked.iloc[::EVERY]
        if self._rows is None:
            prepare = self.memory.fitted
            self._rows = np.asarray(prepare.transform(asked[self.inputs.features.columns]), "float64")
        more = model.predict(
            self._rows, start_iteration=self._done, num_iteration=now - self._done, raw_score=True
        )
        self._score, self._done = self._score + more, now
        label = asked[self.inputs.question.roles["label"]].to_numpy("float64")
        return round(of_probability(label, expit(self._score))[self.metric], 6)


@dataclass
class Trials:
    """All that the trials of a sweep share; made once, before the workers are forked.

    Args:
        candidate: its name in ``train``.
        section: its settings as they stand in ``params.yaml``.
        inputs: the rows.
        metric: what is improved.
        outs: where the stage writes its folder and its metrics, as ``dvc.yaml`` has it.
        cache: DVC's.
        scratch: a folder on the cache's file system.
    """

    candidate: str
    section: Any
    inputs: Inputs
    metric: str
    outs: tuple[str, str]
    cache: Path
    scratch: Path
    memory: Kept = field(default_factory=Kept)

    def __call__(self, task: Task) -> Result:
        """Train one, store what it wrote."""
        start = time.perf_counter()
        # What params.yaml leaves out stays left out, as the stage would have it.
        given = self.section.model_dump(exclude_unset=True) | task.values
        settings = type(self.section).model_validate(given)
        binary = self.inputs.question.task == "binary"  # the watch knows probabilities only
        watch = Watch(self.inputs, self.memory, self.metric, task.curves) if task.prune and binary else None
        folder = self.scratch / str(task.number)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            metrics = produce(
                self.candidate,
                settings,
                self.inputs,
                folder / "out",
                folder / "metrics.json",
                Hooks(watch, self.memory),
            )
        except Pruned:
            steps = watch.steps if watch else {}
            folder.rmdir()
            return Result("pruned", time.perf_counter() - start, steps=steps)
        out, metrics_file = self.outs
        outs = {out: store(folder / "out", self.cache), metrics_file: kept_in_git(folder / "metrics.json")}
        shutil.rmtree(folder)
        steps = watch.steps if watch else {}
        return Result("complete", time.perf_counter() - start, metrics, steps, outs)
