"""The recorded content of a path, by its hash: from DVC's cache, the work tree or Git's last commit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from fullcycle.operations.hashes import file_hash, folder_hash, seen, tree
from fullcycle.operations.repository import covers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fullcycle.operations.repository import Repository

Content = Path | bytes
FOLDER = ".dir"


class Store:
    """Finds what ``dvc.lock`` recorded; every answer has the hash that was asked for."""

    def __init__(self, repository: Repository) -> None:
        """Remember every output in ``dvc.lock``, since a folder may be made of several."""
        self.repository = repository
        self.outs = {path: md5 for record in repository.records.values() for path, md5 in record.outs.items()}
        self._found: dict[tuple[str, str], dict[str, Content] | None] = {}

    def find(self, path: str, md5: str) -> dict[str, Content] | None:
        """The files at a path when it had this hash, by relative path (``""``: the file itself), or None."""
        key = (path, md5)
        if key not in self._found:
            self._found[key] = self._folder(path, md5) if md5.endswith(FOLDER) else self._file(path, md5)
        return self._found[key]

    def _file(self, path: str, md5: str) -> dict[str, Content] | None:
        content = self._blob(path, md5)
        return None if content is None else {"": content}

    def _cached(self, md5: str) -> Path:
        return self.repository.cache / md5[:2] / md5[2:]

    def _blob(self, path: str, md5: str) -> Content | None:
        cached = self._cached(md5)
        if cached.is_file():
            return cached
        current = self.repository.root / path
        if current.is_file() and file_hash(current) == md5:
            return current
        committed = self._committed(path)
        return committed if committed is not None and file_hash(committed) == md5 else None

    def _committed(self, path: str) -> bytes | None:
        if not self.repository.has_git:
            return None
        command = ["git", "-C", str(self.repository.root), "show", f"HEAD:./{path}"]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  fixed, no shell
        return done.stdout if done.returncode == 0 else None

    def _folder(self, path: str, md5: str) -> dict[str, Content] | None:
        cached = self._cached(md5)
        if cached.is_file():
            return self._listed(path, {e["relpath"]: e["md5"] for e in json.loads(cached.read_bytes())})
        current = self.repository.root / path
        if current.is_dir():
            files = tree(current)
            if folder_hash(files) == md5:
                return {name: current / name for name in files}
        return self._joined(path, md5)

    def _listed(self, path: str, hashes: Mapping[str, str]) -> dict[str, Content] | None:
        found = {name: self._blob(f"{path}/{name}", md5) for name, md5 in hashes.items()}
        complete = {name: content for name, content in found.items() if content is not None}
        return complete if len(complete) == len(hashes) else None

    def _joined(self, path: str, md5: str) -> dict[str, Content] | None:
        """A folder that holds the outputs of several stages: DVC caches those, but not their parent."""
        files: dict[str, Content] = {}
        for out, out_md5 in self.outs.items():
            if out != path and covers(path, out):
                parts = self.find(out, out_md5)
                if parts is None:
                    return None
                below = out[len(path) + 1 :]
                files |= {f"{below}/{name}".rstrip("/"): content for name, content in parts.items()}
        current = self.repository.root / path
        for name in seen(current) if current.is_dir() else ():  # what lies between, in Git
            if not any(covers(out, f"{path}/{name}") for out in self.outs):
                files[name] = current / name
        hashes = {name: file_hash(content) for name, content in files.items()}
        return files if folder_hash(hashes) == md5 else None
