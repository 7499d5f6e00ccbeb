"""`kill -9` of a run at any moment: the next run completes, with the outputs of an undisturbed one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from random import Random

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a stage with its dvc"),
]
KILLS = 20
RESULTS = ("dvc.lock", "metrics", "plots", "data", "models")


def hashes(clone):
    """The SHA-256 of dvc.lock and of every file of the results."""
    found = {}
    for name in RESULTS:
        top = clone.path / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                found[str(path.relative_to(clone.path))] = hashlib.sha256(content).hexdigest()
    return found


def moments(timeline, seed):
    """Random moments over the run's length, in order, each as a stage's place and seconds into it."""
    length = sum(seconds for _, seconds in timeline)
    random = Random(seed)
    for moment in sorted(random.uniform(0, length) for _ in range(KILLS)):
        begun = 0.0
        for place, (_, seconds) in enumerate(timeline):
            if moment < begun + seconds:
                yield place, moment - begun
                break
            begun += seconds


def killed(clone, order, place, seconds, *, group):
    """Start `dvc repro`, kill it so many seconds into the stage; False if it ended before."""
    process = clone.start("dvc", "repro")
    try:
        for line in process.stdout:
            # A late kill may have let this stage finish in the run before: then it is the next one's turn.
            if line.startswith("Running stage '") and order.index(line.split("'")[1]) >= place:
                break
        time.sleep(seconds)
        running = process.poll() is None
        if running and group:
            os.killpg(process.pid, signal.SIGKILL)
        elif running:
            process.kill()
    finally:
        process.stdout.close()
        process.wait(timeout=60)
    return running


def begin_again(clone):
    """Forget all that was made, so that the next run starts from nothing."""
    clone.run("rm", "-rf", "data", "models", "metrics", "plots", ".dvc/cache", ".dvc/tmp")
    clone.git("checkout", "dvc.lock", "metrics/noise.json")  # no stage makes the latter


@pytest.mark.parametrize("group", [True, False], ids=["with its stages", "dvc alone"])
def test_a_killed_run_is_completed_by_the_next_with_the_same_outputs(cloned, built, tmp_path, group):
    """20 kills spread over the run, each run continuing the last; then everything is as if undisturbed."""
    timeline = json.loads(built.path.with_suffix(".json").read_text())
    order = [stage for stage, _ in timeline]
    clone = cloned(tmp_path / "clone")
    begin_again(clone)
    hits = 0
    for attempt in range(5):
        for place, seconds in moments(timeline, seed=f"{group} {attempt}"):
            if hits == KILLS:
                break
            clone.run("python", "src/fullcycle/operations/mend.py")
            if killed(clone, order, place, seconds, group=group):
                hits += 1
            else:
                begin_again(clone)
                break
    assert hits == KILLS
    clone.run("make", "-o", "setup", "repro", timeout=900)
    assert hashes(clone) == hashes(built)
    assert not list(clone.path.rglob("*.partial"))
    assert clone.dvc("status") == "Data and pipelines are up to date.\n"
