"""The review's section on data, and whether ``dvc.lock`` still records what stands beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fullcycle.operations.hashes import file_hash, folder_hash
from fullcycle.operations.lookup import looked_up
from fullcycle.operations.review_results import Change, table
from fullcycle.page import Block, Fold, Heading, Items, Paragraph, Quoted, Strong, Table, Words, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fullcycle.operations.snapshot import Snapshot

LOCK = "dvc.lock"
TOPICS = {
    "rows": "Rows",
    "rules": "Rules that put rows into quarantine, with the number of rows",
    "missing_share": "Columns and their share of missing values (-: there is no such column)",
    "suspected_leaks": "Suspected leaks",
    "unmatched": "References without a match",
}


def data(quality: dict[str, Change], before: Snapshot, after: Snapshot) -> list[Block]:
    """The section on data: changes in ``metrics/quality.json``, and outputs by hash and size."""
    blocks: list[Block] = [Heading(2, "Data")]
    topics: dict[str, dict[str, Change]] = {}
    for key, change in quality.items():
        topic, _, rest = key.partition(".")
        known = topic in TOPICS and rest
        topics.setdefault(topic if known else "", {})[rest if known else key] = change
    for topic, keys in sorted(topics.items()):
        blocks += [Heading(3, TOPICS.get(topic, "In all")), table(keys, "what")]
    if not topics:
        blocks.append(Paragraph("Rows, columns, gaps and quarantine are the same (metrics/quality.json)."))
    sides = [outputs(side.yaml(LOCK)) for side in (before, after)]
    rows: list[list[Words]] = [
        [Quoted(path), *(described(side.get(path)) for side in sides)]
        for path in sorted(sides[0] | sides[1])
        if sides[0].get(path) != sides[1].get(path)
    ]
    if not rows:
        return [*blocks, Paragraph("Every output has the same hash in dvc.lock.")]
    found = Table(["output", "before", "after"], rows)
    return [*blocks, Fold(f"{len(rows)} outputs have another hash in dvc.lock", [found])]


def stages(lock: Any) -> dict[str, dict[str, Any]]:
    """The entries of a ``dvc.lock``."""
    found = lock.get("stages") if isinstance(lock, dict) else None
    return {str(name): entry for name, entry in (found or {}).items() if isinstance(entry, dict)}


def outputs(lock: Any) -> dict[str, tuple[str, int, int]]:
    """Hash, size in bytes and number of files of each output, by path."""
    return {
        str(out.get("path")): (str(out.get("md5", "")), out.get("size", 0), out.get("nfiles", 1))
        for entry in stages(lock).values()
        for out in entry.get("outs") or []
    }


def described(out: tuple[str, int, int] | None) -> Words:
    """An output's hash, size and files in a few words."""
    if out is None:
        return "-"
    return Quoted(f"{out[0][:8]}, {out[1]:,} bytes" + (f", {out[2]} files" if out[2] != 1 else ""))


def record(side: Snapshot) -> list[Block]:
    """A warning where ``dvc.lock`` does not record this very code, these parameters and these results."""
    found: dict[tuple[str, str], list[Words]] = {}
    for what, how, stage in broken(side):
        found.setdefault((what, how), []).append(Quoted(stage))
    if not found:
        return []
    items: list[Words] = [(Quoted(what), how, listed(stages, 3)) for (what, how), stages in found.items()]
    more: list[Words] = [f"and {len(items) - 20} more"] if len(items) > 20 else []
    words = (
        " dvc.lock records another run than these files would give; ",
        Quoted("dvc repro"),
        " settles it:",
    )
    return [Paragraph((Strong("The numbers below are not proven."), words)), Items([*items[:20], *more])]


def broken(side: Snapshot) -> Iterator[tuple[str, str, str]]:
    """What the record and the files in Git disagree on: what, how, and the stage.

    Files that Git does not hold are not looked at.
    """
    lock = stages(side.yaml(LOCK))
    if not lock:
        yield LOCK, " has no record of a run", ""
    documents: dict[str, Any] = {}
    for name, entry in lock.items():
        if not entry.get("outs") and not entry.get("deps"):
            yield LOCK, " awaits, since a merge, a run of ", name
        for item in [*(entry.get("deps") or []), *(entry.get("outs") or [])]:
            path = str(item.get("path"))
            if item.get("hash") == "md5" and side.in_git(path):
                own = content_hash(side, path, item.get("nfiles", 0))
                if own not in {None, item.get("md5")}:
                    yield path, " is not as recorded for ", name
        for file, keys in (entry.get("params") or {}).items():
            document = documents.setdefault(file, side.yaml(file))
            for key, value in keys.items():
                if looked_up(document, key) != value:
                    yield key, " has another value than that recorded for ", name


def content_hash(side: Snapshot, path: str, least: int) -> str | None:
    """The hash of a file or folder as DVC records it; empty where there is nothing.

    None where a folder holds fewer than `least` files: the others are in DVC's cache, not in Git.
    """
    content = side.read(path)
    if content is not None:
        return file_hash(content)
    files = {file[len(path) + 1 :]: side.read(file) for file in side.tracked(path)}
    hashes = {name: file_hash(content) for name, content in files.items() if content is not None}
    if len(hashes) < least:
        return None
    return folder_hash(hashes) if hashes else ""
