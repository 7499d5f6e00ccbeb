"""Every row is either clean or in quarantine with the rules that it broke."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flights import schema
from fullcycle.data.contract import Reference, Table
from fullcycle.data.validate import DUPLICATE, KEY, PARTITION, broken_rules, main, tolerated, validate
from fullcycle.errors import Refusal
from fullcycle.files import read_json, read_table, write_table

CLOCK = "time_hour is the local year, month, day and hour in UTC"
HHMM = "a time of day as HHMM, 0000 to 2400"
# table, what to change in row 3, the rules it then breaks
DAMAGE = [
    ("flights", {"year": 1986}, [CLOCK, "year: in_range(1987, 2100)"]),
    ("flights", {"month": 13}, [CLOCK, "month: in_range(1, 12)"]),
    ("flights", {"day": 32}, [CLOCK, "day: in_range(1, 31)"]),
    ("flights", {"day": 8}, [CLOCK]),
    (
        "flights",
        {"hour": 24, "sched_dep_time": 2415},
        [CLOCK, "hour: in_range(0, 23)", f"sched_dep_time: {HHMM}"],
    ),
    (
        "flights",
        {"minute": 60, "sched_dep_time": 1060},
        ["minute: in_range(0, 59)", "sched_dep_time is hour and minute", f"sched_dep_time: {HHMM}"],
    ),
    ("flights", {"time_hour": pd.Timestamp("2013-03-09T16:00Z")}, [CLOCK]),
    ("flights", {"time_hour": pd.NaT}, [CLOCK, "time_hour: not_nullable"]),
    ("flights", {"carrier": "AAL"}, ["carrier: str_length(2, 2)"]),
    ("flights", {"carrier": None}, ["carrier: not_nullable"]),
    ("flights", {"flight": 0}, ["flight: in_range(1, 9999)"]),
    ("flights", {"origin": "BOS"}, ["origin: isin(['EWR', 'JFK', 'LGA'])"]),
    ("flights", {"dest": "SJ"}, ["dest: str_length(3, 3)"]),
    ("flights", {"distance": 0}, ["distance: in_range(1, 12000)"]),
    ("flights", {"sched_dep_time": 1016}, ["sched_dep_time is hour and minute"]),
    ("flights", {"sched_arr_time": 2401}, [f"sched_arr_time: {HHMM}"]),
    ("flights", {"sched_arr_time": 1160}, [f"sched_arr_time: {HHMM}"]),
    ("flights", {"dep_time": -1.0}, [f"dep_time: {HHMM}"]),
    ("flights", {"arr_time": 2460.0}, [f"arr_time: {HHMM}"]),
    ("flights", {"dep_delay": -121.0}, ["dep_delay: in_range(-120, 2880)"]),
    ("flights", {"arr_delay": 2881.0}, ["arr_delay: in_range(-240, 2880)"]),
    ("flights", {"arr_delay": np.inf}, ["arr_delay: in_range(-240, 2880)"]),
    ("flights", {"air_time": 0.0}, ["air_time: in_range(1, 1440)"]),
    ("flights", {"dep_time": np.nan}, ["a flight that arrived has departed"]),
    ("weather", {"year": 1986}, [CLOCK, "year: in_range(1987, 2100)"]),
    ("weather", {"month": 0}, [CLOCK, "month: in_range(1, 12)"]),
    ("weather", {"day": 0}, [CLOCK, "day: in_range(1, 31)"]),
    ("weather", {"hour": -1}, [CLOCK, "hour: in_range(0, 23)"]),
    ("weather", {"hour": 6}, [CLOCK]),
    ("weather", {"origin": "BOS"}, ["origin: isin(['EWR', 'JFK', 'LGA'])"]),
    ("weather", {"temp": 131.0}, ["temp: in_range(-60, 130)"]),
    ("weather", {"dewp": -81.0}, ["dewp: in_range(-80, 100)"]),
    ("weather", {"humid": 102.0}, ["humid: in_range(0, 101)"]),
    ("weather", {"wind_dir": 361.0}, ["wind_dir: in_range(0, 360)"]),
    ("weather", {"wind_speed": 1048.36}, ["wind_speed: in_range(0, 250)"]),
    ("weather", {"wind_gust": 261.0}, ["wind_gust: in_range(0, 260)"]),
    ("weather", {"precip": -0.1}, ["precip: in_range(0, 15)"]),
    ("weather", {"pressure": 869.0}, ["pressure: in_range(870, 1090)"]),
    ("weather", {"visib": -1.0}, ["visib: in_range(0, 100)"]),
    ("planes", {"tailnum": None}, ["tailnum: not_nullable"]),
    ("planes", {"year": 1902.0}, ["year: in_range(1903, 2100)"]),
    ("planes", {"engines": 0}, ["engines: in_range(1, 12)"]),
    ("planes", {"seats": 901}, ["seats: in_range(1, 900)"]),
    ("airports", {"faa": "IA"}, ["faa: str_length(3, 3)"]),
    ("airports", {"lat": 90.5}, ["lat: in_range(-90, 90)"]),
    ("airports", {"lon": np.nan}, ["lon: not_nullable"]),
    ("airports", {"alt": -1501}, ["alt: in_range(-1500, 20000)"]),
    ("airports", {"tz": 15}, ["tz: in_range(-12, 14)"]),
    ("airlines", {"carrier": "A"}, ["carrier: str_length(2, 2)"]),
    ("airlines", {"name": None}, ["name: not_nullable"]),
]


def _changed(table: pd.DataFrame, row: int, values: dict) -> pd.DataFrame:
    result = table.copy()
    for column, value in values.items():
        result.loc[row, column] = value
    return result


def test_clean_tables_break_no_rule(tables):
    """All rows are kept, and what need not match is counted."""
    clean, held, report = validate(tables, schema.TABLES)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(clean[name], table)
        assert held[name].empty
        assert report[name]["rows"] == {"in": len(table), "kept": len(table), "quarantined": 0}
    assert report["flights"]["unmatched"] == {
        "carrier is in airlines.carrier": 0,
        "dest is in airports.faa": 12,  # San Juan
        "tailnum is in planes.tailnum": 0,
    }


@pytest.mark.parametrize(("table", "values", "rules"), DAMAGE, ids=[f"{t}-{v}" for t, v, _ in DAMAGE])
def test_a_row_that_breaks_a_rule_is_quarantined_with_it(tables, table, values, rules):
    """That row alone, with every rule that it breaks, in the order of the alphabet."""
    row = 1
    tables[table] = _changed(tables[table], row, values)
    found = broken_rules(tables[table], schema.TABLES[table])
    assert found[row] == "; ".join(sorted(rules))
    assert (found.drop(row) == "").all()


def test_every_rule_of_the_flights_problem_is_shown_to_bite():
    """The table above has a case for each column that has a rule, and for each rule between columns."""
    broken = {(table, rule.split(": ")[0]) for table, _, rules in DAMAGE for rule in rules}
    for name, table in schema.TABLES.items():
        ruled = {column for column, kind in table.schema.columns.items() if kind.checks}
        assert {(name, rule) for rule in ruled | {check.name for check in table.schema.checks}} <= broken


def test_a_row_given_twice_is_kept_once(tables):
    """The first stays; each repetition goes."""
    table = pd.concat([tables["weather"], tables["weather"].iloc[[4, 4]]], ignore_index=True)
    found = broken_rules(table, schema.TABLES["weather"])
    assert found[found != ""].to_dict() == dict.fromkeys((24, 25), DUPLICATE)


def test_rows_that_contradict_each_other_all_go(tables):
    """Two readings for one hour: nobody can say which is right."""
    table = pd.concat([tables["weather"], tables["weather"].iloc[[4]].assign(temp=41.0)], ignore_index=True)
    found = broken_rules(table, schema.TABLES["weather"])
    assert found[found != ""].to_dict() == dict.fromkeys((4, 24), f"{KEY} (origin, time_hour)")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda t: t.drop(columns="temp"), "column_in_dataframe fails on 'temp'"),
        (lambda t: t.assign(temp="cold"), "column 'temp': dtype('float64') fails on 'cold'"),
        (lambda t: t.assign(year=2013.0), "column 'year': dtype('int64') fails on 'float64'"),
        (lambda t: t.assign(time_hour="noon"), "column 'time_hour': "),
    ],
)
def test_a_table_of_another_shape_is_refused_whole(tables, change, rule):
    """A column or type that is wrong is no fault of single rows."""
    tables["weather"] = change(tables["weather"])
    with pytest.raises(Refusal) as refused:
        validate(tables, schema.TABLES)
    assert str(refused.value).startswith("table weather, ")
    assert rule in str(refused.value)


def _simple(**references: bool) -> Table:
    text = pa.DataFrameSchema({"id": pa.Column("str"), "to": pa.Column("str", nullable=True)})
    found = (Reference("to", table, "id", required) for table, required in references.items())
    return Table(text, ("id",), tuple(found))


def _rows(**pairs: str | None) -> pd.DataFrame:
    return pd.DataFrame({"id": list(pairs), "to": list(pairs.values())}).astype("str")


def test_a_required_reference_quarantines_and_an_optional_one_counts(tables):
    """An unknown carrier is an error, an unknown destination is a fact; a missing value refers to nothing."""
    tables["flights"] = _changed(tables["flights"], 2, {"carrier": "ZZ", "tailnum": None})
    clean, held, report = validate(tables, schema.TABLES)
    assert held["flights"]["reasons"].to_dict() == {2: "carrier is in airlines.carrier"}
    assert 2 not in clean["flights"].index
    assert report["flights"] == {
        "rows": {"in": 24, "kept": 23, "quarantined": 1},
        "rules": {"carrier is in airlines.carrier": 1},
        "unmatched": {
            "carrier is in airlines.carrier": 1,
            "dest is in airports.faa": 12,
            "tailnum is in planes.tailnum": 0,
        },
    }


def test_a_partner_in_quarantine_is_none(tables):
    """A row cannot refer to one that is not clean."""
    tables["airlines"] = _changed(tables["airlines"], 0, {"name": None})
    clean, held, _ = validate(tables, schema.TABLES)
    assert set(held["flights"]["carrier"]) == {"AA"}
    assert set(clean["flights"]["carrier"]) == {"UA"}


@pytest.mark.parametrize("order", [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"]])
def test_references_are_followed_to_their_end(order):
    """Table a refers to b and b to c: where c lacks a row, both go, in any order of the tables."""
    contracts = {"a": _simple(b=True), "b": _simple(c=True), "c": _simple()}
    rows = {"a": _rows(a1="b1", a2="b2", a3=None), "b": _rows(b1="c1", b2="gone"), "c": _rows(c1=None)}
    clean, held, report = validate({n: rows[n] for n in order}, {n: contracts[n] for n in order})
    assert {name: table["id"].tolist() for name, table in clean.items()} == {
        "a": ["a1", "a3"], "b": ["b1"], "c": ["c1"]
    }  # fmt: skip
    assert held["a"]["reasons"].tolist() == ["to is in b.id"]
    assert report["a"]["unmatched"] == {"to is in b.id": 1}
    assert report["b"]["unmatched"] == {"to is in c.id": 1}


VALUES = MappingProxyType(
    {
        "temp": st.sampled_from([np.nan, -100.0, 0.0, 131.0, np.inf]),
        "origin": st.sampled_from(["EWR", "JFK", "BOS", None]),
        "hour": st.integers(-1, 25),
        "time_hour": st.sampled_from(
            [pd.NaT, pd.Timestamp("2013-03-09T12:00Z"), pd.Timestamp("2013-03-10T07:00Z")]
        ),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_rows_are_conserved_whatever_the_damage(tables, data):
    """Rows in = rows kept + rows quarantined; no row is in both; each that went has a reason (law 5)."""
    weather = tables["weather"].copy()
    for column in data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=8)):
        weather.loc[data.draw(st.integers(0, len(weather) - 1)), column] = data.draw(VALUES[column])
    repeated = data.draw(st.lists(st.integers(0, len(weather) - 1), max_size=5))
    weather = pd.concat([weather, weather.iloc[repeated]], ignore_index=True)
    clean, held, report = validate({**tables, "weather": weather}, schema.TABLES)
    together = pd.concat([clean["weather"], held["weather"].drop(columns="reasons")]).sort_index()
    pd.testing.assert_frame_equal(together, weather, check_dtype=False)
    assert (held["weather"]["reasons"] != "").all()
    assert (broken_rules(clean["weather"], schema.TABLES["weather"]) == "").all()
    rows = report["weather"]["rows"]
    assert rows == {"in": len(weather), "kept": len(clean["weather"]), "quarantined": len(held["weather"])}


@pytest.mark.parametrize(
    ("held", "rows", "limit", "refused"),
    [
        (0, 100, 0.0, False),
        (1, 100, 0.0, True),
        (29, 100, 0.29, False),
        (30, 100, 0.29, True),
        (57, 100, 0.57, False),
        (100, 100, 1.0, False),
        (0, 0, 0.0, False),
    ],
)
def test_the_limit_of_quarantine_is_exact(held, rows, limit, refused):
    """A share at the limit passes, also where 0.29 x 100 is less than 29 in floating point."""
    table = pd.DataFrame({"id": range(held), PARTITION: "x", "reasons": "bad"})
    if refused:
        with pytest.raises(Refusal, match=f"{held} of {rows} rows break a rule"):
            tolerated(table, rows, limit, "x")
    else:
        tolerated(table, rows, limit, "x")


@pytest.fixture
def raw(tables, tmp_path, monkeypatch):
    """The tables as `ingest` would leave them, in two partitions each, and the stage's parameters."""
    monkeypatch.chdir(tmp_path)

    def write(limit: float, **changed: pd.DataFrame) -> None:
        for name, table in (tables | changed).items():
            for part, rows in enumerate((table.iloc[:2], table.iloc[2:])):
                write_table(rows, Path(f"raw/{name}/2013-0{part + 1}.parquet"))
        parameters = {"problem": {"module": "flights"}, "validate": {"max_quarantined": limit}}
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")

    return write


def _run() -> None:
    main(raw=Path("raw"), clean=Path("clean"), quarantine=Path("quarantine"))


def test_the_stage_parts_the_rows_into_two_folders(raw, tables):
    """Clean rows have the contract's columns; quarantined ones also their reasons and their partition."""
    raw(0.05, weather=_changed(tables["weather"], 3, {"temp": 999.0}))
    _run()
    assert read_table(Path("clean/weather.parquet")).columns.tolist() == tables["weather"].columns.tolist()
    held = read_table(Path("quarantine/weather.parquet"))
    assert held[["temp", PARTITION, "reasons"]].to_numpy().tolist() == [
        [999.0, "weather/2013-02.parquet", "temp: in_range(-60, 130)"]
    ]
    assert read_json(Path("quarantine/report.json"))["weather"]["rules"] == {"temp: in_range(-60, 130)": 1}
    assert len(read_table(Path("quarantine/flights.parquet"))) == 0


def test_too_many_bad_rows_stop_the_run_in_one_screen(raw, tables):
    """With table, rule, partition, one row and the next step; nothing is written."""
    weather = _changed(_changed(tables["weather"], 3, {"temp": 999.0}), 7, {"temp": -999.0})
    raw(0.05, weather=weather)
    with pytest.raises(Refusal) as refused:
        _run()
    lines = str(refused.value).splitlines()
    assert lines[0] == "table weather: 2 of 24 rows break a rule; validate.max_quarantined = 0.05"
    assert lines[1] == "  rule:  temp: in_range(-60, 130) (2 rows)"
    assert lines[2] == "  where: weather/2013-02.parquet (2 rows)"
    assert lines[3].startswith(
        "  row:   origin=EWR, year=2013, month=3, day=9, hour=8, time_hour=2013-03-09 13:00"
    )
    assert "temp=999.0" in lines[3]
    assert lines[4].startswith("  next:  mend the source")
    assert not Path("clean").exists()
    assert not Path("quarantine").exists()


def test_a_clock_shifted_partition_is_caught(raw, tables):
    """Times one hour off disagree with the local date columns, also on the night of the change of clocks."""
    flights = tables["flights"].copy()
    flights.loc[2:, "time_hour"] += pd.Timedelta("1h")
    raw(0.05, flights=flights)
    with pytest.raises(
        Refusal, match=f"rule:  {CLOCK} .22 rows.\n  where: flights/2013-02.parquet .22 rows."
    ):
        _run()
