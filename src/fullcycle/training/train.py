"""Stage `train@<candidate>`: fit one on the training rows, and let it answer the validation rows."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import PREDICTIONS, SCREENED, read_table, replacing, sha256, write_json, write_table
from fullcycle.tasks import task_of
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

ROLES = ("id", "time", "label", "known_at")
LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "skops")


def parted(
    rows: pd.DataFrame, roles: dict[str, str], task: str = "binary"
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Features and label of labelled rows, the label as the task has it.

    Raises:
        Refusal: there are no rows, no features, no label that the task could learn, or an infinite number.
    """
    features = features_of(rows, roles)
    if features.empty:
        raise Refusal(f"train: {len(rows)} rows with {features.shape[1]} features: nothing to learn from")
    label = task_of(task).label(rows, roles["label"], "train")
    finite(features, "train")
    return features, label


def features_of(rows: pd.DataFrame, roles: dict[str, str]) -> pd.DataFrame:
    """The columns without a role."""
    return rows.drop(columns=list(roles.values()), errors="ignore")


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


def context_of(rows: pd.DataFrame, roles: dict[str, str], task: str) -> Context:
    """What a fit on these rows may know beside features and label."""
    horizon = params.read("problem.horizon") if task != "clustering" else None
    return Context(task, rows[roles["time"]], rows[roles["known_at"]], horizon)


def fitted(
    settings: Any,
    rows: pd.DataFrame,
    roles: dict[str, str],
    task: str,
    columns: list[str] | None = None,
) -> tuple[Any, dict[str, Any] | None]:
    """A Pipeline of a section of ``train``, fitted on labelled rows, and why it has which features.

    Args:
        settings: the section.
        rows: the labelled rows.
        roles: the columns that are no features.
        task: what kind of answer.
        columns: features chosen before; None where the section's own screening chooses, if it has one.
    """
    features, label = parted(rows, roles, task)
    later = any(getattr(settings, key, None) for key in ("early_stopping", "calibration", "screening"))
    context = context_of(rows, roles, task) if later else Context(task)
    report = None
    if columns is None and getattr(settings, "screening", None) is not None:
        from fullcycle.training.screening import screen  # noqa: PLC0415  few candidates need it

        columns, report = screen(settings.screening, features, label, context)
    if columns is not None:  # in the order of the rows: a manifest has them by name
        features = features[[name for name in features if name in columns]]
    return CANDIDATES[settings.kind].fit(settings, features, label, context), report


def manifest(
    candidate: str,
    task: str,
    settings: Any,
    inputs: tuple[Path, ...],
    rows: dict[str, int],
    kinds: pd.Series[Any],
) -> dict[str, Any]:
    """What a model's folder says of where it came from; the files are added when they are written."""
    return {
        "candidate": candidate,
        "task": task,
        "complexity": CANDIDATES[settings.kind].complexity,
        # As they stand in params.yaml: what was left out there is left out here.
        "params": settings.model_dump(exclude_unset=True),
        "inputs": {path.name: sha256(path.read_bytes()) for path in inputs},
        "features": {name: str(kind) for name, kind in kinds.items()},
        "rows": rows,
        # Python's own version is left out: it changes no byte of a model (docs/log.md).
        "versions": {name: version(name) for name in LIBRARIES},
    }


def main(*, candidate: str, train: Path, validation: Path, out: Path) -> None:
    """Fit ``train.<candidate>`` and write the model, its manifest and its validation predictions."""
    settings = params.read(f"train.{candidate}")
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    task = task_of(params.read("problem.task"))
    rows, asked = read_table(train), read_table(validation)
    pipeline, screened = fitted(settings, rows, roles, task.name)
    features = features_of(rows, roles)
    if screened:
        features = features[[name for name in features if screened["features"][name]["kept"]]]
    finite(asked[features.columns], "validation")
    answers = task.table(task.answer(pipeline, asked[features.columns]))
    if task.name == "clustering":
        from fullcycle.training import stability  # noqa: PLC0415  and with it that task's own file

        answers = answers.join(stability.refitted(settings, features, asked[features.columns]))
    with replacing(out) as folder:
        folder.mkdir()
        store.save(pipeline, folder)
        answers.insert(0, roles["id"], asked[roles["id"]].to_numpy())
        write_table(answers, folder / PREDICTIONS)
        if screened:
            write_json(screened, folder / SCREENED)
        counts = {"train": len(rows), "validation": len(asked)}
        about = manifest(candidate, task.name, settings, (train, validation), counts, features.dtypes)
        about["files"] = {path.name: sha256(path.read_bytes()) for path in sorted(folder.iterdir())}
        write_json(about, folder / store.MANIFEST)
