"""Real tables that scikit-learn ships, split by a made-up time, and the stages run on them."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# As in src/stage.py, before LightGBM is imported: spinning threads are slow where tests share cores.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn import datasets

from fullcycle.evaluation import evaluate, gate
from fullcycle.files import read_json, write_json, write_table
from fullcycle.training import select, train

ROLES = {"id": "id", "time": "time", "label": "label", "known_at": "known_at"}
TREES = {"min_category_rows": 5, "seed": 1, "l2": 1.0}
LIGHTGBM = TREES | {"kind": "lightgbm", "rounds": 40, "learning_rate": 0.1, "num_leaves": 7,
                    "min_leaf_rows": 10, "row_share": 0.8, "feature_share": 0.8}  # fmt: skip
BOOSTING = TREES | {"kind": "boosting", "rounds": 40, "learning_rate": 0.1, "max_leaves": 7,
                    "min_leaf_rows": 10}  # fmt: skip
FOREST = {"kind": "forest", "trees": 30, "min_leaf_rows": 3, "feature_share": 0.3, "seed": 1}
MLP = {"kind": "mlp", "layers": [16], "alpha": 0.01, "learning_rate": 0.01, "epochs": 30, "batch_rows": 64,
       "seed": 1}  # fmt: skip
LOGISTIC = {"kind": "logistic", "c": 1.0, "max_iter": 50, "knots": 4, "min_category_rows": 5}
BASELINE = {"kind": "baseline"}
TASKS = {
    "binary": ("load_breast_cancer", "roc_auc", {
        "baseline": BASELINE, "logistic": LOGISTIC, "boosting": BOOSTING, "forest": FOREST,
        "lightgbm": LIGHTGBM, "mlp": MLP}),
    "multiclass": ("load_wine", "log_loss", {
        "baseline": BASELINE, "logistic": LOGISTIC, "boosting": BOOSTING, "forest": FOREST,
        "lightgbm": LIGHTGBM, "mlp": MLP}),
    "regression": ("load_diabetes", "rmse", {
        "baseline": BASELINE, "last_value": {"kind": "last_value", "column": "last"},
        "ridge": {"kind": "ridge", "alpha": 1.0}, "lasso": {"kind": "lasso", "alpha": 0.5},
        "boosting": BOOSTING, "forest": FOREST, "lightgbm": LIGHTGBM, "mlp": MLP | {"epochs": 100}}),
    "clustering": ("load_wine", "silhouette", {
        "baseline": BASELINE, "kmeans": {"kind": "kmeans", "clusters": 3, "starts": 3, "seed": 1},
        "mixture": {"kind": "mixture", "clusters": 3, "starts": 2, "seed": 1}}),
}  # fmt: skip


def rows_of(name: str) -> pd.DataFrame:
    """A shipped table in a fixed random order, an hour a row, with a category and some gaps."""
    table = getattr(datasets, name)(as_frame=True).frame
    table.columns = [str(column).replace(" ", "_") for column in table.columns]
    table = table.sample(frac=1, random_state=0).reset_index(drop=True)
    label = table.pop("target")
    first = table.columns[0]
    random = np.random.default_rng(0)
    size = pd.Series(np.where(table[first] > table[first].median(), "large", "small"), dtype="str")
    time = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(table)), unit="h")
    return table.mask(random.random(table.shape) < 0.02).assign(
        size=size,
        last=label.shift(1).astype("float64"),
        id=[f"r{number}" for number in range(len(table))],
        time=time,
        known_at=time,
        label=label,
    )


def parts_of(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Half of the rows to train, then a fifth each to choose and to test, then the live ones."""
    edges = [0, *(round(len(rows) * share) for share in (0.5, 0.7, 0.9)), len(rows)]
    names = ("train", "validation", "test", "live")
    spans = zip(names, pairwise(edges), strict=True)
    return {name: rows.iloc[start:end].reset_index(drop=True) for name, (start, end) in spans}


@pytest.fixture
def cycle(tmp_path, monkeypatch):
    """Run train, select, evaluate and gate for a task in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return _run


@pytest.fixture(scope="session")
def _finished():
    return {}


@pytest.fixture
def finished(_finished, tmp_path_factory, monkeypatch):
    """A run of a task with all its candidates, made once for all tests; the current folder is its own."""

    def of(task: str) -> SimpleNamespace:
        first = task not in _finished
        folder = tmp_path_factory.mktemp(task) if first else _finished[task][0]
        monkeypatch.chdir(folder)
        if first:
            _finished[task] = folder, _run(task)
        return _finished[task][1]

    return of


def _run(task: str, candidates: dict[str, Any] | None = None, **select_: Any) -> SimpleNamespace:
    name, metric, defaults = TASKS[task]
    candidates = candidates or defaults
    parts = parts_of(rows_of(name))
    for part, table in parts.items():
        write_table(table, Path(f"{part}.parquet"))
    split = {part: Path(f"{part}.parquet") for part in ("train", "validation")}
    better_than_nothing = {"metric": f"test.{metric}", "why": "it says something"}
    bound = {"max": 1e9} if metric in ("rmse", "log_loss") else {"min": 0.0}
    parameters = {
        "problem": ROLES | {"task": task, "horizon": "2h", "slices": ["size"],
                            "costs": {"false_alarm": 1.0, "missed": 3.0}},
        "train": candidates,
        "select": {"metric": metric, "tie": 0.0} | select_,
        "evaluate": {"resamples": 50, "confidence": 0.9, "bins": 5, "min_slice_rows": 5,
                     "importance_rows": 100, "seed": 1},
        "gate": {"enforce": True, "criteria": {"says_something": better_than_nothing | bound}},
    }  # fmt: skip
    Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    for candidate in candidates:
        train.main(candidate=candidate, out=Path("candidates", candidate), **split)
    champion, folder = Path("champion"), Path("candidates")
    select.main(
        candidates=folder,
        validation=split["validation"],
        champion=champion,
        report=Path("selection.json"),
    )
    evaluate.main(
        champion=champion,
        candidates=folder,
        validation=split["validation"],
        test=Path("test.parquet"),
        live=Path("live.parquet"),
        test_metrics=Path("test.json"),
        live_metrics=Path("live.json"),
        plots_out=Path("plots"),
    )
    write_json({}, Path("quality.json"))
    gate.main(
        test=Path("test.json"), quality=Path("quality.json"), champion=champion, report=Path("gate.json")
    )
    return SimpleNamespace(
        parts=parts,
        parameters=parameters,
        selection=read_json(Path("selection.json")),
        test=read_json(Path("test.json")),
        gate=read_json(Path("gate.json")),
    )
