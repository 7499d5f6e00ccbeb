"""What a model's files say of themselves: whole or changed, how large, how much work, on which rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from fullcycle.evaluation import facts
from fullcycle.files import sha256, write_json, write_table
from fullcycle.training import store

ROLES = {"id": "id", "time": "time", "known_at": "known_at"}


def _saved(estimator, folder):
    random = np.random.default_rng(0)
    x = pd.DataFrame(random.normal(size=(500, 3)), columns=list("abc"))
    model = Pipeline([("estimate", estimator)]).fit(x, (x["a"] + x["b"] > 0).astype("int64"))
    folder.mkdir()
    store.save(model, folder)
    files = {path.name: sha256(path.read_bytes()) for path in folder.iterdir()}
    write_json({"files": files}, folder / store.MANIFEST)
    return model


def test_a_boosters_operations_are_the_depths_of_its_trees(tmp_path):
    """As LightGBM itself counts them, summed."""
    model = _saved(LGBMClassifier(n_estimators=12, num_leaves=9, verbose=-1), tmp_path / "m")
    trees = model[-1].booster_.trees_to_dataframe()
    depths = trees.groupby("tree_index")["node_depth"].max() - 1  # it counts levels, the first one too
    assert facts.operations(tmp_path / "m") == depths.sum()


def test_a_tree_of_one_leaf_costs_nothing(tmp_path):
    """LightGBM writes no children for it."""
    _saved(LGBMClassifier(n_estimators=3, min_child_samples=400, verbose=-1), tmp_path / "m")
    assert facts.operations(tmp_path / "m") == 0


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_hides_no_operations(tmp_path, method):
    """Around a booster it adds the few numbers of its map."""
    plain = LGBMClassifier(n_estimators=200, num_leaves=9, verbose=-1)
    fitted = _saved(plain, tmp_path / "plain")[-1]
    _saved(CalibratedClassifierCV(FrozenEstimator(fitted), method=method, cv=3), tmp_path / "calibrated")
    assert not (tmp_path / "calibrated" / store.BOOSTER).exists()
    counts = [facts.operations(tmp_path / name) for name in ("plain", "calibrated")]
    assert counts[0] < counts[1] < 1.03 * counts[0]


def test_every_booster_of_an_ensemble_is_counted(tmp_path):
    """Two different ones cost what both cost."""
    sizes = {"a": 30, "b": 50}
    single = {n: LGBMClassifier(n_estimators=size, num_leaves=9, verbose=-1) for n, size in sizes.items()}
    for name, estimator in single.items():
        _saved(estimator, tmp_path / name)
    _saved(VotingClassifier(list(single.items())), tmp_path / "both")
    alone = sum(facts.operations(tmp_path / name) for name in single)
    assert alone <= facts.operations(tmp_path / "both") < alone + 50


def test_other_models_cost_as_many_operations_as_they_hold_numbers(tmp_path):
    """At least their coefficients."""
    _saved(LogisticRegression(), tmp_path / "m")
    assert 4 <= facts.operations(tmp_path / "m") < 100


@pytest.mark.parametrize("spoil", ["changed", "missing", "unnamed"])
def test_a_changed_missing_or_unnamed_pipeline_is_counted(tmp_path, spoil):
    """Files that training left with the candidate (its validation answers) are not missed."""
    folder = tmp_path / "m"
    _saved(LGBMClassifier(n_estimators=2, verbose=-1), folder)
    assert facts.model(folder)["changed_files"] == 0
    path = folder / store.PIPELINE
    if spoil == "changed":
        path.write_bytes(path.read_bytes() + b"!")
    elif spoil == "missing":
        path.unlink()
    else:
        write_json({"files": {}}, folder / store.MANIFEST)
    assert facts.model(folder)["changed_files"] == 1


def test_the_operations_of_a_changed_model_are_not_read(tmp_path):
    """Its files may be no longer what they were."""
    folder = tmp_path / "m"
    _saved(LogisticRegression(), folder)
    assert "operations" in facts.model(folder)
    folder.joinpath(store.PIPELINE).write_bytes(b"no zip")
    assert set(facts.model(folder)) == {"changed_files", "bytes"}


def test_bytes_are_those_of_all_files(tmp_path):
    """The manifest included."""
    folder = tmp_path / "m"
    _saved(LogisticRegression(), folder)
    assert facts.model(folder)["bytes"] == sum(len(path.read_bytes()) for path in folder.iterdir())


def _part(name: str, first: str, days: int) -> pd.DataFrame:
    time = pd.Timestamp(first, tz="UTC") + pd.to_timedelta(np.arange(days), unit="D")
    return pd.DataFrame(
        {"id": [f"{name}{n}" for n in range(days)], "time": time, "known_at": time + pd.Timedelta("3h")}
    )


@pytest.fixture
def split(tmp_path):
    """A split in which nothing overlaps, and the manifest of a model trained on it."""
    parts = {"train": _part("a", "2013-01-01", 30), "validation": _part("v", "2013-02-01", 10),
             "test": _part("t", "2013-03-01", 20)}  # fmt: skip
    for name, rows in parts.items():
        write_table(rows, tmp_path / f"{name}.parquet")
    return tmp_path, parts


HORIZON = pd.Timedelta("2h")


def _training(split, horizon=HORIZON, rows=None):
    folder, _ = split
    inputs = {name: sha256(folder.joinpath(name).read_bytes()) for name in facts.TRAINED_ON}
    return facts.training(
        {"inputs": inputs, "rows": rows or {"train": 1, "validation": 1}}, folder, ROLES, horizon
    )


def test_a_sound_split_has_nothing_to_report(split):
    """Days are counted from the last training row to the first test row."""
    assert _training(split) == {
        "foreign_inputs": 0, "rows_also_in_test": 0, "rows_known_too_late": 0, "days_before_test": 30.0
    }  # fmt: skip


def test_a_model_that_was_fitted_on_both_parts_is_as_fresh_as_the_later_one(split):
    """After a refit, days are counted from the last validation row."""
    assert _training(split, rows={"refit": 2})["days_before_test"] == 19.0


def test_what_was_known_when_the_first_test_row_was_decided_on_is_not_too_late(split):
    """The moment of decision is the horizon before its time; from it on, a label came too late."""
    folder, parts = split
    first = parts["test"]["time"].min()
    late = parts["validation"].assign(known_at=first - pd.Timedelta("2h"))
    late.loc[:3, "known_at"] -= pd.Timedelta("1s")
    write_table(late, folder / "validation.parquet")
    assert _training(split)["rows_known_too_late"] == 6


def test_a_split_that_does_not_follow_time_has_no_too_late(split):
    """Its rows may be known whenever."""
    assert "rows_known_too_late" not in _training(split, None)


@pytest.mark.parametrize(
    ("inputs", "count"),
    [
        (lambda good: good, 0),
        (lambda good: good | {"train.parquet": "0" * 64}, 1),
        (lambda good: good | {"test.parquet": "0" * 64}, 1),
        (lambda good: {"validation.parquet": good["validation.parquet"]}, 1),
        (lambda _: {}, 1),
    ],
)
def test_inputs_that_are_not_this_splits_training_rows_are_foreign(split, inputs, count):
    """Others, further ones, or none."""
    folder, _ = split
    good = {name: sha256(folder.joinpath(name).read_bytes()) for name in facts.TRAINED_ON}
    assert (
        facts.training({"inputs": inputs(good), "rows": {}}, folder, ROLES, None)["foreign_inputs"] == count
    )
