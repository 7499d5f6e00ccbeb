"""What a verified run does differently from the recorded one, in the spirit of reprotest."""

from __future__ import annotations

import locale
import os
import platform
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fullcycle.operations import witness

# In the order in which `--bisect` tries them.
VARIATIONS = {
    "folder": "another folder, with a space and a letter outside ASCII in its name",
    "umask": "files that nobody else may read",
    "zone": "another time zone",
    "locale": "another language, and ASCII as default encoding",
    "hash_seed": "another seed of Python's hashes",
    "cpus": "one core",
    "order": "folders listed backwards",
    "processor": "other BLAS kernels and no AVX in numpy, instead of the stage's pins",
}
PLAIN = frozenset[str]()
ZONES = ("Pacific/Chatham", "America/St_Johns")


@dataclass(frozen=True)
class World:
    """The surroundings of one run."""

    folder: str = "plain"
    umask: int = 0o022
    environment: dict[str, str] = field(default_factory=dict)


def world(chosen: frozenset[str], slot: int) -> World:
    """The surroundings with these variations; `slot` is the number of the worker, for its own core."""
    environment = {"LC_ALL": os.environ.get("LC_ALL") or os.environ.get("LANG") or "C.UTF-8"}
    if os.environ.get("TZ"):
        environment["TZ"] = os.environ["TZ"]
    environment["PYTHONHASHSEED"] = "4242" if "hash_seed" in chosen else "0"
    if "zone" in chosen:
        environment["TZ"] = next(zone for zone in ZONES if zone != os.environ.get("TZ"))
    if "locale" in chosen:
        environment |= {"LC_ALL": other_locale(), "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if "cpus" in chosen:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        environment[witness.CPUS] = str(cores[slot % len(cores)])
    if "order" in chosen:
        environment[witness.REVERSED] = "1"
    if "processor" in chosen and platform.machine() == "x86_64":
        environment |= {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}
        environment["FULLCYCLE_OTHER_PROCESSOR"] = "1"  # src/stage.py would put its own pins in their place
    return World(
        folder="another föld er/with some more/folders in it" if "folder" in chosen else "plain",
        umask=0o077 if "umask" in chosen else 0o022,
        environment=environment,
    )


@cache
def other_locale() -> str:
    """A locale of this machine that sorts unlike ASCII, where there is one; else plain ``C``."""
    try:
        done = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True)  # noqa: S607  found on PATH
        known = done.stdout.split()
    except (OSError, subprocess.CalledProcessError):
        known = []
    current = locale.setlocale(locale.LC_ALL).partition(".")[0]
    foreign = [name for name in known if name.partition(".")[0] not in {"C", "POSIX", current}]
    return foreign[-1] if foreign else "C"


def startup(folder: Path) -> Path:
    """A folder whose ``sitecustomize`` is the witness; every Python below it on PYTHONPATH is watched."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(witness.__file__).read_text(encoding="utf-8")
    (folder / "sitecustomize.py").write_text(source, encoding="utf-8")
    return folder
