"""What a model's files say without being asked to answer: whole or changed, its size, its training rows.

Time is no reproducible number (law 2), so what an answer costs is counted: the operations of one row at
most. `fullcycle promote` measures the time, on the machine that promotes.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle.files import read_json, read_table, sha256
from fullcycle.training.store import BOOSTER, MANIFEST, PIPELINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

TRAINED_ON = ("train.parquet", "validation.parquet")  # all that a model may have seen
NUMBER, HEADER = 8, 128  # bytes of a number, and before the first one of an array's file
TREES = json.dumps("tree\n")[:-1]  # so skops begins a LightGBM's text in its schema.json


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a folder by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in files}


def model(folder: Path) -> dict[str, int]:
    """How many of a model's files are not as its manifest says; its bytes; its operations for a row.

    A changed model has no `operations`: its files are not read.
    """
    named, there = read_json(folder / MANIFEST)["files"], hashes(folder)
    # The validation answers stay with the candidates; without the pipeline there is no model.
    changed = sum(there.get(name, digest) != digest for name, digest in named.items())
    changed += PIPELINE not in named or PIPELINE not in there
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    found = {"changed_files": changed, "bytes": size}
    return found if changed else found | {"operations": operations(folder)}


def operations(folder: Path) -> int:
    """What one answer takes at most: comparisons down every tree, or each stored number used once.

    Boosted trees are read from LightGBM's text, which stands in the pipeline's file where another estimator
    (calibration) holds the booster. Of any other estimator all numbers in its file are counted: a linear
    model, a net and a table of neighbours use each once, a forest far fewer.
    """
    booster = folder / BOOSTER
    if booster.exists():
        return _down(booster.read_text(encoding="utf-8"))
    with zipfile.ZipFile(folder / PIPELINE) as archive:
        texts = set(_texts(json.loads(archive.read("schema.json"))))
        sizes = [part.file_size for part in archive.infolist() if part.filename != "schema.json"]
    return sum(map(_down, texts)) + sum(max(size - HEADER, 0) for size in sizes) // NUMBER


def _texts(node: Any) -> Iterator[str]:
    """The text of each booster in a skops schema."""
    if isinstance(node, str) and node.startswith(TREES):
        yield json.loads(node)
    elif isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _texts(each)


def _down(text: str) -> int:
    """The comparisons down every tree of a booster."""
    return sum(_depth(left, right) for left, right in _children(text))


def _children(text: str) -> list[tuple[list[int], list[int]]]:
    """Each tree's left and right children: inner nodes from 0 on, leaves below 0; a single leaf has none."""
    sides: dict[str, list[list[int]]] = {"left_child": [], "right_child": []}
    for line in text.splitlines():
        name, _, values = line.partition("=")
        if name in sides:
            sides[name].append([int(value) for value in values.split()])
    return list(zip(sides["left_child"], sides["right_child"], strict=True))


def _depth(left: list[int], right: list[int]) -> int:
    """The longest way from the root to a leaf; LightGBM numbers a node after its parent."""
    depth = [1] * len(left)
    for node in range(len(left)):
        for child in (left[node], right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return max(depth, default=0)


def training(
    manifest: dict[str, Any], split: Path, roles: dict[str, str], horizon: timedelta | None
) -> dict[str, int | float]:
    """What the model was trained on, held against the split in hand.

    Args:
        manifest: the model's; `inputs` names the files it was trained and chosen on, with their SHA-256;
            `rows` has `refit` where it was fitted on both.
        split: the folder of train, validation and test rows.
        roles: the columns `id`, `time` and `known_at`.
        horizon: how long before its time a row is decided on; None where the split does not follow time.

    Returns:
        `foreign_inputs`: files in the manifest that are no training rows of this split.
        `rows_also_in_test`: training rows whose id stands among the test rows.
        `rows_known_too_late`: those whose label was not yet known when the first test row was decided on.
        `days_before_test`: from the last row that it was trained on to the first test row.
    """
    inputs = manifest["inputs"]
    in_hand = {name: sha256(split.joinpath(name).read_bytes()) for name in TRAINED_ON}
    columns = [roles[role] for role in ("id", "time", "known_at")]
    test = read_table(split / "test.parquet", columns=columns)
    parts = [read_table(split / name, columns=columns) for name in TRAINED_ON]
    seen = pd.concat(parts)
    first = test[roles["time"]].min()
    fitted = seen if "refit" in manifest["rows"] else parts[0]
    result: dict[str, int | float] = {
        "foreign_inputs": sum(in_hand.get(name) != digest for name, digest in inputs.items())
        + (TRAINED_ON[0] not in inputs),
        "rows_also_in_test": int(seen[roles["id"]].isin(test[roles["id"]]).sum()),
        "days_before_test": float((first - fitted[roles["time"]].max()) / np.timedelta64(1, "D")),
    }
    if horizon is not None:
        result["rows_known_too_late"] = int((seen[roles["known_at"]] >= first - horizon).sum())
    return result
