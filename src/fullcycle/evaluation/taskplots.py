"""Plots of classes, numbers and clusters: the tables behind them, and PNG files with the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle.evaluation.plots import GREY, INK, RED, new_figure, save
from fullcycle.metrics import bin_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

DRAWN = 2000  # points: more cannot be told apart


def confused(y: npt.NDArray[Any], answers: pd.DataFrame) -> pd.DataFrame:
    """Rows of each real class (down) that got each answer (across)."""
    said = np.array(answers.columns, dtype="object")[answers.to_numpy().argmax(axis=1)]
    classes = sorted({*answers.columns, *y})
    counts = pd.crosstab(pd.Series(y), pd.Series(said))
    return counts.reindex(index=classes, columns=classes, fill_value=0)


def draw_classes(counts: pd.DataFrame, path: Path) -> None:
    """The confusion matrix; numbers up to 12 classes."""
    figure, axes = new_figure("Decisions on the test rows", "answer", "real class", width=6.0)
    share = counts.to_numpy() / np.maximum(counts.to_numpy().sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.3)
    places = range(len(counts))
    axes.set_xticks(places, counts.columns)
    axes.set_yticks(places, counts.index)
    if len(counts) <= 12:
        for (row, column), count in np.ndenumerate(counts.to_numpy()):
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=8)
    save(figure, path)


def residuals(y: Array, answers: Array, bins: int) -> pd.DataFrame:
    """Mean answer and the 10th, 50th and 90th percentile of real less predicted, in bins of equal size."""
    table = pd.DataFrame({"bin": bin_of(answers, bins), "predicted": answers, "off": y - answers})
    cells = table.groupby("bin")
    result = cells[["predicted"]].mean()
    for level in (10, 50, 90):
        result[f"off_{level}"] = cells["off"].quantile(level / 100)
    return result.assign(rows=cells.size()).reset_index(drop=True).round(6)


def draw_residuals(cells: pd.DataFrame, path: Path) -> None:
    """The errors' spread over the range of answers."""
    figure, axes = new_figure("Errors on the test rows", "predicted", "real less predicted")
    axes.axhline(0, color=GREY, linestyle="--")
    axes.fill_between(cells["predicted"], cells["off_10"], cells["off_90"], color=INK, alpha=0.2)
    axes.plot(cells["predicted"], cells["off_50"], color=INK, marker="o", markersize=4)
    save(figure, path)


def draw_predicted(y: Array, answers: Array, path: Path) -> None:
    """Real against predicted, with the diagonal of perfect answers."""
    step = -(-len(y) // DRAWN)
    figure, axes = new_figure("Predicted and real on the test rows", "predicted", "real")
    axes.scatter(answers[::step], y[::step], s=8, color=INK, alpha=0.5, linewidths=0)
    ends = [float(min(y.min(), answers.min())), float(max(y.max(), answers.max()))]
    axes.plot(ends, ends, color=RED, linestyle="--")
    save(figure, path)


def plane(answers: pd.DataFrame) -> pd.DataFrame:
    """Clusters of evenly spaced rows, and their places in the plane of the two widest directions."""
    thin = answers.iloc[:: -(-len(answers) // DRAWN)]
    places = thin[[name for name in thin if str(name).startswith("x_")]].to_numpy("float64")
    centred = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    # A direction has no sign of its own: let its largest weight be positive.
    axes = axes[:2] * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:2, None]
    flat = pd.DataFrame(centred @ axes.T).rename(columns={0: "first", 1: "second"})
    return flat.assign(cluster=thin["cluster"].to_numpy()).round(6)


def draw_plane(points: pd.DataFrame, path: Path) -> None:
    """Rows in the plane, a colour for each cluster."""
    figure, axes = new_figure("Clusters on the test rows", "widest direction", "second widest")
    second = points["second"] if "second" in points else points["first"] * 0
    axes.scatter(points["first"], second, c=points["cluster"], cmap="tab10", s=10, linewidths=0)
    save(figure, path)
