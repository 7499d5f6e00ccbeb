"""Which Python programs a stage's command starts: ``python a.py``, ``python -m a.b``, also after ``cd``."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fullcycle.operations.repository import Stage

PYTHON = re.compile(r"(^|/)python[\d.]*$")
TAKES_VALUE = {"-W", "-X", "--check-hash-based-pycs"}
BETWEEN = {"&&", "||", ";", "|", "&", "(", ")"}


@dataclass(frozen=True)
class Start:
    """A Python program: the file or module, the folder first on its ``sys.path``, its arguments."""

    file: str | None
    module: str | None
    folder: str
    arguments: tuple[str, ...]


def starts(stage: Stage) -> list[Start] | None:
    """Every Python program that a stage's commands start; None where a command is no Python at all.

    What another program (a shell script, ``papermill``) does is beyond a reader of Python.
    """
    result: list[Start] = []
    for command in stage.commands:
        folder = stage.folder
        for words in _simple_commands(command):
            if words[0] == "cd" and len(words) == 2:
                folder = posixpath.normpath(posixpath.join(folder, words[1]))
                continue
            start = _start(words, folder)
            if start is not None:
                result.append(start)
            elif words[0] not in {"mkdir", "echo", "set", "export", "true", "rm", "test"}:
                return None
    return result


def _simple_commands(command: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for token in lexer:
            if token in BETWEEN:
                if words:
                    yield words
                words = []
            elif words or not re.fullmatch(r"\w+=.*", token):
                words.append(token)
    except ValueError:  # an open quote: the shell will say so
        return
    if words:
        yield words


def _start(words: list[str], folder: str) -> Start | None:
    at = next((i for i, word in enumerate(words) if PYTHON.search(word)), None)
    if at is None:
        if words[0].endswith(".py"):
            return _script(words[0], folder, words[1:])
        return None
    rest = words[at + 1 :]
    while rest and rest[0].startswith("-"):
        option, *rest = rest
        if option == "-m" and rest:
            return Start(None, rest[0], folder, tuple(rest[1:]))
        if option == "-c":
            return None
        if option in TAKES_VALUE:
            rest = rest[1:]
    return _script(rest[0], folder, rest[1:]) if rest and rest[0].endswith(".py") else None


def _script(path: str, folder: str, arguments: list[str]) -> Start:
    file = posixpath.normpath(posixpath.join(folder, path))
    return Start(file, None, posixpath.dirname(file) or ".", tuple(arguments))
