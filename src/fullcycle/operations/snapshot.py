"""A repository's files as they are in one commit or in the work tree, read from Git alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2
import yaml

from fullcycle.errors import Refusal
from fullcycle.operations.hashes import seen

WORKSPACE = "workspace"  # DVC's word for the work tree


@dataclass(frozen=True)
class Snapshot:
    """One state of the repository's files, below `prefix` (the DVC repository's folder in Git's)."""

    label: str
    commit: pygit2.Commit
    root: Path
    prefix: str
    is_workspace: bool

    @property
    def revision(self) -> str:
        """What DVC takes for it: a full hash, or ``workspace``."""
        return WORKSPACE if self.is_workspace else str(self.commit.id)

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is no such file."""
        if self.is_workspace:
            file = self.root / path
            return file.read_bytes() if file.is_file() else None
        entry = self._entry(path)
        return entry.data if isinstance(entry, pygit2.Blob) else None

    def tracked(self, folder: str) -> list[str]:
        """The files in a folder: those in the commit, or those of the work tree that DVC sees."""
        if self.is_workspace:
            return sorted(f"{folder}/{name}" for name in seen(self.root / folder))
        entry = self._entry(folder)
        return sorted(_files(entry, folder)) if isinstance(entry, pygit2.Tree) else []

    def in_git(self, path: str) -> bool:
        """Whether Git holds this file, or files in this folder, in the commit."""
        return self._entry(path) is not None

    def json(self, path: str) -> Any:
        """A JSON file's content; None where there is none.

        Raises:
            Refusal: it is not JSON.
        """
        content = self.read(path)
        try:
            return None if content is None else json.loads(content)
        except ValueError as error:
            raise Refusal(f"{path} at {self.label} is not JSON: {error}") from error

    def yaml(self, path: str) -> Any:
        """A YAML file's content; an empty mapping where there is none.

        Raises:
            Refusal: it is not YAML.
        """
        content = self.read(path)
        try:
            return yaml.load(content or b"", getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}  # noqa: S506
        except yaml.YAMLError as error:
            raise Refusal(f"{path} at {self.label} is not YAML: {error}") from error

    def _entry(self, path: str) -> Any:
        try:
            return self.commit.tree[f"{self.prefix}{path}"]
        except KeyError:
            return None


def _files(tree: pygit2.Tree, folder: str) -> list[str]:
    found = []
    for entry in tree:
        path = f"{folder}/{entry.name}"
        found += _files(entry, path) if isinstance(entry, pygit2.Tree) else [path]
    return found


class History:
    """The Git repository around a DVC repository."""

    def __init__(self, path: Path) -> None:
        """Find both, from a folder in them.

        Raises:
            Refusal: there is no Git repository, or no DVC repository, or no commit.
        """
        found = pygit2.discover_repository(str(path))
        if found is None:
            raise Refusal(f"{path.resolve()} is in no Git repository: a review compares what Git holds")
        self.git = pygit2.Repository(found)
        if self.git.workdir is None:
            raise Refusal(f"{found} is a bare Git repository: run this in a clone of it")
        top = Path(self.git.workdir).resolve()
        folders = [each for each in [path.resolve(), *path.resolve().parents] if each.is_relative_to(top)]
        roots = [folder for folder in folders if (folder / ".dvc").is_dir()]
        if not roots:
            raise Refusal(f"{path.resolve()} is in no DVC repository: there is no .dvc folder up to {top}")
        if self.git.head_is_unborn:
            raise Refusal(f"{top} has no commit yet: there is nothing to compare with")
        self.root = roots[0]
        within = self.root.relative_to(top).as_posix()
        self.prefix = "" if within == "." else f"{within}/"

    def workspace(self) -> Snapshot:
        """The files of the work tree."""
        return Snapshot(
            WORKSPACE, self.git.head.peel(pygit2.Commit), self.root, self.prefix, is_workspace=True
        )

    def at(self, revision: str) -> Snapshot:
        """The files of a commit, named in any way that Git knows.

        Raises:
            Refusal: Git knows no such commit.
        """
        try:
            commit = self.git.revparse_single(revision).peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise Refusal(
                f"{revision!r} is no commit here: `git branch -a` and `git log` list what there is; in a"
                " shallow clone, `git fetch --unshallow` brings the rest"
            ) from error
        return Snapshot(revision, commit, self.root, self.prefix, is_workspace=False)

    def default_base(self) -> Snapshot:
        """The branch main, or origin's.

        Raises:
            Refusal: there is neither.
        """
        for name in ("main", "origin/main"):
            if name in self.git.branches:
                return self.at(name)
        raise Refusal("there is neither a branch main nor origin/main: name a commit, as in --base HEAD~1")

    def missing(self, base: Snapshot, head: Snapshot) -> int:
        """How many commits of the base the head does not have."""
        return int(self.git.ahead_behind(head.commit.id, base.commit.id)[1])
