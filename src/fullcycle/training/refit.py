"""Stage `refit`: the selected candidate once more, on train and validation rows; or as it was.

With `select.refit` the champion learns from the latest rows before the test, with the settings and the
number of rounds that were chosen without them. Its threshold stays the one chosen on validation rows,
which it had not seen then.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.files import DECISION, read_json, read_table, replacing, sha256, write_json

if TYPE_CHECKING:
    from pathlib import Path


def main(*, selected: Path, train: Path, validation: Path, champion: Path) -> None:
    """Write the champion: the selected model, or the same refitted on more rows."""
    if not params.read("select.refit"):
        with replacing(champion) as folder:
            shutil.copytree(selected, folder, copy_function=shutil.copyfile)
        return
    import pandas as pd  # noqa: PLC0415  a mere copy needs none of these

    from fullcycle.training import store  # noqa: PLC0415
    from fullcycle.training.train import ROLES, fitted, manifest  # noqa: PLC0415

    before = read_json(selected / store.MANIFEST)
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    task = params.read("problem.task")
    rows = pd.concat([read_table(train), read_table(validation)], ignore_index=True)
    settings = chosen(before["params"], selected)
    pipeline, _ = fitted(settings, rows, roles, task, list(before["features"]))
    with replacing(champion) as folder:
        folder.mkdir()
        store.save(pipeline, folder)
        shutil.copyfile(selected / DECISION, folder / DECISION)
        about = manifest(before["candidate"], task, settings, (train, validation), {"refit": len(rows)},
                         rows[list(before["features"])].dtypes)  # fmt: skip
        about["files"] = {path.name: sha256(path.read_bytes()) for path in sorted(folder.iterdir())}
        del about["files"][DECISION]
        write_json(about, folder / store.MANIFEST)


def chosen(section: dict[str, Any], selected: Path) -> Any:
    """The settings of the selected model, early stopping replaced by the rounds that it found."""
    from fullcycle.training import store  # noqa: PLC0415
    from fullcycle.training.candidates.entry import rounds_of  # noqa: PLC0415

    settings = params.candidate(section)
    if getattr(settings, "early_stopping", None) is None:
        return settings
    found = {"rounds": rounds_of(store.load(selected)), "early_stopping": None}
    return settings.model_copy(update=found)
