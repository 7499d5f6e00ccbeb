"""What the problem's module builds is held to what every problem promises."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.features.featurize import checked, main, on_dask
from fullcycle.features.offline import compute
from fullcycle.features.rolling import Events, rolling
from fullcycle.files import read_table, write_table

ROLES = {"id": "trip", "time": "at", "label": "late", "known_at": "known"}


@pytest.fixture
def rows():
    """Five rows out of order."""
    at = pd.to_datetime(
        pd.Series(["2013-01-02", "2013-01-01", "2013-01-02", "2013-01-03", "2013-01-01"]), utc=True
    )
    late = [0.0, 1.0, np.nan, 1.0, 0.0]
    return pd.DataFrame(
        {"trip": list("edcba"), "at": at, "late": late, "known": at.where(~np.isnan(late)), "x": range(5)}
    )


def test_rows_come_in_the_order_of_time_and_id(rows):
    """Whatever order the joins left."""
    found = checked(rows, ROLES, 5)
    assert found["trip"].tolist() == ["a", "d", "c", "e", "b"]
    assert found.index.tolist() == list(range(5))
    pd.testing.assert_frame_equal(checked(rows.sample(frac=1, random_state=1), ROLES, 5), found)


def _with(column: str, value: object):
    return lambda rows: rows.assign(**{column: rows[column].mask(rows["trip"] == "b", value)})


BROKEN = [
    (lambda rows: rows.drop(columns="known"), "problem.known_at = 'known': featurize made no such column"),
    (
        lambda rows: rows.assign(at=rows["at"].dt.tz_localize(None)),
        "problem.time = 'at': the column is datetime64[us], and its times must be in UTC; use pd.to_datetime",
    ),
    (
        lambda rows: rows.assign(at=rows["at"].dt.tz_convert("America/New_York")),
        "problem.time = 'at': the column is datetime64[us, America/New_York], and",
    ),
    (
        lambda rows: rows.assign(known=0),
        "problem.known_at = 'known': the column is int64, and its times must",
    ),
    (lambda rows: rows.iloc[1:], "featurize made 4 rows of 5; a join lost or multiplied some"),
    (lambda rows: pd.concat([rows, rows]), "featurize made 10 rows of 5"),
    (_with("trip", "c"), "the id 'c' stands on more than one row"),
    (_with("trip", None), "problem.id = 'trip' is missing on 1 rows"),
    (_with("at", pd.NaT), "problem.time = 'at' is missing on 1 rows"),
    (_with("late", 2.0), "problem.label = 'late' is neither 0 nor 1 nor missing on 1 rows"),
    (_with("late", 0.5), "problem.label = 'late' is neither 0 nor 1 nor missing on 1 rows"),
    (_with("known", pd.NaT), "problem.known_at = 'known' is missing beside a label on 1 rows"),
]


@pytest.mark.parametrize(("break_", "rule"), BROKEN, ids=[rule for _, rule in BROKEN])
def test_rows_that_break_a_promise_are_refused(rows, break_, rule):
    """A role without column, lost or multiplied rows, ids, times and labels that cannot be."""
    with pytest.raises(Refusal) as refused:
        checked(break_(rows), ROLES, 5)
    assert rule in str(refused.value)


def test_a_slice_that_is_no_column_is_refused(rows):
    """A misspelt slice would be missed only by who reads the report."""
    assert len(checked(rows, ROLES, 5, slices=["x"])) == 5
    with pytest.raises(Refusal) as refused:
        checked(rows, ROLES, 5, slices=["x", "carier"])
    assert str(refused.value) == (
        "problem.slices: 'carier' is no column that featurize made; there are trip, at, late, known, x"
    )


BUILD = (
    "def build(tables, horizon, execute):\n"
    "    return tables['trips'].assign(asked=lambda trips: trips['at'] - horizon)\n"
)


@pytest.fixture
def run(rows, tmp_path, monkeypatch):
    """Run the stage on a problem whose features module has the given text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("boats").mkdir()
    Path("boats/__init__.py").touch()
    write_table(rows, Path("clean/trips.parquet"))

    def featurized(text: str | None, scheduler: str | None = None, slices: tuple[str, ...] = ()) -> None:
        if text is not None:
            Path("boats/features.py").write_text(text, encoding="utf-8")
        problem = ROLES | {"task": "binary", "module": "boats", "table": "trips", "horizon": "90min"}
        parameters = {"problem": problem | {"slices": list(slices)}, "scale": {"scheduler": scheduler}}
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
        try:
            main(clean=Path("clean"), out=Path("features.parquet"))
        finally:
            for name in ("boats", "boats.features"):
                sys.modules.pop(name, None)

    return featurized


def test_the_stage_hands_the_clean_tables_and_the_horizon_to_the_problem(run):
    """By the module's name alone: the cycle knows no flight (law 7)."""
    run(BUILD)
    found = read_table(Path("features.parquet"))
    assert found["trip"].tolist() == ["a", "d", "c", "e", "b"]
    assert ((found["at"] - found["asked"]) == pd.Timedelta("90min")).all()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (None, "problem.module = 'boats': there is no src/boats/features.py"),
        ("def built(): ...\n", "src/boats/features.py defines no build(tables, horizon, execute)"),
        ("from fullcycle.features.rolling import duration\nduration('90')\n", "'90' is no duration: write"),
    ],
    ids=["no module", "no build", "bad definition"],
)
def test_a_problem_that_cannot_build_is_refused(run, text, rule):
    """A features module that is missing, has no `build` or has a bad definition ends in words."""
    with pytest.raises(Refusal) as refused:
        run(text)
    assert rule in str(refused.value)


def test_the_stage_refuses_a_slice_that_is_no_column(run):
    """It reads problem.slices, so that the mistake ends the run before anything is trained."""
    with pytest.raises(Refusal, match=r"problem\.slices: 'carier' is no column that featurize made"):
        run(BUILD, slices=("carier",))


@pytest.mark.parametrize("name", ["dask", "distributed"])
def test_a_scheduler_without_dask_is_refused(run, monkeypatch, name):
    """Dask is an extra: the stage says what to install before it builds anything."""
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Refusal) as refused:
        run(BUILD, scheduler="local")
    assert "scale.scheduler = 'local': Dask is not installed; `.venv/bin/pip install" in str(refused.value)


TRIPS = Events("trips", id="trip", keys=["boat"], values={"delay": "docked"})
OF_TRIPS = [
    rolling("delay", "boat", "14d", "mean", "docked", table=TRIPS),
    rolling("delay", [], "3d", "quantile", "docked", table=TRIPS, q=0.5),
    rolling(None, "boat", "14d", "count", "docked", table=TRIPS),
]


@pytest.fixture
def boats():
    """600 trips of three months in no order, some without a delay or an end."""
    random = np.random.default_rng(0)
    at = pd.Timestamp("2013-01-20", tz="UTC") + pd.to_timedelta(random.integers(0, 90 * 1440, 600), "min")
    return pd.DataFrame(
        {
            "trip": np.arange(600),
            "boat": random.choice(["A", "B", "C"], 600),
            "at": at,
            "docked": (at + pd.to_timedelta(random.integers(5, 300, 600), "min")).where(
                random.random(600) > 0.1
            ),
            "delay": np.where(random.random(600) > 0.1, random.normal(0, 9, 600), np.nan),
        },
        index=random.permutation(600),
    )


def executed(rows, boats):
    """The features of rows by one process and by Dask."""
    asked = (rows, {"trips": boats}, OF_TRIPS, pd.Timedelta("90min"))
    return compute(*asked, time="at"), on_dask(*asked, scheduler="synchronous", time="at")


def test_on_dask_the_rows_are_those_of_one_process(boats):
    """Whatever the rows' order and index, and over the ends of months."""
    alone, found = executed(boats, boats)
    pd.testing.assert_frame_equal(found, alone)
    assert found.notna().mean().min() > 0.9


@pytest.mark.parametrize(
    "changed",
    [
        lambda boats: boats.head(0),
        lambda boats: boats.set_axis(np.arange(600) // 2),
        lambda boats: pd.concat([boats.head(3), boats.head(3)]),
    ],
    ids=["no rows", "an index with equal labels", "the same rows twice"],
)
def test_on_dask_no_row_is_lost_or_moved(boats, changed):
    """Rows are put back by their place, not by their label; where there are none, none come back."""
    rows = changed(boats)
    alone, found = executed(rows, boats)
    pd.testing.assert_frame_equal(found, alone)


def test_on_dask_a_row_without_a_time_is_refused_as_in_one_process(boats):
    """No executor can say when it was asked."""
    rows = boats.assign(at=boats["at"].where(boats["trip"] != 7))
    for execute in (compute, partial(on_dask, scheduler="synchronous")):
        with pytest.raises(Refusal, match="'at'"):
            execute(rows, {"trips": boats}, OF_TRIPS, pd.Timedelta("90min"), time="at")
