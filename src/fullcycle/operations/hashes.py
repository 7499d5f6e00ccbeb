"""Hashes of files and folders exactly as DVC records them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def file_hash(content: Path | bytes) -> str:
    r"""The MD5 of a file or of bytes.

    >>> file_hash(b"params.yaml keeps its rules\n")
    '39d0b4d46553fc0069c1f9c6008b0f46'
    """
    if isinstance(content, bytes):
        return hashlib.md5(content, usedforsecurity=False).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hash(files: Mapping[str, str]) -> str:
    """The ``.dir`` hash of a folder, from the hash of each file in it by relative path."""
    entries = [{"md5": files[name], "relpath": name} for name in sorted(files, key=lambda n: n.split("/"))]
    listing = json.dumps(entries, sort_keys=True).encode()
    return file_hash(listing) + ".dir"


def seen(folder: Path) -> Iterator[str]:
    """The files of a folder as DVC sees them (without what ``.dvcignore`` names), by relative path."""
    from dvc.fs import localfs  # noqa: PLC0415  0.3 s that a file's hash does not cost
    from dvc.ignore import DvcIgnoreFilter  # noqa: PLC0415

    full = folder.resolve()
    root = next((each for each in [full, *full.parents] if (each / ".dvc").is_dir()), full)
    for path in DvcIgnoreFilter(localfs, str(root)).find(localfs, str(full)):
        yield Path(path).relative_to(full).as_posix()


def tree(path: Path) -> dict[str, str]:
    """The hash of every file below a folder by its relative path; of a file itself under ``""``."""
    if path.is_dir():
        return {name: file_hash(path / name) for name in sorted(seen(path))}
    return {"": file_hash(path)} if path.is_file() else {}


def tree_hash(path: Path) -> str | None:
    """The hash of a file or folder; None where there is neither."""
    if path.is_dir():
        return folder_hash(tree(path))
    return file_hash(path) if path.is_file() else None
