"""Stage `train@<candidate>`: fit one on the training rows, and let it answer the validation rows.

Its metrics are those of the answers alone, so that neither costs nor bins are among its parameters.
`fullcycle sweep` calls the same `load` and `produce` as the stage, and so writes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import (
    PREDICTIONS,
    SCREENED,
    read_json,
    read_table,
    replacing,
    sha256,
    write_json,
    write_table,
)
from fullcycle.tasks import task_of
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context, Question
from fullcycle.training.hooks import NONE, Hooks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from sklearn.pipeline import Pipeline

LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "skops")
LATER = ("early_stopping", "calibration", "screening", "init_from_champion")  # options that ask for times


def parted(rows: pd.DataFrame, question: Question) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Features and label of labelled rows, the label as the task has it.

    Raises:
        Refusal: there are no rows, no features, no label that the task could learn, or an infinite number.
    """
    features = question.features(rows)
    if features.empty:
        raise Refusal(f"train: {len(rows)} rows with {features.shape[1]} features: nothing to learn from")
    label = task_of(question.task).label(rows, question.roles["label"], "train")
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


def fitted(
    settings: Any, rows: pd.DataFrame, question: Question, columns: list[str] | None = None
) -> tuple[Pipeline, dict[str, Any] | None]:
    """A Pipeline of a section of ``train``, fitted on labelled rows, and why it has which features.

    Args:
        settings: the section.
        rows: the labelled rows.
        question: what is asked of them.
        columns: features chosen before; None where the section's own screening chooses, if it has one.
    """
    return learnt(settings, rows, question, *parted(rows, question), columns)


def learnt(
    settings: Any,
    rows: pd.DataFrame,
    question: Question,
    features: pd.DataFrame,
    label: pd.Series[Any],
    columns: list[str] | None = None,
    hooks: Hooks = NONE,
) -> tuple[Pipeline, dict[str, Any] | None]:
    """As `fitted`, of rows that are parted already, with what a sweep adds: it changes no byte."""
    later = any(getattr(settings, key, None) is not None for key in LATER)
    context = question.context(rows) if later else Context(question.task)
    report = None
    if columns is None and getattr(settings, "screening", None) is not None:
        from fullcycle.training.screening import screen  # noqa: PLC0415  few candidates need it

        columns, report = screen(settings.screening, features, label, context)
    if columns is not None:
        features = features[columns]
    return CANDIDATES[settings.kind].fit(settings, features, label, replace(context, hooks=hooks)), report


def checksums(*inputs: Path) -> dict[str, str]:
    """The SHA-256 of each file by its name."""
    return {path.name: sha256(path.read_bytes()) for path in inputs}


def manifest(
    candidate: str,
    question: Question,
    settings: Any,
    inputs: dict[str, str],
    rows: dict[str, int],
    features: pd.DataFrame,
    known_until: pd.Timestamp,
) -> dict[str, Any]:
    """What a model's folder says of where it came from; the files are added when they are written."""
    return {
        "candidate": candidate,
        "task": question.task,
        "complexity": CANDIDATES[settings.kind].complexity,
        # As they stand in params.yaml: what was left out there is left out here.
        "params": settings.model_dump(exclude_unset=True),
        "inputs": inputs,
        "features": [[name, str(kind)] for name, kind in features.dtypes.items()],  # in their order
        "rows": rows,
        "known_until": known_until.isoformat(),  # the last label that it learnt from became known then
        # Python's own version is left out: it changes no byte of a model (docs/log.md).
        "versions": {name: version(name) for name in LIBRARIES},
    }


def write(pipeline: Pipeline, about: dict[str, Any], folder: Path) -> None:
    """The model and its manifest, which names every file that is there by then."""
    store.save(pipeline, folder)
    about["files"] = {path.name: sha256(path.read_bytes()) for path in sorted(folder.iterdir())}
    write_json(about, folder / store.MANIFEST, decimals=None)


@dataclass(frozen=True)
class Inputs:
    """All that a candidate is fitted on and asked, read and checked once."""

    question: Question
    rows: pd.DataFrame
    features: pd.DataFrame
    label: pd.Series[Any]
    asked: pd.DataFrame
    checksums: dict[str, str]


def load(train: Path, validation: Path) -> Inputs:
    """Read and check the training and the validation rows."""
    question, rows, asked = Question.read(), read_table(train), read_table(validation)
    features, label = parted(rows, question)
    finite(asked[features.columns], "validation")
    return Inputs(question, rows, features, label, asked, checksums(train, validation))


def produce(
    candidate: str, settings: Any, inputs: Inputs, out: Path, metrics: Path, hooks: Hooks = NONE
) -> dict[str, float]:
    """Fit one candidate; write its folder and its validation metrics, which are also returned."""
    question, rows, asked, features = inputs.question, inputs.rows, inputs.asked, inputs.features
    task = task_of(question.task)
    pipeline, screened = learnt(settings, rows, question, features, inputs.label, hooks=hooks)
    if screened:
        features = features[[name for name, line in screened["features"].items() if line["kept"]]]
    wanted = asked[features.columns]
    answers = task.table(task.answer(pipeline, wanted))

    def again(places: Any) -> Pipeline:
        return fitted(settings, rows.iloc[places].reset_index(drop=True), question)[0]

    if (refits := task.refits(again, len(rows), wanted)) is not None:
        answers = answers.join(refits)
    measured = task.of_answers(task.outcome(asked, question.roles["label"]), task.read(answers))
    answers.insert(0, question.roles["id"], asked[question.roles["id"]].to_numpy())
    counts = {"train": len(rows), "validation": len(asked)}
    with replacing(out) as folder:
        folder.mkdir()
        write_table(answers, folder / PREDICTIONS)
        if screened:
            write_json(screened, folder / SCREENED)
        known_until = rows[question.roles["known_at"]].max()
        about = manifest(candidate, question, settings, inputs.checksums, counts, features, known_until)
        write(pipeline, about, folder)
    write_json(measured, metrics)
    as_written: dict[str, float] = read_json(metrics)
    return as_written


def main(*, candidate: str, train: Path, validation: Path, out: Path, metrics: Path) -> None:
    """Fit ``train.<candidate>`` and write the model, its manifest, validation predictions and metrics."""
    produce(candidate, params.read(f"train.{candidate}"), load(train, validation), out, metrics)
