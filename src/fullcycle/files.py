"""Tables, JSON and whole folders in and out of files, with the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fullcycle.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

METRIC_DECIMALS = 6
# In a model's folder, for stages that read these without loading the model.
PREDICTIONS, DECISION, SCREENED = "validation.parquet", "decision.json", "screening.json"


def sha256(content: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    Works for a file or a folder; after an error or a kill nothing half-written stands at `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():
            _remove(path)
        temporary.replace(path)
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet (zstd), without its index and without pandas' own metadata."""
    import pyarrow as pa  # noqa: PLC0415  0.2 s that JSON-only stages do not pay
    import pyarrow.parquet as pq  # noqa: PLC0415

    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file, or a folder of Parquet partitions in the order of their names.

    Raises:
        Refusal: a file is missing, is not Parquet, or lacks a column that was asked for.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    parts = []
    for part in partitions(path):
        try:
            known = pq.read_schema(part)
            if missing := sorted(set(columns or []) - set(known.names)):
                raise Refusal(f"{part}: column {missing[0]!r} is missing; it has {', '.join(known.names)}")
            parts.append(pq.read_table(part, columns=columns))
        except (pa.ArrowInvalid, OSError) as error:
            raise Refusal(f"{part} is not a readable Parquet file: {error}") from error
        if parts[-1].schema != parts[0].schema:
            raise Refusal(f"{part}: its columns or their types are not those of the partitions before it")
    table: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return table


def partitions(path: Path) -> list[Path]:
    """The Parquet files of a table, sorted by name: the file itself, or those in the folder.

    Raises:
        Refusal: there is none.
    """
    found = sorted(path.glob("*.parquet")) if path.is_dir() else [path] * path.is_file()
    if not found:
        raise Refusal(f"{path}: no Parquet file here; run `dvc repro`, or `dvc pull` where a remote has it")
    return found


def count_rows(path: Path) -> int:
    """The rows of a table, read from the footers of its partitions.

    Raises:
        Refusal: a file is missing or is not Parquet.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = 0
    for part in partitions(path):
        try:
            rows += pq.read_metadata(part).num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise Refusal(f"{part} is not a readable Parquet file: {error}") from error
    return rows


def write_json(content: Any, path: Path, decimals: int | None = METRIC_DECIMALS) -> None:
    """Write JSON with sorted keys; floats are rounded to what a metric means (None: kept as they are).

    Raises:
        ValueError: a float is not finite: JSON has no word for it.
    """
    content = _rounded(content, decimals)
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def _rounded(content: Any, decimals: int | None) -> Any:
    if isinstance(content, dict):
        return {str(key): _rounded(value, decimals) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value, decimals) for value in content]
    if isinstance(content, float):
        if not math.isfinite(content):
            raise ValueError(f"{content} has no place in a metrics file")
        number = float(content)
        return (number if decimals is None else round(number, decimals)) + 0.0  # + 0.0: no negative zero
    return content


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        Refusal: it is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Refusal(f"{path} is missing; run `dvc repro`") from error
    except json.JSONDecodeError as error:
        raise Refusal(f"{path}, line {error.lineno}: not JSON ({error.msg})") from error
    except (UnicodeDecodeError, OSError) as error:
        raise Refusal(f"{path} is not readable JSON: {error}") from error
