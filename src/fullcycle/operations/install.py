"""The model in use, kept in ``promoted/`` by DVC: from a folder in Git that says "none yet" to any model.

``dvc.yaml`` depends on the folder, whichever of the two it is, so a pipeline without a previous champion
needs no store, and one with it is as reproducible as with any other data.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from fullcycle.errors import Refusal
from fullcycle.operations.hashes import tree_hash
from fullcycle.operations.promotions import git

PROMOTED, POINTER, IGNORED = Path("promoted"), Path("promoted.dvc"), Path(".gitignore")


def install(model: str) -> None:
    """Put the model of this hash into ``promoted/``, under DVC; staged in Git, not committed.

    Raises:
        Refusal: neither DVC's cache nor its remote has the model; everything is as it was.
    """
    was = POINTER.read_bytes() if POINTER.exists() else None
    out = {"md5": model, "hash": "md5", "path": str(PROMOTED)}
    POINTER.write_text(yaml.safe_dump({"outs": [out]}, sort_keys=False), encoding="utf-8", newline="\n")
    aside = PROMOTED.with_name(".promoted.before")
    shutil.rmtree(aside, ignore_errors=True)
    if PROMOTED.exists():
        PROMOTED.rename(aside)
    said = ""
    for command in ("checkout", "pull"):
        if tree_hash(PROMOTED) != model:
            said = _dvc(command)
    if tree_hash(PROMOTED) != model:
        shutil.rmtree(PROMOTED, ignore_errors=True)
        if aside.exists():
            aside.rename(PROMOTED)
        POINTER.unlink() if was is None else POINTER.write_bytes(was)
        raise Refusal(f"the model {model} is neither in DVC's cache nor in its remote: {said}")
    shutil.rmtree(aside, ignore_errors=True)
    line = f"/{PROMOTED}\n"
    ignored = IGNORED.read_text(encoding="utf-8") if IGNORED.exists() else ""
    if line not in ignored:
        IGNORED.write_text(f"{ignored.rstrip()}\n{line}".lstrip(), encoding="utf-8", newline="\n")
    git("rm", "-r", "-q", "--cached", "--ignore-unmatch", str(PROMOTED))
    git("add", str(POINTER), str(IGNORED))


def _dvc(command: str) -> str:
    words = [sys.executable, "-m", "dvc", command, "-q", str(POINTER)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  fixed words
    return done.stderr.strip() or "no word from dvc"
