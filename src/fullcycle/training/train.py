"""Stage `train@<candidate>`: fit one on the training rows, and let it answer the validation rows.

Its metrics are those of a probability alone, so that neither costs nor bins are among its parameters.
`fullcycle sweep` calls the same `load` and `produce` as the stage, and so writes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import (
    PREDICTIONS,
    read_json,
    read_table,
    replacing,
    sha256,
    write_json,
    write_table,
)
from fullcycle.metrics import of_probability
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.hooks import NONE, Hooks

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


@dataclass(frozen=True)
class Inputs:
    """All that a candidate is fitted on and asked, read once."""

    roles: dict[str, str]
    features: pd.DataFrame
    label: pd.Series[Any]
    asked: pd.DataFrame
    checksums: dict[str, str]


def load(train: Path, validation: Path) -> Inputs:
    """Read and check the training and the validation rows."""
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    features, label = parted(read_table(train), roles)
    checksums = {path.name: sha256(path.read_bytes()) for path in (train, validation)}
    return Inputs(roles, features, label, read_table(validation), checksums)


def produce(
    candidate: str, settings: Any, inputs: Inputs, out: Path, metrics: Path, hooks: Hooks = NONE
) -> dict[str, float]:
    """Fit one candidate; write its folder and its validation metrics, which are also returned."""
    roles, features, asked = inputs.roles, inputs.features, inputs.asked
    entry = CANDIDATES[settings.kind]
    finite(asked[features.columns], "validation")
    pipeline = entry.fit(settings, features, inputs.label, hooks)
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
                "inputs": inputs.checksums,
                "features": [[name, str(kind)] for name, kind in features.dtypes.items()],  # in their order
                "rows": {"train": len(features), "validation": len(asked)},
                # Python's own version is left out: it changes no byte of a model (docs/log.md).
                "versions": {name: version(name) for name in LIBRARIES},
                "files": {path.name: sha256(path.read_bytes()) for path in sorted(folder.iterdir())},
            },
            folder / store.MANIFEST,
            decimals=None,
        )
    write_json(of_probability(asked[roles["label"]].to_numpy("float64"), probability), metrics)
    measured: dict[str, float] = read_json(metrics)
    return measured


def main(*, candidate: str, train: Path, validation: Path, out: Path, metrics: Path) -> None:
    """Fit ``train.<candidate>`` and write the model, its manifest, validation predictions and metrics."""
    produce(candidate, params.read(f"train.{candidate}"), load(train, validation), out, metrics)
