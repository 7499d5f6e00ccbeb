"""Workers fail alone and end with their pool."""

from __future__ import annotations

import os
import signal
import time

import pytest

from fullcycle.errors import Refusal
from fullcycle.operations.sweep_pool import Failure, Pool


def work(task):
    """What the tests' workers do."""
    if task == "raise":
        raise ValueError("no such luck")
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "sleep":
        time.sleep(600)
    return task, os.getpid()


def results(pool, count):
    """The next results, by task."""
    found = {}
    while len(found) < count:
        found |= dict(pool.wait(10))
    return found


def test_a_task_that_fails_or_kills_its_worker_stops_no_other():
    """An exception and a killed process are results like others, and the pool goes on at full size."""
    with Pool(work, 2) as pool:
        pool.submit("raise")
        pool.submit("die")
        found = results(pool, 2)
        assert found["raise"].reason == "ValueError: no such luck"
        assert "test_sweep_pool.py" in found["raise"].traceback
        assert "SIGKILL" in found["die"].reason
        pool.submit("one")
        pool.submit("two")
        assert not pool.has_room
        assert {name for name, _ in results(pool, 2).values()} == {"one", "two"}


def test_the_end_of_a_pool_ends_its_workers():
    """Leaving the block leaves no process, also where one is at work."""
    with Pool(work, 2) as pool:
        pool.submit("one")
        pid = results(pool, 1)["one"][1]
        pool.submit("sleep")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_failure_of_a_rule_has_no_traceback():
    """A refusal is words for a person."""

    def refuse(_task):
        raise Refusal("too few rows")

    with Pool(refuse, 1) as pool:
        pool.submit(1)
        assert results(pool, 1)[1] == Failure("too few rows")
