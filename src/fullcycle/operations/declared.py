"""Rules FC101 to FC105: what a stage's code uses against what the stage declares."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from fullcycle.operations.findings import Finding, finding
from fullcycle.operations.reach import walk
from fullcycle.operations.repository import covers
from fullcycle.operations.touched import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fullcycle.operations.context import Context, StageCode
    from fullcycle.operations.keys import Read


def undeclared_modules(context: Context) -> Iterator[Finding]:
    """FC101: files that are imported, also through other files, and stand in no `deps`."""
    for code in context.codes:
        stage = code.stage
        for file, why in code.reach.files.items():
            if not any(covers(dep, file) for dep in stage.deps):
                value = f"{stage.name} runs {file} (from {why}), which is not in its deps"
                yield finding(
                    "undeclared-module", context.repository.place(stage), value, f"Add {file} to deps"
                )


def undeclared_params(context: Context) -> Iterator[Finding]:
    """FC102: keys that are read and stand in no `params`."""
    existing = {key for content in context.params.values() for key in content}
    for code in context.codes:
        stage = code.stage
        if any(covers(dep, file) for dep in stage.deps for file in context.params):
            continue  # all of the file is declared
        declared = [key for file in stage.params for key in _declared(context, code, file)]
        for read in code.keys.reads:
            if read.key in existing and not _allowed(read, declared):
                value = (
                    f"{stage.name} reads the parameter {read.key} ({read.place}), which is not in its params"
                )
                yield finding(
                    "undeclared-param", context.repository.place(stage), value, f"Add {read.key} to params"
                )


def _declared(context: Context, code: StageCode, file: str) -> list[str]:
    """The declared keys of a file; all of them where the file stands without keys."""
    return list(code.stage.params[file]) or list(context.params.get(file, {}))


def _allowed(read: Read, declared: list[str]) -> bool:
    above = any(read.key == key or read.key.startswith(f"{key}.") for key in declared)
    return above or (read.some and any(key.startswith(f"{read.key}.") for key in declared))


def undeclared_files(context: Context) -> Iterator[Finding]:
    """FC103: files of the repository whose path stands in live code, undeclared."""
    made = {out.path for stage in context.repository.stages for out in stage.outs}
    known = made | set(context.tracked)
    for code in context.codes:
        stage = code.stage
        declared = [*stage.deps, *(out.path for out in stage.outs), *stage.params]
        for text, place in sorted(literals(code).items()):
            path = text.removeprefix("./").rstrip("/")
            is_file = ("/" in path or "." in path) and not path.endswith(".py") and path not in context.params
            within = path in known or any(covers(out, path) for out in made)
            if is_file and within and not any(covers(item, path) or covers(path, item) for item in declared):
                value = f"{stage.name} names {path} ({place}), which is not in its deps"
                yield finding(
                    "undeclared-file", context.repository.place(stage), value, f"Add {path} to deps"
                )


def literals(code: StageCode) -> dict[str, str]:
    """Every text in a stage's live code (not its docstrings), with its place."""
    result: dict[str, str] = {}
    for file, node in code.reach.live:
        words = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr)}
        for part in walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in words:
                result.setdefault(part.value, f"{file}:{part.lineno}")
    return result


def unread_deps(context: Context) -> Iterator[Finding]:
    """FC104: Python files that nothing imports; other files that neither command, code nor params name."""
    for code in context.codes:
        stage = code.stage
        if not code.complete:
            continue
        values = (
            value for file in context.params.values() for value in file.values() if isinstance(value, str)
        )
        words = " ".join([*stage.commands, *literals(code), *values])
        excused = set(stage.verify.get("unread", {}))
        for dep in stage.deps:
            imported = any(covers(dep, file) for file in code.reach.files)
            named = dep in words or dep.rpartition("/")[2] in words
            is_param = dep in context.params
            parents = {dep[:i] for i, letter in enumerate(dep) if letter == "/"}
            below = any(parent in words.replace("=", " ").split() for parent in parents)
            used = imported if dep.endswith(".py") else named or below or is_param
            if not used and dep not in excused and not ENVIRONMENT.search(dep):
                value = f"{stage.name} declares {dep}, which its code does not read"
                mend = "Remove it from deps, or give the reason in meta.verify.unread"
                yield finding("unread-dep", context.repository.place(stage, dep), value, mend)


def unread_params(context: Context) -> Iterator[Finding]:
    """FC105: keys in `params` that the code does not read, where all its reads can be followed."""
    for code in context.codes:
        stage = code.stage
        if code.keys.whole or not code.complete:
            continue
        excused = set(stage.verify.get("unread", {}))
        in_command = " ".join(stage.commands)
        for file, declared in stage.params.items():
            for key in declared:
                value = context.params.get(file, {}).get(key)
                wired = isinstance(value, str | int | float) and str(value) in in_command
                if not any(read.may_be(key) for read in code.keys.reads) and not wired and key not in excused:
                    said = f"{stage.name} declares the parameter {key}, which its code does not read"
                    mend = "Remove it from params, or give the reason in meta.verify.unread"
                    yield finding("unread-param", context.repository.place(stage, key), said, mend)
