"""Start one stage: ``python src/stage.py fullcycle.data.validate --flights data/raw/flights ...``.

Every stage begins here, so that it runs in the same small world everywhere (law 2): this checkout's
``src`` is what it imports, wherever the environment was installed; linear algebra runs on one thread
and on the kernels that every x86-64 server since 2013 has, because other kernels differ in the last
bits. A user's mistake ends in one screen of words, never in a traceback, and a stage whose ``dvc``
was killed ends with it instead of writing into the next run.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import inspect
import os
import platform
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PINS = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Measured (docs/log.md): these make the bytes equal between processors with and without AVX-512.
X86_PINS = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
# Set by `fullcycle verify --vary processor` alone: kernels that the caller names stay.
OTHER_PROCESSOR = "FULLCYCLE_OTHER_PROCESSOR"


def pin_environment() -> None:
    """Fix threads and processor kernels before numpy is imported, whatever the caller's shell has set."""
    os.environ.update(PINS)
    if platform.machine() == "x86_64" and OTHER_PROCESSOR not in os.environ:  # fullcycle: allow environment
        os.environ.update(X86_PINS)
    # Waiting threads soon sleep: spinning ones made LightGBM 5 times slower on a busy machine (docs/log.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # changes no byte


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it (dvc) is killed."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        # Killed before the line above: this process was handed to one of another session by now.
        if os.getsid(0) not in {os.getpid(), os.getsid(os.getppid())}:
            os.kill(os.getpid(), signal.SIGKILL)


def parser(module: str, stage: Callable[..., None]) -> argparse.ArgumentParser:
    """The command line of a stage: one option for each keyword of its ``main``, a Path or a str."""
    result = argparse.ArgumentParser(f"stage.py {module}", description=inspect.getdoc(stage))
    for name, keyword in inspect.signature(stage).parameters.items():
        kind = Path if keyword.annotation == "Path" else str
        result.add_argument(f"--{name.replace('_', '-')}", type=kind, required=True)
    return result


def main(arguments: list[str]) -> int:
    """Import the named module and hand its ``main`` the other arguments; returns the exit code."""
    if not arguments or arguments[0].startswith("-"):
        sys.stdout.write(f"{__doc__}\n")
        return 2
    pin_environment()
    end_with_parent()
    gc.set_threshold(2_000_000)  # importing libraries makes objects by the 100,000, and hardly a cycle: 0.4 s
    # numpy says so where a processor lacks a feature that is switched off: that is what we want.
    warnings.filterwarnings("ignore", message=".*NPY_DISABLE_CPU_FEATURES.*", category=ImportWarning)
    from fullcycle.errors import Refusal  # noqa: PLC0415  nothing of ours before the pins

    name, *rest = arguments
    try:
        try:
            stage = importlib.import_module(name).main
        except (ModuleNotFoundError, AttributeError) as error:
            if error.name not in {"main", name, name.partition(".")[0], name.rpartition(".")[0]}:
                raise  # a library is missing
            raise Refusal(f"{name} is no stage: a stage is a module under src/ with a main") from error
        stage(**vars(parser(name, stage).parse_args(rest)))
    except Refusal as refusal:
        sys.stderr.write(f"error: {refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
