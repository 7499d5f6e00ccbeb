"""Models known to be bad are rejected, each for the right reason; good ones are not.

Real flights, real stages, the repository's own criteria (loosened for a tenth of the rows).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fullcycle.files import read_json, sha256, write_json
from fullcycle.training import store


def unmet(report: dict) -> set[str]:
    """The names of the criteria that were not met."""
    return {name for name, line in report["criteria"].items() if line["verdict"] != "accept"}


def rejected(report: dict, *names: str) -> bool:
    """That the verdict is reject, and these criteria among those that say so."""
    because = {name for name, line in report["criteria"].items() if line["verdict"] == "reject"}
    assert report["verdict"] == "reject"
    assert set(names) <= because, because
    return True


@pytest.fixture
def run(good, tmp_path, monkeypatch):
    """A copy of the honest run, to be spoilt after its training."""
    shutil.copytree(good, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")


def test_a_good_model_is_accepted(good):
    """By every criterion; and that nothing came before it is said, not passed over."""
    report = read_json(good / "metrics/gate.json")
    assert report["verdict"] == "accept"
    assert unmet(report) == set()
    assert set(report["not_judged"]) == {"is_no_worse", "is_no_dearer", "is_no_worse_anywhere"}
    assert all("no previous champion" in each["reason"] for each in report["not_judged"].values())


def test_shuffled_labels_are_rejected_since_nothing_is_ranked(life):
    """What was learnt from labels of other rows ranks like chance, and warns for nothing."""
    label = life.parts["train"]["late"].to_numpy()
    life.parts["train"]["late"] = np.random.default_rng(0).permutation(label)
    assert rejected(life.run(), "ranks_flights", "beats_baseline")


def test_a_leaked_target_is_rejected_as_too_good_and_as_a_leak(life):
    """A feature that is made of the outcome: no honest one separates so well, no honest model is so good."""
    for n, rows in enumerate(life.parts.values()):
        rows["delay_in_minutes"] = rows["late"] * 30 + np.random.default_rng(n).normal(size=len(rows))
    assert rejected(life.run(), "is_believable", "leaks_nothing")


def test_a_stale_window_is_rejected_for_its_age(life):
    """Rows of the winter alone, well ranked or not: the last of them lies too long before the test."""
    train = life.parts["train"]
    life.parts["train"] = train[train["time"] < pd.Timestamp("2013-03-01", tz="UTC")].reset_index(drop=True)
    report = life.run()
    assert rejected(report, "is_fresh")
    assert report["criteria"]["is_fresh"]["value"] > 180


def test_uncalibrated_probabilities_are_rejected_for_that_alone(life):
    """Learnt from as many late rows as punctual ones: the ranking is good, every probability too high."""
    train = life.parts["train"]
    late = train["late"] == 1
    punctual = train[~late].sample(int(late.sum()), random_state=0)
    life.parts["train"] = pd.concat([train[late], punctual]).sort_values("time", ignore_index=True)
    report = life.run()
    assert rejected(report, "is_calibrated")
    assert report["criteria"]["ranks_flights"]["verdict"] == "accept"


def test_a_slice_that_is_served_badly_is_rejected_at_a_good_overall_score(life):
    """One carrier's labels are upside down in training: the whole still ranks well, the carrier is named."""
    train = life.parts["train"]
    own = train[train["carrier"] == "US"]
    spoilt = own.assign(late=1 - own["late"])
    others = train[train["carrier"] != "US"]
    life.parts["train"] = pd.concat([others, spoilt, spoilt]).sort_values("time", ignore_index=True)
    report = life.run()
    assert rejected(report, "serves_every_slice")
    assert report["criteria"]["serves_every_slice"]["at"] == "details.test.slices.carrier.US.roc_auc"
    assert report["criteria"]["ranks_flights"]["verdict"] == "accept"


def test_inverted_predictions_are_rejected_since_they_rank_backwards(life):
    """Punctual is called late and late punctual: worse than chance."""
    life.parts["train"]["late"] = 1 - life.parts["train"]["late"]
    del life.settings["train"]["baseline"]  # else the selection would take it
    report = life.run()
    assert rejected(report, "ranks_flights", "beats_baseline", "is_calibrated")
    assert report["criteria"]["ranks_flights"]["high"] < 0.5


def test_a_constant_prediction_is_rejected_since_it_says_nothing(life):
    """The yearly share as everybody's probability is not better than itself."""
    del life.settings["train"]["lightgbm"]
    report = life.run()
    assert report["champion"]["candidate"] == "baseline"
    assert rejected(report, "ranks_flights", "beats_baseline")
    assert report["criteria"]["ranks_flights"]["value"] == 0.5


def test_a_model_slower_than_allowed_is_rejected_by_its_operations(life):
    """Many more trees, each of which every answer goes down: counted, not timed."""
    life.settings["train"]["lightgbm"] |= {"rounds": 150, "learning_rate": 0.03}
    report = life.run()
    assert rejected(report, "is_quick")
    assert unmet(report) == {"is_quick"}


def test_a_model_that_cannot_bear_gaps_is_rejected_by_its_drop(life):
    """It leans on weather alone, by a rule that was true in training: without weather nothing is left."""
    for rows in life.parts.values():
        rows["precip"] = rows["late"] * 2.0 + np.random.default_rng(1).normal(size=len(rows))
    assert rejected(life.run(), "bears_no_weather", "leaks_nothing")


@pytest.mark.usefixtures("run")
def test_a_tampered_model_file_is_rejected_and_never_asked():
    """One byte of the model: it is another one than was trained; nothing in it is run."""
    path = Path("models/champion", store.PIPELINE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    report = _gate()
    assert rejected(report, "is_whole")
    assert "is not asked" in report["not_judged"]["metrics_are_its_own"]["reason"]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("end", ["value", "low"])
def test_metrics_edited_by_hand_are_rejected_since_the_model_answers_otherwise(end):
    """Half a point more in test.json, be it of the value or of its interval."""
    metrics = read_json(Path("metrics/test.json"))
    metrics["roc_auc"][end] += 0.005
    write_json(metrics, Path("metrics/test.json"))
    report = _gate()
    assert rejected(report, "metrics_are_its_own")
    assert report["criteria"]["metrics_are_its_own"]["value"] == pytest.approx(0.005, abs=1e-5)


def test_metrics_of_another_model_are_rejected(life):
    """The champion was trained anew with another seed; its metrics are those of before."""
    life.run()
    life.settings["train"]["lightgbm"]["seed"] = 2
    life.models()
    assert rejected(life.gate(), "metrics_are_its_own")


def test_test_rows_in_the_training_part_are_rejected(life):
    """Rows of the test in the split's training part: by their ids, and since they were known too late."""
    leaked = life.parts["test"].iloc[::3]
    life.parts["train"] = pd.concat([life.parts["train"], leaked], ignore_index=True)
    report = life.run()
    assert rejected(report, "saw_no_test_row", "learnt_before_the_test")
    assert report["criteria"]["saw_no_test_row"]["value"] == len(leaked)


def test_a_model_trained_on_other_rows_than_the_split_is_rejected(life):
    """Trained on test rows behind the split's back: its manifest names rows that are not the split's."""
    life.fitted_on["train"] = pd.concat([life.parts["train"], life.parts["test"]], ignore_index=True)
    assert rejected(life.run(), "learnt_from_this_split")


def test_a_good_score_by_chance_on_few_rows_is_undecided(life):
    """A hundred rows of three days cannot say that it is good, nor that it is bad."""
    test = life.parts["test"]
    few = test[test["time"] < test["time"].min() + pd.Timedelta("3D")]
    life.parts["test"] = few.iloc[:120].reset_index(drop=True)
    for name in ("serves_every_slice", "bears_gaps", "bears_noise", "bears_no_weather"):
        life.settings["gate"]["criteria"].pop(name)  # too few rows for any slice or damage
    report = life.run()
    assert report["verdict"] == "undecided"
    assert "has_enough_rows" in unmet(report)


def _gate():
    from fullcycle.evaluation import gate  # noqa: PLC0415

    files = {name: Path(f"metrics/{name}.json") for name in ("test", "details", "quality", "robustness")}
    gate.main(champion=Path("models/champion"), promoted=Path("promoted"), split=Path("data/split"), **files,
              report=Path("metrics/gate.json"))  # fmt: skip
    return read_json(Path("metrics/gate.json"))


def _previous(good):
    shutil.copytree(good / "models/champion", "promoted")


def test_a_champion_worse_than_the_one_before_is_rejected_by_the_paired_comparison(life, good):
    """No absolute bound is plainly missed; on the same rows the previous champion is plainly better."""
    _previous(good)
    life.settings["train"]["lightgbm"] |= {"rounds": 8, "num_leaves": 4}
    report = life.run()
    assert rejected(report, "is_no_worse")
    because = {name for name, line in report["criteria"].items() if line["verdict"] == "reject"}
    assert because <= {"is_no_worse", "is_no_dearer", "is_no_worse_anywhere"}
    assert report["not_judged"] == {}


@pytest.mark.usefixtures("run")
def test_the_champion_is_as_good_as_itself(good):
    """Where the previous champion is the same model every difference is zero, and accepted."""
    shutil.rmtree("promoted")
    _previous(good)
    report = _gate()
    assert report["verdict"] == "accept"
    assert report["criteria"]["is_no_worse"].items() >= {"value": 0.0, "low": 0.0, "high": 0.0}.items()
    assert report["previous"]["files"]["manifest.json"] == sha256(Path("promoted/manifest.json").read_bytes())


@pytest.mark.slow
def test_twenty_reseeded_good_models_are_not_rejected(life, good):
    """The noise of training and of the day's draw rejects none, also not beside the model before."""
    _previous(good)
    verdicts = []
    for seed in range(2, 22):
        life.settings["train"]["lightgbm"]["seed"] = seed
        verdicts.append(life.run()["verdict"])
    assert "reject" not in verdicts
    assert "accept" in verdicts
