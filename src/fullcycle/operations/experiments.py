"""DVC experiments written without DVC: outputs into its cache, and a commit under ``refs/exps`` in Git.

An experiment of one stage is the workspace's tracked files with other values in ``params.yaml``, that
stage's entry in ``dvc.lock``, and its metrics. Results of the stages after it belong to another model,
so they are left empty; ``dvc repro`` after ``dvc exp apply`` makes them. `dvc exp run` takes seconds for
this, `Experiments.write` milliseconds.

This file alone knows these private matters of DVC (3.67); tests/operations/test_experiments.py pins them
to DVC's own reading.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage.serialize import to_single_stage_lockfile
from dvc.utils.serialize._yaml import _dump as dump_yaml

from fullcycle.errors import Refusal
from fullcycle.operations.yamltext import YamlText

PARAMS, LOCK = "params.yaml", "dvc.lock"
READ_ONLY = 0o444
NO_METRICS = "{}\n"  # a metrics file that is missing would be an error to `dvc exp show`, and slow it down
FILE_MODE = pygit2.enums.FileMode.BLOB


@dataclass(frozen=True)
class Stored:
    """An output as ``dvc.lock`` names it; for a file outside the cache also its content."""

    md5: str
    size: int
    nfiles: int | None = None
    content: str | None = None

    def entry(self) -> dict[str, Any]:
        """The fields of its entry."""
        fields = {"hash": "md5", "md5": self.md5, "size": self.size}
        return fields | ({"nfiles": self.nfiles} if self.nfiles is not None else {})


def store(path: Path, cache: Path) -> Stored:
    """Move a file or a folder into DVC's cache, as `dvc commit` would copy it; the path is gone then."""
    if path.is_file():
        size = path.stat().st_size
        return Stored(_moved(path, cache), size)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    size = sum(file.stat().st_size for file in files)
    names = {file.relative_to(path).as_posix(): _moved(file, cache) for file in files}
    listing = [{"md5": names[name], "relpath": name} for name in sorted(names)]
    text = json.dumps(listing, sort_keys=True)
    md5 = _md5(text.encode()) + ".dir"
    folder = path.with_name(f"{path.name}.dir")
    folder.write_text(text, encoding="utf-8")
    _place(folder, cache, md5)
    shutil.rmtree(path)
    return Stored(md5, size, len(files))


def kept_in_git(path: Path) -> Stored:
    """An output with ``cache: false``: its content goes into the commit."""
    content = path.read_bytes()
    return Stored(_md5(content), len(content), content=content.decode())


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _moved(path: Path, cache: Path) -> str:
    md5 = _md5(path.read_bytes())
    _place(path, cache, md5)
    return md5


def _place(path: Path, cache: Path, md5: str) -> None:
    target = cache / md5[:2] / md5[2:]
    if target.exists():
        path.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(READ_ONLY)
    path.replace(target)  # the caller works on the cache's own file system


def _downstream(graph: Any, stage: Any) -> list[Any]:
    """The stages that depend on a stage's outputs, directly or through others."""
    found, open_ends = [], [stage]
    while open_ends:
        new = [each for each in graph.predecessors(open_ends.pop()) if each not in found]
        found += new
        open_ends += new
    return found


def never_ran() -> list[str]:
    """The stages of the workspace that ``dvc.lock`` does not know: `dvc exp apply` fails on their outputs."""
    with Repo(os.curdir) as repo:
        return sorted(
            each.addressing for each in repo.index.stages if not all(out.hash_info for out in each.outs)
        )


def upstream(stage: str) -> list[str]:
    """The stages whose outputs a stage depends on, in ``dvc.yaml``.

    Raises:
        Refusal: there is no such stage, or this is no repository of DVC's.
    """
    try:
        with Repo(os.curdir) as repo:
            known = repo.stage.load_one("dvc.yaml", stage)
            return sorted(each.addressing for each in repo.index.graph.successors(known))
    except DvcException as error:
        raise Refusal(f"{stage}: {error}") from error


class Experiments:
    """Experiments of one stage on the current commit and the workspace's tracked files.

    Args:
        stage: its name in ``dvc.yaml``, such as ``train@lightgbm``.
        aside: a path whose uncommitted changes stay out of the experiments.

    Raises:
        Refusal: there is no such stage or no commit, or a dependency is missing.
    """

    def __init__(self, stage: str, aside: str = "") -> None:
        try:
            git = pygit2.Repository(os.curdir)
            with Repo(os.curdir) as repo, repo.lock:
                known = repo.stage.load_one("dvc.yaml", stage)
                after = _downstream(repo.index.graph, known)
                known.save_deps()
                self.cache = Path(repo.cache.local.path)
                stale = [out for each in after for out in each.outs if not out.use_cache]
                results = {
                    out.def_path: bool(out.metric) for out in [*stale, *known.outs] if not out.use_cache
                }
                known.outs = []
                self.entry = json.loads(json.dumps(to_single_stage_lockfile(known)))
        except (DvcException, pygit2.GitError) as error:
            raise Refusal(f"{stage}: {error}") from error
        if git.head_is_unborn:
            raise Refusal("experiments stand on a commit and there is none: run `git commit` first")
        self.stage, self.git = stage, git
        self.baseline = str(git.head.peel(pygit2.Commit).id)
        self.params = YamlText(Path(PARAMS).read_text(encoding="utf-8"))
        lock = Path(LOCK).read_text(encoding="utf-8")
        block = re.search(rf"^  {re.escape(stage)}:\n(?:   .*\n)*", lock, re.MULTILINE)
        start, end = block.span() if block else (len(lock), len(lock))
        self.lock = lock[:start], lock[end:]
        self.entry_head = _dumped({stage: {key: self.entry[key] for key in ("cmd", "deps")}})
        self.tree = self._without(_workspace_tree(aside), results)

    @property
    def dependencies(self) -> dict[str, str]:
        """The MD5 of everything that the stage depends on."""
        return {dep["path"]: dep["md5"] for dep in self.entry["deps"]}

    @property
    def parameters(self) -> dict[str, Any]:
        """The stage's own parameters, by their keys in ``dvc.yaml``."""
        return dict(self.entry["params"][PARAMS])

    def names(self) -> set[str]:
        """The experiments that this commit has."""
        space = self._ref("")
        return {ref.removeprefix(space) for ref in self.git.references if ref.startswith(space)}

    def write(
        self, name: str, message: str, values: dict[str, Any], outs: dict[str, Stored], when: int
    ) -> str:
        """Write one experiment, replacing one of the same name, and return its commit.

        Args:
            name: as ``dvc exp show`` shows it.
            message: of the commit.
            values: what differs in ``params.yaml``, by full keys.
            outs: every output of the stage; none if it has not run to its end.
            when: seconds since 1970.
        """
        files = {PARAMS: self.params.replaced(values)}
        if outs:
            files[LOCK] = self._locked(values, outs)
            files |= {path: out.content for path, out in outs.items() if out.content is not None}
        index = pygit2.Index()
        index.read_tree(self.git[self.tree].peel(pygit2.Tree))
        self._add(index, files)
        author = self._author(when)
        commit = self.git.create_commit(
            None, author, author, message, index.write_tree(self.git), [self.baseline]
        )
        self.git.references.create(self._ref(name), commit, force=True)
        return str(commit)

    def _ref(self, name: str) -> str:
        return f"refs/exps/{self.baseline[:2]}/{self.baseline[2:]}/{name}"

    def _without(self, tree: str, results: dict[str, bool]) -> str:
        """The tree without results of other models: metrics files are empty, all else is gone."""
        index = pygit2.Index()
        index.read_tree(self.git[tree].peel(pygit2.Tree))
        for entry in [entry.path for entry in index]:
            if any(entry == path or entry.startswith(f"{path}/") for path in results):
                index.remove(entry)
        self._add(index, {path: NO_METRICS for path, is_metric in results.items() if is_metric})
        return str(index.write_tree(self.git))

    def _add(self, index: pygit2.Index, files: dict[str, str]) -> None:
        for path, content in files.items():
            index.add(pygit2.IndexEntry(path, self.git.create_blob(content.encode()), FILE_MODE))

    def _locked(self, values: dict[str, Any], outs: dict[str, Stored]) -> str:
        params = copy.deepcopy(self.entry["params"])
        for key, value in values.items():
            section = max((k for k in params[PARAMS] if key.startswith(f"{k}.")), key=len)
            params[PARAMS][section][key.removeprefix(f"{section}.")] = value
        listed = [{"path": path, **outs[path].entry()} for path in sorted(outs)]
        tail = _dumped({self.stage: {"params": params, "outs": listed}}).split("\n", 1)[1]
        return self.lock[0] + self.entry_head + tail + self.lock[1]

    def _author(self, when: int) -> pygit2.Signature:
        try:
            own = self.git.default_signature
        except KeyError:  # no user.name in Git's configuration: DVC's own experiments need none either
            return pygit2.Signature("fullcycle", "fullcycle@localhost", when, 0)
        return pygit2.Signature(own.name, own.email, when, own.offset)


def _dumped(entry: dict[str, Any]) -> str:
    """One entry of ``dvc.lock``, as DVC writes it."""
    text = io.StringIO()
    dump_yaml({"stages": entry}, text)
    return text.getvalue().split("\n", 1)[1]


def _workspace_tree(aside: str) -> str:
    """The tree of all tracked files as they stand, uncommitted changes included, as `dvc exp run` has it."""
    with tempfile.TemporaryDirectory() as folder:
        own = {**os.environ, "GIT_INDEX_FILE": str(Path(folder, "index"))}
        said = ""
        add = ["add", "--update", ".", *([f":(exclude){aside}"] if aside else [])]
        for command in (["read-tree", "HEAD"], add, ["write-tree"]):
            done = subprocess.run(  # noqa: S603
                ["git", *command],  # noqa: S607
                env=own,
                check=False,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise Refusal(f"git {' '.join(command)}: {done.stderr.strip()}")
            said = done.stdout.strip()
    return said
