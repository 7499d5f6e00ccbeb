"""Hashes of files and folders exactly as DVC records them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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


def tree(path: Path) -> dict[str, str]:
    """The hash of every file below a folder by its relative path; of a file itself under ``""``."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): file_hash(file) for file in files}
    return {"": file_hash(path)} if path.is_file() else {}


def tree_hash(path: Path) -> str | None:
    """The hash of a file or folder; None where there is neither."""
    if path.is_dir():
        return folder_hash(tree(path))
    return file_hash(path) if path.is_file() else None
