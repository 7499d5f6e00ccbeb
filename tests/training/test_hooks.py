"""What a sweep adds to a fit leaves no trace in the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fullcycle import params
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context
from fullcycle.training.hooks import Hooks, Kept

COUNT = 2000


@pytest.fixture(name="rows", scope="module")
def make_rows():
    """Features of both kinds, with gaps, and a label."""
    rng = np.random.default_rng(5)
    features = pd.DataFrame(
        {
            "a": rng.normal(size=COUNT),
            "b": np.where(rng.random(COUNT) < 0.1, np.nan, rng.random(COUNT)),
            "word": rng.choice(["x", "y", "z"], COUNT),
        }
    )
    return features, pd.Series((features["a"] + rng.normal(size=COUNT) > 0).astype("int64"))


def stored(folder, pipeline):
    """The model's files and their bytes."""
    folder.mkdir()
    store.save(pipeline, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["logistic", "lightgbm"])
def test_a_model_on_kept_preprocessing_has_the_same_bytes(rows, tmp_path, name):
    """Watched or not, with preprocessing fitted anew or kept from another fit: the files are equal."""
    section = params.load().train[name]
    if name == "lightgbm":
        section = section.model_copy(update={"rounds": 20})
    other = section.model_copy(update={"c": 5.0} if name == "logistic" else {"num_leaves": 7})
    fit, seen = CANDIDATES[section.kind].fit, []
    watch = lambda env: seen.append(env)  # noqa: E731, PLW0108  LightGBM sets attributes on it
    hooks = Hooks(watch=watch, memory=Kept())
    plain = stored(tmp_path / "plain", fit(section, *rows))
    fit(other, *rows, Context(hooks=hooks))
    kept = hooks.memory.fitted
    again = fit(section, *rows, Context(hooks=hooks))
    assert again[0] is kept
    assert stored(tmp_path / "kept", again) == plain
    assert len(seen) == (40 if name == "lightgbm" else 0)


def test_other_preprocessing_is_fitted_anew(rows):
    """A change of the preprocessing's own parameters is not answered from what was kept."""
    section = params.load().train["lightgbm"].model_copy(update={"rounds": 5})
    hooks = Hooks(memory=Kept())
    fit = CANDIDATES["lightgbm"].fit
    first = fit(section, *rows, Context(hooks=hooks))
    second = fit(section.model_copy(update={"min_category_rows": 700}), *rows, Context(hooks=hooks))
    assert second[0] is not first[0]
    assert second[0].named_transformers_["categories"].min_frequency == 700
