"""`fullcycle sweep`: search the space of ``sweep`` in params.yaml; every trial becomes a DVC experiment.

It runs as the stages do (``python src/stage.py fullcycle.operations.sweep``), in their small world, so
that a trial's bytes are those that ``dvc repro`` would write. The rows are read once; forked workers
share them. A trial ends in this order: its outputs stand in DVC's cache, its line in the journal, its
experiment in Git. A start after a kill takes up whichever is missing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.params.sweep import Budget

if TYPE_CHECKING:
    from fullcycle.operations.experiments import Experiments
    from fullcycle.operations.sweep_journal import Journal
    from fullcycle.operations.sweep_pool import Pool
    from fullcycle.operations.sweep_search import Search
    from fullcycle.operations.sweep_trial import Trials
    from fullcycle.params.sweep import Sweep

MODULE = "fullcycle.training.train"
INTERRUPTED = 130  # the exit code of a process that Ctrl-C ended
BEAT = 0.5  # seconds between looks at the clock


class Books:
    """Journal and experiments of one sweep, kept equal.

    Args:
        settings: the section ``sweep``.
        section: the candidate's own, as it stands in ``params.yaml``.
        experiments: of its stage, on the current commit.
    """

    def __init__(self, settings: Sweep, section: Any, experiments: Experiments) -> None:
        from fullcycle.operations.sweep_journal import Journal, identity  # noqa: PLC0415

        self.settings, self.experiments = settings, experiments
        self.key = f"train.{settings.candidate}"
        facts = settings.model_dump(exclude={"budget", "workers"}) | {
            "dependencies": experiments.dependencies,
            "params": {k: v for k, v in experiments.parameters.items() if k != self.key},
            "fixed": {k: v for k, v in section.model_dump().items() if k not in settings.space},
        }
        self.name = f"sweep-{identity(facts)}"
        self.journal: Journal = Journal(Path(".dvc/tmp/sweeps", self.name))

    def experiment(self, number: int) -> str:
        """The name of a trial's experiment."""
        return f"{self.name}-{number:04d}"

    def end(self, number: int, values: dict[str, Any], **record: Any) -> None:
        """Write down how a trial ended, then make its experiment."""
        from fullcycle.operations.sweep_journal import ENDED  # noqa: PLC0415

        self.journal.append(ENDED, number, values=values, when=int(time.time()), **record)
        self._write(number)

    def restore(self) -> None:
        """Make the experiments that are missing: of a killed process, or on a new commit."""
        there = self.experiments.names()
        for number in sorted(self.journal.ended):
            if self.experiment(number) not in there:
                self._write(number)

    def _write(self, number: int) -> None:
        from fullcycle.operations.experiments import Stored  # noqa: PLC0415

        record = self.journal.ended[number]
        if record["state"] == "failed":
            return
        values = {f"{self.key}.{key}": value for key, value in record["values"].items()}
        shown = ", ".join(f"{key} {value}" for key, value in record["values"].items())
        result = record["value"] if record["state"] == "complete" else f"pruned at {max(record['steps'])} %"
        message = f"{self.name}, trial {number}: {self.settings.metric} {result}\n\n{shown}\n"
        outs = {path: Stored(**out) for path, out in record["outs"].items()}
        self.experiments.write(self.experiment(number), message, values, outs, record["when"])


def prepared(candidate: str, plots: Path) -> tuple[Experiments, dict[str, str]]:
    """The stage's experiments and its command line, after all stages before it were brought up to date.

    Raises:
        Refusal: `dvc repro` of those stages failed, or the stage is not what a sweep can run.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # one thread for each trial: before any library that reads it
    from fullcycle.operations.experiments import Experiments, never_ran, upstream  # noqa: PLC0415

    stage = f"train@{candidate}"
    before = upstream(stage)
    if new := never_ran():
        raise Refusal(
            f"sweep: {', '.join(new)} never ran, and `dvc exp apply` of a trial would fail on its outputs;"
            " run `dvc repro` and commit, then start again"
        )
    if before:
        sys.stderr.write(f"dvc repro {' '.join(before)}\n")
        # Not a thread more than a plain `dvc repro` would have: its stages are not trials.
        own = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dvc", "repro", "-q", *before], env=own, check=False
        )
        if done.returncode:
            raise Refusal(
                f"sweep: `dvc repro {' '.join(before)}` failed; mend what it says, then start again"
            )
    experiments = Experiments(stage, aside=plots.as_posix())
    words = shlex.split(experiments.entry["cmd"])
    if words[1:3] != ["src/stage.py", MODULE]:
        raise Refusal(f"sweep: stage {stage} runs {' '.join(words[:3])}; a sweep knows {MODULE} only")
    return experiments, dict(zip(words[3::2], words[4::2], strict=True))


def run(settings: Sweep, books: Books, search: Search, pool: Pool, screen: Any) -> None:
    """Draw, hand out and book trials until the budget is spent."""
    from fullcycle.operations.sweep_journal import DRAWN  # noqa: PLC0415
    from fullcycle.operations.sweep_pool import Failure  # noqa: PLC0415
    from fullcycle.operations.sweep_trial import Task  # noqa: PLC0415

    journal, start, before = books.journal, time.monotonic(), books.journal.seconds
    lag = search.lag(settings.workers or cores())
    waiting, size = journal.unfinished, search.size

    def spent() -> float:
        return before + time.monotonic() - start

    while True:
        while pool.has_room and spent() < settings.budget.minutes * 60:
            number = waiting[0] if waiting else len(journal.drawn)
            if number >= size or not journal.may_start(number, lag):
                break
            past = journal.past(number, lag) if lag else []
            if waiting:
                waiting.pop(0)
            else:
                journal.append(DRAWN, number, drawn=search.draw(number, past))
            drawn = journal.drawn[number]
            curves = [trial.steps for trial in past if trial.state == "complete" and trial.steps]
            prunes = settings.method == "tpe"
            pool.submit(Task(number, drawn, search.values(drawn), curves, prunes))
        if not pool.running:
            return
        for task, result in pool.wait(BEAT):
            if isinstance(result, Failure):
                how = {"state": "failed", "error": result.reason, "traceback": result.traceback}
                record: dict[str, Any] = {
                    "value": None,
                    "metrics": {},
                    "steps": {},
                    "outs": {},
                    "seconds": None,
                    **how,
                }
            else:
                outs = {path: asdict(out) for path, out in result.outs.items()}
                value = result.metrics.get(settings.metric)
                record = asdict(result) | {"outs": outs, "value": value}
                if result.state == "complete" and value is None:
                    error = f"{settings.metric} has no value on the validation rows"
                    record |= {"state": "failed", "error": error}
            books.end(task.number, task.values, at=spent(), **record)
            screen.ended(task.number)
        screen.beat(spent(), len(pool.running))


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(
    settings: Sweep, section: Any, experiments: Experiments, options: dict[str, str], scratch: Path
) -> Trials:
    """What a worker does, with the rows read."""
    from fullcycle.operations.sweep_trial import Trials  # noqa: PLC0415  after the threads are set
    from fullcycle.training.train import load  # noqa: PLC0415

    inputs = load(Path(options["--train"]), Path(options["--validation"]))
    outs = options["--out"], options["--metrics"]
    return Trials(settings.candidate, section, inputs, settings.metric, outs, experiments.cache, scratch)


def _pool(work: Trials, workers: int) -> Pool:
    from fullcycle.operations.sweep_pool import Pool  # noqa: PLC0415

    if work.section.kind == "lightgbm":
        import lightgbm  # noqa: F401, PLC0415  once here and not in every worker
    return Pool(work, workers)


def main(*, trials: str, minutes: str, plots: Path) -> None:
    """Search as ``sweep`` in params.yaml says; empty text takes the budget from there."""
    whole = params.load()
    settings = whole.sweep
    budget = settings.budget.model_dump()
    budget |= {"trials": int(trials)} if trials else {}
    budget |= {"minutes": float(minutes)} if minutes else {}
    settings = settings.model_copy(update={"budget": Budget.model_validate(budget)})
    section = whole.train[settings.candidate]
    workers = settings.workers or cores()
    experiments, options = prepared(settings.candidate, plots)
    from fullcycle.operations.sweep_screen import Screen  # noqa: PLC0415
    from fullcycle.operations.sweep_search import Search  # noqa: PLC0415
    from fullcycle.operations.sweep_summary import write  # noqa: PLC0415

    search, books = Search(settings), Books(settings, section, experiments)
    books.restore()
    scratch = experiments.cache.parent / books.name
    shutil.rmtree(scratch, ignore_errors=True)  # what killed trials left
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = Screen(books, search.size)
    interrupted = False
    try:
        if len(books.journal.ended) < search.size:
            work = _work(settings, section, experiments, options, scratch)
            with screen, _pool(work, workers) as pool:
                run(settings, books, search, pool, screen)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    write(books, search, plots)
    screen.summary(interrupted=interrupted, plots=plots)
    books.journal.close()
    if interrupted:
        sys.exit(INTERRUPTED)
    if {record["state"] for record in books.journal.ended.values()} == {"failed"}:
        raise Refusal("sweep: every trial failed; mend what the first error says, then start again")
