"""What the champion is worth: metrics, intervals, months, slices, importance, comparisons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from fullcycle.evaluation.evaluate import importance, main
from fullcycle.evaluation.rows import Rows
from fullcycle.files import DECISION, PREDICTIONS, read_json, sha256, write_json, write_table
from fullcycle.intervals import gain
from fullcycle.metrics import Decision, confusion
from fullcycle.params import Evaluate
from fullcycle.tasks import task_of
from fullcycle.training import store

ROLES = {"id": "id", "time": "time", "label": "late", "known_at": "known_at"}
SECTION = {
    "resamples": 60,
    "confidence": 0.9,
    "bins": 5,
    "min_slice_rows": 40,
    "importance_rows": 500,
    "seed": 1,
}
SETTINGS = Evaluate.model_validate(SECTION)
DECISION_ = Decision(0.5, 1.0, 3.0)


def _rows(start: str, count: int = 600, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    signal = random.normal(size=count)
    time = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(
        np.sort(random.integers(0, 60 * 24, count)), unit="h"
    )
    return pd.DataFrame(
        {
            "id": [f"{start}-{n}" for n in range(count)],
            "time": time,
            "known_at": time,
            "late": (signal + random.normal(size=count) > 0).astype("float64"),
            "signal": signal,
            "noise": random.normal(size=count),
            "town": pd.Series(
                random.choice(["Rome", "Oslo", "Lima"], count, p=[0.6, 0.36, 0.04]), dtype="str"
            ),
        }
    )


def _predict(table: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(-1.6 * table["signal"].to_numpy()))


@pytest.fixture
def rows():
    """Two months of test rows."""
    return Rows(_rows("2013-09-01"), SETTINGS, ROLES, task_of("binary"))


def test_groups_add_up_to_the_rows(rows):
    """Months, and slices that are large enough, hold each row once; a small slice is not reported."""
    p = _predict(rows.rows)
    month = rows.time.dt.strftime("%Y-%m")
    months = rows.groups(month, p, DECISION_, 1)
    assert {name: each["rows"] for name, each in months.items()} == month.value_counts().to_dict()
    towns = rows.groups(rows.rows["town"], p, DECISION_, 40)
    counts = rows.rows["town"].value_counts()
    assert {name: each["rows"] for name, each in towns.items()} == counts[counts >= 40].to_dict()
    assert "Lima" not in towns
    everything = rows.groups(rows.rows["town"], p, DECISION_, 1)
    assert sum(each["rows"] for each in everything.values()) == 600


def test_a_slices_metrics_are_those_of_its_rows(rows):
    """Recomputed by scikit-learn on the rows alone; each value lies in its interval."""
    p = _predict(rows.rows)
    own = (rows.rows["town"] == "Rome").to_numpy()
    report = rows.groups(rows.rows["town"], p, DECISION_, 40)["Rome"]
    assert report["roc_auc"]["value"] == pytest.approx(roc_auc_score(rows.y[own], p[own]))
    assert report["positive_share"] == rows.y[own].mean()
    for name in ("roc_auc", "log_loss", "brier", "f1", "cost"):
        assert report[name]["low"] < report[name]["value"] < report[name]["high"], name


def test_a_report_counts_the_days_of_its_rows(rows):
    """UTC days, those of a slice apart: an interval of few days says little."""
    p = _predict(rows.rows)
    day = rows.time.dt.strftime("%Y-%m-%d")
    assert rows.report(p, DECISION_)["days"] == day.nunique()
    chosen = (day.isin(day.unique()[[3, 7]])).to_numpy()
    assert rows.report(p, DECISION_, chosen)["days"] == 2


def test_the_confusion_matrix_counts_every_row_once():
    """A probability at the threshold is a warning."""
    y, p = np.array([1.0, 1, 0, 0, 1]), np.array([0.5, 0.4, 0.5, 0.1, 0.9])
    found = confusion(y, p, 0.5)
    assert found == {"true_positives": 2, "false_positives": 1, "false_negatives": 1, "true_negatives": 1}


def test_permutation_importance_finds_the_only_informative_feature(rows):
    """It comes first, and what the model does not use costs nothing; the seed repeats."""
    features = rows.rows[["noise", "signal", "town"]]
    ranked = importance(_predict, features, rows.y, SETTINGS, rows.task)
    assert ranked["feature"].tolist() == ["signal", "noise", "town"]
    assert ranked["importance"].iloc[0] > 0.2
    assert ranked["importance"].tolist()[1:] == [0, 0]
    pd.testing.assert_frame_equal(importance(_predict, features, rows.y, SETTINGS, rows.task), ranked)


@pytest.mark.parametrize(("metric", "sign"), [("roc_auc", 1), ("log_loss", -1), ("cost", -1), ("f1", 1)])
def test_a_gain_is_positive_where_the_champion_is_better(metric, sign):
    """Whether high or low is good; paired, so that what both share cancels out."""
    shared = np.random.default_rng(0).normal(size=50)
    gained = gain({metric: shared}, {metric: shared + sign * 0.25}, 0.9)[metric]
    assert gained == pytest.approx({"value": 0.25, "low": 0.25, "high": 0.25})


def _save(name: str, model: Pipeline, validation: pd.DataFrame, folder: Path, complexity: int) -> None:
    folder.mkdir(parents=True)
    store.save(model, folder)
    probability = model.predict_proba(validation[["noise", "signal"]])[:, 1]
    write_table(pd.DataFrame({"id": validation["id"], "probability": probability}), folder / PREDICTIONS)
    manifest = {
        "candidate": name,
        "complexity": complexity,
        "params": {"kind": name},
        "features": [["noise", "float64"], ["signal", "float64"]],
        "files": {store.PIPELINE: sha256(folder.joinpath(store.PIPELINE).read_bytes())},
    }
    write_json(manifest, folder / store.MANIFEST)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage on two candidates, the better of which is the champion."""
    monkeypatch.chdir(tmp_path)

    def evaluate(test: pd.DataFrame, out: str = "plots") -> dict:
        validation = _rows("2013-07-01", seed=1)
        write_table(validation, Path("validation.parquet"))
        write_table(test, Path("test.parquet"))
        write_table(_rows("2013-11-01", seed=3), Path("live.parquet"))
        features, label = validation[["noise", "signal"]], validation["late"].astype("int64")
        if not Path("candidates").exists():
            models = {"logistic": LogisticRegression(), "baseline": DummyClassifier(strategy="prior")}
            for complexity, (name, model) in enumerate(models.items()):
                fitted = Pipeline([("estimate", model)]).fit(features, label)
                _save(name, fitted, validation, Path("candidates", name), complexity)
            _save("logistic", store.load(Path("candidates/logistic")), validation, Path("champion"), 1)
            decision = {"threshold": 0.25, "costs": {"false_alarm": 1.0, "missed": 3.0}}
            write_json(decision, Path("champion", DECISION))
        parameters = {"problem": ROLES | {"task": "binary", "slices": ["town"]}, "evaluate": SECTION}
        parameters["train"] = {name: {"kind": "baseline"} for name in ("logistic", "baseline")}
        parameters["train"]["logistic"] = {
            "kind": "logistic", "c": 1.0, "max_iter": 9, "knots": 3, "min_category_rows": 1
        }  # fmt: skip
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
        main(
            champion=Path("champion"),
            candidates=Path("candidates"),
            validation=Path("validation.parquet"),
            test=Path("test.parquet"),
            live=Path("live.parquet"),
            test_metrics=Path("test.json"),
            live_metrics=Path("live.json"),
            details=Path("details.json"),
            plots_out=Path(out),
        )
        return read_json(Path("test.json"))

    return evaluate


def test_the_stage_reports_the_champion_and_draws_it(run):
    """Test rows with comparisons and plots, live rows without; confusion, months and slices add up."""
    report = run(_rows("2013-09-01", seed=2))
    details = read_json(Path("details.json"))["test"]
    gained, close = report["gain_over_baseline"]["log_loss"], {"abs": 2e-6}
    assert (report["rows"], report["part"], report["threshold"]) == (600, "test", 0.25)
    assert sum(report["confusion"].values()) == 600
    assert sum(month["rows"] for month in details["months"].values()) == 600
    assert set(details["slices"]["town"]) == {"Oslo", "Rome"}
    assert set(details["candidates"]) == {"baseline"}
    assert details["candidates"]["baseline"]["champion_gains"] == report["gain_over_baseline"]
    assert gained["low"] > 0
    difference = details["candidates"]["baseline"]["log_loss"]["value"] - report["log_loss"]["value"]
    assert gained["value"] == pytest.approx(difference, **close)
    cheapest = min(1 - report["positive_share"], 3 * report["positive_share"])
    saved = cheapest - report["cost"]["value"]
    assert report["gain_over_constant"]["cost"]["value"] == pytest.approx(saved, **close)
    live = read_json(Path("live.json"))
    assert live["part"] == "live"
    assert set(read_json(Path("details.json"))["live"]) == {"months", "slices"}
    assert not {"gain_over_baseline", "gain_over_constant"} & set(live)
    drawn = ("roc", "precision_recall", "calibration", "importance", "months")
    expected = {f"{name}.{kind}" for name in drawn for kind in ("csv", "png")} | {"confusion.png"}
    assert {path.name for path in Path("plots").iterdir()} == expected


def test_the_stage_repeats_byte_for_byte(run):
    """Metrics and plots, run twice."""
    contents = []
    for out in ("first", "second"):
        run(_rows("2013-09-01", seed=2), out)
        files = [*Path(out).iterdir(), Path("test.json"), Path("live.json"), Path("details.json")]
        contents.append({path.name: path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_a_month_of_one_class_has_no_ranking_and_stops_nothing(run):
    """It is reported without ROC AUC, and left out of the plot by month."""
    test = _rows("2013-09-01", seed=2)
    test.loc[test["time"] >= "2013-10-01", "late"] = 0.0
    run(test)
    months = read_json(Path("details.json"))["test"]["months"]
    assert "roc_auc" not in months["2013-10"]
    assert "log_loss" in months["2013-10"]
    assert pd.read_csv("plots/months.csv")["month"].tolist() == ["2013-09"]
