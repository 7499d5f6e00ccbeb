"""From candidates to the champion: ties within noise, refitting, the noise of seeds, screened features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import root_mean_squared_error

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import DECISION, read_json, read_table, sha256
from fullcycle.intervals import days, resampled
from fullcycle.selection import noise
from fullcycle.training import store
from fullcycle.training.candidates.entry import rounds_of
from fullcycle.training.context import Question
from fullcycle.training.train import fitted

RIDGE = {"kind": "ridge", "alpha": 1.0}
LIGHTGBM = {"kind": "lightgbm", "rounds": 60, "learning_rate": 0.1, "num_leaves": 7, "min_leaf_rows": 10,
            "row_share": 0.8, "feature_share": 0.8, "l2": 1.0, "min_category_rows": 5, "seed": 1}  # fmt: skip
ROLES = {"id": "id", "time": "time", "label": "label", "known_at": "known_at"}


def test_a_difference_within_noise_is_a_tie_and_the_simpler_wins(cycle):
    """Without intervals the best wins by a hair; with them the simpler of what cannot be told apart."""
    candidates = {"baseline": {"kind": "baseline"}, "ridge": RIDGE, "lightgbm": LIGHTGBM}
    plain = cycle("regression", candidates)
    best = plain.selection["champion"]
    assert "behind_best" not in plain.selection
    noisy = cycle("regression", candidates, confidence=0.99, resamples=200)
    behind = noisy.selection["behind_best"]
    assert behind[best]["rmse"] == {"value": 0, "low": 0, "high": 0}
    assert behind["baseline"]["rmse"]["low"] > 0
    tied = [name for name, lines in behind.items() if lines["rmse"]["low"] <= 0]
    assert noisy.selection["champion"] == min(tied, key=["baseline", "ridge", "lightgbm"].index)
    assert {"ridge", best} <= set(tied)


def test_the_paired_interval_is_the_quantiles_of_differences_on_the_same_days(cycle):
    """Recomputed with the rows of each resample written down."""
    run = cycle(
        "regression", {"baseline": {"kind": "baseline"}, "ridge": RIDGE}, confidence=0.9, resamples=60
    )
    validation = run.parts["validation"]
    y, day = validation["label"].to_numpy(), days(validation["time"])
    answers = {name: read_table(Path("candidates", name, "validation.parquet"))["prediction"].to_numpy()
               for name in ("baseline", "ridge")}  # fmt: skip
    differences = []
    for weight in resampled(int(day.max()) + 1, 60, 1)[1:]:
        rows = np.repeat(np.arange(len(y)), weight[day].astype(int))
        worse, best = (root_mean_squared_error(y[rows], answers[n][rows]) for n in ("baseline", "ridge"))
        differences.append(worse - best)
    found = run.selection["behind_best"]["baseline"]["rmse"]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(differences, [0.05, 0.95]), abs=2e-6)


@pytest.fixture
def refitted(cycle):
    """Select one LightGBM with early stopping, with and without a refit."""

    def run():
        section = LIGHTGBM | {"early_stopping": {"share": 0.3, "patience": 5}}
        made = cycle("regression", {"baseline": {"kind": "baseline"}, "lightgbm": section}, refit=True)
        return made, store.load(Path("candidates/lightgbm")), store.load(Path("champion"))

    return run


def test_a_refit_learns_from_both_parts_with_the_rounds_that_were_chosen(refitted):
    """It is the model that those settings give on train and validation rows; the decision stays."""
    made, before, after = refitted()
    assert made.selection["champion"] == "lightgbm"
    assert rounds_of(after) == rounds_of(before) < 60
    rows = pd.concat([made.parts["train"], made.parts["validation"]], ignore_index=True)
    section = params.candidate(LIGHTGBM | {"rounds": rounds_of(before)})
    expected, _ = fitted(section, rows, Question.read())
    test = made.parts["test"].drop(columns=list(ROLES.values()))
    np.testing.assert_array_equal(after.predict(test), expected.predict(test))
    assert not np.array_equal(after.predict(test), before.predict(test))
    manifest = read_json(Path("champion", store.MANIFEST))
    assert manifest["rows"] == {"refit": len(rows)}
    assert manifest["params"]["rounds"] == rounds_of(before)
    assert manifest["files"][store.PIPELINE] == sha256(Path("champion", store.PIPELINE).read_bytes())
    assert made.test["rmse"]["value"] == pytest.approx(
        root_mean_squared_error(made.parts["test"]["label"], after.predict(test)), abs=1e-6
    )


def test_without_refit_the_champion_is_the_selected_model_byte_for_byte(finished):
    """A copy with how to decide, and nothing is trained."""
    run = finished("binary")
    selected = {path.name: sha256(path.read_bytes())
                for path in Path("candidates", run.selection["champion"]).iterdir()}  # fmt: skip
    own = {path.name: sha256(path.read_bytes()) for path in Path("champion").iterdir()}
    assert own.pop(DECISION)
    assert own == {name: digest for name, digest in selected.items() if name != "validation.parquet"}


def test_the_band_of_seeds_is_what_other_seeds_give(cycle):
    """Recomputed seed by seed; it names the model that it is the band of."""
    made = cycle("regression", {"baseline": {"kind": "baseline"}, "lightgbm": LIGHTGBM})
    assert made.selection["champion"] == "lightgbm"
    noise.main(champion=Path("champion"), split=Path("split"), out=Path("noise.json"), seeds="3")
    bands = read_json(Path("noise.json"))
    test = made.parts["test"]
    errors = []
    for seed in (2, 3, 4):
        section = params.candidate(LIGHTGBM | {"seed": seed})
        model, _ = fitted(section, made.parts["train"], Question.read())
        predicted = model.predict(test.drop(columns=list(ROLES.values())))
        errors.append(root_mean_squared_error(test["label"], predicted))
    band = bands["metrics"]["test"]["rmse"]
    expected = {
        "mean": np.mean(errors),
        "sd": np.std(errors, ddof=1),
        "low": min(errors),
        "high": max(errors),
    }
    assert band == pytest.approx(expected, abs=1e-6)
    assert band["sd"] > 0
    assert bands["model"] == sha256(Path("champion", store.PIPELINE).read_bytes())
    assert bands["seeds"] == [2, 3, 4]


@pytest.mark.parametrize("seeds", ["1", "0", "-3", "many"])
def test_a_band_needs_two_seeds(seeds):
    """One has no spread."""
    with pytest.raises(Refusal, match=f"--seeds {seeds} is no whole number of 2 or more"):
        noise.main(champion=Path(), split=Path(), out=Path(), seeds=seeds)


def test_the_report_says_for_every_feature_why_it_stayed_or_went(cycle):
    """In metrics/selection.json; the model asks for no feature that went."""
    screening = {"by": "permutation", "keep": 3, "resamples": 2, "share": 0.3}
    made = cycle(
        "regression",
        {"baseline": {"kind": "baseline"}, "lightgbm": LIGHTGBM | {"screening": screening}},
    )
    report = made.selection["screening"]["lightgbm"]
    features = set(made.parts["train"]) - set(ROLES.values())
    assert set(report["features"]) == features
    kept = {name for name, line in report["features"].items() if line["kept"]}
    assert len(kept) == report["kept"] == 3
    assert set(store.columns(Path("candidates/lightgbm"))) == kept
    assert all(set(line) == {"kept", "why", "score", "score_sd", "stability", "dropping_costs"}
               for line in report["features"].values())  # fmt: skip
    assert {"bmi", "s5"} & kept
