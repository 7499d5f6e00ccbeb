"""A small learnable table, and the parameters to learn it with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from fullcycle.params.sections import Candidate

SECTIONS: dict[str, dict[str, Any]] = {
    "baseline": {"kind": "baseline"},
    "logistic": {"kind": "logistic", "c": 1.0, "max_iter": 50, "knots": 4, "min_category_rows": 5},
    "lightgbm": {
        "kind": "lightgbm",
        "rounds": 20,
        "learning_rate": 0.1,
        "num_leaves": 7,
        "min_leaf_rows": 20,
        "row_share": 0.8,
        "feature_share": 0.8,
        "l2": 1.0,
        "min_category_rows": 5,
        "seed": 1,
    },
    "boosting": {
        "kind": "boosting",
        "rounds": 20,
        "learning_rate": 0.1,
        "max_leaves": 7,
        "min_leaf_rows": 20,
        "l2": 1.0,
        "min_category_rows": 5,
        "seed": 1,
    },
    "forest": {"kind": "forest", "trees": 30, "min_leaf_rows": 10, "feature_share": 0.5, "seed": 1},
    "mlp": {
        "kind": "mlp",
        "layers": [8],
        "alpha": 1.0,
        "learning_rate": 0.01,
        "epochs": 20,
        "batch_rows": 64,
        "seed": 1,
    },
    "last_value": {"kind": "last_value", "column": "number"},
    "ridge": {"kind": "ridge", "alpha": 1.0},
    "lasso": {"kind": "lasso", "alpha": 0.1},
    "kmeans": {"kind": "kmeans", "clusters": 3, "starts": 2, "seed": 1},
    "mixture": {"kind": "mixture", "clusters": 3, "starts": 2, "seed": 1},
}


@pytest.fixture
def sections():
    """Sections of `train` by kind, as they stand in params.yaml."""
    return {kind: dict(section) for kind, section in SECTIONS.items()}


@pytest.fixture(scope="session")
def settings_of():
    """The parsed section of a kind."""
    return lambda kind: TypeAdapter(Candidate).validate_python(SECTIONS[kind])


@pytest.fixture(scope="session")
def made():
    """Make features (numbers and text, with gaps) and a label that depends on both."""

    def make(rows: int = 600, seed: int = 0) -> tuple[pd.DataFrame, pd.Series[Any]]:
        random = np.random.default_rng(seed)
        number = random.normal(size=rows)
        town = random.choice(["Rome", "Oslo", "Lima", "Kyiv"], rows)
        label = (number + (town == "Oslo") + random.normal(size=rows) > 0.5).astype("int64")
        features = pd.DataFrame(
            {
                "number": np.where(random.random(rows) < 0.1, np.nan, number),
                "noise": random.normal(size=rows),
                "town": pd.Series(town, dtype="str").mask(random.random(rows) < 0.1),
            }
        )
        return features, pd.Series(label, name="late")

    return make
