"""Fetch the bytes of a source, and read them as a table of strings with line numbers."""

from __future__ import annotations

import io
import zipfile
import zlib
from csv import Error as CSVError
from csv import field_size_limit, reader
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from fullcycle.errors import Refusal
from fullcycle.files import sha256

MISSING = ["", "NA"]
MAX_BYTES = 2**31  # a zip may unpack to no more than this
field_size_limit(MAX_BYTES - 1)  # pyarrow has none, and csv's own is 131,072 characters


@dataclass(frozen=True)
class Fetched:
    """The bytes of a source and what is known of their origin."""

    name: str
    content: bytes
    version: str | None

    @property
    def sha256(self) -> str:
        """The checksum of the bytes as they were fetched."""
        return sha256(self.content)


def fetch(url: str) -> Fetched:
    """The bytes behind ``package://<distribution>/<file>`` or ``file://<path>``.

    Raises:
        Refusal: no package is named or it is not installed, or the file is not there or is empty.
    """
    scheme, _, rest = url.partition("://")
    version = None
    if scheme == "package":
        distribution, _, member = rest.partition("/")
        if not distribution:
            raise Refusal(f"{url} names no package: write package://<PyPI name>/<file in it>")
        try:
            found = metadata.distribution(distribution)
        except metadata.PackageNotFoundError as error:
            raise Refusal(f"{url}: the package {distribution!r} is not installed; `make setup`") from error
        version = found.version
        path = Path(str(found.locate_file(f"{distribution}/{member}")))
    else:
        path = Path(rest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refusal(f"{url}: cannot read {path.name}: {error.strerror}") from error
    if not content:
        raise Refusal(f"{path.name} is empty: expected a header line and rows")
    return Fetched(path.name, content, version)


def read_strings(fetched: Fetched) -> pa.Table:
    """A CSV, perhaps zipped, with every column as string.

    Raises:
        Refusal: the zip is damaged or holds more than one file, the header is malformed or not in UTF-8,
            or a line has too few or many fields.
    """
    name, content = fetched.name, _unzipped(fetched)
    try:
        columns = next((record for record in reader(_text(content), strict=True) if record), [])
    except CSVError as error:
        raise Refusal(f"{name}, line 1: the header is malformed, is a quote left open? ({error})") from error
    if garbled := [column for column in columns if "\ufffd" in column]:
        raise Refusal(f"{name}, line 1: column {garbled[0]!r} is not in UTF-8; save the file as UTF-8")
    if len(set(columns)) != len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise Refusal(f"{name}, line 1: column {twice!r} stands there twice")
    try:
        table = csv.read_csv(
            io.BytesIO(content),
            read_options=csv.ReadOptions(use_threads=False),  # else errors cannot name the line
            # Else a quoted line end at the edge of the reader's block (1 MiB) breaks the row.
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                null_values=MISSING,
            ),
        )
    except pa.ArrowInvalid as error:
        raise Refusal(f"{name} is not a well-formed CSV: {error}") from error
    if not table.num_rows:
        raise Refusal(f"{name} has a header but no rows")
    return table


def line_of(fetched: Fetched, row: int) -> int:
    """The line of the file on which a row begins: empty lines and line ends in quotes count as lines.

    Raises:
        Refusal: a field before it is too long.
    """
    records = reader(_text(_unzipped(fetched)))
    before = records.line_num
    try:
        for record in records:
            if record:
                if row < 0:  # the header is row -1
                    return before + 1
                row -= 1
            before = records.line_num
    except CSVError as error:
        raise Refusal(f"{fetched.name}, line {before + 1} is no CSV: {error}") from error
    raise IndexError(row)


def _text(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="replace", newline="")


def _unzipped(fetched: Fetched) -> bytes:
    name, content = fetched.name, fetched.content
    if not name.endswith(".zip"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise Refusal(f"{name} holds {len(members)} files; the rule is one CSV")
            if members[0].file_size > MAX_BYTES:
                raise Refusal(
                    f"{name} would unpack to {members[0].file_size} bytes; the limit is {MAX_BYTES}"
                )
            return archive.read(members[0])
    # Damage also shows as zlib.error, ValueError (an offset) and RuntimeError (a flag: encrypted, patched).
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise Refusal(f"{name} ({len(content)} bytes) is truncated or no zip file: {error}") from error
