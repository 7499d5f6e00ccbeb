"""What a run touched against what its stage declares: undeclared reads and writes, unused declarations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fullcycle.operations.findings import Finding, finding
from fullcycle.operations.repository import covers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fullcycle.operations.repository import Record, Repository, Stage
    from fullcycle.operations.sandbox import Run

# Declared so that another environment reruns the stage; read by the installer, not by the stage.
ENVIRONMENT = re.compile(
    r"(^|/)(requirements[^/]*\.(txt|in)|[^/]*requirements/[^/]*\.txt|pyproject\.toml|setup\.(py|cfg)|[^/]*lock[^/]*"
    r"|environment[^/]*\.ya?ml|Pipfile|Dockerfile|\.python-version)$"
)
KEY = re.compile(r"[A-Za-z_][\w.-]*")


def undeclared(
    repository: Repository, stage: Stage, record: Record, run: Run, base: Path
) -> Iterator[Finding]:
    """Files and modules that a run opened, or looked for, beyond what its record declares."""
    place = repository.place(stage)
    declared = {*record.deps, *record.params, *record.outs}
    for kind, what in run.log:
        if kind == "missing":
            yield from _module(repository, stage, run, what)
            continue
        if kind == "start":
            continue
        path = Path(what)
        if path.is_relative_to(base):
            yield from _inside(repository, stage, run, path, declared, kind)
        elif kind == "write":
            value = f"{stage.name} writes {path}"
            yield finding(
                "undeclared-write", place, value, "Write below the stage's folder, and declare it in outs"
            )
        elif kind == "read" and path.is_relative_to(repository.root):
            within = path.relative_to(repository.root).as_posix()
            value = f"{stage.name} reads {within} by its absolute path"
            yield finding(
                "undeclared-read", place, value, f"Add {within} to deps and read it by its relative path"
            )
        elif kind == "read":
            value = f"{stage.name} reads {path}, outside the repository"
            yield finding(
                "undeclared-read", place, value, "Bring it into the repository with `dvc add` or a stage"
            )
        elif path.is_relative_to(repository.root):
            value = f"{stage.name} lists the folder {path.relative_to(repository.root).as_posix()}"
            yield finding("undeclared-read", place, value, "Declare it in deps and use its relative path")


def _inside(
    repository: Repository, stage: Stage, run: Run, path: Path, declared: set[str], kind: str
) -> Iterator[Finding]:
    """A read of a file that the sandbox lacks but the repository has."""
    if kind == "write" or not path.is_relative_to(run.folder) or path == run.folder:
        return
    if "__pycache__" in path.parts:  # Python looks there beside every module; the module itself is judged
        return
    within = path.relative_to(run.folder).as_posix()
    known = any(covers(item, within) or covers(within, item) for item in declared)
    if not known and _exists(repository, within):
        value = f"{stage.name} looks for {within}, which it does not declare"
        yield finding("undeclared-read", repository.place(stage), value, f"Add {within} to its deps")


def _exists(repository: Repository, within: str) -> bool:
    made = (out for record in repository.records.values() for out in record.outs)
    return (repository.root / within).exists() or any(covers(out, within) for out in made)


def _module(repository: Repository, stage: Stage, run: Run, what: str) -> Iterator[Finding]:
    name, _, searched = what.partition("\t")
    leaf = name.rpartition(".")[2]
    for folder in searched.split(":"):
        try:
            within = (Path(folder) if folder else run.folder / stage.folder).relative_to(run.folder)
        except ValueError:
            continue
        for candidate in (within / f"{leaf}.py", within / leaf / "__init__.py"):
            if (repository.root / candidate).is_file():
                value = f"{stage.name} imports {name} ({candidate.as_posix()}), which it does not declare"
                mend = f"Add {candidate.as_posix()} to its deps"
                yield finding("undeclared-read", repository.place(stage), value, mend)
                return


def suspects(repository: Repository, stage: Stage, record: Record, words: str) -> Iterator[Finding]:
    """Parameters, and files opened outside Python, that the last words of a failed run name."""
    place = repository.place(stage)
    last = "\n".join(words.strip().splitlines()[-3:])
    named = set(KEY.findall(last))
    declared = {key for keys in record.params.values() for key in keys}
    for file in record.params or {"params.yaml": {}}:
        known = {key for key in _keys(repository.root / file) if not any(_holds(d, key) for d in declared)}
        exact = {key for key in known if "." in key and key in named}
        for key in sorted(exact or {key for key in known if key.rpartition(".")[2] in _quoted(last)}):
            value = f"{stage.name} asks for the parameter {key} of {file}, which it does not declare"
            yield finding("undeclared-read", place, value, f"Add {key} to its params")
    for path in sorted(set(re.findall(r"[\w.@/-]+", last))):
        known_path = (
            "/" in path and not path.startswith("/") and not any(covers(d, path) for d in record.deps)
        )
        if known_path and path not in record.outs and _exists(repository, path):
            value = f"{stage.name} asks for {path}, which it does not declare"
            yield finding("undeclared-read", place, value, f"Add {path} to its deps")


def _quoted(text: str) -> set[str]:
    return set(re.findall(r"KeyError: ['\"]([\w.-]+)['\"]", text))


def _holds(declared: str, key: str) -> bool:
    return key == declared or key.startswith(f"{declared}.")


def _keys(file: Path) -> set[str]:
    if file.suffix not in {".yaml", ".yml", ".json"} or not file.is_file():
        return set()
    return set(flat(yaml.safe_load(file.read_text(encoding="utf-8"))))


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Every dotted key of nested parameters, with its value.

    >>> flat({"train": {"lr": 0.1}})
    {'train': {'lr': 0.1}, 'train.lr': 0.1}
    """
    result: dict[str, Any] = {}
    for name, value in content.items() if isinstance(content, dict) else []:
        key = f"{prefix}{name}"
        result[key] = value
        result |= flat(value, f"{key}.")
    return result


def unused(
    repository: Repository, stage: Stage, record: Record, run: Run, reachable: Mapping[str, Any]
) -> Iterator[Finding]:
    """Declared inputs that no program opened, unless the code may import them or the meta says why."""
    touched = {Path(what) for kind, what in run.log if kind in {"read", "list"}}
    opened = {path.relative_to(run.folder).as_posix() for path in touched if path.is_relative_to(run.folder)}
    opened |= run.opened
    excused = set(stage.verify.get("unread", {}))
    for dep in record.deps:
        used = any(covers(dep, path) for path in [*opened, *reachable])
        if not used and dep not in excused and not ENVIRONMENT.search(dep) and "://" not in dep:
            value = f"{stage.name} declares {dep} but never opens it"
            mend = "Remove it from deps, or give the reason in meta.verify.unread"
            yield finding("unused-declaration", repository.place(stage, dep), value, mend)
