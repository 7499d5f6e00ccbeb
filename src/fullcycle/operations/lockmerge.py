"""Git's merge driver for ``dvc.lock``: stage by stage, where Git's own goes line by line.

A stage that one side changed is taken from that side. One that both sides changed differently was run
on inputs that the merge may not have: its entry is cut down to its command, so that `dvc repro` runs it
again, and it is named on stderr. `make setup` installs the driver; ``.gitattributes`` names the files.

Stands alone (Git starts it as a script, with any Python from 3.8 on and no library). Entries are
compared as the text that DVC writes, so what is kept is kept byte for byte. A file that does not have
DVC's shape is left to Git's line-wise merge.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SETTINGS = {
    "merge.dvclock.name": "dvc.lock, stage by stage",
    "merge.dvclock.driver": "python3 src/fullcycle/operations/lockmerge.py %O %A %B %P",
    # For what stages write into Git: our version stays in place until `dvc repro` writes it anew.
    "merge.rerun.name": "written again by dvc repro",
    "merge.rerun.driver": "true",
}
LOCK = re.compile(r"((?:(?!stages:)\S.*\n)*)(?:stages:\n((?: .*\n|\n)*))?((?:\S.*\n(?: .*\n|\n)*)*)")
STAGE = re.compile(r"  (\S.*):\n")
FIELD = re.compile(r"    [a-z]+:")


class ShapelessError(Exception):
    """The file is not as DVC writes it, or the part around its stages is in conflict."""


class Lock(NamedTuple):
    """A ``dvc.lock`` as text: what stands before the stages, each stage's entry, what follows."""

    before: str
    stages: dict[str, str]
    after: str


def parse(text: str) -> Lock:
    r"""Cut a ``dvc.lock`` into its parts.

    >>> parse("schema: '2.0'\nstages:\n  a:\n    cmd: x\n  b:\n    cmd: y\n").stages
    {'a': '  a:\n    cmd: x\n', 'b': '  b:\n    cmd: y\n'}

    Raises:
        ShapelessError: it has another shape, as with conflict markers or a stage that stands there twice.
    """
    found = LOCK.fullmatch(text)
    if not found or re.search(r"^([<=>|])\1{6}", text, flags=re.MULTILINE):
        raise ShapelessError
    stages: dict[str, str] = {}
    name = ""
    for line in (found[2] or "").splitlines(keepends=True):
        head = STAGE.fullmatch(line)
        if head and head[1] not in stages:
            name = head[1]
            stages[name] = line
        elif head or not name or re.match(r"  \S", line):
            raise ShapelessError
        else:
            stages[name] += line
    return Lock(found[1], stages, found[3])


def merged(base: str, ours: str, theirs: str) -> tuple[str, list[str]]:
    """The three-way merge of three versions of a ``dvc.lock``, and the stages that must run again.

    Raises:
        ShapelessError: one of them has another shape, or differs outside its stages on both sides.
    """
    old, own, other = parse(base), parse(ours), parse(theirs)
    entries: list[str] = []
    rerun: list[str] = []
    for name in order(list(own.stages), list(other.stages)):
        versions = [lock.stages.get(name, "") for lock in (old, own, other)]
        entry = chosen(*versions)
        if entry is None:
            rerun.append(name)
            # Deleted on one side and changed on the other: no command of it is sure to remain.
            entry = command(versions[1]) if versions[1] and versions[2] else ""
        entries.append(entry)
    around = [chosen(old.before, own.before, other.before), chosen(old.after, own.after, other.after)]
    if None in around:
        raise ShapelessError
    stages = f"stages:\n{''.join(entries)}" if any(entries) else ""
    return f"{around[0]}{stages}{around[1]}", rerun


def chosen(base: str, ours: str, theirs: str) -> str | None:
    """The version that a three-way merge takes; None if both sides made different changes."""
    if theirs in (base, ours):
        return ours
    return theirs if ours == base else None


def order(ours: list[str], theirs: list[str]) -> list[str]:
    """All names: ours as they stand, each that only they have after its neighbour there.

    >>> order(["a", "b", "d"], ["a", "x", "d", "y"])
    ['a', 'x', 'b', 'd', 'y']
    """
    result = list(ours)
    for index, name in enumerate(theirs):
        if name not in result:
            result.insert(result.index(theirs[index - 1]) + 1 if index else 0, name)
    return result


def command(entry: str) -> str:
    r"""A stage's entry with its command alone: its place in the file stays, its results are forgotten.

    >>> command("  a:\n    cmd:\n    - x\n    - y\n    deps:\n    - path: b\n")
    '  a:\n    cmd:\n    - x\n    - y\n'
    """
    head, *lines = entry.splitlines(keepends=True)
    kept = [head]
    for line in lines:
        if FIELD.match(line) and not line.startswith("    cmd:"):
            break
        kept.append(line)
    return "".join(kept)


def install() -> None:
    """Put the drivers into the configuration of the Git repository at hand, if there is one."""
    if git("rev-parse", "--git-dir").returncode == 0:
        for name, value in SETTINGS.items():
            if git("config", "--local", "--get", name).stdout != f"{value}\n":
                git("config", "--local", name, value).check_returncode()


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git and keep what it says."""
    return subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)  # noqa: S603, S607


def main(arguments: list[str]) -> int:
    """Merge into the second file (base, ours, theirs, name), as Git asks; 0 if there is no conflict."""
    if arguments == ["--install"]:
        install()
        return 0
    base, ours, theirs = map(Path, arguments[:3])
    try:
        text, rerun = merged(*(path.read_bytes().decode("utf-8") for path in (base, ours, theirs)))
    except (ShapelessError, UnicodeDecodeError):
        labels = ["-L", "ours", "-L", "base", "-L", "theirs"]
        return git("merge-file", *labels, str(ours), str(base), str(theirs)).returncode
    ours.write_bytes(text.encode("utf-8"))
    if rerun:
        names = ", ".join(rerun)
        sys.stderr.write(
            f"{arguments[3]}: both sides changed {names}: run `dvc repro`, commit what it writes\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
