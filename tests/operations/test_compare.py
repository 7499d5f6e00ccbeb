"""Where two versions of a file differ, in the words of a report."""

import io
import json

import pandas as pd
import pytest

from fullcycle.operations.compare import compare


def parquet(**columns):
    """The bytes of a table."""
    file = io.BytesIO()
    pd.DataFrame(columns).to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "old", "new", "words", "relative"),
    [
        (
            "a.bin",
            b"abcdef",
            b"abcxef",
            "byte 3: recorded b'abcdef', now b'abcxef' (6 and 6 bytes in all)",
            None,
        ),
        ("a.bin", b"abc", b"abcd", "byte 3: recorded b'abc', now b'abcd' (3 and 4 bytes in all)", None),
        (
            "a.json",
            b'{"a": [1, 2.0]}',
            b'{"a": [1, 2.5]}',
            "a.1: recorded 2.0, now 2.5 (1 of 2 values; ",
            0.2,
        ),
        ("a.json", b'{"a": 1}', b'{"a": 1, "b": "x"}', "b: recorded nothing, now 'x' (1 of 2 values)", None),
        ("a.json", b'{"a":1}', b'{"a": 1}', "the same values in other bytes", 0.0),
        ("a.json", b"no JSON", b"nor JSON", "byte 2: recorded", None),
        (
            "a.csv",
            b"x,y\n1,2\n",
            b"x,y\n1,4\n",
            "row 0, column 'y': recorded np.int64(2), now np.int64(4)",
            0.5,
        ),
        ("a.csv", b"x\n1\n", b"x\n1\n2\n", "recorded 1 rows, now 2", None),
        ("a.parquet", parquet(x=[1.0], y=["a"]), parquet(x=[1.0], y=["b"]), "row 0, column 'y'", None),
        ("a.parquet", parquet(x=[1]), parquet(x=[1.0]), "columns differ: x", None),
        ("a.parquet", parquet(x=[1], y=[1]), parquet(y=[1], x=[1]), "columns in another order", None),
        ("a.parquet", parquet(x=[1.0, None]), parquet(x=[1.5, None]), "row 0, column 'x'", 1 / 3),
    ],
)
def test_names_the_first_that_differs(tmp_path, name, old, new, words, relative):
    """Bytes, values or cells: the first that differs, how many do, and by how much where they are numbers."""
    (tmp_path / name).write_bytes(new)
    [found] = compare(name, {"": old}, tmp_path / name)
    assert words in str(found)
    assert found.relative == (None if relative is None else pytest.approx(relative))


def test_names_files_that_came_or_went(tmp_path):
    """In a folder: files not written, files not recorded; and an output that is not there at all."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "new.txt").write_text("x", encoding="utf-8")
    found = [str(difference) for difference in compare("out", {"old.txt": b""}, tmp_path / "out")]
    assert found == ["out/new.txt: is written but not recorded", "out/old.txt: is recorded but not written"]
    assert "is not written" in str(compare("gone", {"": b""}, tmp_path / "gone")[0])


def test_a_checksum_of_a_file_counts_for_nothing_itself(tmp_path):
    """A manifest differs with the file that it names; only that file's numbers decide."""
    content = [json.dumps({"sha256": letter * 64}).encode() for letter in "ab"]
    (tmp_path / "a.json").write_bytes(content[1])
    assert compare("a.json", {"": content[0]}, tmp_path / "a.json")[0].relative == 0.0
