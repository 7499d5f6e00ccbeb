"""The results of a sweep as files: a table, and three plots as PNG."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from fullcycle.evaluation.plots import GREY, INK, RED, new_figure, save
from fullcycle.files import replacing
from fullcycle.operations.sweep_search import direction
from fullcycle.params.metrics import LOWER_IS_BETTER
from fullcycle.params.sweep import Range

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from fullcycle.operations.sweep import Books
    from fullcycle.operations.sweep_search import Search

ENOUGH = 4  # complete trials for the importance of parameters


def write(books: Books, search: Search, folder: Path) -> None:
    """Write ``trials.csv`` and the plots of what has ended so far."""
    folder.mkdir(parents=True, exist_ok=True)
    ended = dict(sorted(books.journal.ended.items()))
    with replacing(folder / "trials.csv") as path:
        path.write_text(table(books, ended), encoding="utf-8", newline="\n")
    complete = {number: r for number, r in ended.items() if r["state"] == "complete"}
    if complete:
        metric = books.settings.metric
        _save(best_so_far(ended, metric), folder / "best_so_far.png")
        _save(parallel(complete, search, metric), folder / "parallel.png")
    if len(complete) >= ENOUGH:
        shares = importance(books, search, complete)
        if shares:
            _save(bars(shares, books.settings.metric), folder / "importance.png")


def table(books: Books, ended: dict[int, dict[str, Any]]) -> str:
    """One line for each trial, in their order."""
    text = io.StringIO()
    metrics = sorted({name for record in ended.values() for name in record["metrics"]})
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(
        ["trial", "experiment", "state", *metrics, *books.settings.space, "seconds", "ended_at", "error"]
    )
    for number, record in ended.items():
        lines.writerow(
            [
                number,
                books.experiment(number) if record["state"] != "failed" else "",
                record["state"],
                *(record["metrics"].get(name, "") for name in metrics),
                *(record["values"][key] for key in books.settings.space),
                "" if record["seconds"] is None else round(record["seconds"], 3),
                round(record["at"], 3),
                record.get("error", ""),
            ]
        )
    return text.getvalue()


def importance(books: Books, search: Search, complete: dict[int, dict[str, Any]]) -> dict[str, float]:
    """Each parameter's share in what sets good trials apart, by Optuna's PED-ANOVA; complete trials only."""
    study = optuna.create_study(direction=direction(books.settings.metric))
    past = books.journal.past(len(books.journal.drawn), 0)
    study.add_trials([search.frozen(past[number]) for number in complete])
    try:
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):  # all trials are alike
        return {}


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        save(figure, temporary)


def best_so_far(ended: dict[int, dict[str, Any]], metric: str) -> Figure:
    """The metric of each trial by the time it ended, and the best until then."""
    figure, axes = new_figure("Best so far", "minutes", f"{metric} (validation)", 7.0)
    in_time = sorted((r["at"] / 60, r["value"]) for r in ended.values() if r["state"] == "complete")
    minutes, values = np.array(in_time).T
    running = np.minimum.accumulate if metric in LOWER_IS_BETTER else np.maximum.accumulate
    axes.scatter(minutes, values, s=12, color=GREY, label="trial")
    axes.step(minutes, running(values), where="post", color=INK, label="best so far")
    axes.legend(frameon=False)
    return figure


def parallel(complete: dict[int, dict[str, Any]], search: Search, metric: str) -> Figure:
    """One line for each complete trial through all its values; the best tenth stands out."""
    names = [*search.space, metric]
    figure, axes = new_figure("Complete trials", "", "", max(5.0, 1.3 * len(names)))
    columns = []
    for name in names:
        raw = [record["value"] if name == metric else record["values"][name] for record in complete.values()]
        columns.append(_heights(raw, search.settings.space.get(name)))
        ends = min(raw), max(raw)
        for height, end in zip((-0.06, 1.03), ends, strict=True):
            shown = f"{end:.4g}" if isinstance(end, float) else str(end)
            axes.text(len(columns) - 1, height, shown, ha="center", fontsize=8)
    lines = np.array(columns).T
    order = np.argsort([r["value"] * (-1 if metric in LOWER_IS_BETTER else 1) for r in complete.values()])
    top = set(order[-max(1, len(order) // 10) :].tolist())
    for at in order.tolist():
        style: dict[str, Any] = (
            {"color": RED, "alpha": 0.9, "zorder": 3} if at in top else {"color": GREY, "alpha": 0.35}
        )
        axes.plot(range(len(names)), lines[at], linewidth=1.0, **style)
    axes.set_xticks(range(len(names)), names, rotation=20)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.1, 1.1)
    return figure


def _heights(raw: list[Any], dimension: Any) -> list[float]:
    """Values between 0 and 1; text by the order of the alphabet."""
    if any(isinstance(value, str) for value in raw):
        words = sorted({str(value) for value in raw})
        numbers = np.array([words.index(str(value)) for value in raw], dtype="float64")
    else:
        numbers = np.array(raw, dtype="float64")
        if isinstance(dimension, Range) and dimension.log:
            numbers = np.log(numbers)
    extent = numbers.max() - numbers.min()
    heights: list[float] = ((numbers - numbers.min()) / extent if extent else numbers * 0 + 0.5).tolist()
    return heights


def bars(shares: dict[str, float], metric: str) -> Figure:
    """The importance of each parameter."""
    figure, axes = new_figure(
        f"What {metric} depends on", "share of the variance (PED-ANOVA, complete trials)", "", 7.0
    )
    names = list(shares)[::-1]
    axes.barh(names, [shares[name] for name in names], color=INK)
    return figure
