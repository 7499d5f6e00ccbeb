"""Stage `stress`: what the champion still says when its input is damaged, and who would notice.

Some test rows are drawn and damaged in each way that ``stress.damages`` names. The drop of a metric is
paired (the same rows, the same resampled days), and monitoring is asked with the rule of
`fullcycle.drift`, against as many other undamaged test rows, so that no season takes part in the answer.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.drift import Reference, drifted
from fullcycle.evaluation.damages import DAMAGES, hit, stale
from fullcycle.evaluation.plots import draw_robustness
from fullcycle.evaluation.rows import Rows
from fullcycle.files import DECISION, read_json, read_table, replacing, write_json
from fullcycle.intervals import gain
from fullcycle.jointdrift import separation
from fullcycle.tasks import task_of
from fullcycle.training import store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from fullcycle.tasks.base import Task

    Array = npt.NDArray[np.float64]
    Predict = Callable[[pd.DataFrame], Any]


def drawn(rows: pd.DataFrame, count: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to damage, and as many others to compare with; half of all each where there are too few."""
    count = min(count, len(rows) // 2)
    order = np.random.default_rng(seed).permutation(len(rows))
    halves = (np.sort(order[:count]), np.sort(order[count : 2 * count]))
    return tuple(rows.iloc[half].reset_index(drop=True) for half in halves)  # type: ignore[return-value]


def chance_of(seed: int, name: str) -> np.random.Generator:
    """A damage's own generator: another damage in the list changes nothing for it."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest)])


def damaged(
    rows: pd.DataFrame, columns: list[str], name: str, settings: Any, history: pd.DataFrame, time: str
) -> pd.DataFrame:
    """The rows after one damage of ``stress.damages`` to these columns."""
    damage = settings.damages[name]
    if damage.kind == "stale":
        return stale(rows, columns, damage, history, time)
    return DAMAGES[damage.kind](rows, columns, damage, chance_of(settings.seed, name))


class Answers:
    """What the model says of damaged rows, and of how many it says nothing.

    They get the mean of the undamaged rows' answers: a model that takes no gaps is thereby as good as a
    trivial answer, not a reason to stop.

    Args:
        task: whose answers.
        predict: features -> answers.
        rows: undamaged ones.
    """

    def __init__(self, task: Task, predict: Predict, rows: pd.DataFrame) -> None:
        """Let the model answer the undamaged rows."""
        self.task, self.predict = task, predict
        self.whole = task.table(predict(rows))

    def of(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
        """A table of answers without gaps, and how many rows the model gave none for."""
        try:
            said = self.task.table(self.predict(rows)).to_numpy("float64", copy=True)
        except ValueError:  # what scikit-learn's estimators raise for input that they do not take
            said = np.full((len(rows), self.whole.shape[1]), np.nan)
        lost = ~np.isfinite(said).all(axis=1)
        said[lost] = self.whole.mean().to_numpy()
        return pd.DataFrame(said, columns=self.whole.columns), int(lost.sum())


class Monitor:
    """Whether rows and their predictions look other than undamaged ones; `stress.alpha` is its level."""

    def __init__(self, rows: pd.DataFrame, said: pd.DataFrame, features: list[str], settings: Any) -> None:
        """Take the undamaged rows to compare with."""
        self.alpha, self.seed, self.features = settings.alpha, settings.seed, features
        self.rows = rows[features].assign(**predictions(said))
        self.reference = Reference(self.rows)

    def asked(
        self, rows: pd.DataFrame, said: pd.DataFrame, changed: list[str], identity: str
    ) -> dict[str, Any]:
        """What it notices.

        That is: columns that drifted (only the changed ones can have), columns that no longer fit each
        other, and rows seen twice.
        """
        own = predictions(said)
        table = rows[self.features].assign(**own)
        differences = self.reference.differences(table, [*changed, *own])
        tests = len(self.reference.columns) + 1
        found = drifted(differences, tests, self.alpha)
        area, difference = separation(self.rows, table, self.seed)
        jointly = difference.drifted(tests, self.alpha)
        repeated = int(rows[identity].duplicated().sum())
        return {
            "noticed": bool(found or jointly or repeated),
            "repeated_ids": repeated,
            "drifted": {"count": len(found), "first": found[:3]},
            "jointly": {"drifted": jointly, "roc_auc": area},
        }


def predictions(said: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """Answers as columns to watch: `prediction`, or one for each number of an answer."""
    columns = said.columns
    names = ["prediction"] if len(columns) == 1 else [f"prediction_{name}" for name in columns]
    return {name: said[column].to_numpy("float64") for name, column in zip(names, columns, strict=True)}


def unnoticed(damages: dict[str, Any], metric: str) -> dict[str, Any]:
    """The largest drop of a metric among the damages that monitoring would not notice; 0 without any."""
    silent: dict[str, dict[str, Any]] = {
        name: report["drop"][metric]
        for name, report in damages.items()
        if not report["monitoring"]["noticed"] and metric in report["drop"]
    }
    if not silent:
        return {"damage": "none", "value": 0.0, "low": 0.0, "high": 0.0}
    worst = max(silent, key=lambda name: (silent[name]["value"], name))
    return {"damage": worst} | silent[worst]


def stressed(
    test: pd.DataFrame,
    task: Task,
    predict: Predict,
    decision: Any,
    features: list[str],
    settings: Any,
    evaluate: Any,
    roles: dict[str, str],
) -> dict[str, Any]:
    """The whole report: undamaged, each damage, and the worst that nobody would notice."""
    columns = {name: hit(test, features, name, settings, roles["time"]) for name in settings.damages}
    rows, others = drawn(test, settings.rows, settings.seed)
    model = Answers(task, predict, rows)

    def measured(table: pd.DataFrame, said: pd.DataFrame) -> dict[str, Array]:
        return Rows(table, evaluate, roles, task).resamples(task.read(said), decision)

    whole = measured(rows, model.whole)
    monitor = Monitor(others, task.table(predict(others)), features, settings)
    report: dict[str, Any] = {
        "rows": {"test": len(test), "drawn": len(rows), "reference": len(others)},
        "undamaged": {
            "metrics": {metric: float(whole[metric][0]) for metric in settings.metrics},
            "monitoring": monitor.asked(rows, model.whole, features, roles["id"]),
        },
        "damages": {},
    }
    for name, damage in settings.damages.items():
        hurt = damaged(rows, columns[name], name, settings, test, roles["time"])
        said, silent = model.of(hurt)
        values = measured(hurt, said)
        same = len(hurt) == len(rows)
        changed = [each for each in features if not same or not hurt[each].equals(rows[each])]
        dropped = gain(values, whole, evaluate.confidence)
        report["damages"][name] = {
            "kind": damage.kind,
            "rows": {"in": len(rows), "added": len(hurt) - len(rows), "out": len(hurt)},
            "columns": len(changed) if same else 0,
            "unanswered": silent,
            "metrics": {metric: float(values[metric][0]) for metric in settings.metrics},
            "drop": {metric: dropped[metric] for metric in settings.metrics if metric in dropped},
            "monitoring": monitor.asked(hurt, said, changed, roles["id"]),
        }
    report["unnoticed"] = {metric: unnoticed(report["damages"], metric) for metric in settings.metrics}
    return report


def main(*, champion: Path, test: Path, metrics: Path, plot: Path) -> None:
    """Damage the test rows in every declared way; write the report and its plot."""
    settings, evaluate = params.read("stress"), params.read("evaluate")
    roles = {role: params.read(f"problem.{role}") for role in ("id", "time", "label", "known_at")}
    task = task_of(params.read("problem.task"))
    features, pipeline = store.columns(champion), store.load(champion)

    def predict(rows: pd.DataFrame) -> Any:
        return task.answer(pipeline, rows[features])

    decision = task.decision(read_json(champion / DECISION))
    report = stressed(read_table(test), task, predict, decision, features, settings, evaluate, roles)
    write_json(report, metrics)
    with replacing(plot) as path:
        draw_robustness(report["damages"], settings.metrics[0], path)
