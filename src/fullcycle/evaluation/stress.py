"""Stage `stress`: what the champion still says when its input is damaged, and who would notice.

Some test rows are drawn and damaged in each way that ``stress.damages`` names. The drop of a metric is
paired (the same rows, the same resampled days), and monitoring is asked with the rule of
`fullcycle.drift`, against as many other undamaged test rows, so that no season takes part in the answer.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle import params
from fullcycle.drift import Reference, drifted
from fullcycle.evaluation.damages import DAMAGES, matching, stale
from fullcycle.evaluation.evaluate import Rows, gain
from fullcycle.evaluation.plots import draw_robustness
from fullcycle.files import DECISION, read_json, read_table, replacing, write_json
from fullcycle.metrics import Decision
from fullcycle.training import store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]
    Predict = Callable[[pd.DataFrame], Array]

PREDICTION = "prediction"


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
    rows: pd.DataFrame, features: list[str], name: str, settings: Any, history: pd.DataFrame, time: str
) -> pd.DataFrame:
    """The rows after one damage of ``stress.damages``."""
    damage = settings.damages[name]
    patterns = settings.sources[damage.source] if hasattr(damage, "source") else ["*"]
    columns = matching(getattr(damage, "columns", patterns), features, f"stress.damages.{name}")
    if damage.kind == "stale":
        return stale(rows, columns, damage, history, time)
    return DAMAGES[damage.kind](rows, columns, damage, chance_of(settings.seed, name))


def answers(predict: Predict, rows: pd.DataFrame, otherwise: float) -> tuple[Array, int]:
    """What the model says, and for how many rows it says nothing: they get `otherwise`.

    A model that takes no gaps is thereby as good as the trivial answer, not a reason to stop.
    """
    try:
        p = np.asarray(predict(rows), dtype="float64")
    except ValueError:  # what scikit-learn's estimators raise for input that they do not take
        p = np.full(len(rows), np.nan)
    lost = ~np.isfinite(p)
    return np.where(lost, otherwise, p), int(lost.sum())


class Monitor:
    """Whether rows and their predictions look other than undamaged ones; `stress.alpha` is its level."""

    def __init__(self, rows: pd.DataFrame, predict: Predict, features: list[str], alpha: float) -> None:
        """Take the undamaged rows to compare with."""
        self.features, self.alpha = features, alpha
        self.reference = Reference(rows[features].assign(**{PREDICTION: predict(rows)}))

    def asked(self, rows: pd.DataFrame, p: Array, changed: list[str], identity: str) -> dict[str, Any]:
        """What it notices: columns that drifted (only the changed ones can have), and rows seen twice."""
        differences = self.reference.differences(
            rows[changed].assign(**{PREDICTION: p}), [*changed, PREDICTION]
        )
        found = drifted(differences, len(self.reference.columns), self.alpha)
        repeated = int(rows[identity].duplicated().sum())
        return {"noticed": bool(found or repeated), "repeated_ids": repeated} | {
            "drifted": {"count": len(found), "first": found[:3]}
        }


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
    predict: Predict,
    decision: Any,
    features: list[str],
    settings: Any,
    evaluate: Any,
    roles: dict[str, str],
) -> dict[str, Any]:
    """The whole report: undamaged, each damage, and the worst that nobody would notice."""
    rows, others = drawn(test, settings.rows, settings.seed)
    p = predict(rows)
    whole = Rows(rows, evaluate, roles).resamples(p, decision)
    monitor = Monitor(others, predict, features, settings.alpha)
    report: dict[str, Any] = {
        "rows": {"test": len(test), "drawn": len(rows), "reference": len(others)},
        "undamaged": {
            "metrics": {metric: float(whole[metric][0]) for metric in settings.metrics},
            "monitoring": monitor.asked(rows, p, features, roles["id"]),
        },
        "damages": {},
    }
    for name, damage in settings.damages.items():
        hurt = damaged(rows, features, name, settings, test, roles["time"])
        said, silent = answers(predict, hurt, float(p.mean()))
        values = Rows(hurt, evaluate, roles).resamples(said, decision)
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
    kept = read_json(champion / DECISION)
    features, pipeline = store.columns(champion), store.load(champion)

    def predict(rows: pd.DataFrame) -> Array:
        answer: Array = pipeline.predict_proba(rows[features])[:, 1]
        return answer

    decision = Decision(kept["threshold"], **kept["costs"])
    report = stressed(read_table(test), predict, decision, features, settings, evaluate, roles)
    write_json(report, metrics)
    with replacing(plot) as path:
        draw_robustness(report["damages"], settings.metrics[0], path)
