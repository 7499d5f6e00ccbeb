"""What cannot be learnt from ends in words when a candidate is trained, and leaves no model behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.files import PREDICTIONS, read_table, write_table
from fullcycle.training import train

ROLES = {"id": "id", "time": "time", "label": "label", "known_at": "known_at"}
SHARED = {"min_category_rows": 1, "seed": 1, "l2": 1.0}
SECTIONS = {
    "logistic": {"kind": "logistic", "c": 1.0, "max_iter": 50, "knots": 3, "min_category_rows": 1},
    "ridge": {"kind": "ridge", "alpha": 1.0},
    "lightgbm": SHARED | {"kind": "lightgbm", "rounds": 5, "learning_rate": 0.1, "num_leaves": 7,
                          "min_leaf_rows": 5, "row_share": 0.8, "feature_share": 0.8},
    "boosting": SHARED | {"kind": "boosting", "rounds": 5, "learning_rate": 0.1, "max_leaves": 7,
                          "min_leaf_rows": 5},
    "forest": {"kind": "forest", "trees": 5, "min_leaf_rows": 5, "feature_share": 0.5, "seed": 1},
    "mlp": {"kind": "mlp", "layers": [4], "alpha": 1.0, "learning_rate": 0.01, "epochs": 5,
            "batch_rows": 32, "seed": 1},
    "kmeans": {"kind": "kmeans", "clusters": 2, "starts": 1, "seed": 1},
    "mixture": {"kind": "mixture", "clusters": 2, "starts": 1, "seed": 1},
}  # fmt: skip
LEARNERS = [
    *[(task, kind) for task in ("binary", "multiclass", "regression")
      for kind in ("lightgbm", "boosting", "forest", "mlp")],
    ("binary", "logistic"), ("multiclass", "logistic"), ("regression", "ridge"), ("clustering", "kmeans"),
    ("clustering", "mixture"),
]  # fmt: skip


def _rows(task: str, count: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    number, time = random.normal(size=count), pd.Timestamp("2013-01-01", tz="UTC")
    label = {
        "binary": (number > 0).astype("float64"),
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(number, [-0.5, 0.5])],
        "regression": number + random.normal(size=count),
        "clustering": np.full(count, np.nan),
    }[task]
    return pd.DataFrame({
        "id": [f"r{n}" for n in range(count)], "time": time + pd.to_timedelta(np.arange(count), "h"),
        "known_at": time, "label": label, "number": number, "other": random.normal(size=count),
    })  # fmt: skip


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Train one kind for a task on rows, ask it the same, and give its answers."""
    monkeypatch.chdir(tmp_path)

    def run(task: str, kind: str, rows: pd.DataFrame, **section) -> pd.DataFrame:
        parameters = {"problem": ROLES | {"task": task, "horizon": "2h"},
                      "train": {"it": SECTIONS[kind] | section}}  # fmt: skip
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
        path, out = Path("rows.parquet"), Path("models/it")
        write_table(rows, path)
        try:
            train.main(candidate="it", train=path, validation=path, out=out, metrics=Path("it.json"))
        except Refusal:
            assert not out.exists()
            raise
        return read_table(out / PREDICTIONS)

    return run


@pytest.mark.parametrize(
    ("task", "kind", "rule"),
    [
        ("binary", "logistic", r"label has 1 class\(es\); the rule is two"),
        ("multiclass", "lightgbm", r"label has 1 class\(es\); the rule is 2 to 1000"),
        ("regression", "ridge", "label is the same on all 120 rows: nothing to learn"),
    ],
)
def test_a_target_with_one_value_is_refused(trained, task, kind, rule):
    """There is nothing to tell apart."""
    with pytest.raises(Refusal, match=rule):
        trained(task, kind, _rows(task).assign(label=1.0))


@pytest.mark.parametrize(("task", "kind"), LEARNERS)
def test_columns_that_are_all_missing_and_constant_are_refused(trained, task, kind):
    """Where there is no other; whatever was learnt would be the baseline."""
    rows = _rows(task).assign(number=np.nan, other=7.0)
    with pytest.raises(Refusal, match="every one of 2 features is constant or missing on all rows"):
        trained(task, kind, rows)


@pytest.mark.parametrize(("task", "kind"), LEARNERS)
def test_columns_that_say_nothing_do_no_harm_beside_others(trained, task, kind):
    """All missing and constant ones, numbers and text."""
    nothing = pd.Series([None] * 120, dtype="str")
    rows = _rows(task).assign(gone=np.nan, none=nothing, same=7.0, word="same")
    answers = trained(task, kind, rows).drop(columns="id")
    assert np.isfinite(answers.to_numpy("float64")).all()


@pytest.mark.parametrize(("task", "kind"), LEARNERS)
@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_values_are_refused(trained, task, kind, infinite):
    """One model would fail on them, another take them for very large."""
    rows = _rows(task)
    rows.loc[[3, 5], "other"] = infinite
    with pytest.raises(Refusal, match="train: the feature other is infinite on 2 rows"):
        trained(task, kind, rows)


def test_an_infinite_target_is_refused(trained):
    """Its mean would be infinite too."""
    rows = _rows("regression")
    rows.loc[3, "label"] = np.inf
    with pytest.raises(Refusal, match="the label label is missing or infinite on 1 rows"):
        trained("regression", "ridge", rows)


EVERY = {"prepare": {"categories": {"min_rows": 1}}}


@pytest.mark.parametrize(
    ("task", "kind", "section"),
    [("binary", "logistic", {}), ("regression", "ridge", EVERY), ("binary", "mlp", EVERY),
     ("clustering", "kmeans", EVERY)],
)  # fmt: skip
def test_a_hundred_thousand_categories_are_refused_where_each_would_be_a_column(trained, task, kind, section):
    """With the feature's name, before the memory is gone."""
    rows = _rows(task, 100_000).assign(tail=[f"N{n}" for n in range(100_000)])
    with pytest.raises(Refusal, match="the feature tail has 100000 categories with 1 rows or more"):
        trained(task, kind, rows, **section)


def test_a_hundred_thousand_categories_are_no_trouble_for_trees(trained):
    """Each is a number."""
    rows = _rows("binary", 100_000).assign(tail=[f"N{n}" for n in range(100_000)])
    assert len(trained("binary", "lightgbm", rows)) == 100_000


@pytest.mark.parametrize("kind", ["lightgbm", "boosting", "logistic"])
def test_calibration_on_rows_without_one_of_the_classes_is_refused(trained, kind):
    """Nothing could be said of it; a label that comes late in the day makes this happen."""
    rows = _rows("binary")
    rows.loc[80:, "label"] = 0.0
    with pytest.raises(Refusal, match=r"calibration: the class 1 is only among the rows fitted on or only"):
        trained("binary", kind, rows, calibration={"share": 0.3, "method": "sigmoid"})


@pytest.mark.parametrize("kind", ["lightgbm", "boosting"])
def test_early_stopping_on_rows_of_one_class_is_refused(trained, kind):
    """The rows before the latest have to teach something."""
    rows = _rows("binary")
    rows.loc[:79, "label"] = 0.0
    with pytest.raises(Refusal, match=r"the 80 rows before the latest \(a share of 0\.333\) have one label"):
        trained("binary", kind, rows, early_stopping={"share": 0.333, "patience": 3})
