"""A tiny DVC repository (plain Python) in which the checkers find nothing, and copies of it to spoil."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fullcycle.operations.lint import lint
from fullcycle.operations.variations import VARIATIONS
from fullcycle.operations.verify import verify

TINY = {
    "dvc.yaml": """\
stages:
  prepare:
    desc: Join the parts.
    cmd: python src/prepare.py
    deps: [data/parts, src/helpers.py, src/prepare.py]
    params: [prepare.scale]
    outs: [data/clean.csv]
  train:
    matrix:
      seed: [1, 2]
    desc: Fit one model.
    cmd: python src/train.py ${item.seed} models/${item.seed}.json
    deps: [data/clean.csv, src/helpers.py, src/train.py]
    params: [train.rate]
    outs: ["models/${item.seed}.json"]
  report:
    desc: Say which model is best.
    cmd: python src/report.py
    deps: [models, src/report.py]
    metrics: [metrics.json: {cache: false}]
""",
    "params.yaml": "prepare:\n  scale: 2\n  offset: 0\ntrain:\n  rate: 0.5\n  depth: 3\nnote: hello\n",
    "src/helpers.py": """\
\"\"\"Read and write.\"\"\"

import yaml


def params():
    with open("params.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)
""",
    "src/prepare.py": """\
from pathlib import Path

import yaml

from helpers import params

scale = yaml.safe_load(open("params.yaml", encoding="utf-8"))["prepare"]["scale"]
words = [file.read_text(encoding="utf-8").strip() for file in sorted(Path("data/parts").iterdir())]
lines = [f"{word},{len(word) * scale}" for word in words]
Path("data/clean.csv").write_text("\\n".join(lines) + "\\n", encoding="utf-8")
""",
    "src/train.py": """\
import json
import random
import sys
from pathlib import Path

import yaml

import helpers

with open("params.yaml", encoding="utf-8") as file:
    settings = yaml.safe_load(file)["train"]
rows = Path("data/clean.csv").read_text(encoding="utf-8").split()
generator = random.Random(int(sys.argv[1]))
model = {"rows": len(rows), "weight": generator.random() * settings["rate"]}
out = Path(sys.argv[2])
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps(model), encoding="utf-8")
""",
    "src/report.py": """\
import json
from pathlib import Path

files = sorted(Path("models").glob("*.json"))
models = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
metrics = {"best": max(models, key=lambda name: models[name]["weight"]), "count": len(models)}
Path("metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
""",
    "tests/test_all.py": '"""Tests of prepare, train and report."""\n',
    "README.md": "# Tiny\n\nThe stages are prepare, train and report.\n",
    "data/extra.csv": "a,1\n",
} | {f"data/parts/{name}.txt": f"{name}\n" for name in ("ash", "birch", "cedar", "elm", "fir", "oak", "yew")}


class Tiny:
    """One repository to spoil."""

    def __init__(self, path):
        """Take the repository's folder."""
        self.path = path

    def run(self, *command, code=0, **env):
        """Run a command in the repository."""
        done = subprocess.run(
            command, cwd=self.path, env=os.environ | env, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def write(self, name, text):
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name, old, new):
        """Change a file; the old text must be there."""
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def repro(self, **env):
        """Run what changed, and commit everything as its author would."""
        self.run("dvc", "repro", "-q", **env)
        self.commit()

    def commit(self):
        """Commit everything that Git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "a change")

    def lint(self):
        """The linter's findings as text."""
        return [str(finding) for finding in lint(self.path)]

    def verify(self, *names, chosen=frozenset(VARIATIONS), bisect=False, jobs=2):
        """The verdicts by stage."""
        found = verify(self.path, list(names), jobs=jobs, chosen=frozenset(chosen), bisect=bisect)
        return {verdict.stage: verdict for verdict in found}


def build(path, files):
    """A Git and DVC repository with these files, run once."""
    tiny = Tiny(path)
    for name, text in files.items():
        tiny.write(name, text)
    tiny.run("git", "init", "-q", "-b", "main")
    tiny.run("git", "config", "user.email", "tests@example.org")
    tiny.run("git", "config", "user.name", "tests")
    tiny.run("dvc", "init", "-q")
    tiny.write(".dvc/config", "[core]\n    analytics = false\n    autostage = false\n")
    tiny.run("dvc", "config", "--local", "core.check_update", "false")
    return tiny


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory):
    """This interpreter first on PATH; DVC keeps its files in a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("site")))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.delenv("PYTHONPATH", raising=False)
        patch.delenv("PYTHONHASHSEED", raising=False)
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny repository after its first run: not to be changed."""
    tiny = build(tmp_path_factory.mktemp("tiny"), TINY)
    tiny.repro()
    return tiny


@pytest.fixture
def tiny(finished, tmp_path):
    """A copy to spoil."""
    path = tmp_path / "tiny"
    shutil.copytree(finished.path, path, symlinks=True, ignore=shutil.ignore_patterns("tmp"))
    return Tiny(path)


@pytest.fixture
def empty(tmp_path):
    """Builds a repository from files, without running it."""
    return lambda files: build(tmp_path / "repository", files)
