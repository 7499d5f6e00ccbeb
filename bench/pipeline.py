"""What a run costs, measured in one go and printed as Markdown: ``make bench``. Nothing is asserted.

In a fresh clone of HEAD with an empty cache, in the environment that `make repro` installs (that of the
tests has more in it, and scikit-learn's discovery imports what it finds): the wall time of `dvc repro`;
wall time and peak memory of each stage, started by itself as DVC starts it; and a no-op `dvc repro` beside
one of a trivial pipeline with as many stages, turn by turn, and beside one of the same pipeline that
declares its data alone (no module, no library, no parameter): what DVC takes before a single line of code
is declared.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

ROOT = Path(__file__).parents[1]
TURNS = 5
ENV = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")} | {
    "DVC_NO_ANALYTICS": "1",
}


def timed(*command: str, cwd: Path) -> tuple[float, int]:
    """Wall seconds and the peak memory (in KiB) of a command and of its largest process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=ENV, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} in {cwd} ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss


def answer(*command: str, cwd: Path) -> str:
    """What a command prints."""
    return subprocess.run(command, cwd=cwd, env=ENV, check=True, stdout=subprocess.PIPE, text=True).stdout


def fresh(path: Path) -> Path:
    """A clone without data, metrics, plots and cards, so that every stage runs."""
    answer("git", "clone", "-q", str(ROOT), str(path), cwd=ROOT)
    for folder in ("metrics", "plots"):
        shutil.rmtree(path / folder)
    for card in ("data/card.md", "models/card.md"):
        path.joinpath(card).unlink()
    return path


def commands(clone: Path) -> dict[str, str]:
    """The command of each stage in the order of the run, from dvc.lock and `dvc repro --dry`."""
    lock = answer(
        "python",
        "-c",
        "import json, yaml; print(json.dumps(yaml.safe_load(open('dvc.lock'))['stages']))",
        cwd=clone,
    )
    order = [
        line.split("'")[1]
        for line in answer("dvc", "repro", "--dry", "--force", cwd=clone).splitlines()
        if line.startswith("Running stage '")
    ]
    return {name: json.loads(lock)[name]["cmd"] for name in order}


def trivial(path: Path, stages: int) -> Path:
    """A pipeline of as many stages, each a copy of one small file to the next."""
    path.mkdir()
    answer("git", "init", "-q", cwd=path)
    answer("dvc", "init", "-q", cwd=path)
    path.joinpath("0").write_text("0\n", encoding="utf-8")
    lines = ["stages:"]
    for at in range(stages):
        lines += [
            f"  copy{at}:",
            f"    cmd: cp {at} {at + 1}",
            f"    deps: ['{at}']",
            f"    outs: ['{at + 1}']",
        ]
    path.joinpath("dvc.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    timed("dvc", "repro", "-q", cwd=path)
    return path


def data_alone(path: Path, clone: Path) -> Path:
    """The same pipeline, recorded without a dependency on code or parameters, plots or artifacts."""
    shutil.copytree(clone, path, symlinks=True)
    wiring = yaml.safe_load(path.joinpath("dvc.yaml").read_text(encoding="utf-8"))
    for stage in wiring["stages"].values():
        body = stage.get("do", stage)
        body.pop("params", None)
        body["deps"] = [dep for dep in body["deps"] if not dep.startswith(("src/", "requirements"))]
    short = yaml.safe_dump({"stages": wiring["stages"]}, sort_keys=False, width=1000)
    path.joinpath("dvc.yaml").write_text(short, encoding="utf-8")
    timed("dvc", "commit", "-f", "-q", cwd=path)
    return path


def main() -> None:
    """Measure and print."""
    commit = answer("git", "describe", "--always", "--dirty", cwd=ROOT).strip()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ENV["DVC_SITE_CACHE_DIR"] = str(place / "site")
        clone = fresh(place / "clone")
        answer("make", "-s", f"PYTHON={sys.executable}", "setup", cwd=clone)
        ENV["PATH"] = f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        os.sync()  # what was installed is on the disk before the clock starts
        whole, _ = timed("dvc", "repro", "-q", cwd=clone)
        steps = commands(clone)
        alone = fresh(place / "alone")
        stages = {name: timed("sh", "-c", f"exec {command}", cwd=alone) for name, command in steps.items()}
        plain = trivial(place / "trivial", len(steps))
        least = data_alone(place / "least", clone)
        turns = [[timed("dvc", "repro", cwd=each)[0] for each in (clone, least, plain)] for _ in range(TURNS)]
    print(f"Commit {commit}, {len(os.sched_getaffinity(0))} cores, {platform.platform()}, "
          f"Python {platform.python_version()}; load before and during not excluded.\n")  # fmt: skip
    print("| what | wall s | peak memory MB |\n|---|---|---|")
    print(f"| `dvc repro`, empty cache | {whole:.1f} | |")
    for name, (seconds, kib) in stages.items():
        print(f"| {name} | {seconds:.1f} | {kib / 1024:.0f} |")
    names = ("no-op `dvc repro`", "no-op of its data alone", f"no-op of {len(steps)} trivial stages")
    for name, seconds in zip(names, zip(*turns, strict=True), strict=True):
        print(f"| {name} | {median(seconds):.2f} | |")
    ratio, floor = (median(turn[at] / turn[2] for turn in turns) for at in (0, 1))
    print(f"\nNo-op ratio to trivial stages, median of {TURNS} alternated turns: {ratio:.2f};"
          f" with data dependencies alone: {floor:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
