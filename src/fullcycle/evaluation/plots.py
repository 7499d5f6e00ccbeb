"""Plots of a binary model as PNG files (the same bytes for the same numbers), and their numbers as CSV.

`Figure` without pyplot: no global state, and half the time to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fullcycle.metrics import bin_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes

    Array = npt.NDArray[np.float64]

POINTS = 200  # of a curve: more cannot be seen
INK, GREY, RED = "#1f4e79", "#999999", "#b03a2e"


def curves(y: Array, p: Array) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ROC and the precision-recall curve at about `POINTS` thresholds."""
    order = np.argsort(-p, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    hits = np.cumsum(y[order])[ends]
    falses = ends + 1 - hits
    kept = np.unique(np.linspace(0, len(ends) - 1, POINTS).round().astype(int))
    roc = pd.DataFrame({"false_positive_rate": falses / falses[-1], "true_positive_rate": hits / hits[-1]})
    roc = pd.concat([pd.DataFrame([[0.0, 0.0]], columns=roc.columns), roc.iloc[kept]])
    pr = pd.DataFrame({"recall": hits / hits[-1], "precision": hits / (ends + 1)}).iloc[kept]
    return roc.round(6), pr.round(6)


def calibration(y: Array, p: Array, bins: int) -> pd.DataFrame:
    """Predicted and real share of positives in bins of equal size."""
    cells = pd.DataFrame({"bin": bin_of(p, bins), "predicted": p, "real": y}).groupby("bin")
    return cells.mean().assign(rows=cells.size()).reset_index(drop=True).round(6)


def new_figure(title: str, x: str, y: str, width: float = 5.0) -> tuple[Figure, Axes]:
    """An empty figure without pyplot."""
    figure = Figure(figsize=(width, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    """Write a PNG that says neither when nor by what it was made."""
    figure.savefig(path, format="png", metadata={"Software": None})


def draw_curve(curve: pd.DataFrame, title: str, chance: tuple[list[float], list[float]], path: Path) -> None:
    """A curve with the line that chance would draw."""
    x, y = curve.columns
    figure, axes = new_figure(title, x.replace("_", " "), y.replace("_", " "))
    axes.plot(*chance, color=GREY, linestyle="--", label="chance")
    axes.plot(curve[x], curve[y], color=INK, label="champion")
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.legend(frameon=False)
    save(figure, path)


def draw_calibration(table: pd.DataFrame, path: Path) -> None:
    """Predicted against real shares, with the diagonal of perfect calibration."""
    figure, axes = new_figure("Calibration on the test rows", "predicted probability", "real share")
    top = float(table[["predicted", "real"]].to_numpy().max()) * 1.05
    axes.plot([0, top], [0, top], color=GREY, linestyle="--", label="perfect")
    axes.plot(table["predicted"], table["real"], color=INK, marker="o", markersize=4, label="champion")
    axes.legend(frameon=False)
    save(figure, path)


def draw_confusion(counts: dict[str, int], label: str, path: Path) -> None:
    """The confusion matrix with counts and shares of all rows."""
    figure, axes = new_figure("Decisions on the test rows", "", "")
    cells = np.array([[counts["true_negatives"], counts["false_positives"]],
                      [counts["false_negatives"], counts["true_positives"]]])  # fmt: skip
    axes.imshow(cells, cmap="Blues", vmin=0, vmax=cells.max() * 1.5)
    axes.set_xticks([0, 1], ["not warned", "warned"])
    axes.set_yticks([0, 1], [f"not {label}", label])
    for (row, column), count in np.ndenumerate(cells):
        axes.text(column, row, f"{count:,}\n{count / cells.sum():.1%}", ha="center", va="center")
    save(figure, path)


def draw_importance(importance: pd.DataFrame, path: Path, metric: str = "ROC AUC") -> None:
    """What shuffling each feature costs in a metric; the 25 costliest."""
    shown = importance.head(25).iloc[::-1]
    figure, axes = new_figure("Permutation importance", f"loss of {metric} when shuffled", "", width=7.0)
    axes.barh(shown["feature"], shown["importance"], color=INK)
    axes.tick_params(axis="y", labelsize=8)
    save(figure, path)


def draw_months(months: dict[str, dict[str, Any]], metric: str, path: Path) -> None:
    """A metric by month with its intervals."""
    figure, axes = new_figure(f"{metric} by month", "", metric)
    values = [month[metric] for month in months.values()]
    middle = np.array([value["value"] for value in values])
    spread = np.abs(np.array([[value["low"], value["high"]] for value in values]).T - middle)
    axes.errorbar(list(months), middle, yerr=spread, color=INK, marker="o", capsize=4, linestyle="none")
    axes.margins(x=0.4)
    save(figure, path)


def draw_honesty(scores: dict[str, dict[str, float]], metric: str, path: Path) -> None:
    """The score by time beside what random splits promise, with intervals."""
    ranks = metric == "roc_auc"  # half is chance, 1 is the best there is
    words = "ROC AUC" if ranks else metric.replace("_", " ")
    figure, axes = new_figure("The same model, scored under each split", "", words, width=6.0)
    middle = np.array([score["value"] for score in scores.values()])
    spread = np.abs(np.array([[score["low"], score["high"]] for score in scores.values()]).T - middle)
    titles = {"time_split": "by time\n(later rows)", "random_split": "at random",
              "random_split_same_period": "at random,\nsame period"}  # fmt: skip
    names = [titles.get(name, name.replace("_", "\n")) for name in scores]
    colours = [INK if name == "time_split" else RED for name in scores]
    axes.bar(names, middle, yerr=spread, capsize=4, color=colours, width=0.6)
    for place, value in enumerate(middle):
        height = 0.51 if ranks else value / 50
        axes.text(place, height, f"{value:.3f}", ha="center", color="white", weight="bold")
    if ranks:
        axes.set_ylim(0.5, 1)
    save(figure, path)


def draw_robustness(damages: dict[str, dict[str, Any]], metric: str, path: Path) -> None:
    """What each damage costs, with intervals; red where monitoring would not notice."""
    known = {name: each for name, each in reversed(damages.items()) if metric in each["drop"]}
    drops = [each["drop"][metric] for each in known.values()]
    middle = np.array([drop["value"] for drop in drops])
    spread = np.abs(np.array([[drop["low"], drop["high"]] for drop in drops]).T - middle)
    colours = [INK if each["monitoring"]["noticed"] else RED for each in known.values()]
    figure, axes = new_figure("Damaged test rows (red: monitoring would not notice)", f"drop of {metric}",
                           "", width=7.5)  # fmt: skip
    axes.barh(list(known), middle, xerr=spread, color=colours, capsize=3)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.tick_params(axis="y", labelsize=8)
    save(figure, path)
