"""Stage `train@<candidate>`: fit one on the training rows, and let it answer the validation rows."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

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
        Refusal: there are no rows, no features, or only one class.
    """
    label = rows[roles["label"]].astype("int64")
    features = rows.drop(columns=list(roles.values()))
    if features.empty:
        raise Refusal(f"train: {len(rows)} rows with {features.shape[1]} features: nothing to learn from")
    if label.nunique() != 2:
        raise Refusal(f"train: the label {roles['label']} has {label.nunique()} class(es); the rule is two")
    return features, label


def main(*, candidate: str, train: Path, validation: Path, out: Path) -> None:
    """Fit ``train.<candidate>`` and write the model, its manifest and its validation predictions."""
    settings = params.read(f"train.{candidate}")
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    features, label = parted(read_table(train), roles)
    entry = CANDIDATES[settings.kind]
    pipeline = entry.fit(settings, features, label)
    asked = read_table(validation)
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
                "features": {name: str(kind) for name, kind in features.dtypes.items()},
                "rows": {"train": len(features), "validation": len(asked)},
                # Python's own version is left out: it changes no byte of a model (docs/log.md).
                "versions": {name: version(name) for name in LIBRARIES},
                "files": {path.name: sha256(path.read_bytes()) for path in sorted(folder.iterdir())},
            },
            folder / store.MANIFEST,
        )
