"""A small repository with the real stages `train` and `select` on few made-up rows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
MAKE = """
import numpy as np, pandas as pd
from pathlib import Path
rng = np.random.default_rng(7)
Path("data/split").mkdir(parents=True, exist_ok=True)
for name, rows, first in (("train", 3000, 0), ("validation", 1200, 3000)):
    a, b, c = rng.normal(size=(3, rows))
    frame = pd.DataFrame({
        "flight_id": np.arange(first, first + rows),
        "time": pd.date_range("2013-01-01", periods=rows, freq="min", tz="UTC"),
        "label_known_at": pd.date_range("2013-01-02", periods=rows, freq="min", tz="UTC"),
        "a": a, "b": np.where(b > 1, np.nan, b), "c": c, "word": rng.choice(["x", "y", "z"], rows),
    })
    frame["late"] = rng.random(rows) < 1 / (1 + np.exp(-(a + 0.5 * b * c - 1)))
    frame.to_parquet(f"data/split/{name}.parquet", index=False)
"""
SWEEP = {
    "candidate": "lightgbm",
    "method": "random",
    "space": {
        "rounds": {"low": 5, "high": 30, "int": True},
        "learning_rate": {"low": 0.00001, "high": 0.3, "log": True},
        "num_leaves": {"low": 3, "high": 31, "int": True},
    },
    "metric": "roc_auc",
    "budget": {"trials": 4, "minutes": 5.0},
    "seed": 1,
    "workers": 2,
}
FOREIGN = ("AWS_", "DVC_", "GIT_", "OMP_", "OPENBLAS_", "MKL_", "NPY_", "PYTEST_")


@dataclass(frozen=True)
class Small:
    """A repository and the environment of its commands."""

    path: Path
    env: dict[str, str]

    def run(self, *command, code=0):
        """Run a command to its end; returns what it wrote to both streams."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def dvc(self, *arguments, **options):
        """Run dvc."""
        return self.run(sys.executable, "-m", "dvc", *arguments, **options)

    def git(self, *arguments, **options):
        """Run git."""
        return self.run("git", *arguments, **options)

    def start(self, *arguments):
        """Start a sweep in its own process group."""
        return subprocess.Popen(
            [*SWEEP_COMMAND, *arguments],
            cwd=self.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell's background job ignores Ctrl-C, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads yet
        )

    def sweep(self, *arguments, **options):
        """Run a sweep to its end."""
        return self.run(*SWEEP_COMMAND, *arguments, **options)

    def configure(self, **changes):
        """Change keys of the section ``sweep``."""
        document = yaml.safe_load(self.file("params.yaml").read_text())
        document["sweep"] |= changes
        self.file("params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def file(self, path):
        """A file in it."""
        return self.path / path

    def refs(self):
        """Every experiment reference and its commit."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").split("\n")
        return dict(line.split() for line in lines if line)


SWEEP_COMMAND = (sys.executable, "-c", "from fullcycle.cli import main; main()", "sweep")


def first_run(repository):
    """Make it a Git and DVC repository, run its pipeline once and commit everything."""
    for command in (
        ("git", "init", "-qb", "main"),
        ("git", "config", "user.name", "A Test"),
        ("git", "config", "user.email", "test@example.invalid"),
        (sys.executable, "-m", "dvc", "init", "-q"),
        (sys.executable, "-m", "dvc", "repro", "-q"),
        ("git", "add", "-A"),
        ("git", "commit", "-qm", "First run"),
    ):
        repository.run(*command)
    return repository


@pytest.fixture(scope="session", name="environment_of_small")
def make_environment(tmp_path_factory):
    """Nothing of the user's settings, and this checkout's packages."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(["src", *filter(None, [os.environ.get("PYTHONPATH")])]),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home / "config"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "config"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


@pytest.fixture(scope="session", name="finished")
def make_finished(tmp_path_factory, environment_of_small):
    """The repository after its first `dvc repro`, committed; not to be written to."""
    small = Small(tmp_path_factory.mktemp("small") / "repository", environment_of_small)
    shutil.copytree(
        ROOT / "src", small.path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    for name in (".gitignore", ".gitattributes", ".dvcignore", "requirements.txt"):
        shutil.copy(ROOT / name, small.path / name)
    small.file("make.py").write_text(MAKE)
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    split = {"cmd": "python make.py", "deps": ["make.py"], "outs": ["data/split"]}
    stages = {"split": split, "train": pipeline["train"], "select": pipeline["select"]}
    small.file("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False, width=1000))
    text = (ROOT / "params.yaml").read_text()
    document = yaml.safe_load(text)
    document["train"] = {name: document["train"][name] for name in ("baseline", "lightgbm")}
    document["train"]["lightgbm"] |= {"rounds": 10, "min_leaf_rows": 20}
    document["sweep"] = SWEEP
    small.file("params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return first_run(small)


@pytest.fixture
def small(finished, tmp_path):
    """A copy of the finished repository of one's own."""
    own = Small(tmp_path / "repository", finished.env)
    shutil.copytree(finished.path, own.path, symlinks=True)
    return own


TOY_STAGES = """
stages:
  data:
    cmd: mkdir -p data && echo 1 2 3 > data/rows.txt
    outs: [data]
  train:
    foreach: [one, two]
    do:
      desc: Writes what its parameters say.
      cmd: python fit.py ${item}
      params: [problem.label, "train.${item}"]
      deps: [data/rows.txt, fit.py]
      outs: ["models/${item}"]
      metrics: ["metrics/train/${item}.json": {cache: false}]
  select:
    cmd: mkdir -p plots && cp metrics/train/one.json metrics/selection.json && echo 1 > plots/curve.csv
    deps: [metrics/train/one.json]
    metrics: [metrics/selection.json: {cache: false}]
    outs: [plots: {cache: false}]
"""
TOY_PARAMS = """\
# The question.
problem: {label: late}

train:
  one:
    kind: lightgbm
    rate: 0.05   # how fast
    # How many.
    rounds: 10
    mode: "on"
  two: {kind: baseline, rate: 1.0, rounds: 1, mode: "off"}
"""
TOY_FIT = """\
import json, sys, yaml
from pathlib import Path
name = sys.argv[1]
settings = yaml.safe_load(open("params.yaml"))["train"][name]
folder = Path("models", name)
(folder / "deep").mkdir(parents=True)
(folder / "a.txt").write_text(repr(settings))
(folder / "deep" / "b.bin").write_bytes(b"same")
(folder / "c.bin").write_bytes(b"same")
Path("metrics/train").mkdir(parents=True, exist_ok=True)
Path("metrics/train", f"{name}.json").write_text(json.dumps({"score": settings["rate"] * 2}) + "\\n")
"""


@pytest.fixture(scope="session", name="finished_toy")
def make_finished_toy(tmp_path_factory, environment_of_small):
    """A pipeline whose stages take no time, after its first `dvc repro`; not to be written to."""
    toy = Small(tmp_path_factory.mktemp("toy") / "repository", environment_of_small)
    toy.path.mkdir()
    toy.file("dvc.yaml").write_text(TOY_STAGES)
    toy.file("params.yaml").write_text(TOY_PARAMS)
    toy.file("fit.py").write_text(TOY_FIT)
    toy.file(".gitignore").write_text("/data\n/models\n")
    return first_run(toy)


@pytest.fixture
def toy(finished_toy, tmp_path, monkeypatch):
    """A copy of the toy of one's own, which is also the current folder."""
    own = Small(tmp_path / "toy", finished_toy.env)
    shutil.copytree(finished_toy.path, own.path, symlinks=True)
    monkeypatch.chdir(own.path)
    return own
