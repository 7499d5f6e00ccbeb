"""The kinds that the default pipeline leaves out learn from the real flights too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fullcycle import params
from fullcycle.files import read_table
from fullcycle.tasks import task_of
from fullcycle.training.context import Question
from fullcycle.training.train import fitted

ROOT = Path(__file__).parents[2]
ROLES = {"id": "flight_id", "time": "time", "label": "late", "known_at": "label_known_at"}
QUESTION = Question("binary", ROLES, timedelta(hours=2))
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


@pytest.fixture(scope="module")
def split(request):
    """The real parts: this checkout's, or those of a clone in which the pipeline has run."""
    own = ROOT / "data/split"
    return own if own.exists() else request.getfixturevalue("built").path / "data/split"


@pytest.mark.slow
@pytest.mark.parametrize("name", SECTIONS)
def test_a_kind_ranks_later_flights(split, name):
    """Fitted on 15,000 training rows, its ROC AUC on validation rows is far above chance."""
    train, asked = (read_table(split / f"{part}.parquet") for part in ("train", "validation"))
    train = train.iloc[:: len(train) // 15_000].reset_index(drop=True)
    model, _ = fitted(params.candidate(SECTIONS[name]), train, QUESTION)
    answers = task_of("binary").answer(model, asked[list(model.feature_names_in_)])
    assert np.isfinite(answers).all()
    assert roc_auc_score(asked["late"], answers) > 0.73
