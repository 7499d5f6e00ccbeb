"""The auditor counts rows in the files themselves, and stops where they do not add up."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.features.quality import balanced, main
from fullcycle.files import read_json, read_table, write_json, write_table

TRIPS, STATIONS = Path("clean/trips.parquet"), Path("clean/stations.parquet")


def _table(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(rows)})


@pytest.fixture
def house(tmp_path, monkeypatch):
    """What the stages up to `split` would have written: 10 trips read, 1 after until, 2 quarantined."""
    monkeypatch.chdir(tmp_path)
    for name, (early, late, held) in {"trips": (4, 5, 2), "stations": (3, 0, 0)}.items():
        write_table(_table(early), Path(f"raw/{name}/2013-01.parquet"))
        write_table(_table(late), Path(f"raw/{name}/2013-02.parquet"))
        rows = {"read": early + late + 1, "kept": early + late, "after_until": 1}
        write_json({"rows": rows}, Path(f"raw/{name}/provenance.json"))
        write_table(_table(early + late - held), Path(f"clean/{name}.parquet"))
        write_table(_table(held), Path(f"quarantine/{name}.parquet"))
    report = {"rules": {"x": 2}, "unmatched": {"y": 1}}
    write_json({"trips": report, "stations": report}, Path("quarantine/report.json"))
    features = pd.DataFrame(
        {"id": range(7), "time": 0, "label": 1.0, "known_at": 0, "speed": [1.0, np.nan, 2, 3, np.nan, 4, 5]}
    )
    write_table(features, Path("features.parquet"))
    for part, rows in {"train": 2, "validation": 1, "test": 1, "live": 1}.items():
        write_table(features.head(rows).assign(label=[0.0, 1.0][:rows]), Path(f"split/{part}.parquet"))
    write_table(pd.DataFrame({"reason": ["purged", "unlabelled"]}), Path("split/set_aside.parquet"))
    problem = {"table": "trips", "task": "binary"} | {
        role: role for role in ("id", "time", "label", "known_at")
    }
    Path("params.yaml").write_text(
        yaml.safe_dump({"problem": problem, "quality": {"leak_limit": 0.9}}), encoding="utf-8"
    )


def _audit() -> dict:
    main(
        raw=Path("raw"),
        clean=Path("clean"),
        quarantine=Path("quarantine"),
        features=Path("features.parquet"),
        split=Path("split"),
        metrics=Path("quality.json"),
    )
    return read_json(Path("quality.json"))


@pytest.mark.usefixtures("house")
def test_a_balanced_ledger_is_reported():
    """Every stage with rows in and rows out, and the shares that the gate reads."""
    report = _audit()
    assert report["rows"] == {
        "ingest": {
            "stations": {"in": 4, "kept": 3, "after_until": 1},
            "trips": {"in": 10, "kept": 9, "after_until": 1},
        },
        "validate": {
            "stations": {"in": 3, "kept": 3, "quarantined": 0},
            "trips": {"in": 9, "kept": 7, "quarantined": 2},
        },
        "featurize": {"in": 7, "kept": 7},
        "split": {"in": 7, "train": 2, "validation": 1, "test": 1, "live": 1, "purged": 1, "unlabelled": 1},
    }
    assert report["quarantined_share"] == round(2 / 12, 6)
    assert report["missing_share"] == {"speed": 0.5}  # of the two training rows
    assert report["suspected_leaks"]["count"] == len(report["suspected_leaks"]["features"])
    assert report["rules"] == {"stations": {"x": 2}, "trips": {"x": 2}}
    assert report["unmatched"] == {"stations": {"y": 1}, "trips": {"y": 1}}


def _without_last_row(path: Path) -> None:
    write_table(read_table(path).iloc[:-1], path)


LOSSES = {
    "a partition of a source": (lambda: Path("raw/trips/2013-02.parquet").unlink(), "ingest@trips does not"),
    "a clean row": (
        lambda: _without_last_row(TRIPS),
        r"validate \(trips\) does not conserve rows: 9 came in, 6 kept",
    ),
    "a quarantined row": (
        lambda: _without_last_row(Path("quarantine/trips.parquet")),
        r"validate \(trips\) does not",
    ),
    "a clean table": (STATIONS.unlink, "clean/stations.parquet: no Parquet file"),
    "a row of features": (
        lambda: _without_last_row(Path("features.parquet")),
        "split does not conserve rows: 6 came",
    ),
    "a training row": (
        lambda: _without_last_row(Path("split/train.parquet")),
        r"split does not .* = 6 went out",
    ),
    "a part": (lambda: Path("split/live.parquet").unlink(), "split does not conserve rows"),
    "a reason": (lambda: _without_last_row(Path("split/set_aside.parquet")), "split does not conserve rows"),
    "the quarantine": (lambda: shutil.rmtree("quarantine"), "no Parquet file"),
}


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(("lose", "rule"), LOSSES.values(), ids=LOSSES)
def test_a_lost_row_stops_the_run(lose, rule):
    """Whichever stage lost it; no report is written."""
    lose()
    with pytest.raises(Refusal, match=rule):
        _audit()
    assert not Path("quality.json").exists()


@pytest.mark.usefixtures("house")
def test_rows_that_featurize_multiplies_stop_the_run():
    """Even where split passes them all on."""
    features = read_table(Path("features.parquet"))
    write_table(pd.concat([features, features]), Path("features.parquet"))
    write_table(_table(9), Path("split/train.parquet"))
    with pytest.raises(Refusal, match="featurize does not conserve rows: 7 came in, 14 kept = 14 went out"):
        _audit()


@pytest.mark.usefixtures("house")
def test_the_folder_of_a_source_that_is_gone_is_refused():
    """What an earlier run ingested of a source that was since removed is named, with what to do."""
    shutil.copytree("raw/trips", "raw/old")
    with pytest.raises(Refusal) as refused:
        _audit()
    assert str(refused.value) == (
        "raw/old belongs to no table of this run (clean has stations, trips): delete the folder"
    )


def test_one_line_of_the_ledger():
    """Rows in and out as they were counted, or a refusal that shows the sum."""
    assert balanced("x", 3, kept=2, gone=1) == {"in": 3, "kept": 2, "gone": 1}
    with pytest.raises(
        Refusal, match=r"^x does not conserve rows: 4 came in, 2 kept \+ 1 gone = 3 went out$"
    ):
        balanced("x", 4, kept=2, gone=1)
