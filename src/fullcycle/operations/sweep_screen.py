"""What a person sees of a sweep: a bar with the best so far on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fullcycle.params.metrics import LOWER_IS_BETTER

if TYPE_CHECKING:
    from pathlib import Path

    from fullcycle.operations.sweep import Books


class Screen:
    """Progress of one sweep.

    Args:
        books: what has happened.
        size: how many trials there will be.
    """

    def __init__(self, books: Books, size: int) -> None:
        self._books, self._size, self._seen = books, size, len(books.journal.ended)
        self._before, self._old = books.journal.seconds, len(books.journal.ended)
        # Refreshed by `beat` alone: a thread of its own would not survive the workers' fork.
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[more]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(books.name, total=size, completed=self._seen, more="")

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._seen:
            self._say(f"{self._books.name}: {self._seen} of {self._size} trials are done; going on")
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()

    def ended(self, number: int) -> None:
        """One trial more."""
        self._seen += 1
        record = self._books.journal.ended[number]
        if not self._bar.disable:
            return
        values = " ".join(f"{key}={value}" for key, value in record["values"].items())
        how = {
            "complete": lambda: f"{self._books.settings.metric} {record['value']:.6f}",
            "pruned": lambda: f"pruned at {max(record['steps'])} %",
            "failed": lambda: f"failed: {record['error']}",
        }[record["state"]]()
        self._say(f"[{self._seen}/{self._size}] trial {number}: {how} ({values}){self._best()}")

    def beat(self, seconds: float, running: int) -> None:
        """Draw the bar anew."""
        done = self._seen - self._old
        left = (
            f", about {_clock((seconds - self._before) / done * (self._size - self._seen))} left"
            if done
            else ""
        )
        left = left if seconds < self._books.settings.budget.minutes * 60 else ", time is up"
        self._bar.update(self._task, completed=self._seen, more=f"{running} running{left}{self._best()}")
        self._bar.refresh()

    def summary(self, *, interrupted: bool, plots: Path) -> None:
        """The end: how many, the best, and what to do with it."""
        ended = self._books.journal.ended
        states = [record["state"] for record in ended.values()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed"))
        self._say(f"{self._books.name}: {len(ended)} of {self._size} trials ({counts})")
        for number, record in sorted(ended.items()):
            if record["state"] == "failed":
                self._say(f"  trial {number} failed: {record['error']}")
        top = best(ended, self._books.settings.metric)
        if top is not None:
            values = ", ".join(f"{key} {value}" for key, value in ended[top]["values"].items())
            self._say(
                f"best {self._books.settings.metric} {ended[top]['value']:.6f} in trial {top}: {values}"
            )
            self._say(f"take it over: dvc exp apply {self._books.experiment(top)} && dvc repro")
        self._say(f"all trials: dvc exp show; {plots}/trials.csv and its plots")
        if interrupted or len(ended) < self._size:
            self._say("the budget is not spent in trials: `fullcycle sweep` goes on where this ended")

    def _best(self) -> str:
        ended = self._books.journal.ended
        top = best(ended, self._books.settings.metric)
        return "" if top is None else f"; best {ended[top]['value']:.6f} (trial {top})"

    @staticmethod
    def _say(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def best(ended: dict[int, dict[str, Any]], metric: str) -> int | None:
    """The number of the best complete trial, the earliest of equals; None if there is none."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    complete = [(sign * record["value"], n) for n, record in ended.items() if record["state"] == "complete"]
    return min(complete)[1] if complete else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
