"""Models as files that run no code when loaded, with the same bytes for the same model.

A model is a folder: ``pipeline.skops`` (the whole scikit-learn Pipeline), ``booster.txt`` (LightGBM's
own text form, where there is one) and ``manifest.json``. skops writes memory addresses, the time of day and
the unused bytes between an array's fields into its zip; `canonical` replaces them by what does not change.
"""

from __future__ import annotations

import io
import json
import zipfile
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.errors import Refusal
from fullcycle.files import read_json, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.pipeline import Pipeline

PIPELINE, BOOSTER, MANIFEST = "pipeline.skops", "booster.txt", "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can hold
# All that a candidate's file may name beside scikit-learn's own types.
TRUSTED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.clip",  # a function, within the clipping of outliers
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",  # within a spline
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def save(pipeline: Pipeline, folder: Path) -> None:
    """Write the pipeline, and its booster as text where it has one."""
    import skops.io  # noqa: PLC0415  1 s that a stage does not pay if it opens no model

    folder.joinpath(PIPELINE).write_bytes(canonical(skops.io.dumps(pipeline)))
    booster = getattr(pipeline[-1], "booster_", None)
    if booster is not None:
        folder.joinpath(BOOSTER).write_text(booster.model_to_string(), encoding="utf-8", newline="\n")


def load(folder: Path, sha256_of_pipeline: str | None = None) -> Pipeline:
    """Read a model back, if its file is the one its manifest names and holds trusted types only.

    Args:
        folder: the model's.
        sha256_of_pipeline: names the file in the manifest's stead.

    Raises:
        Refusal: the file is missing, was changed after training, or names a type outside `TRUSTED`.
    """
    import skops.io  # noqa: PLC0415

    try:
        content = folder.joinpath(PIPELINE).read_bytes()
    except OSError as error:
        raise Refusal(f"{folder / PIPELINE} cannot be read ({error.strerror}); run `dvc repro`") from error
    expected = sha256_of_pipeline or read_json(folder / MANIFEST)["files"][PIPELINE]
    if sha256(content) != expected:
        said_by = "the parameters say" if sha256_of_pipeline else "its manifest says"
        raise Refusal(f"{folder / PIPELINE}: SHA-256 {sha256(content)} is not {expected}, as {said_by}")
    foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
    if foreign:
        raise Refusal(f"{folder / PIPELINE} names the type {foreign[0]}; trusted are {', '.join(TRUSTED)}")
    return skops.io.loads(content, trusted=list(TRUSTED))


def columns(folder: Path) -> list[str]:
    """The names of a model's features, in the order of training."""
    return [name for name, _ in read_json(folder / MANIFEST)["features"]]


def canonical(content: bytes) -> bytes:
    """The same skops file with addresses numbered in reading order, padding of 0, and a fixed time of day."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        names: dict[str, str] = {}
        schema = _numbered(schema, {}, count(), names)
        parts = {new: _padded(archive.read(old)) for old, new in names.items()}
    parts["schema.json"] = json.dumps(schema, indent=1).encode()
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), parts[name])
    return result.getvalue()


def _padded(content: bytes) -> bytes:
    """The same array with 0 between its fields, where a forest's trees have whatever was in memory."""
    if not content.startswith(b"\x93NUMPY"):
        return content
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)  # zeros_like sets the fields alone
    for name in array.dtype.names:
        clean[name] = array[name]
    result = io.BytesIO()
    np.save(result, clean, allow_pickle=False)
    return result.getvalue()


def _numbered(node: Any, seen: dict[int, int], numbers: count[int], names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_numbered(item, seen, numbers, names) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            if value not in seen:
                seen[value] = next(numbers)
            result[key] = seen[value]
        elif key == "file":
            names.setdefault(value, f"{len(names):06d}.{value.rpartition('.')[2]}")
            result[key] = names[value]
        else:
            result[key] = _numbered(value, seen, numbers, names)
    return result
