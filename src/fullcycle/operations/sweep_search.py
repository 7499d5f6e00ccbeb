"""Which values a trial takes, as a pure function of the seed, its number and the trials before it.

A trial knows those that lie `LAG` or more before it: the rest may still be running. So the same sweep
draws the same values on any machine with up to `LAG` cores, whatever order its trials end in, and again
after it was interrupted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Literal

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from fullcycle.params.metrics import LOWER_IS_BETTER
from fullcycle.params.sweep import Choices, Range, Sweep

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LAG = 8
STARTUP = 10  # trials that the sampler draws at random, and completed ones that the pruner waits for
WARM_UP = 20  # per cent of a trial's rounds before it may be pruned
DIGITS = 6  # significant ones of a drawn number that reach params.yaml

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Past:
    """How a trial ended; `steps` is its metric at per cents of its rounds. A running one has no state."""

    drawn: dict[str, Any]
    state: str | None = None
    value: float | None = None
    steps: dict[int, float] = field(default_factory=dict)


def distribution(dimension: Range | Choices) -> BaseDistribution:
    """Optuna's form of a dimension."""
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.choices)
    if dimension.int:
        return IntDistribution(round(dimension.low), round(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def direction(metric: str) -> Literal["minimize", "maximize"]:
    """Optuna's word for what is better."""
    return "minimize" if metric in LOWER_IS_BETTER else "maximize"


class Search:
    """The trials of one `sweep` section."""

    def __init__(self, settings: Sweep) -> None:
        self.settings = settings
        self.space = {key: distribution(dimension) for key, dimension in settings.space.items()}

    @property
    def size(self) -> int:
        """How many trials there are: the budget, or all combinations of a grid if they are fewer."""
        if self.settings.method != "grid":
            return self.settings.budget.trials
        return sum(1 for _ in islice(self._grid(), self.settings.budget.trials))

    def lag(self, workers: int) -> int:
        """A trial may start when all that lie this far before it have ended; 0: at once."""
        return max(LAG, workers) if self.settings.method == "tpe" else 0

    def draw(self, number: int, past: list[Past]) -> dict[str, Any]:
        """The raw values of a trial; `past` has all trials before it, running ones too."""
        if self.settings.method == "grid":
            return dict(zip(self.space, next(islice(self._grid(), number, None)), strict=True))
        seed = int.from_bytes(hashlib.sha256(f"{self.settings.seed}/{number}".encode()).digest()[:4], "big")
        if self.settings.method == "random":
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
            study = optuna.create_study(sampler=sampler, direction=direction(self.settings.metric))
            study.add_trials([self.frozen(trial) for trial in past])
        return dict(study.ask(self.space).params)

    def values(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """What reaches params.yaml: numbers of at most `DIGITS` digits, within their range."""
        return {key: _rounded(value, self.settings.space[key]) for key, value in drawn.items()}

    def frozen(self, trial: Past) -> FrozenTrial:
        """Optuna's form of a trial."""
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        return create_trial(
            state=states.get(trial.state or "", TrialState.RUNNING),
            value=trial.value if trial.state == "complete" else None,
            params=trial.drawn,
            distributions=self.space,
            intermediate_values=trial.steps,
        )

    def _grid(self) -> Any:
        return product(*(dimension.ends() for dimension in self.settings.space.values()))


def _rounded(value: Any, dimension: Range | Choices) -> Any:
    if isinstance(dimension, Choices) or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), dimension.low), dimension.high)


def hopeless(metric: str, curves: list[dict[int, float]], own: dict[int, float]) -> bool:
    """Whether Optuna's median rule ends a trial: its best so far is worse than half of those before."""
    study = optuna.create_study(direction=direction(metric))
    study.add_trials(
        [create_trial(value=0.0, state=TrialState.COMPLETE, intermediate_values=curve) for curve in curves]
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARM_UP)
    return pruner.prune(study, create_trial(state=TrialState.RUNNING, intermediate_values=own))
