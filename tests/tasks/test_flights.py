"""The kinds that the default pipeline leaves out learn from the real flights too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fullcycle import params
from fullcycle.files import read_table
from fullcycle.tasks import task_of
from fullcycle.training.train import fitted

ROOT = Path(__file__).parents[2]
SPLIT = ROOT / "data" / "split"
ROLES = {"id": "flight_id", "time": "time", "label": "late", "known_at": "label_known_at"}
TREES = {"min_leaf_rows": 50, "seed": 1}
SECTIONS = {
    "boosting": TREES | {"kind": "boosting", "rounds": 60, "learning_rate": 0.1, "max_leaves": 31, "l2": 10.0,
                         "min_category_rows": 50},
    "forest": TREES | {"kind": "forest", "trees": 60, "feature_share": 0.2},
    "mlp": {"kind": "mlp", "layers": [32], "alpha": 1.0, "learning_rate": 0.001, "epochs": 5,
            "batch_rows": 256, "seed": 1,
            "prepare": {"categories": {"encode": "target", "min_rows": 50}}},
    "logistic, prepared": {"kind": "logistic", "c": 0.1, "max_iter": 50, "knots": 3, "min_category_rows": 50,
                           "prepare": {"numbers": {"clip": 0.01}, "categories": {"encode": "target"}}},
    "screened": TREES | {"kind": "boosting", "rounds": 60, "learning_rate": 0.1, "max_leaves": 31, "l2": 10.0,
                         "min_category_rows": 50, "screening": {"by": "l1", "keep": 20, "resamples": 2}},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not SPLIT.exists(), reason="needs data/split: run `dvc repro` or `dvc checkout`")
@pytest.mark.parametrize("name", SECTIONS)
def test_a_kind_ranks_later_flights(name, monkeypatch):
    """Fitted on 15,000 training rows, its ROC AUC on validation rows is far above chance."""
    monkeypatch.chdir(ROOT)
    train, asked = (read_table(SPLIT / f"{part}.parquet") for part in ("train", "validation"))
    train = train.iloc[:: len(train) // 15_000].reset_index(drop=True)
    model, _ = fitted(params.candidate(SECTIONS[name]), train, ROLES, "binary")
    answers = task_of("binary").answer(model, asked[list(model.feature_names_in_)])
    assert np.isfinite(answers).all()
    assert roc_auc_score(asked["late"], answers) > 0.73
