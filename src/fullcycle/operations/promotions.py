"""Which model is the champion in use: annotated Git tags ``champion@v1``, ``champion@v2`` ...

A tag's message names the model by the hash that DVC has for it, so history cannot say one thing and the
store hold another. Tags are only ever added: going back is one more tag. (The form is that of gto, which
therefore lists them; it is not needed.)
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from fullcycle.errors import Refusal

NAME = re.compile(r"champion@v(\d+)")


@dataclass(frozen=True)
class Promotion:
    """One tag: its number, the model, and the promotion that a rollback returns to (None: there is none)."""

    version: int
    model: str
    before: int | None
    commit: str

    @property
    def tag(self) -> str:
        """The tag's name."""
        return name_of(self.version)


def name_of(version: int) -> str:
    """The tag of a version."""
    return f"champion@v{version}"


def git(*arguments: str) -> str:
    """What git prints, run in the current folder.

    Raises:
        Refusal: git ended with an error, in its own words.
    """
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise Refusal(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def promotions() -> list[Promotion]:
    """All promotions, the oldest first; the last one is the champion in use.

    Raises:
        Refusal: a tag of that name is not an annotated tag of this command.
    """
    form = "%(refname:short)%00%(objecttype)%00%(contents)%00%(*objectname)%01"
    listed = git("for-each-ref", f"--format={form}", "refs/tags/champion@v*")
    found = []
    for entry in listed.split("\x01"):
        name, _, rest = entry.strip("\n").partition("\0")
        version = NAME.fullmatch(name)
        if not version:
            continue
        kind, message, commit = rest.split("\0")
        said = dict(re.findall(r"^(model|before): (\S+)$", message, re.MULTILINE))
        if kind != "tag" or "model" not in said:
            raise Refusal(
                f"the tag {name} names no model: `fullcycle promote` makes such tags; give yours another name"
            )
        before = NAME.fullmatch(said.get("before", ""))
        found.append(Promotion(int(version[1]), said["model"], int(before[1]) if before else None, commit))
    return sorted(found, key=lambda each: each.version)


def record(version: int, commit: str, facts: dict[str, str]) -> str:
    """Add a tag on a commit, its message made of facts; gives its name."""
    name = name_of(version)
    lines = "\n".join(f"{key}: {value}" for key, value in facts.items())
    git("tag", "--annotate", "--message", f"{name}\n\n{lines}\n", name, commit)
    return name


def forget(name: str) -> None:
    """Remove a tag that was just added, where the step after it failed."""
    git("tag", "--delete", name)
