"""Stage `train@<candidate>`: fit one on the training rows, and let it answer the validation rows."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import PREDICTIONS, read_table, replacing, sha256, write_json, write_table
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES

if TYPE_CHECKING:
    from pathlib import Path

ROLES = ("id", "time", "label", "known_at")
LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "skops")


def parted(rows: pd.DataFrame, roles: dict[str, str]) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Features and label (0 or 1) of labelled rows.

    Raises:
        Refusal: there are no rows, no features, only one class, another label, or an infinite number.
    """
    other = rows.loc[~rows[roles["label"]].isin([0, 1]), roles["label"]]
    if len(other):
        raise Refusal(
            f"train: the label {roles['label']} is {other.iloc[0]} on {len(other)} rows; the rule is 0 or 1"
        )
    label = rows[roles["label"]].astype("int64")
    features = rows.drop(columns=list(roles.values()))
    if features.empty:
        raise Refusal(f"train: {len(rows)} rows with {features.shape[1]} features: nothing to learn from")
    if label.nunique() != 2:
        raise Refusal(f"train: the label {roles['label']} has {label.nunique()} class(es); the rule is two")
    finite(features, "train")
    return features, label


def finite(features: pd.DataFrame, part: str) -> None:
    """Refuse infinite numbers: one model would fail on them, another take them for very large.

    Raises:
        Refusal: with the first column that has one, and how many.
    """
    for name, column in features.select_dtypes("number").items():
        if infinite := int(np.isinf(column.to_numpy("float64", na_value=np.nan)).sum()):
            raise Refusal(
                f"{part}: the feature {name} is infinite on {infinite} rows; the problem's features.py should"
                " leave out what it cannot compute"
            )


def main(*, candidate: str, train: Path, validation: Path, out: Path) -> None:
    """Fit ``train.<candidate>`` and write the model, its manifest and its validation predictions."""
    settings = params.read(f"train.{candidate}")
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    features, label = parted(read_table(train), roles)
    entry = CANDIDATES[settings.kind]
    pipeline = entry.fit(settings, features, label)
    asked = read_table(validation)
    finite(asked[features.columns], "validation")
    probability = pipeline.predict_proba(asked[features.columns])[:, 1]
    with replacing(out) as folder:
        folder.mkdir()
        store.save(pipeline, folder)
        answers = pd.DataFrame({roles["id"]: asked[roles["id"]], "probability": probability})
        write_table(answers, folder / PREDICTIONS)
        write_json(
            {
                "candidate": candidate,
                "complexity": entry.complexity,
                "params": settings.model_dump(),
                "inputs": {path.name: sha256(path.read_bytes()) for path in (train, validation)},
                "features": [[name, str(kind)] for name, kind in features.dtypes.items()],  # in their order
                "rows": {"train": len(features), "validation": len(asked)},
                # Python's own version is left out: it changes no byte of a model (docs/log.md).
                "versions": {name: version(name) for name in LIBRARIES},
                "files": {path.name: sha256(path.read_bytes()) for path in sorted(folder.iterdir())},
            },
            folder / store.MANIFEST,
            decimals=None,
        )
