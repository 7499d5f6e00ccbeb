"""Files take their place whole or not at all, and the same content has the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullcycle import files
from fullcycle.errors import Refusal


class _StopError(Exception):
    """What a test raises in the middle."""


def _fill(path: Path, kind: str, text: str) -> None:
    if kind == "folder":
        path.mkdir()
        path = path / "inner.txt"
    path.write_text(text, encoding="utf-8")


def _content(path: Path) -> str:
    return (path / "inner.txt" if path.is_dir() else path).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_replacing_leaves_the_old_content_after_an_error(tmp_path, kind):
    """Nothing half-written stands at the path or beside it."""
    path = tmp_path / "deep" / "result"
    path.parent.mkdir()
    _fill(path, kind, "old")

    def fail():
        with files.replacing(path) as temporary:
            _fill(temporary, kind, "half")
            raise _StopError

    with pytest.raises(_StopError):
        fail()
    assert _content(path) == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "kind"),
    [(None, "file"), (None, "folder"), ("file", "file"), ("file", "folder"), ("folder", "folder")],
)
def test_replacing_puts_the_new_content_in_place(tmp_path, before, kind):
    """A folder takes a folder's place whole; leftovers of a killed run are swept away."""
    path = tmp_path / "deep" / "result"
    path.parent.mkdir()
    if before:
        _fill(path, before, "old")
        if path.is_dir():
            path.joinpath("stale.txt").write_text("x", encoding="utf-8")
    leftover = path.with_name(".result.partial")
    _fill(leftover, "folder", "killed")
    with files.replacing(path) as temporary:
        assert not temporary.exists()
        _fill(temporary, kind, "new")
    assert _content(path) == "new"
    assert [each.name for each in path.parent.iterdir()] == ["result"]
    assert not (path / "stale.txt").exists()


def test_json_has_one_form(tmp_path):
    """Keys sorted, floats rounded to 6 decimals, no negative zero, Unix line ends, letters as they are."""
    content = {"b": 1.23456789, "a": [-0.0, -1e-9, np.float64(2.5), 10**20], "ü": {2: None}, "c": (True, "x")}
    files.write_json(content, tmp_path / "x.json")
    text = tmp_path.joinpath("x.json").read_bytes().decode("utf-8")
    assert text.startswith('{\n  "a": [\n    0.0,\n    0.0,\n    2.5,\n    100000000000000000000\n  ],')
    assert text.endswith('"ü": {\n    "2": null\n  }\n}\n')
    assert json.loads(text) == {
        "a": [0.0, 0.0, 2.5, 10**20], "b": 1.234568, "c": [True, "x"], "ü": {"2": None}
    }  # fmt: skip
    assert "-0.0" not in text


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_json_keeps_floats_whole_where_asked(tmp_path_factory, number):
    """Without rounding a float comes back bit for bit (a threshold must equal its probability)."""
    path = tmp_path_factory.getbasetemp() / "exact.json"
    files.write_json({"x": number}, path, decimals=None)
    assert files.read_json(path) == {"x": number}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), np.float64("nan")])
def test_json_refuses_what_is_no_number(tmp_path, number):
    """NaN has no place in a metrics file, and the attempt leaves none."""
    with pytest.raises(ValueError, match="no place in a metrics file"):
        files.write_json({"a": {"b": [number]}}, tmp_path / "x.json")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def table():
    """One column of each kind, with gaps."""
    return pd.DataFrame(
        {
            "number": [1.5, np.nan, -0.0],
            "whole": [1, 2, 3],
            "text": pd.Series(["a", None, "ü"], dtype="str"),
            "time": pd.to_datetime(
                ["2013-01-01", None, "2013-07-01T12:34:56.789012"], format="ISO8601", utc=True
            ).astype("datetime64[us, UTC]"),
        }
    )


def test_a_table_comes_back_as_it_was(table, tmp_path):
    """Values, types and gaps survive."""
    files.write_table(table, tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "x.parquet"), table)


def test_equal_tables_have_equal_bytes(table, tmp_path):
    """The index, its name, attributes and how the table came about leave no trace in the file."""
    files.write_table(table, tmp_path / "a.parquet")
    other = pd.concat([table.iloc[[2]], table.iloc[:2]]).iloc[[1, 2, 0]].rename_axis("row")
    other.attrs["note"] = "made elsewhere"
    files.write_table(other, tmp_path / "b.parquet")
    assert tmp_path.joinpath("a.parquet").read_bytes() == tmp_path.joinpath("b.parquet").read_bytes()
    assert b"pandas" not in tmp_path.joinpath("a.parquet").read_bytes()


def test_a_folders_name_adds_no_column(table, tmp_path):
    """A checkout below `/x/month=1/` reads the same table as elsewhere (law 2)."""
    path = tmp_path / "month=1" / "x.parquet"
    files.write_table(table, path)
    assert list(files.read_table(path)) == list(table)


def test_partitions_are_read_in_the_order_of_their_names(tmp_path):
    """Not in the order in which the file system lists or got them."""
    for name in ("2013-10", "2013-02", "2013-01"):
        files.write_table(pd.DataFrame({"month": [name]}), tmp_path / f"{name}.parquet")
    tmp_path.joinpath("provenance.json").write_text("{}", encoding="utf-8")
    assert files.read_table(tmp_path)["month"].tolist() == ["2013-01", "2013-02", "2013-10"]
    assert files.count_rows(tmp_path) == 3


def test_columns_are_read_in_the_order_asked_for(table, tmp_path):
    """Only those, and none else."""
    files.write_table(table, tmp_path / "x.parquet")
    assert list(files.read_table(tmp_path / "x.parquet", columns=["whole", "number"])) == ["whole", "number"]


def _broken(path: Path) -> None:
    path.write_bytes(b"PAR1 but not really PAR1")


def _truncated(path: Path) -> None:
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-20])


def _mixed(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()
    pq.write_table(pa.table({"a": [1]}), path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), path / "2.parquet")


@pytest.mark.parametrize(
    ("make", "read", "rule"),
    [
        (None, files.read_table, "no Parquet file here; run `dvc repro`"),
        (None, files.count_rows, "no Parquet file here; run `dvc repro`"),
        (None, files.read_json, "is missing; run `dvc repro`"),
        (Path.mkdir, files.read_table, "no Parquet file here"),
        (Path.mkdir, files.read_json, "is not readable JSON"),
        (_broken, files.read_table, "is not a readable Parquet file"),
        (_broken, files.count_rows, "is not a readable Parquet file"),
        (_truncated, files.read_table, "is not a readable Parquet file"),
        (_mixed, files.read_table, "2.parquet: its columns or their types are not those"),
        (lambda path: path.write_text('{\n"a": }', encoding="utf-8"), files.read_json, "line 2: not JSON"),
        (lambda path: path.write_bytes(b'"\xff"'), files.read_json, "is not readable JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, make, read, rule):
    """Every read error is a Refusal that names the file."""
    path = tmp_path / "thing"
    if make:
        make(path)
    with pytest.raises(Refusal) as refused:
        read(path)
    assert rule in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_column_that_is_not_there_is_named(table, tmp_path):
    """With the columns that there are."""
    files.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(
        Refusal, match=r"x\.parquet: column 'zone' is missing; it has number, whole, text, time"
    ):
        files.read_table(tmp_path / "x.parquet", columns=["time", "zone"])


def test_the_checksum_is_sha256():
    """As `sha256sum` prints it."""
    assert files.sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
