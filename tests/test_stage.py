"""Every stage starts in the same small world, and a user's mistake ends in words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAGE = Path(__file__).parents[1] / "src" / "stage.py"
PROBE = """
import json, os, sys
from pathlib import Path

def main(*, out: "Path", some_word: str) -> None:
    '''Say what this stage sees.'''
    from fullcycle.errors import Refusal
    if some_word == "refuse":
        raise Refusal("here.csv, line 3: the rule is another")
    import numpy as np
    out.write_text(json.dumps({
        "env": dict(os.environ),
        "path": sys.path[0],
        "cpu": np._core._multiarray_umath.__cpu_features__,
        "lower": np._core._multiarray_umath.__cpu_dispatch__,
    }))
"""


@pytest.fixture
def probe(tmp_path):
    """A checkout of its own whose only stage is `probe`."""
    shutil.copytree(
        STAGE.parent, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    # Annotations as text, as every module here has them.
    (tmp_path / "src/probe.py").write_text(PROBE.replace("some_word: str", 'some_word: "str"'))
    return tmp_path


def stage(cwd, *arguments, **env):
    """Run stage.py of the folder, with no pin set by the caller."""
    free = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMP", "OPENBLAS", "NPY"))
    }
    return subprocess.run(
        [sys.executable, "src/stage.py", *arguments],
        cwd=cwd,
        env=free | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def seen(probe, **env):
    """What the probe stage saw."""
    ended = stage(probe, "probe", "--out", "seen.json", "--some-word", "go", **env)
    assert ended.returncode == 0, ended.stderr
    return json.loads((probe / "seen.json").read_text())


def test_linear_algebra_runs_on_one_thread_that_sleeps_while_it_waits(probe):
    """A stage's libraries find one linear-algebra thread and passive waiting in its environment."""
    env = seen(probe)["env"]
    assert env["OPENBLAS_NUM_THREADS"] == env["MKL_NUM_THREADS"] == "1"
    assert env["GOMP_SPINCOUNT"] == "20000"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the kernels are pinned on x86-64 only")
def test_numpy_and_openblas_use_the_kernels_that_every_server_has(probe):
    """The pins take effect: numpy runs without AVX-512, and OpenBLAS is told to be Haswell's."""
    world = seen(probe)
    assert world["env"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert not [
        name for name, on in world["cpu"].items() if on and name in {"X86_V4", "AVX512_ICL", "AVX512_SPR"}
    ]
    # The names are numpy's own: were they renamed, the pin would be a dead letter.
    assert set(world["env"]["NPY_DISABLE_CPU_FEATURES"].split()) <= set(world["cpu"])
    assert set(world["env"]["NPY_DISABLE_CPU_FEATURES"].split()) <= set(world["lower"])


def test_a_shell_cannot_change_what_decides_over_bytes(probe):
    """Threads and kernels of linear algebra are the stage's own; how long a thread spins is the caller's."""
    env = seen(probe, OPENBLAS_NUM_THREADS="2", OPENBLAS_CORETYPE="Nehalem", GOMP_SPINCOUNT="7")["env"]
    assert env["OPENBLAS_NUM_THREADS"] == "1"
    assert os.uname().machine != "x86_64" or env["OPENBLAS_CORETYPE"] == "Haswell"
    assert env["GOMP_SPINCOUNT"] == "7"


def test_verify_alone_puts_another_processor_in_place_of_the_pins(probe):
    """It says so in a variable of its own; the threads stay one."""
    other = {"FULLCYCLE_OTHER_PROCESSOR": "1", "OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"}
    env = seen(probe, **other)["env"]
    assert env["OPENBLAS_CORETYPE"] == "Nehalem"
    assert env["OPENBLAS_NUM_THREADS"] == "1"


def test_a_stage_imports_the_checkout_in_which_it_stands(probe):
    """The src beside stage.py comes first, wherever the environment was installed."""
    assert seen(probe)["path"] == str(probe / "src")


def test_help_lists_the_options_of_the_stage(probe):
    """`--help` after a module shows its sentence and its options, and ends with 0."""
    ended = stage(probe, "probe", "--help")
    assert ended.returncode == 0
    assert "Say what this stage sees." in ended.stdout
    assert "--some-word" in ended.stdout


@pytest.mark.parametrize("arguments", [[], ["--help"]], ids=["nothing", "help"])
def test_without_a_module_it_says_what_it_is(probe, arguments):
    """Without a module it prints how it is used, and ends with 2."""
    ended = stage(probe, *arguments)
    assert ended.returncode == 2
    assert "python src/stage.py fullcycle.data.validate" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["probe", "--out", "x"], "--some-word"),
        (["probe", "--out", "x", "--some-word", "y", "--other", "z"], "--other"),
        (["no.such.stage"], "no.such.stage"),
        (["fullcycle.errors"], "fullcycle.errors"),
    ],
    ids=["missing option", "unknown option", "unknown module", "no stage"],
)
def test_a_wrong_command_line_is_named_without_a_traceback(probe, arguments, words):
    """A command line that names no stage, or not its options, is refused with the word that is wrong."""
    ended = stage(probe, *arguments)
    assert ended.returncode not in {0, None}
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_refusal_is_the_error_message_and_nothing_else(probe):
    """A Refusal ends the stage with exit code 1 and its own words."""
    ended = stage(probe, "probe", "--out", "seen.json", "--some-word", "refuse")
    assert ended.returncode == 1
    assert ended.stderr == "error: here.csv, line 3: the rule is another\n"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a child with its parent")
def test_a_stage_whose_starter_is_gone_before_it_begins_does_no_work(probe):
    """A stage that was handed to another session before it could ask to end with its dvc ends at once."""
    command = f"(sleep 0.3; exec {sys.executable} src/stage.py probe --out late --some-word go) & echo $!"
    starter = subprocess.run(
        ["sh", "-c", command],
        cwd=probe,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=True,
        start_new_session=True,
    )
    # The pipe closes when the last process that holds it has ended, so the stage is gone by now.
    assert starter.stdout.strip().isdigit()
    assert not (probe / "late").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a child with its parent")
def test_a_stage_ends_with_the_dvc_that_started_it(probe):
    """A stage at work ends when its starter is killed, so that it cannot write into the next run."""
    (probe / "src/sleeper.py").write_text(
        "import os, time\n"
        "def main(*, out: 'Path') -> None:\n"
        "    out.write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "src/stage.py", "sleeper", "--out", "pid"]
    starter = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({command})"],
        cwd=probe,
        start_new_session=True,
    )
    try:
        pid = awaited(lambda: (probe / "pid").exists() and (probe / "pid").read_text())
    finally:
        starter.kill()
        starter.wait(timeout=10)
    awaited(lambda: ended(int(pid)))


def ended(pid):
    """Whether a process is gone, or only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def awaited(condition):
    """The condition's value once it is true; an error after 30 s."""
    for _ in range(3000):
        if value := condition():
            return value
        time.sleep(0.01)
    raise TimeoutError
