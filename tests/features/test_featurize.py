"""What the problem's module builds is held to what every problem promises."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.features.featurize import checked, main
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


def test_the_stage_hands_the_clean_tables_and_the_horizon_to_the_problem(rows, tmp_path, monkeypatch):
    """By the module's name alone: the cycle knows no flight (law 7)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("boats").mkdir()
    Path("boats/__init__.py").touch()
    Path("boats/features.py").write_text(
        "def build(tables, horizon, execute):\n"
        "    return tables['trips'].assign(asked=lambda trips: trips['at'] - horizon)\n"
    )
    write_table(rows, Path("clean/trips.parquet"))
    problem = ROLES | {"task": "binary", "module": "boats", "table": "trips", "horizon": "90min"}
    Path("params.yaml").write_text(
        yaml.safe_dump({"problem": problem, "scale": {"scheduler": None}}), encoding="utf-8"
    )
    try:
        main(clean=Path("clean"), out=Path("features.parquet"))
    finally:
        for name in ("boats", "boats.features"):
            sys.modules.pop(name, None)
    found = read_table(Path("features.parquet"))
    assert found["trip"].tolist() == ["a", "d", "c", "e", "b"]
    assert ((found["at"] - found["asked"]) == pd.Timedelta("90min")).all()
