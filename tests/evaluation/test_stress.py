"""Test rows are damaged in declared ways; the drop is measured and monitoring is asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from fullcycle.errors import Refusal
from fullcycle.evaluation.stress import Answers, Monitor, chance_of, drawn, main, unnoticed
from fullcycle.files import DECISION, read_json, sha256, write_json, write_table
from fullcycle.tasks import task_of
from fullcycle.training import store

ROLES = {"id": "id", "time": "time", "label": "late", "known_at": "known_at"}
EVALUATE = {
    "resamples": 50,
    "confidence": 0.9,
    "bins": 5,
    "min_slice_rows": 40,
    "importance_rows": 50,
    "seed": 1,
}
STRESS = {
    "rows": 800,
    "metrics": ["roc_auc", "log_loss"],
    "alpha": 0.01,
    "seed": 1,
    "sources": {"radio": ["sig*"], "rest": ["noise"]},
    "damages": {
        "whisper": {"kind": "noise", "sd": 0.01},
        "no_radio": {"kind": "gone", "source": "radio"},
        "no_rest": {"kind": "gone", "source": "rest"},
        "twice": {"kind": "duplicated", "share": 0.1},
        "swapped": {"kind": "unit", "columns": ["signal"], "scale": -1.0, "offset": 0.0},
        "late_radio": {"kind": "stale", "source": "radio", "by": "3h", "keys": []},
    },
}


def _rows(count: int = 2000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    signal = random.normal(size=count)
    time = pd.Timestamp("2013-09-01", tz="UTC") + pd.to_timedelta(
        np.sort(random.integers(0, 24 * 40, count)), unit="h"
    )
    late = (signal + random.normal(size=count) > 0).astype("float64")
    return pd.DataFrame({"id": [f"r{n}" for n in range(count)], "time": time, "known_at": time, "late": late,
                         "signal": signal, "noise": random.normal(size=count)})  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage in an empty folder, on a model that takes gaps or one that does not."""
    monkeypatch.chdir(tmp_path)
    rows = _rows()
    write_table(rows, Path("test.parquet"))

    def stress(*, takes_gaps: bool = True, **changed) -> dict:
        folder = Path("champion")
        folder.mkdir(exist_ok=True)
        model = (
            make_pipeline(SimpleImputer(), LogisticRegression())
            if takes_gaps
            else Pipeline([("e", LogisticRegression())])
        )
        store.save(model.fit(rows[["signal", "noise"]], rows["late"].astype("int64")), folder)
        manifest = {
            "candidate": "logistic",
            "features": [["signal", "float64"], ["noise", "float64"]],
            "files": {store.PIPELINE: sha256(folder.joinpath(store.PIPELINE).read_bytes())},
        }
        write_json(manifest, folder / store.MANIFEST)
        write_json({"threshold": 0.4, "costs": {"false_alarm": 1.0, "missed": 2.0}}, folder / DECISION)
        content = {"problem": ROLES | {"task": "binary"}, "evaluate": EVALUATE, "stress": STRESS | changed}
        Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        main(champion=folder, test=Path("test.parquet"), metrics=Path("robustness.json"), plot=Path("r.png"))
        return read_json(Path("robustness.json"))

    return stress


def test_each_damage_has_its_drop_and_whether_monitoring_would_notice(run):
    """What matters drops and is noticed; what the model does not use costs nothing."""
    report = run()
    assert report["rows"] == {"test": 2000, "drawn": 800, "reference": 800}
    assert report["undamaged"]["monitoring"]["noticed"] is False
    damages = report["damages"]
    assert set(damages) == set(STRESS["damages"])
    no_radio = damages["no_radio"]
    assert no_radio["drop"]["roc_auc"]["value"] > 0.25
    assert no_radio["monitoring"]["drifted"]["first"][0] in {"signal", "prediction"}
    assert abs(damages["no_rest"]["drop"]["roc_auc"]["value"]) < 0.02
    assert damages["no_rest"]["monitoring"] == {
        "noticed": True, "repeated_ids": 0, "drifted": {"count": 1, "first": ["noise"]},
        "jointly": {"drifted": True, "roc_auc": 1.0},
    }  # fmt: skip
    for each in damages.values():
        drop = each["drop"]["roc_auc"]
        assert drop["low"] <= drop["value"] <= drop["high"]
        whole, hurt = report["undamaged"]["metrics"]["roc_auc"], each["metrics"]["roc_auc"]
        assert drop["value"] == pytest.approx(whole - hurt, abs=2e-6)


def test_rows_are_conserved_and_stated(run):
    """None is lost; added ones are the duplicates, which monitoring sees by their ids alone."""
    damages = run()["damages"]
    for name, each in damages.items():
        rows = each["rows"]
        assert rows["out"] == rows["in"] + rows["added"]
        assert (rows["added"] > 0) == (name == "twice")
    twice = damages["twice"]["monitoring"]
    assert twice["repeated_ids"] == damages["twice"]["rows"]["added"]
    assert twice["noticed"]


def test_harm_that_nobody_would_notice_is_named(run):
    """A feed with its sign turned round looks the same: the worst damage that monitoring cannot see."""
    report = run()
    assert report["damages"]["swapped"]["monitoring"]["noticed"] is False
    assert report["unnoticed"]["roc_auc"]["damage"] == "swapped"
    assert report["unnoticed"]["roc_auc"]["value"] == report["damages"]["swapped"]["drop"]["roc_auc"]["value"]


def test_where_everything_is_noticed_the_unnoticed_harm_is_zero():
    """And a damage without the metric (one class) plays no part."""
    seen = {"drop": {"cost": {"value": 0.5, "low": 0.4, "high": 0.6}}, "monitoring": {"noticed": True}}
    none = {"drop": {}, "monitoring": {"noticed": False}}
    assert unnoticed({"a": seen, "b": none}, "cost") == {
        "damage": "none",
        "value": 0.0,
        "low": 0.0,
        "high": 0.0,
    }


def test_a_model_that_takes_no_gaps_is_as_good_as_the_trivial_answer(run):
    """It stops nothing: its rows without answer are counted, and ranked like chance."""
    gone = run(takes_gaps=False)["damages"]["no_rest"]
    assert gone["unanswered"] == 800
    assert gone["metrics"]["roc_auc"] == 0.5


def test_a_row_without_answer_gets_the_trivial_one():
    """Row by row where the model answers the others."""
    said = iter([np.array([0.1, 0.5]), np.array([0.2, np.nan, 0.9])])
    table, lost = Answers(task_of("binary"), lambda _: next(said), pd.DataFrame()).of(
        pd.DataFrame(index=range(3))
    )
    assert (table["probability"].tolist(), lost) == ([0.2, 0.3, 0.9], 1)


def test_the_stage_repeats_byte_for_byte_and_damages_do_not_touch_each_other(run):
    """Report and plot; one damage more changes nothing for the others."""
    first = run()
    contents = [path.read_bytes() for path in (Path("robustness.json"), Path("r.png"))]
    run()
    assert [path.read_bytes() for path in (Path("robustness.json"), Path("r.png"))] == contents
    more = run(damages={"first": {"kind": "missing", "share": 0.5}} | STRESS["damages"])
    assert {name: more["damages"][name] for name in STRESS["damages"]} == first["damages"]


def test_a_damage_that_cannot_be_done_stops_the_stage_before_any_work(run, monkeypatch):
    """Whatever its place in the list."""
    wrong = {"kind": "stale", "source": "radio", "by": "3h", "keys": ["origim"]}
    monkeypatch.delattr("fullcycle.evaluation.stress.drawn")
    with pytest.raises(Refusal, match=r"stress.damages.last.keys: 'origim'"):
        run(damages=STRESS["damages"] | {"last": wrong})


def test_rows_to_damage_and_rows_to_compare_with_are_others():
    """Half of all each, where there are too few."""
    rows = _rows(101)
    one, two = drawn(rows, 800, 1)
    assert (len(one), len(two)) == (50, 50)
    assert not set(one["id"]) & set(two["id"])
    assert one["time"].is_monotonic_increasing


def test_chance_depends_on_the_name_and_the_seed():
    """Nothing else."""
    draw = [chance_of(seed, name).random() for seed, name in ((1, "a"), (1, "a"), (1, "b"), (2, "a"))]
    assert draw[0] == draw[1]
    assert len(set(draw)) == 3


def test_columns_that_no_longer_fit_each_other_are_noticed_alone():
    """A warmth of three hours before drifts in no column, and no id repeats: all columns together tell."""

    def seen(seed, lag):
        random = np.random.default_rng(seed)
        hour = random.integers(0, 24, 2000)
        warmth = np.sin((hour - lag) / 24 * 2 * np.pi) + random.normal(0, 0.2, 2000)
        rows = pd.DataFrame({"id": np.arange(2000), "hour": hour.astype("float64"), "warmth": warmth})
        return rows, pd.DataFrame({"probability": random.random(2000)})

    features = ["hour", "warmth"]
    monitor = Monitor(*seen(0, 0), features, SimpleNamespace(alpha=0.01, seed=1))
    as_ever, late = (monitor.asked(*seen(seed, lag), features, "id") for seed, lag in ((1, 0), (2, 3)))
    assert as_ever["noticed"] is False
    assert late["noticed"] is True
    assert late["drifted"]["count"] == late["repeated_ids"] == 0
    assert late["jointly"]["drifted"] is True
