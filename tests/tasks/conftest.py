"""Real tables that scikit-learn ships, with a made-up time, and the stages run on them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn import datasets

from fullcycle.data import split
from fullcycle.evaluation import evaluate, gate, honesty, stress
from fullcycle.features import featurize, quality
from fullcycle.files import read_json, read_table, write_json, write_table
from fullcycle.selection import select
from fullcycle.training import train

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
DAMAGES = {"noise": {"kind": "noise", "sd": 0.5}, "missing": {"kind": "missing", "share": 0.3},
           "outliers": {"kind": "outliers", "share": 0.05, "sd": 10.0},
           "unseen": {"kind": "unseen", "share": 0.5},
           "twice": {"kind": "duplicated", "share": 0.2}}  # fmt: skip
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


def rows_of(name: str, *, labelled: bool) -> pd.DataFrame:
    """A shipped table in a fixed random order, three hours a row, with a category and some gaps."""
    table = getattr(datasets, name)(as_frame=True).frame
    table.columns = [str(column).replace(" ", "_") for column in table.columns]
    table = table.sample(frac=1, random_state=0).reset_index(drop=True)
    label = table.pop("target")
    first = table.columns[0]
    random = np.random.default_rng(0)
    size = pd.Series(np.where(table[first] > table[first].median(), "large", "small"), dtype="str")
    time = pd.Series(pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(3 * np.arange(len(table)), "h"))
    return table.mask(random.random(table.shape) < 0.02).assign(
        size=size,
        last=label.shift(1).astype("float64"),
        id=[f"r{number:04}" for number in range(len(table))],
        time=time,
        known_at=time if labelled else time.mask(time.notna()),
        label=label.astype("float64") if labelled else np.nan,
    )


def starts_of(time: pd.Series) -> dict[str, str]:
    """Half of the days to train, then a fifth each to choose and to test, then the live ones."""
    days = (time.max() - time.min()).days + 1
    begins = [time.min() + pd.Timedelta(round(days * share), "D") for share in (0, 0.5, 0.7, 0.9)]
    names = ("train", "validation", "test", "live", "end")
    moments = [*begins, time.max().normalize() + pd.Timedelta(1, "D")]
    return {name: f"{moment:%Y-%m-%d}" for name, moment in zip(names, moments, strict=True)}


def audited(rows: pd.DataFrame) -> None:
    """What the stages before `featurize` leave of one sound table."""
    for path in ("raw/rows/2013-01.parquet", "clean/rows.parquet"):
        write_table(rows, Path(path))
    write_table(rows.iloc[:0], Path("quarantine/rows.parquet"))
    write_json({"rows": {"read": len(rows), "kept": len(rows), "after_until": 0}},
               Path("raw/rows/provenance.json"))  # fmt: skip
    write_json({"rows": {"rules": {}, "unmatched": {}}}, Path("quarantine/report.json"))


@pytest.fixture
def cycle(tmp_path, monkeypatch):
    """Run the stages for a task in an empty folder."""
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
    rows = rows_of(name, labelled=task != "clustering")
    better_than_nothing = {"metric": f"test.{metric}", "why": "it says something"}
    bound = {"max": 1e9} if metric in ("rmse", "log_loss") else {"min": 0.0}
    parameters = {
        "problem": ROLES | {"task": task, "horizon": "2h", "slices": ["size"], "table": "rows",
                            "costs": {"false_alarm": 1.0, "missed": 3.0}},
        "split": {"method": "time", "starts": starts_of(rows["time"]), "group": None, "seed": 1,
                  "shares": {"train": 0.4, "validation": 0.2, "test": 0.2, "live": 0.2}},
        "quality": {"leak_limit": 0.99},
        "train": candidates,
        "select": {"metric": metric, "tie": 0.0, "confidence": None, "resamples": 60, "seed": 1,
                   "refit": False} | select_,
        "honesty": {"candidate": list(candidates)[-1]},
        "evaluate": {"resamples": 50, "confidence": 0.9, "bins": 5, "min_slice_rows": 5,
                     "importance_rows": 100, "seed": 1},
        "stress": {"rows": 100, "metrics": [metric], "alpha": 0.01, "seed": 1, "sources": {},
                   "damages": DAMAGES},
        "gate": {"enforce": True, "criteria": {"says_something": better_than_nothing | bound}},
    }  # fmt: skip
    Path("params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False), encoding="utf-8")
    audited(rows)
    write_table(featurize.checked(rows, ROLES, len(rows), task), Path("features.parquet"))
    parts, champion, folder = Path("split"), Path("champion"), Path("candidates")
    split.main(features=Path("features.parquet"), out=parts)
    of = {part: parts / f"{part}.parquet" for part in split.PARTS}
    quality.main(
        **{name: Path(name) for name in ("raw", "clean", "quarantine", "split")},
        features=Path("features.parquet"),
        metrics=Path("quality.json"),
    )
    chosen_on = {name: of[name] for name in ("train", "validation")}
    for candidate in candidates:
        train.main(
            candidate=candidate,
            out=folder / candidate,
            metrics=Path(f"train/{candidate}.json"),
            **chosen_on,
        )
    select.main(candidates=folder, **chosen_on, champion=champion, report=Path("selection.json"))
    honesty.main(candidates=folder, split=parts, metrics=Path("split.json"), plot=Path("split.png"))
    evaluate.main(
        champion=champion,
        candidates=folder,
        **{part: of[part] for part in ("validation", "test", "live")},
        test_metrics=Path("test.json"),
        live_metrics=Path("live.json"),
        details=Path("details.json"),
        plots_out=Path("plots"),
    )
    stress.main(champion=champion, test=of["test"], metrics=Path("robustness.json"), plot=Path("stress.png"))
    Path("promoted").mkdir(exist_ok=True)
    write_json({"why": "nothing was promoted"}, Path("promoted/none.json"))
    judged = {name: Path(f"{name}.json") for name in ("test", "details", "quality", "robustness")}
    gate.main(champion=champion, promoted=Path("promoted"), split=parts, report=Path("gate.json"), **judged)
    reports = ("quality", "split", "selection", "test", "details", "robustness", "gate")
    return SimpleNamespace(
        parts={part: read_table(path) for part, path in of.items()},
        parameters=parameters,
        **{name: read_json(Path(f"{name}.json")) for name in reports},
    )
