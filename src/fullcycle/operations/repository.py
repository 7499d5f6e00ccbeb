"""A DVC repository as plain records: what its ``dvc.yaml`` says now, and what its ``dvc.lock`` recorded.

With `hashes` and `experiments` the only file that touches DVC's private modules; tests pin what they use of
them. Templates (``foreach``, ``matrix``, ``vars``) are resolved by DVC itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from fullcycle.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Out:
    """What a stage writes: an ``output``, a ``metric`` or a ``plot``."""

    path: str
    kind: str


@dataclass(frozen=True)
class Stage:
    """One stage of a ``dvc.yaml``, its templates resolved, its paths relative to the repository."""

    name: str
    file: str
    lines: range
    folder: str
    commands: tuple[str, ...]
    deps: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]]
    outs: tuple[Out, ...]
    desc: str | None
    meta: Mapping[str, Any]

    @property
    def entry(self) -> str:
        """Its name as it is written in ``dvc.yaml``: ``train`` for ``train@lightgbm``."""
        return self.name.rpartition(":")[2].partition("@")[0]

    @property
    def verify(self) -> Mapping[str, Any]:
        """What the stage tells ``fullcycle verify`` under ``meta.verify``."""
        return dict(self.meta.get("verify") or {})


@dataclass(frozen=True)
class Record:
    """What ``dvc.lock`` holds of one stage: paths relative to the repository, with their hashes."""

    name: str
    commands: tuple[str, ...]
    deps: Mapping[str, str]
    params: Mapping[str, Mapping[str, Any]]
    outs: Mapping[str, str]


@dataclass(frozen=True)
class Repository:
    """The stages of every ``dvc.yaml`` below `root`, and their records."""

    root: Path
    cache: Path
    stages: tuple[Stage, ...]
    records: Mapping[str, Record]
    finished: frozenset[str]  # paths under `artifacts` and the top-level `plots`: meant for people
    has_git: bool

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """The lines of each ``dvc.yaml``."""
        files = sorted({stage.file for stage in self.stages})
        return {name: (self.root / name).read_text(encoding="utf-8").splitlines() for name in files}

    def place(self, stage: Stage, value: str = "") -> str:
        """``dvc.yaml:12``: the first line of a stage that holds `value`, or where the stage begins."""
        lines = self.texts[stage.file]
        found = (number for number in stage.lines if value and value in lines[number - 1])
        return f"{stage.file}:{next(found, stage.lines.start)}"


def load(path: Path) -> Repository:
    """Read the repository that holds `path`.

    Raises:
        Refusal: there is none, or DVC cannot read one of its files.
    """
    try:
        repo = Repo(str(path))
        stages = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
        kept = (repo.index._artifacts, repo.index._plots)  # noqa: SLF001  templates resolved; pinned by a test
        cache = Path(repo.cache.local.path)
    except DvcException as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise Refusal(f"{path}: DVC cannot read this repository: {error}{cause}") from error
    root = Path(repo.root_dir)
    spans = {stage.path: _spans(Path(stage.path)) for stage in stages}
    records: dict[str, Record] = {}
    for file in spans:
        records.update(_records(root, Path(file), {s.name: s.wdir for s in stages if s.path == file}))
    return Repository(
        root=root,
        cache=cache,
        stages=tuple(_stage(root, stage, spans[stage.path]) for stage in stages),
        records=records,
        finished=frozenset(_finished(root, *kept)),
        has_git=(root / ".git").exists(),
    )


def _name(root: Path, file: Path, name: str) -> str:
    within = file.relative_to(root).as_posix()
    return name if within == "dvc.yaml" else f"{within}:{name}"


def _relative(root: Path, folder: Path, path: str) -> str:
    if "://" in path:
        return path
    full = Path(os.path.normpath(folder / path))
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else full.as_posix()


def _stage(root: Path, stage: Any, spans: Mapping[str, range]) -> Stage:
    folder = Path(stage.wdir)
    plain = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    params = {
        _relative(root, folder, dep.def_path): tuple(dep.params)
        for dep in stage.deps
        if isinstance(dep, ParamsDependency)
    }
    kinds = [(out, "metric" if out.metric else "plot" if out.plot else "output") for out in stage.outs]
    return Stage(
        name=_name(root, Path(stage.path), stage.name),
        file=Path(stage.path).relative_to(root).as_posix(),
        lines=spans[stage.name.partition("@")[0]],
        folder=_relative(root, folder, "."),
        commands=_commands(stage.cmd),
        deps=tuple(_relative(root, folder, dep.def_path) for dep in plain),
        params=params,
        outs=tuple(Out(_relative(root, folder, out.def_path), kind) for out, kind in kinds),
        desc=stage.desc,
        meta=stage.meta or {},
    )


def _commands(command: str | list[str] | None) -> tuple[str, ...]:
    return (command,) if isinstance(command, str) else tuple(command or ())


def _spans(file: Path) -> dict[str, range]:
    """The lines that each stage takes in its file."""
    document = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    spans = {}
    for key, value in document.value if isinstance(document, yaml.MappingNode) else []:
        if key.value == "stages":
            for name, body in value.value:
                end = body.end_mark.line + bool(body.flow_style)
                spans[name.value] = range(name.start_mark.line + 1, end + 1)
    return spans


def _records(root: Path, file: Path, folders: Mapping[str, str]) -> dict[str, Record]:
    lock = file.with_suffix(".lock")
    if not lock.exists():
        return {}
    content = yaml.load(lock.read_text(encoding="utf-8"), Loader=_Timeless) or {}  # noqa: S506  a SafeLoader
    result = {}
    for name, entry in (content.get("stages") or {}).items():
        folder = Path(folders.get(name, file.parent))
        full = _name(root, file, name)
        hashes = [
            {_relative(root, folder, item["path"]): _hash(item) for item in entry.get(key) or []}
            for key in ("deps", "outs")
        ]
        params = {_relative(root, folder, path): keys for path, keys in (entry.get("params") or {}).items()}
        result[full] = Record(full, _commands(entry.get("cmd")), hashes[0], params, hashes[1])
    return result


def _hash(item: Mapping[str, Any]) -> str:
    return str(item.get("md5") or item.get("etag") or item.get("checksum") or "")


class _Timeless(yaml.SafeLoader):
    """YAML as DVC writes it; an unquoted date stays text."""


_Timeless.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _finished(root: Path, artifacts: Mapping[str, Any], plots: Mapping[str, Any]) -> Iterator[str]:
    for file, named in artifacts.items():
        for artifact in named.values():
            path = artifact["path"] if isinstance(artifact, dict) else artifact.path
            yield _relative(root, Path(file).parent, path)
    for file, listed in plots.items():
        for text in _texts(listed):
            yield _relative(root, Path(file).parent, text)


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def covers(declared: str, path: str) -> bool:
    """Whether a declared file or folder is `path` or holds it.

    >>> covers("src", "src/train.py"), covers("src/a.py", "src/a.py"), covers("src", "src2/a.py")
    (True, True, False)
    """
    return declared in {path, "."} or path.startswith(f"{declared.rstrip('/')}/")
