"""One stage alone: an empty folder with its declared inputs, a bare environment, a witness inside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomlkit
import yaml

from fullcycle.operations import witness
from fullcycle.operations.variations import World, startup, world

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fullcycle.operations.repository import Record, Stage
    from fullcycle.operations.store import Content

LONG_AGO = 86_400  # an access time in 1970: whatever is read afterwards gets a new one
LAST_WORDS = 4_000  # characters of a failed command's output that a report may use


@dataclass(frozen=True)
class Run:
    """What one run left: its exit code, last words, folder, and what it touched."""

    code: int
    words: str
    folder: Path
    seconds: float
    log: tuple[tuple[str, str], ...]
    opened: frozenset[str] = field(default_factory=frozenset)

    @property
    def witnessed(self) -> bool:
        """Whether the witness was there: no stage in Python starts without it."""
        return any(kind == "start" for kind, _ in self.log)


def run(
    stage: Stage, record: Record, inputs: Mapping[str, Content], base: Path, chosen: frozenset[str], slot: int
) -> Run:
    """Run a stage's recorded commands on its recorded inputs below `base`, with the chosen variations."""
    surroundings = world(chosen, slot)
    folder = base / surroundings.folder
    home = base / "home"
    for path in (folder, home):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    furnish(folder, stage, record, inputs, backwards="order" in chosen)
    probe = base / "probe"
    probe.write_bytes(b"probe")
    log = base / "log"
    log.unlink(missing_ok=True)
    environment = bare_environment(stage, surroundings, base)
    began = time.monotonic()
    code, words = 0, ""
    for command in record.commands:
        code, words = _execute(command, folder / stage.folder, environment, surroundings.umask)
        if code:
            break
    seconds = time.monotonic() - began
    return Run(code, words, folder, seconds, _read_log(log), _opened(folder, inputs, probe))


def furnish(
    folder: Path, stage: Stage, record: Record, inputs: Mapping[str, Content], *, backwards: bool
) -> None:
    """Put the inputs, the declared parameters and an empty DVC repository (for ``dvc.api``) in place."""
    (folder / stage.folder).mkdir(parents=True, exist_ok=True)
    for path in sorted(inputs, reverse=backwards):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        content = inputs[path]
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copyfile(content, target)
        os.utime(target, (LONG_AGO, target.stat().st_mtime))
    for path, keys in record.params.items():
        if path not in record.deps:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dump(nested(keys), target.suffix), encoding="utf-8")
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc" / "config").write_text(
        "[core]\n    no_scm = true\n    analytics = false\n", encoding="utf-8"
    )
    for out in record.outs:
        (folder / out).parent.mkdir(parents=True, exist_ok=True)


def nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as the tree that they stand for.

    >>> nested({"train.lr": 0.1, "train.depth": 3, "seed": 1})
    {'train': {'lr': 0.1, 'depth': 3}, 'seed': 1}
    """
    result: dict[str, Any] = {}
    for key, value in keys.items():
        *parents, last = key.split(".")
        branch = result
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = {**branch[last], **value} if isinstance(branch.get(last), dict) else value
    return result


def dump(content: dict[str, Any], suffix: str) -> str:
    """Parameters in the format of a file with this suffix: JSON, TOML or YAML."""
    if suffix == ".json":
        return json.dumps(content)
    if suffix == ".toml":
        return tomlkit.dumps(content)
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def bare_environment(stage: Stage, surroundings: World, base: Path) -> dict[str, str]:
    """PATH, an empty home, what varies, and the variables that the stage's ``meta.verify`` names."""
    temporary = base / "tmp"
    temporary.mkdir(exist_ok=True)
    named = {name: os.environ[name] for name in stage.verify.get("environment", []) if name in os.environ}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(base / "home"),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(startup(base / "startup")),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DVC_NO_ANALYTICS": "1",
        witness.LOG: str(base / "log"),
        **surroundings.environment,
        **named,
    }


def _execute(command: str, folder: Path, environment: Mapping[str, str], umask: int) -> tuple[int, str]:
    shell = os.environ.get("SHELL") or "/bin/sh"
    process = subprocess.Popen(  # noqa: S602  a stage's command is a shell's, as DVC runs it
        command,
        shell=True,
        executable=shell,
        cwd=folder,
        env=dict(environment),
        umask=umask,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, output.decode("utf-8", "replace")[-LAST_WORDS:]


def _read_log(log: Path) -> tuple[tuple[str, str], ...]:
    if not log.exists():
        return ()
    lines = log.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return tuple(dict.fromkeys((kind, what) for kind, _, what in (line.partition("\t") for line in lines)))


def _opened(folder: Path, inputs: Mapping[str, Content], probe: Path) -> frozenset[str]:
    """The inputs that any program read: their access time moved.

    All of them where the file system keeps no access times, since nothing can be said there.
    """
    os.utime(probe, (LONG_AGO, probe.stat().st_mtime))
    probe.read_bytes()
    if probe.stat().st_atime == LONG_AGO:
        return frozenset(inputs)
    paths = {path: folder / path for path in inputs}
    return frozenset(
        path for path, file in paths.items() if not file.exists() or file.stat().st_atime != LONG_AGO
    )
