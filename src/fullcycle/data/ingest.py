"""Stage `ingest@<source>`: one source into monthly Parquet partitions, with its provenance.

The only stage that talks to the world outside. What it writes is typed by the problem's contract;
values are not judged here (that is `validate`'s work), but a value that is not of its column's type
has no place in a table, so it stops the run with file, line, column and value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from fullcycle import params
from fullcycle.data.contract import contract
from fullcycle.data.sources import fetch, line_of, read_strings
from fullcycle.errors import Refusal
from fullcycle.files import replacing, write_json, write_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandera.pandas as pa
    from pyarrow import Table as Strings

    from fullcycle.data.sources import Fetched

WHOLE = "all"  # the partition of a table without a time
UNDATED = "undated"  # the partition of rows whose time is missing: `validate` judges them
EXACT = re.compile(r"str.*|int64|float64|datetime64\[\w+, UTC\]")  # pandera calls str "string[pyarrow]"


def typed(strings: Strings, schema: pa.DataFrameSchema, origin: Fetched) -> pd.DataFrame:
    """Cast a table of strings to the contract's columns and types; other columns are left out.

    Raises:
        Refusal: the contract has a type that text cannot be cast to exactly, a column is missing, or a
            value is not of its column's type.
    """
    for column, kind in schema.columns.items():
        if not EXACT.fullmatch(str(kind.dtype)):
            raise Refusal(
                f"{origin.name}, column {column!r}: its contract in schema.py has the dtype {kind.dtype};"
                " take one of str, int64, float64 and datetime64[us, UTC] (or another unit)"
            )
    missing = [column for column in schema.columns if column not in strings.column_names]
    if missing:
        raise Refusal(
            f"{origin.name}, line 1: column {missing[0]!r} is missing; there are"
            f" {', '.join(strings.column_names)}"
        )
    frame = strings.select(list(schema.columns)).to_pandas()
    return pd.DataFrame(
        {column: _cast(frame[column], str(kind.dtype), origin) for column, kind in schema.columns.items()}
    )


def _cast(values: pd.Series[str], kind: Any, origin: Fetched) -> pd.Series[Any]:
    if kind.startswith("str"):
        return values
    # Each text is read once, however many rows have it.
    places, texts = pd.factorize(values, use_na_sentinel=False)
    written = pd.Series(texts)
    cast = _times(written, kind) if kind.startswith("datetime64") else _numbers(written, kind)
    bad = (cast.isna() & (written.notna() | kind.startswith("int"))).to_numpy()[places]
    if bad.any():
        row = int(bad.argmax())
        shown = repr(values.iloc[row]) if pd.notna(values.iloc[row]) else "a missing value"
        raise Refusal(
            f"{origin.name}, line {line_of(origin, row)}, column {values.name!r}: {shown} is no {kind}"
            f" ({int(bad.sum())} such value(s) in this column)"
        )
    return cast.astype(kind).take(places).set_axis(values.index)


def _times(texts: pd.Series[str], kind: Any) -> pd.Series[Any]:
    written = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    cast = written.astype(kind)
    return cast.where(cast == written)  # a coarser unit would cut what is written


def _numbers(texts: pd.Series[str], kind: Any) -> pd.Series[Any]:
    numbers = pd.to_numeric(texts, errors="coerce")
    if not kind.startswith("int"):
        return numbers
    # Beyond 2**53 a float is not the whole number that was written; beyond 2**63 nothing is.
    exact = numbers.abs() <= 2**53 if numbers.dtype == "float64" else numbers == numbers.astype(kind)
    return numbers.where((numbers == numbers.round()) & exact)


def partitioned(table: pd.DataFrame, time: str | None, until: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Rows before `until` (UTC) by month of `time`, named ``2013-01``; one partition without a time.

    Rows whose time is missing are kept, as ``undated``.
    """
    if time is None:
        return {WHOLE: table}
    kept = table[~(table[time] >= until)]
    months = kept[time].dt.strftime("%Y-%m").fillna(UNDATED)
    return {str(month): part for month, part in kept.groupby(months, sort=True)}


def main(*, source: str, out: Path) -> None:
    """Fetch one source of ``ingest.sources`` and write its partitions and ``provenance.json``."""
    origin = params.read(f"ingest.sources.{source}")
    until = pd.Timestamp(params.read("ingest.until"), tz="UTC")
    fetched = fetch(origin.url)
    if origin.sha256 and fetched.sha256 != origin.sha256:
        raise Refusal(
            f"{origin.url}: its SHA-256 is {fetched.sha256}, but ingest.sources.{source}.sha256 expects"
            f" {origin.sha256}. If the new content is wanted, put the new checksum there."
        )
    schema = contract(params.read("problem.module"), source).schema
    if origin.time is not None and origin.time not in schema.columns:
        raise Refusal(f"ingest.sources.{source}.time = {origin.time!r} is no column of the table {source}")
    table = typed(read_strings(fetched), schema, fetched)
    if origin.time is not None and not str(table[origin.time].dtype).startswith("datetime64"):
        raise Refusal(f"ingest.sources.{source}.time = {origin.time!r} is no column of times")
    parts = partitioned(table, origin.time, until)
    if not parts:
        raise Refusal(
            f"{origin.url}: none of its {len(table)} rows lies before ingest.until = {until.date()}"
        )
    with replacing(out) as folder:
        folder.mkdir()
        for name, part in parts.items():
            write_table(part, folder / f"{name}.parquet")
        rows = {name: len(part) for name, part in parts.items()}
        write_json(
            {
                "url": origin.url,
                "version": fetched.version,
                "sha256": fetched.sha256,
                "bytes": len(fetched.content),
                "until": until.date().isoformat(),
                "rows": {
                    "read": len(table),
                    "kept": sum(rows.values()),
                    "after_until": len(table) - sum(rows.values()),
                },
                "partitions": rows,
            },
            folder / "provenance.json",
        )
