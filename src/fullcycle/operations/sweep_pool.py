"""Worker processes that inherit loaded data by fork; one that dies fails its own task only."""

from __future__ import annotations

import ctypes
import multiprocessing as mp
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Self

from fullcycle.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

FORK = mp.get_context("fork")


@dataclass(frozen=True)
class Failure:
    """Why a task gave no result: one line, and the whole traceback where there is one."""

    reason: str
    traceback: str = ""


@dataclass
class _Worker:
    process: ForkProcess
    pipe: Connection
    task: Any = None


class Pool:
    """A fixed number of processes, each at work on at most one task.

    Args:
        work: called in a worker with a task; what it returns is sent back.
        size: how many workers; they start with the first task.
    """

    def __init__(self, work: Callable[[Any], Any], size: int) -> None:
        self._work, self._size = work, size
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        """The pool itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all workers at once, whatever they do."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    @property
    def running(self) -> list[Any]:
        """The tasks at work."""
        return [worker.task for worker in self._workers if worker.task is not None]

    @property
    def has_room(self) -> bool:
        """Whether a worker is idle."""
        return len(self.running) < self._size

    def submit(self, task: Any) -> None:
        """Hand a task to an idle worker."""
        worker = next((each for each in self._workers if each.task is None), None) or self._started()
        worker.task = task
        worker.pipe.send(task)

    def wait(self, seconds: float) -> list[tuple[Any, Any]]:
        """Tasks that ended within so many seconds, each with its result or `Failure`."""
        busy: dict[Any, _Worker] = {each.pipe: each for each in self._workers if each.task is not None}
        ended = []
        for pipe in wait(list(busy), seconds):
            worker = busy[pipe]
            task, worker.task = worker.task, None
            try:
                ended.append((task, worker.pipe.recv()))
            except (EOFError, OSError):
                worker.process.join()
                worker.pipe.close()
                self._workers.remove(worker)
                ended.append((task, Failure(f"its process ended with {_named(worker.process.exitcode)}")))
        return ended

    def _started(self) -> _Worker:
        own, other = FORK.Pipe()
        inherited = [worker.pipe for worker in self._workers] + [own]
        process = FORK.Process(target=_serve, args=(other, self._work, inherited), daemon=True)
        process.start()
        other.close()
        self._workers.append(_Worker(process, own))
        return self._workers[-1]


def _named(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}" + (
            " (out of memory?)" if code == -signal.SIGKILL else ""
        )
    return f"exit code {code}"


def _serve(pipe: Connection, work: Callable[[Any], Any], inherited: list[Connection]) -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)  # a killed sweep leaves no worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that keeps the books
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            result = work(task)
        except Refusal as refusal:
            result = Failure(str(refusal))
        except Exception as error:  # noqa: BLE001  whatever a trial raises is its result
            result = Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
        pipe.send(result)
