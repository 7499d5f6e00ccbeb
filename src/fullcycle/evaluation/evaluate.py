"""Stage `evaluate`: what the champion is worth on rows that no earlier stage has looked at.

The intervals are bootstrapped over days. The other candidates answer the same rows, for comparison
only: selection is over. `live` rows get the same report, without plots, and no criterion reads it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.evaluation import plots
from fullcycle.files import DECISION, PREDICTIONS, read_json, read_table, replacing, write_json
from fullcycle.intervals import Estimate, days, estimates, resampled
from fullcycle.metrics import Decision, cheapest_threshold, decisions, measure
from fullcycle.params import LOWER_IS_BETTER
from fullcycle.training import store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Predict = Callable[[pd.DataFrame], Array]


class Rows:
    """Labelled rows with what their metrics need: labels, days, settings."""

    def __init__(self, rows: pd.DataFrame, settings: Any, roles: dict[str, str]) -> None:
        """Take rows of one part of the split."""
        self.rows, self.settings = rows, settings
        self.time = rows[roles["time"]]
        self.y = rows[roles["label"]].to_numpy("float64")

    def resamples(
        self, p: Array, decision: Decision, chosen: npt.NDArray[np.bool_] | None = None
    ) -> dict[str, Array]:
        """Every metric for the rows as they are (first) and for each resample of their days."""
        chosen = np.ones(len(self.y), bool) if chosen is None else chosen
        block = days(self.time[chosen])
        weights = resampled(int(block.max()) + 1, self.settings.resamples, self.settings.seed)
        return measure(self.y[chosen], p[chosen], decision, self.settings.bins, block, weights)

    def report(
        self, p: Array, decision: Decision, chosen: npt.NDArray[np.bool_] | None = None
    ) -> dict[str, Any]:
        """Rows, share of positives, and every metric with its interval."""
        own = self.y if chosen is None else self.y[chosen]
        found = estimates(self.resamples(p, decision, chosen), self.settings.confidence)
        return {"rows": len(own), "positive_share": float(own.mean())} | _flat(found)

    def groups(self, names: pd.Series[Any], p: Array, decision: Decision, least: int) -> dict[str, Any]:
        """A report for each value of `names` that has at least `least` rows."""
        counts = names.value_counts()
        return {
            str(name): self.report(p, decision, (names == name).to_numpy())
            for name in sorted(counts.index[counts >= least])
        }


def _flat(found: dict[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.as_dict() for name, estimate in found.items()}


def gain(base: dict[str, Array], own: dict[str, Array], confidence: float) -> dict[str, Any]:
    """By how much the champion is better, metric by metric, on the same resamples (paired)."""
    better = {name: (base[name] - own[name]) * (1 if name in LOWER_IS_BETTER else -1) for name in own}
    return _flat(estimates(better, confidence))


def gain_over_constant(rows: Rows, own: dict[str, Array], decision: Decision) -> dict[str, Any]:
    """What a row costs less than under the cheaper of "always warn" and "never warn" on these very rows.

    Harder than any baseline that has to choose beforehand: it chooses with hindsight.
    """
    block = days(rows.time)
    weights = resampled(int(block.max()) + 1, rows.settings.resamples, rows.settings.seed)
    always, never = (replace(decision, threshold=threshold) for threshold in (0.0, 2.0))
    costs = [
        decisions(rows.y, np.ones(len(rows.y)), each, block, weights)["cost"] for each in (always, never)
    ]
    cheaper = min(costs, key=lambda cost: float(cost[0]))
    return gain({"cost": cheaper}, {"cost": own["cost"]}, rows.settings.confidence)


def confusion(y: Array, p: Array, threshold: float) -> dict[str, int]:
    """The four counts of a decision."""
    warned, late = p >= threshold, y > 0
    return {
        "true_positives": int((warned & late).sum()),
        "false_positives": int((warned & ~late).sum()),
        "false_negatives": int((~warned & late).sum()),
        "true_negatives": int((~warned & ~late).sum()),
    }


def importance(predict: Predict, features: pd.DataFrame, y: Array, settings: Any) -> pd.DataFrame:
    """What shuffling each feature costs in ROC AUC (Breiman, 2001), largest first."""
    generator = np.random.default_rng(settings.seed)
    drawn = np.sort(
        generator.choice(len(features), min(settings.importance_rows, len(features)), replace=False)
    )
    sample, y = features.iloc[drawn].reset_index(drop=True), y[drawn]

    def area(table: pd.DataFrame) -> float:
        decision, one = Decision(0.5, 1, 1), np.zeros(len(y), dtype="int64")
        return float(measure(y, predict(table), decision, 2, one, np.ones((1, 1)))["roc_auc"][0])

    whole = area(sample)
    order = generator.permutation(len(sample))
    costs = {
        name: whole - area(sample.assign(**{name: sample[name].to_numpy()[order]})) for name in sample.columns
    }
    table = pd.DataFrame({"feature": list(costs), "importance": list(costs.values())}).round(6)
    return table.sort_values(["importance", "feature"], ascending=[False, True], ignore_index=True)


def draw(
    rows: Rows,
    p: Array,
    decision: Decision,
    months: dict[str, Any],
    ranked: pd.DataFrame,
    out: Path,
    label: str,
) -> None:
    """All plots, each as PNG, and the curves' numbers as CSV for ``dvc plots``."""
    roc, precision_recall = plots.curves(rows.y, p)
    cells = plots.calibration(rows.y, p, rows.settings.bins)
    months = {name: month for name, month in months.items() if "roc_auc" in month}  # one class has none
    by_month = pd.DataFrame(
        {"month": list(months), "roc_auc": [month["roc_auc"]["value"] for month in months.values()]}
    )
    tables = {"roc": roc, "precision_recall": precision_recall, "calibration": cells, "importance": ranked}
    share = float(rows.y.mean())
    with replacing(out) as folder:
        folder.mkdir()
        for name, table in (tables | {"months": by_month.round(6)}).items():
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        plots.draw_curve(roc, "ROC on the test rows", ([0, 1], [0, 1]), folder / "roc.png")
        plots.draw_curve(
            precision_recall,
            "Precision and recall",
            ([0, 1], [share, share]),
            folder / "precision_recall.png",
        )
        plots.draw_calibration(cells, folder / "calibration.png")
        plots.draw_confusion(confusion(rows.y, p, decision.threshold), label, folder / "confusion.png")
        plots.draw_importance(ranked, folder / "importance.png")
        plots.draw_months(months, "roc_auc", folder / "months.png")


def main(
    *,
    champion: Path,
    candidates: Path,
    validation: Path,
    test: Path,
    live: Path,
    test_metrics: Path,
    live_metrics: Path,
    details: Path,
    plots_out: Path,
) -> None:
    """Measure the champion on the test rows (and the live rows) and write metrics and plots.

    The headline numbers are metrics, which `dvc metrics diff` shows; months, slices and the other
    candidates go to ``details``.
    """
    settings = params.read("evaluate")
    roles = {role: params.read(f"problem.{role}") for role in ("id", "time", "label", "known_at")}
    sliced = params.read("problem.slices")
    costs = read_json(champion / DECISION)["costs"]
    decision = Decision(read_json(champion / DECISION)["threshold"], **costs)
    champion_name = read_json(champion / store.MANIFEST)["candidate"]
    columns = store.columns(champion)
    pipeline = store.load(champion)

    def predict(table: pd.DataFrame) -> Array:
        answer: Array = pipeline.predict_proba(table[columns])[:, 1]
        return answer

    detailed: dict[str, Any] = {}
    for part, source, path in (("test", test, test_metrics), ("live", live, live_metrics)):
        rows = Rows(read_table(source), settings, roles)
        p = predict(rows.rows)
        month = rows.time.dt.strftime("%Y-%m")
        months = rows.groups(month, p, decision, settings.min_slice_rows)
        headline = rows.report(p, decision) | {
            "part": part,
            "threshold": decision.threshold,
            "confusion": confusion(rows.y, p, decision.threshold),
        }
        slices = {name: rows.groups(rows.rows[name], p, decision, settings.min_slice_rows) for name in sliced}
        detailed[part] = {"months": months, "slices": slices}
        if part == "test":
            gains, others = compare(rows, p, decision, champion_name, candidates, validation, roles)
            headline |= gains
            detailed[part]["candidates"] = others
            ranked = importance(predict, rows.rows[columns], rows.y, settings)
            draw(rows, p, decision, months, ranked, plots_out, roles["label"])
        write_json(headline, path)
    write_json(detailed, details)


def compare(
    rows: Rows,
    p: Array,
    decision: Decision,
    champion: str,
    candidates: Path,
    validation: Path,
    roles: dict[str, str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the champion gains over trivial answers, and the other candidates on the same rows.

    Each decides at its own cheapest validation threshold.
    """
    own = rows.resamples(p, decision)
    label = read_table(validation, columns=[roles["label"]])[roles["label"]].to_numpy("float64")
    gains: dict[str, Any] = {"gain_over_constant": gain_over_constant(rows, own, decision)}
    others: dict[str, Any] = {}
    for name, settings in params.read("train").items():
        theirs = own
        if name != champion:
            folder = candidates / name
            answers = read_table(folder / PREDICTIONS)["probability"].to_numpy()
            threshold = cheapest_threshold(label, answers, decision.false_alarm, decision.missed)
            answered = store.load(folder).predict_proba(rows.rows[store.columns(folder)])[:, 1]
            theirs = rows.resamples(answered, replace(decision, threshold=threshold))
        gained = gain(theirs, own, rows.settings.confidence)
        if name != champion:
            others[name] = _flat(estimates(theirs, rows.settings.confidence)) | {"champion_gains": gained}
        if settings.kind == "baseline":
            gains["gain_over_baseline"] = gained  # nothing, where the baseline is the champion
    return gains, others
