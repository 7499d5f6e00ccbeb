"""The selected candidate once more, on train and validation rows (`select.refit`).

The champion then learns from the latest rows before the test, with the settings, the features and the
number of rounds that were chosen without them. Its threshold stays the one chosen on validation rows,
which it had not seen then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from fullcycle import params
from fullcycle.files import read_json, read_table
from fullcycle.training import store
from fullcycle.training.candidates.entry import rounds_of
from fullcycle.training.context import Question
from fullcycle.training.train import checksums, fitted, manifest, write

if TYPE_CHECKING:
    from pathlib import Path


def refit(selected: Path, train: Path, validation: Path, folder: Path) -> None:
    """Write the model in `selected`, fitted on the rows of both parts, to `folder`."""
    question, columns = Question.read(), store.columns(selected)
    rows = pd.concat([read_table(train), read_table(validation)], ignore_index=True)
    settings = settled(selected)
    pipeline, _ = fitted(settings, rows, question, columns)
    name = read_json(selected / store.MANIFEST)["candidate"]
    counts = {"refit": len(rows)}
    inputs = checksums(train, validation)
    known_until = rows[question.roles["known_at"]].max()
    about = manifest(name, question, settings, inputs, counts, rows[columns], known_until)
    write(pipeline, about, folder)


def settled(model: Path) -> Any:
    """The settings of a stored model, early stopping replaced by the rounds that it found."""
    settings = params.candidate(read_json(model / store.MANIFEST)["params"])
    if getattr(settings, "early_stopping", None) is None:
        return settings
    found = {"rounds": rounds_of(store.load(model)), "early_stopping": None}
    return settings.model_copy(update=found)
