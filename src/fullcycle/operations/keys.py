"""Which parameters code reads: ``params.read("a.b")``, ``safe_load(...)["a"]["b"]``, ``params_show()``."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from fullcycle.operations.reach import called, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fullcycle.operations.reach import Node, Reach

METHODS = {"items", "keys", "values", "copy", "update", "pop", "get"}


@dataclass(frozen=True)
class Read:
    """One key read at a place; `some`: one or more unknown keys below it."""

    key: str
    place: str
    some: bool = False

    def may_be(self, declared: str) -> bool:
        """Whether this read uses a declared key, as far as can be known."""
        return (
            self.key == declared
            or declared.startswith(f"{self.key}.")
            or self.key.startswith(f"{declared}.")
            or self.key == ""
        )


@dataclass
class Keys:
    """The reads of one stage; `whole`: places where all of a file goes where this reader cannot follow."""

    reads: list[Read] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)


def keys(reach: Reach, files: Mapping[str, Mapping[str, Any]], readers: Iterable[str]) -> Keys:
    """The parameter keys that a stage's live code reads.

    Args:
        reach: the stage's code.
        files: every key of the parameter files, with its value, by the names that code may open.
        readers: functions that return one key, as ``module.function``.
    """
    result = Keys()
    pairs = [tuple(reader.rpartition(".")[::2]) for reader in readers]
    known = {PurePosixPath(file).name for file in files}
    sections = {
        key for content in files.values() for key, value in content.items() if isinstance(value, dict)
    }
    spaces: dict[str, dict[str, str]] = {}
    handles: dict[str, set[str]] = {}
    for file, node in reach.live:
        if any(PurePosixPath(file).stem == module for module, _ in pairs):
            continue  # the reader itself opens all of it
        space = spaces.setdefault(file, {})
        handle = handles.setdefault(file, set())
        local = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        scan = _Scan(file, known, sections, set(pairs), dict(space) if local else space, handle, result)
        scan.visit(node)
    return result


class _Scan(ast.NodeVisitor):
    """One piece of code in order; names that hold (a part of) the parameters are followed."""

    def __init__(
        self,
        file: str,
        known: set[str],
        sections: set[str],
        readers: set[tuple[str, ...]],
        names: dict[str, str],
        handles: set[str],
        result: Keys,
    ) -> None:
        self.file, self.known, self.sections, self.readers = file, known, sections, readers
        self.names, self.handles, self.result = names, handles, result

    def visit(self, node: Node) -> None:
        """Record a read where parameters are used; else look inside."""
        place = f"{self.file}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Call() if (key := self._reader(node)) is not None:
                self.result.reads.append(Read(key[0], place, key[1])) if key[0] else self.result.whole.append(
                    place
                )
                return
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                held = self._held(value)
                if held is not None and (not held or held in self.sections):
                    self.names[name] = held
                    return
                self.names.pop(name, None)
                if self._names_file(value):
                    self.handles.add(name)
            case ast.withitem(optional_vars=ast.Name(id=name)) if self._names_file(node.context_expr):
                self.handles.add(name)
            case ast.Subscript(value=value) if self._held(node) is None and self._held(value):
                self.result.reads.append(Read(self._held(value) or "", place, some=True))
                self.visit(node.slice)
                return
            case ast.expr() if (held := self._held(node)) is not None:
                if held:
                    self.result.reads.append(Read(held, place))
                else:
                    self.result.whole.append(place)
                return
        super().generic_visit(node)

    def _reader(self, node: ast.Call) -> tuple[str, bool] | None:
        function, first = node.func, node.args[0] if node.args else None
        match function:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                known = (module, name) in self.readers
            case ast.Name(id=name):
                known = any(name == reader for _, reader in self.readers) and isinstance(first, ast.Constant)
            case _:
                known = False
        if not known:
            return None
        match first:
            case ast.Constant(value=str(key)):
                return key, False
            case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]) if "." in prefix:
                return prefix.rpartition(".")[0], True
        return "", True

    def _held(self, node: Node) -> str | None:
        """The dotted key of the parameters that an expression holds; empty: all of a file."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
                return self._below(value, key)
            case ast.Call(
                func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                return self._below(value, key)
            case ast.Attribute(value=value, attr=key) if key not in METHODS:
                return self._below(value, key)
            case ast.Call() if called(node) == "params_show" or (
                "load" in called(node).lower() and self._names_file(node)
            ):
                return ""
        return None

    def _below(self, value: Node, key: str) -> str | None:
        held = self._held(value)
        return None if held is None else f"{held}.{key}".lstrip(".")

    def _names_file(self, node: Node) -> bool:
        """Whether an expression mentions a parameter file, or a name that stands for one."""
        for part in walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                if PurePosixPath(part.value).name in self.known:
                    return True
            elif isinstance(part, ast.Name) and part.id in self.handles:
                return True
        return False
