"""Which rows train, choose, test and stand for the future."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcycle.data.split import OUTSIDE, PARTS, PURGED, UNLABELLED, assign, main
from fullcycle.errors import Refusal
from fullcycle.files import read_json, read_table, write_table
from fullcycle.params import Split

PROBLEM = {"id": "id", "time": "time", "label": "label", "known_at": "known_at"}
HORIZON = timedelta(hours=2)
SECTION = {
    "method": "time",
    "starts": {"train": "2013-01-01", "validation": "2013-07-01", "test": "2013-09-01", "live": "2013-11-01",
               "end": "2014-01-02"},
    "shares": {"train": 0.6, "validation": 0.15, "test": 0.15, "live": 0.1},
    "group": None,
    "seed": 1,
}  # fmt: skip


def _settings(**changes) -> Split:
    return Split.model_validate(SECTION | changes)


def _rows(times, known=None, labels=None) -> pd.DataFrame:
    time = pd.Series(pd.to_datetime(times, utc=True, format="ISO8601")).astype("datetime64[us, UTC]")
    known = time if known is None else pd.to_datetime(known, utc=True, format="ISO8601")
    labels = [0.0, 1.0] * len(time) if labels is None else labels
    return pd.DataFrame(
        {
            "id": [f"r{n}" for n in range(len(time))],
            "time": time,
            "known_at": known,
            "label": labels[: len(time)],
        }
    )


def _many(count: int = 3000, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    time = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(
        random.integers(0, 365 * 24, count), unit="h"
    )
    rows = _rows(time)
    rows["label"] = np.where(random.random(count) < 0.05, np.nan, random.random(count) < 0.2)
    return rows.assign(place=random.integers(0, 50, count).astype("str"))


BOUNDARIES = [
    ("2012-12-31T23:59:59.999999Z", OUTSIDE),
    ("2013-01-01T00:00Z", "train"),
    ("2013-06-30T20:00Z", "train"),
    ("2013-07-01T00:00Z", "validation"),
    ("2013-07-01T02:00+02:00", "validation"),
    ("2013-08-31T21:59:59Z", "validation"),
    ("2013-09-01T00:00Z", "test"),
    ("2013-11-01T00:00Z", "live"),
    ("2014-01-01T23:59:59.999999Z", "live"),
    ("2014-01-02T00:00Z", OUTSIDE),
]


@pytest.mark.parametrize(("time", "part"), BOUNDARIES)
def test_a_part_begins_with_the_first_moment_of_its_utc_day(time, part):
    """And ends right before the next one's."""
    assert assign(_rows([time]), _settings(), PROBLEM, HORIZON).tolist() == [part]


PURGES = [
    # the first decision of validation is made at 2013-06-30 22:00, two hours before its first row
    ("2013-06-30T18:00Z", "2013-06-30T21:59:59.999999Z", "train"),
    ("2013-06-30T18:00Z", "2013-06-30T22:00Z", PURGED),
    ("2013-06-30T18:00Z", "2013-07-05T00:00Z", PURGED),
    ("2013-08-31T18:00Z", "2013-08-31T21:59:59.999999Z", "validation"),
    ("2013-08-31T18:00Z", "2013-08-31T22:00Z", PURGED),
    ("2013-10-31T18:00Z", "2013-10-31T22:00Z", PURGED),
    ("2013-01-05T00:00Z", "2013-08-01T00:00Z", PURGED),
    ("2014-01-01T23:00Z", "2014-01-03T00:00Z", "live"),  # live has no successor
]


@pytest.mark.parametrize(("time", "known", "part"), PURGES)
def test_a_label_known_too_late_for_the_next_part_is_purged(time, known, part):
    """At the moment when the next part's first decision is made, nobody could have trained on it."""
    assert assign(_rows([time], [known]), _settings(), PROBLEM, HORIZON).tolist() == [part]


@pytest.mark.parametrize("time", ["2013-03-01", "2020-01-01", "2013-06-30T23:00"])
def test_a_row_without_label_is_unlabelled_wherever_it_lies(time):
    """Also outside, and also where it would have been purged."""
    assert assign(_rows([time], labels=[np.nan]), _settings(), PROBLEM, HORIZON).tolist() == [UNLABELLED]


METHODS = [{}, {"method": "random"}, {"method": "stratified"}, {"method": "group", "group": "place"}]


@pytest.mark.parametrize("changes", METHODS, ids=[c.get("method", "time") for c in METHODS])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 200))
def test_every_row_has_exactly_one_place_whatever_its_position(changes, seed, count):
    """No row is in two parts, none is lost, and the order of the rows changes nothing."""
    rows = _many(count, seed)
    part = assign(rows, _settings(**changes), PROBLEM, HORIZON)
    assert part.index.equals(rows.index)
    assert part.isin([*PARTS, UNLABELLED, PURGED, OUTSIDE]).all()
    shuffled = rows.sample(frac=1, random_state=seed)
    again = assign(shuffled, _settings(**changes), PROBLEM, HORIZON)
    pd.testing.assert_series_equal(again.sort_index(), part)


@pytest.mark.parametrize("changes", METHODS[1:], ids=[c["method"] for c in METHODS[1:]])
def test_drawn_parts_have_their_shares_and_follow_the_seed(changes):
    """Within what chance allows; another seed draws other rows, the same seed the same."""
    rows = _many(20_000).dropna(subset="label").assign(place=lambda t: (t.index % 2000).astype("str"))
    part, again, other = (
        assign(rows, _settings(**changes, seed=seed), PROBLEM, HORIZON) for seed in (1, 1, 2)
    )
    found = part.value_counts(normalize=True)
    assert found.to_dict() == pytest.approx(SECTION["shares"], abs=0.03)
    assert part.equals(again)
    assert (part != other).mean() > 0.3


def test_stratified_parts_have_the_same_share_of_each_label():
    """To within one row."""
    rows = _many(4000).dropna(subset="label")
    part = assign(rows, _settings(method="stratified"), PROBLEM, HORIZON)
    for label, count in rows["label"].value_counts().items():
        for name, share in SECTION["shares"].items():
            assert abs(((part == name) & (rows["label"] == label)).sum() - share * count) <= 1


def test_groups_stay_together():
    """Also those of rows that are added later, and rows without a group are one."""
    rows = _many()
    rows.loc[:20, "place"] = None
    chosen = _settings(method="group", group="place")
    rows = rows.dropna(subset="label")
    part = assign(rows, chosen, PROBLEM, HORIZON)
    assert all(len(set(own)) == 1 for _, own in part.groupby(rows["place"], dropna=False))
    assert len(set(part)) == 4
    fewer = assign(rows.iloc[::3], chosen, PROBLEM, HORIZON)
    assert fewer.equals(part.iloc[::3])


def test_a_random_part_does_not_change_when_rows_are_added():
    """Each row's place depends on its id and the seed alone."""
    rows = _many()
    whole = assign(rows, _settings(method="random"), PROBLEM, HORIZON)
    assert assign(rows.iloc[100:150], _settings(method="random"), PROBLEM, HORIZON).equals(
        whole.iloc[100:150]
    )


def test_a_group_that_is_no_column_is_refused():
    """With the columns that there are."""
    with pytest.raises(Refusal, match=r"split\.group = 'town' is no column; there are \['id', 'time'"):
        assign(_many(5), _settings(method="group", group="town"), PROBLEM, HORIZON)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def splitted(rows: pd.DataFrame, **changes) -> dict:
        write_table(rows, Path("features.parquet"))
        problem = PROBLEM | {"horizon": "2h", "task": "binary"}
        Path("params.yaml").write_text(
            yaml.safe_dump({"problem": problem, "split": SECTION | changes}, sort_keys=False)
        )
        main(features=Path("features.parquet"), out=Path("split"))
        return read_json(Path("split/summary.json"))

    return splitted


def test_the_stage_writes_every_row_once(run):
    """Four parts and the rows set aside with their reason add up to the rows that came in."""
    rows = _many()
    rows.loc[5, "known_at"] += pd.Timedelta("300D")
    report = run(rows)
    written = {path.stem: read_table(path) for path in Path("split").glob("*.parquet")}
    aside = written["set_aside"]
    assert sorted(np.concatenate([each["id"] for each in written.values()])) == sorted(rows["id"])
    assert aside["reason"].value_counts().to_dict() == {
        reason: report["rows"][reason] for reason in (UNLABELLED, PURGED)
    }
    assert report["rows"]["in"] == 3000
    assert report["rows"]["kept"] == sum(len(written[part]) for part in PARTS)
    for part in PARTS:
        own = written[part]
        assert report[part]["rows"] == len(own)
        assert report[part]["first"] == own["time"].min().isoformat()
        assert report[part]["last"] == own["time"].max().isoformat()
        assert report[part]["positive_share"] == pytest.approx(own["label"].mean(), abs=1e-6)


@pytest.mark.parametrize("broken", ["one class", "no rows"])
def test_a_part_that_nothing_can_be_learnt_from_is_refused(run, broken):
    """Nothing is written."""
    rows = _many()
    own = (rows["time"] >= "2013-09-01") & (rows["time"] < "2013-11-01")
    rows = rows[~own] if broken == "no rows" else rows.assign(label=rows["label"].mask(own, 1.0))
    with pytest.raises(Refusal, match=r"the part test has \d+ rows and fewer than two classes of label"):
        run(rows)
    assert not Path("split").exists()
