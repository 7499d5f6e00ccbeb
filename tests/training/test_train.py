"""One candidate is fitted on the training rows and answers the validation rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.files import PREDICTIONS, read_json, read_table, sha256, write_table
from fullcycle.training import store
from fullcycle.training.context import Question
from fullcycle.training.train import main, parted

ROLES = {"id": "id", "time": "time", "label": "late", "known_at": "known_at"}
PROBLEM = ROLES | {"task": "binary", "horizon": "2h"}
QUESTION = Question("binary", ROLES, timedelta(hours=2))


@pytest.fixture
def rows(made):
    """Rows of a split, with their roles."""

    def make(count: int, seed: int) -> pd.DataFrame:
        features, label = made(count, seed)
        time = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="h")
        ids = [f"{seed}-{n}" for n in range(count)]
        return features.assign(id=ids, time=time, late=label.astype("float64"), known_at=time)

    return make


def test_features_are_what_has_no_role(rows):
    """Neither id nor times nor the label reach the model."""
    features, label = parted(rows(50, 0), QUESTION)
    assert list(features) == ["number", "noise", "town"]
    assert set(label) == {0, 1}


BAD = [
    (lambda t: t.iloc[:0], "0 rows with 3 features"),
    (lambda t: t[list(ROLES.values())], "50 rows with 0 features: nothing to learn from"),
    (lambda t: t.assign(late=1.0), r"the label late has 1 class\(es\); the rule is two"),
    (lambda t: t.assign(late=t["late"] + 1), "the label late is 2.0 on"),
    (lambda t: t.assign(late=t["late"] / 2), "the label late is 0.5 on"),
    (
        lambda t: t.assign(late=t["late"].mask(t.index == 3)),
        "the label late is nan on 1 rows; the rule is 0 or 1",
    ),
    (
        lambda t: t.assign(noise=t["noise"].mask(t.index < 2, np.inf)),
        "train: the feature noise is infinite on 2 rows",
    ),
    (
        lambda t: t.assign(number=t["number"].mask(t.index == 9, -np.inf)),
        "the feature number is infinite on 1 rows",
    ),
]


@pytest.mark.parametrize(("change", "rule"), BAD, ids=[rule for _, rule in BAD])
def test_rows_that_cannot_be_learnt_from_are_refused(rows, change, rule):
    """No rows, no features, one class, other labels, infinite numbers: in words, before fitting."""
    with pytest.raises(Refusal, match=rule):
        parted(change(rows(50, 0)), QUESTION)


@pytest.fixture
def run(rows, sections, tmp_path, monkeypatch):
    """Run the stage in an empty folder."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump({"problem": PROBLEM, "train": sections}), encoding="utf-8")
    write_table(rows(400, 0), Path("train.parquet"))

    def train(kind: str, validation: pd.DataFrame | None = None) -> Path:
        write_table(rows(100, 1) if validation is None else validation, Path("validation.parquet"))
        out = Path("models") / kind
        main(candidate=kind, train=Path("train.parquet"), validation=Path("validation.parquet"), out=out,
             metrics=Path("metrics.json"))  # fmt: skip
        return out

    return train


@pytest.mark.parametrize("kind", ["baseline", "logistic", "lightgbm"])
def test_the_stage_leaves_a_model_its_answers_and_a_manifest(run, rows, sections, kind):
    """The loaded model gives the stored answers; the manifest names every file, input and parameter."""
    out = run(kind)
    manifest = read_json(out / store.MANIFEST)
    answers = read_table(out / PREDICTIONS)
    validation = rows(100, 1)
    np.testing.assert_array_equal(
        store.load(out).predict_proba(validation[store.columns(out)])[:, 1], answers["probability"]
    )
    assert answers["id"].tolist() == validation["id"].tolist()
    assert manifest["candidate"] == kind
    assert manifest["params"] == sections[kind]
    assert manifest["rows"] == {"train": 400, "validation": 100}
    assert store.columns(out) == ["number", "noise", "town"]
    assert manifest["inputs"] == {
        name: sha256(Path(name).read_bytes()) for name in ("train.parquet", "validation.parquet")
    }
    assert manifest["files"] == {
        path.name: sha256(path.read_bytes()) for path in out.iterdir() if path.name != store.MANIFEST
    }


def test_small_parameters_stand_in_the_manifest_as_they_are(run, sections):
    """Not rounded as metrics are: 1e-9 is not 0."""
    sections["logistic"]["c"] = 1e-9
    Path("params.yaml").write_text(yaml.safe_dump({"problem": PROBLEM, "train": sections}), encoding="utf-8")
    assert read_json(run("logistic") / store.MANIFEST)["params"]["c"] == 1e-9


def test_an_infinite_validation_row_is_refused_and_leaves_no_model(run, rows):
    """The same rule as for training rows, and nothing half-written."""
    validation = rows(100, 1)
    validation.loc[7, "noise"] = np.inf
    with pytest.raises(Refusal, match="validation: the feature noise is infinite on 1 rows"):
        run("lightgbm", validation)
    assert not Path("models").exists()
