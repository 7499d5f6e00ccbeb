"""The code that a stage can run, found without running it: files imported, and the functions in use.

From the files that a stage's command starts, imports are followed through the repository (also inside
functions, also ``import_module`` of names that can be known). A function or class counts only if code
that counts, in its own file or one that imports it, mentions its name: a helper that one stage does not
use is not held against it.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fullcycle.operations.commands import Start

DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
IMPORTERS = {"import_module", "__import__"}
DEPTH = 3  # assignments followed back from the argument of import_module
Node = ast.AST


@dataclass
class Reach:
    """What a stage's code consists of."""

    root: Path
    folders: tuple[str, ...]  # searched for modules, in this order
    values: frozenset[str]  # the stage's arguments and parameters: what an unknown name may stand for
    files: dict[str, str] = field(default_factory=dict)  # file -> where it is imported
    live: list[tuple[str, Node]] = field(default_factory=list)  # file, statement or function
    _names: dict[str, set[str]] = field(default_factory=dict)  # file -> names that its live code mentions
    _importers: dict[str, set[str]] = field(default_factory=dict)  # file -> files that import it
    _waiting: list[tuple[str, str, Node]] = field(default_factory=list)

    def add_start(self, start: Start) -> None:
        """Follow one program from the file that Python runs."""
        for file in [start.file] if start.file else self.resolve(start.module or "", run=True):
            self.add_file(file, "the command", started=True)
        self._settle()

    def add_file(self, file: str, why: str, *, started: bool = False) -> None:
        """Follow what a file does when it is imported (or, if started, run)."""
        if file in self.files or not (self.root / file).is_file():
            return
        self.files[file] = why
        for node in body(self.root / file):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._waiting.append((file, node.name, node))
                for decorator in node.decorator_list:
                    self._scan(file, decorator)
            elif started or not _is_test(node, "__name__"):
                self._scan(file, node)

    def resolve(self, name: str, *, run: bool = False) -> list[str]:
        """The repository's files behind a module's name: packages that do something, then the module."""
        parts = name.split(".")
        for position, folder in enumerate(self.folders):
            if position and parts[0] in sys.stdlib_module_names:
                continue
            path = posixpath.normpath(posixpath.join(folder, *parts))
            packages = [
                posixpath.normpath(posixpath.join(folder, *parts[:n])) for n in range(1, len(parts) + 1)
            ]
            found = [f"{package}/__init__.py" for package in packages if self._acts(f"{package}/__init__.py")]
            if (self.root / f"{path}.py").is_file():
                return [*found, f"{path}.py"]
            if run and (self.root / path / "__main__.py").is_file():
                return [*found, f"{path}/__main__.py"]
            if found or (self.root / path / "__init__.py").is_file():
                return found
        return []

    def _acts(self, file: str) -> bool:
        """Whether an ``__init__.py`` is there and holds more than words."""
        path = self.root / file
        return path.is_file() and any(not _is_words(node) for node in body(path))

    def _settle(self) -> None:
        """Take up waiting functions and classes whose names are mentioned, until nothing changes."""
        while ready := [unit for unit in self._waiting if self._mentioned(unit[0], unit[1])]:
            self._waiting = [unit for unit in self._waiting if unit not in ready]
            for file, _, node in ready:
                self._scan(file, node)

    def _mentioned(self, file: str, name: str) -> bool:
        near = {file, *self._importers.get(file, ())}
        return any(name in self._names.get(other, ()) for other in near)

    def _scan(self, file: str, node: Node) -> None:
        self.live.append((file, node))
        names = self._names.setdefault(file, set())
        for part in walk(node):
            match part:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    names.add(name)
                case ast.Constant(value=str(text)) if text.isidentifier():
                    names.add(text)
                case ast.Import(names=aliases):
                    for alias in aliases:
                        self._import(alias.name, file, part)
                case ast.ImportFrom():
                    self._import_from(part, file)
                case ast.Call(args=[name_node, *_]) if called(part) in IMPORTERS:
                    for name in self._strings(name_node, [node, *body(self.root / file)], DEPTH):
                        self._import(name, file, part)

    def _import(self, name: str, file: str, node: Node) -> None:
        for found in self.resolve(name):
            self._found(found, file, node)

    def _found(self, found: str, file: str, node: Node) -> None:
        self._importers.setdefault(found, set()).add(file)
        self.add_file(found, f"{file}:{getattr(node, 'lineno', 1)}")

    def _import_from(self, node: ast.ImportFrom, file: str) -> None:
        self._names[file].update(alias.name for alias in node.names)
        if node.level:
            folder = posixpath.dirname(file)
            for _ in range(node.level - 1):
                folder = posixpath.dirname(folder)
            names = [*(node.module or "").split("."), ""] if node.module else [""]
            base = posixpath.join(folder, *[name for name in names if name])
            wheres = [base, *(f"{base}/{alias.name}" for alias in node.names)]
            for where in wheres:
                for candidate in (f"{where}.py", f"{where}/__init__.py"):
                    if candidate.endswith(".py") and (
                        not candidate.endswith("__init__.py") or self._acts(candidate)
                    ):
                        self._found(candidate, file, node)
            return
        self._import(node.module or "", file, node)
        for alias in node.names:
            self._import(f"{node.module}.{alias.name}", file, node)

    def _strings(self, expression: Node, scopes: list[Node], depth: int) -> Iterator[str]:
        """The module names that an expression may have, as far as they can be known."""
        match expression:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=values):
                pieces = [
                    [str(piece.value)] if isinstance(piece, ast.Constant) else sorted(self.values)
                    for piece in values
                ]
                yield from (name for chosen in itertools.product(*pieces) if _dotted(name := "".join(chosen)))
            case ast.Name(id=name):
                assigned = [
                    part.value
                    for scope in scopes
                    for part in ast.walk(scope)
                    if isinstance(part, ast.Assign) and any(_is_name(target, name) for target in part.targets)
                ]
                if depth and assigned:
                    for value in assigned:
                        yield from self._strings(value, scopes, depth - 1)
                else:
                    yield from (value for value in sorted(self.values) if _dotted(value))
            case _:
                yield from (value for value in sorted(self.values) if _dotted(value))


def reach(root: Path, starts: Iterable[Start], values: frozenset[str]) -> Reach:
    """The code behind the programs of one stage."""
    listed = list(starts)
    arguments = frozenset(argument for start in listed for argument in start.arguments)
    folders = dict.fromkeys([*(start.folder for start in listed), "src", "."])
    result = Reach(root, tuple(folders), values | arguments)
    for start in listed:
        result.add_start(start)
    return result


@cache
def _parsed(path: Path, stamp: tuple[int, int]) -> ast.Module:
    del stamp
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return ast.Module([], [])


def body(path: Path) -> list[ast.stmt]:
    """The statements of a Python file; none where it is no Python."""
    state = path.stat()
    return _parsed(path, (state.st_mtime_ns, state.st_size)).body


def walk(node: Node) -> Iterator[Node]:
    """Every node below one, without annotations' imports (``if TYPE_CHECKING``)."""
    if _is_test(node, "TYPE_CHECKING"):
        children: Iterable[Node] = getattr(node, "orelse", [])
    else:
        yield node
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from walk(child)


def called(node: Node) -> str:
    """The last name of what is called: ``read`` for ``params.read(...)``."""
    function = getattr(node, "func", None)
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_test(node: Node, name: str) -> bool:
    """Whether a node is ``if`` on a condition that mentions a name."""
    if not isinstance(node, ast.If):
        return False
    return any(name in {getattr(n, "id", None), getattr(n, "attr", None)} for n in ast.walk(node.test))


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_words(node: Node) -> bool:
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _dotted(text: str) -> bool:
    return DOTTED.fullmatch(text) is not None
