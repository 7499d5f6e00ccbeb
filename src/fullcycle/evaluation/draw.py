"""Which plots a task has: the numbers as CSV for ``dvc plots``, and a PNG of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from fullcycle.evaluation import plots, taskplots
from fullcycle.metrics import confusion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Drawn:
    """What plots are made of: labels, answers, decision, settings, metrics by month, importance."""

    y: Any
    answers: Any
    decision: Any
    settings: Any
    months: dict[str, Any]
    ranked: pd.DataFrame
    label: str

    def by_month(self, metric: str) -> pd.DataFrame:
        """A metric's value for each month that has one."""
        values = [month[metric]["value"] for month in self.months.values()]
        return pd.DataFrame({"month": list(self.months), metric: values}).round(6)


def write(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Each table as CSV."""
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def binary(drawn: Drawn, folder: Path) -> None:
    """ROC, precision and recall, calibration, confusion, importance, ROC AUC by month."""
    y, p = drawn.y, drawn.answers
    roc, precision_recall = plots.curves(y, p)
    cells = plots.calibration(y, p, drawn.settings.bins)
    tables = {"roc": roc, "precision_recall": precision_recall, "calibration": cells}
    write(tables | {"importance": drawn.ranked, "months": drawn.by_month("roc_auc")}, folder)
    share = float(y.mean())
    chance = [0.0, 1.0], [share, share]
    plots.draw_curve(roc, "ROC on the test rows", ([0, 1], [0, 1]), folder / "roc.png")
    plots.draw_curve(precision_recall, "Precision and recall", chance, folder / "precision_recall.png")
    plots.draw_calibration(cells, folder / "calibration.png")
    plots.draw_confusion(confusion(y, p, drawn.decision.threshold), drawn.label, folder / "confusion.png")
    plots.draw_importance(drawn.ranked, folder / "importance.png")
    plots.draw_months(drawn.months, "roc_auc", folder / "months.png")


def multiclass(drawn: Drawn, folder: Path) -> None:
    """The confusion of every class with every other, importance, log loss by month."""
    cells = taskplots.confused(drawn.y, drawn.answers)
    write({"confusion": cells.reset_index(names="real"), "importance": drawn.ranked}, folder)
    write({"months": drawn.by_month("log_loss")}, folder)
    taskplots.draw_classes(cells, folder / "confusion.png")
    plots.draw_importance(drawn.ranked, folder / "importance.png", "log loss")
    plots.draw_months(drawn.months, "log_loss", folder / "months.png")


def regression(drawn: Drawn, folder: Path) -> None:
    """Predicted against real, the errors' quantiles by prediction, importance, RMSE by month."""
    cells = taskplots.residuals(drawn.y, drawn.answers, drawn.settings.bins)
    write({"residuals": cells, "importance": drawn.ranked, "months": drawn.by_month("rmse")}, folder)
    taskplots.draw_predicted(drawn.y, drawn.answers, folder / "predicted.png")
    taskplots.draw_residuals(cells, folder / "residuals.png")
    plots.draw_importance(drawn.ranked, folder / "importance.png", "RMSE")
    plots.draw_months(drawn.months, "rmse", folder / "months.png")


def clustering(drawn: Drawn, folder: Path) -> None:
    """Rows and clusters in the plane of the two widest directions, sizes, importance."""
    points = taskplots.plane(drawn.answers)
    sizes = points["cluster"].value_counts().sort_index().rename_axis("cluster").reset_index(name="rows")
    write({"plane": points, "sizes": sizes, "importance": drawn.ranked}, folder)
    write({"months": drawn.by_month("silhouette")}, folder)
    taskplots.draw_plane(points, folder / "plane.png")
    plots.draw_importance(drawn.ranked, folder / "importance.png", "silhouette")
    plots.draw_months(drawn.months, "silhouette", folder / "months.png")


DRAW: dict[str, Callable[[Drawn, Path], None]] = {
    "binary": binary,
    "multiclass": multiclass,
    "regression": regression,
    "clustering": clustering,
}
