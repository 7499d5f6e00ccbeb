"""Clones of this checkout for the tests of whole runs, and one finished run that they share."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test is about time: a busy machine fails none.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# As in src/stage.py, before OpenMP is loaded: spinning threads are slow where tests share cores.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _one_thread_each():
    """Fits of few rows in this process take one thread: tests share the cores."""
    import lightgbm  # noqa: F401, PLC0415  loaded before its threads are limited
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(1):
        yield


# Nothing of the user's own settings may decide how a test ends.
FOREIGN = ("AWS_", "DVC_", "GIT_", "OMP_", "OPENBLAS_", "MKL_", "NPY_", "PYTEST_", "PYTHON")


@dataclass(frozen=True)
class Ended:
    """How a process ended, and all it wrote (both streams, in the order of writing)."""

    code: int
    output: str


@dataclass(frozen=True)
class Clone:
    """A Git clone of this checkout and the environment in which its commands run."""

    path: Path
    env: dict[str, str]

    def start(self, *command, **env):
        """Start a command in its own process group, its output in a pipe."""
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def run(self, *command, code=0, timeout=300, **env):
        """Run a command to its end and return what it wrote; `code` is the exit code it must have."""
        ended = self.end(self.start(*command, **env), timeout)
        assert code is None or ended.code == code, f"{command} ended with {ended.code}:\n{ended.output}"
        return ended.output

    @staticmethod
    def end(process, timeout=300):
        """Wait for a process; what it started ends with it, in any case."""
        try:
            output, _ = process.communicate(timeout=timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)
        return Ended(process.returncode, output)

    def dvc(self, *arguments, **options):
        """Run dvc."""
        return self.run("dvc", *arguments, **options)

    def git(self, *arguments, **options):
        """Run git."""
        return self.run("git", *arguments, **options)

    def forget_results(self):
        """Remove the committed metrics, plots and cards, so that `dvc repro` makes them again."""
        for folder in ("metrics", "plots"):
            shutil.rmtree(self.path / folder)
        for card in ("data/card.md", "models/card.md"):
            self.path.joinpath(card).unlink()
        self.git("checkout", "metrics/noise.json")  # `fullcycle noise` makes it, no stage


def _clone(env, path, source=ROOT):
    """Clone what `source` has committed; changes to its tracked files come along as one commit more."""
    result = Clone(path, env)
    subprocess.run(["git", "clone", "-q", source, path], check=True, timeout=60, stdin=subprocess.DEVNULL)
    result.git("config", "user.name", "A Test")
    result.git("config", "user.email", "test@example.invalid")
    result.git("config", "commit.gpgsign", "false")
    changes = subprocess.run(
        ["git", "diff", "--binary", "HEAD"], cwd=source, check=True, timeout=60, capture_output=True
    ).stdout
    if changes:
        subprocess.run(["git", "apply", "--index"], cwd=path, check=True, timeout=60, input=changes)
        result.git("commit", "-qm", "As in the working tree")
    return result


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The variables of a clone's commands: this interpreter's tools first, no settings of the user's."""
    home = tmp_path_factory.mktemp("home")
    (home / "empty").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "config"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "config"),
        "AWS_CONFIG_FILE": str(home / "empty"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "empty"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


@pytest.fixture(scope="session")
def cloned(environment):
    """A function that makes a clone at a path, of this checkout or of another clone."""
    return partial(_clone, environment)


@pytest.fixture
def clone(cloned, tmp_path):
    """A fresh clone: no data, no models, an empty cache."""
    return cloned(tmp_path / "clone")


@pytest.fixture(scope="session")
def built(cloned, environment, tmp_path_factory):
    """A clone in which every stage has run once, undisturbed. Shared by all workers: only read it.

    Beside it, `built.json` has each stage in the order of the run, and how many seconds it took.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    path = shared / "built"
    record = shared / "built.json"
    with (shared / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            shutil.rmtree(path, ignore_errors=True)
            result = cloned(path)
            result.forget_results()
            record.write_text(json.dumps(_timed_repro(result)))
    return Clone(path, environment)


def _timed_repro(clone):
    process = clone.start("dvc", "repro")
    output, starts = [], []
    for line in process.stdout:
        output.append(line)
        if line.startswith("Running stage '"):
            starts.append((line.split("'")[1], time.monotonic()))
    process.stdout.close()
    assert process.wait(timeout=60) == 0, "".join(output)
    moments = [start for _, start in starts] + [time.monotonic()]
    return [(name, moments[at + 1] - start) for at, (name, start) in enumerate(starts)]


@pytest.fixture
def workspace(cloned, built, tmp_path):
    """A clone with its own copy of the finished run's cache, checked out: as after a `dvc pull`."""
    result = cloned(tmp_path / "workspace")
    shutil.copytree(built.path / ".dvc/cache", result.path / ".dvc/cache")
    result.dvc("checkout", "-q")
    return result
