"""Mend what a killed `dvc` leaves behind: ``python src/fullcycle/operations/mend.py``, before `dvc repro`.

DVC (3.67) rewrites ``dvc.lock`` and ``.dvc/tmp/rwlock`` in place. A `kill -9` in the 50 ms that this
takes, after every stage, leaves half a file, and every later `dvc repro` refuses to start. Here
``dvc.lock`` is taken back from Git (what the killed run had finished is found again in DVC's run cache),
and a ``rwlock`` that no living dvc holds is removed. Does nothing while another dvc is at work.

This file alone knows these private matters of DVC; tests/operations/test_mend.py pins them.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import EncodingError, YAMLFileCorruptedError, parse_yaml
from voluptuous import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path("dvc.lock")
DVC_IS_BUSY = Path(".dvc/tmp/lock")
RWLOCK = Path(".dvc/tmp/rwlock")


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Whether DVC's own lock on `path` could be had; it is given back at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_whole(lock: str) -> bool:
    """Whether DVC could read this as a dvc.lock."""
    try:
        stages = COMPILED_LOCKFILE_SCHEMA(parse_yaml(lock, LOCK)).get("stages", {})
    except (YAMLFileCorruptedError, EncodingError, Invalid):
        return False
    files = [file for stage in stages.values() for file in stage.get("deps", []) + stage.get("outs", [])]
    # DVC's schema takes a hash named `m` for good, and its comparison then fails.
    return all(file.get("hash", "md5") == "md5" for file in files)


def is_left_behind(rwlock: str) -> bool:
    """Whether no living dvc holds anything in this rwlock (a process id may be another's by now)."""
    try:
        kinds = json.loads(rwlock)
        holders = [*kinds.get("write", {}).values()]
        holders += [reader for readers in kinds.get("read", {}).values() for reader in readers]
        return not any(_is_dvc(holder["pid"]) for holder in holders)
    except (ValueError, AttributeError, TypeError, KeyError):
        return True


def _is_dvc(pid: int) -> bool:
    try:
        return any("dvc" in Path(word).name for word in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def mend() -> list[str]:
    """Mend the files in the current folder; one sentence for each that needed it."""
    said = []
    with _held(DVC_IS_BUSY) as free:
        if free and LOCK.exists() and not is_whole(LOCK.read_text(encoding="utf-8", errors="replace")):
            restore = ["git", "checkout", "HEAD", "--", str(LOCK)]
            if subprocess.run(restore, check=False, capture_output=True).returncode:  # noqa: S603  fixed words
                LOCK.unlink()
            said.append("dvc.lock was cut off by a killed dvc: it is as in Git again")
    with _held(RWLOCK.with_name("rwlock.lock")) as free:
        if free and RWLOCK.exists() and is_left_behind(RWLOCK.read_text(encoding="utf-8")):
            if RWLOCK.read_text(encoding="utf-8").strip() not in {"{}", '{"write": {}, "read": {}}'}:
                said.append(f"{RWLOCK} was left by a killed dvc: it is removed")
            RWLOCK.unlink()
    return said


if __name__ == "__main__":
    for sentence in mend():
        sys.stderr.write(f"mended: {sentence}\n")
