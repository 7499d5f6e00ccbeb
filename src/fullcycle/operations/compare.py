"""Where two versions of an output differ: the file, first bytes or cells, largest relative difference."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle.operations.hashes import file_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fullcycle.operations.store import Content

WINDOW = 16  # bytes shown around the first that differs
CHECKSUM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Difference:
    """One file that is not as recorded; `relative`: the largest relative difference if all are numbers."""

    path: str
    words: str
    relative: float | None = None

    def __str__(self) -> str:
        """``metrics.json: auc: recorded 0.71, now 0.72 (1 of 3 values; ...)``."""
        return f"{self.path}: {self.words}"


def compare(path: str, recorded: Mapping[str, Content] | None, now: Path) -> list[Difference]:
    """The files below an output that differ from what was recorded (None: the record itself is lost)."""
    if not now.exists():
        return [Difference(path, "is not written")]
    if recorded is None:
        return [Difference(path, "has another hash than dvc.lock; the recorded bytes are not in the cache")]
    files = (
        {f.relative_to(now).as_posix(): f for f in now.rglob("*") if f.is_file()}
        if now.is_dir()
        else {"": now}
    )
    result = []
    for name in sorted(recorded.keys() | files.keys()):
        full = f"{path}/{name}".rstrip("/")
        if name not in files:
            result.append(Difference(full, "is recorded but not written"))
        elif name not in recorded:
            result.append(Difference(full, "is written but not recorded"))
        elif file_hash(recorded[name]) != file_hash(files[name]):
            result.append(_file(full, _bytes(recorded[name]), files[name].read_bytes()))
    return result


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _file(path: str, old: bytes, new: bytes) -> Difference:
    try:
        match Path(path).suffix:
            case ".json":
                return _cells(path, dict(_leaves(json.loads(old))), dict(_leaves(json.loads(new))))
            case ".parquet":
                return _tables(path, pd.read_parquet(io.BytesIO(old)), pd.read_parquet(io.BytesIO(new)))
            case ".csv":
                return _tables(path, pd.read_csv(io.BytesIO(old)), pd.read_csv(io.BytesIO(new)))
    except (ValueError, OSError):
        pass  # not what its name says: bytes, then
    return Difference(path, _first_bytes(old, new))


def _first_bytes(old: bytes, new: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    shown = [content[max(at - 4, 0) : at + WINDOW] for content in (old, new)]
    return f"byte {at}: recorded {shown[0]!r}, now {shown[1]!r} ({len(old)} and {len(new)} bytes in all)"


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in items:
            yield from _leaves(value, f"{key}.{name}".lstrip("."))
        if not content:
            yield key, content
    else:
        yield key, content


def _cells(path: str, old: dict[str, Any], new: dict[str, Any]) -> Difference:
    missing = object()
    unequal = [key for key in old | new if not _same(old.get(key, missing), new.get(key, missing))]
    if not unequal:
        return Difference(path, "the same values in other bytes (order of keys, spaces)", 0.0)
    first = unequal[0]
    shown = [repr(cells[first]) if first in cells else "nothing" for cells in (old, new)]
    relative = [_relative(old.get(key), new.get(key)) for key in unequal]
    largest = None if None in relative else max(value for value in relative if value is not None)
    words = f"{first}: recorded {shown[0]}, now {shown[1]} ({len(unequal)} of {len(old | new)} values"
    return Difference(path, words + _ending(largest), largest)


def _same(old: Any, new: Any) -> bool:
    return bool(type(old) is type(new) and old == new)


def _relative(old: Any, new: Any) -> float | None:
    if all(isinstance(value, str) and CHECKSUM.fullmatch(value) for value in (old, new)):
        return 0.0  # of a file whose own difference counts
    numbers = all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in (old, new)
    )
    if not numbers:
        return None
    scale = max(abs(old), abs(new))
    return abs(old - new) / scale if scale else 0.0


def _ending(largest: float | None) -> str:
    return ")" if largest is None else f"; largest relative difference {largest:.2g})"


def _tables(path: str, old: pd.DataFrame, new: pd.DataFrame) -> Difference:
    shapes = [{str(name): str(kind) for name, kind in table.dtypes.items()} for table in (old, new)]
    if shapes[0] != shapes[1]:
        changed = dict(sorted(shapes[0].items() ^ shapes[1].items()))
        return Difference(path, f"columns differ: {', '.join(changed)}")
    if list(shapes[0]) != list(shapes[1]):
        return Difference(
            path, f"columns in another order: recorded {list(shapes[0])}, now {list(shapes[1])}"
        )
    if len(old) != len(new):
        return Difference(path, f"recorded {len(old)} rows, now {len(new)}")
    unequal = ((old != new) & ~(old.isna() & new.isna())).to_numpy()
    if not unequal.any():
        return Difference(path, "the same cells in other bytes (encoding or metadata)", 0.0)
    row, column = (int(index) for index in np.argwhere(unequal)[0])
    name = old.columns[column]
    cells = [table[name].iloc[row] for table in (old, new)]
    largest = _largest(old, new, unequal)
    words = f"row {row}, column {name!r}: recorded {cells[0]!r}, now {cells[1]!r}"
    return Difference(path, f"{words} ({unequal.sum()} of {unequal.size} cells" + _ending(largest), largest)


def _largest(old: pd.DataFrame, new: pd.DataFrame, unequal: np.ndarray[Any, Any]) -> float | None:
    """The largest relative difference over unequal cells; None where one is no number."""
    result = 0.0
    for column in np.flatnonzero(unequal.any(axis=0)):
        name = old.columns[int(column)]
        if not pd.api.types.is_numeric_dtype(old[name].dtype):
            return None
        rows = unequal[:, column]
        a, b = (table[name].to_numpy(dtype=float)[rows] for table in (old, new))
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return None
        result = max(result, float(np.max(np.abs(a - b) / np.maximum(np.abs(a), np.abs(b)))))
    return result
