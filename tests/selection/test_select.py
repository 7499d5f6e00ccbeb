"""The best candidate on the validation rows wins; a tie goes to the simpler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.files import DECISION, PREDICTIONS, read_json, write_json, write_table
from fullcycle.selection.select import best, main, reason

COMPLEXITY = {"baseline": 0, "logistic": 1, "lightgbm": 2}
SELECT = {"metric": "roc_auc", "tie": 0.002, "confidence": None, "resamples": 50, "seed": 1, "refit": False}
CHOICES = [
    # metric, values of baseline, logistic, lightgbm, tie, winner, why
    ("roc_auc", (0.5, 0.70, 0.75), 0.0, "lightgbm", "best roc_auc on the validation rows"),
    (
        "roc_auc",
        (0.5, 0.75, 0.75),
        0.0,
        "logistic",
        "roc_auc within 0 of lightgbm's on the validation rows, and simpler",
    ),
    (
        "roc_auc",
        (0.5, 0.625, 0.75),
        0.125,
        "logistic",
        "roc_auc within 0.125 of lightgbm's on the validation rows, and",
    ),
    ("roc_auc", (0.5, 0.6249, 0.75), 0.125, "lightgbm", "best roc_auc on the validation rows"),
    ("roc_auc", (0.5, 0.7, 0.75), 0.5, "baseline", "roc_auc within 0.5 of lightgbm's"),
    ("roc_auc", (0.5, 0.8, 0.75), 0.0, "logistic", "best roc_auc on the validation rows"),
    ("log_loss", (0.6, 0.5, 0.4), 0.0, "lightgbm", "best log_loss on the validation rows"),
    ("log_loss", (0.6, 0.5, 0.375), 0.125, "logistic", "log_loss within 0.125 of lightgbm's"),
    ("cost", (0.5, 0.75, 0.75), 0.0, "baseline", "best cost on the validation rows"),
    ("brier", (0.25, 0.2, 0.3), 0.01, "logistic", "best brier on the validation rows"),
]


@pytest.mark.parametrize(("metric", "values", "tie", "winner", "why"), CHOICES)
def test_the_best_wins_and_a_tie_goes_to_the_simpler(metric, values, tie, winner, why):
    """Whether high or low is good, and with a reason that says which of the two it was."""
    table = {name: {metric: value} for name, value in zip(COMPLEXITY, values, strict=True)}
    for order in (list(table), list(table)[::-1]):
        shuffled = {name: table[name] for name in order}
        assert best(shuffled, COMPLEXITY, metric, tie) == winner
        assert reason(winner, shuffled, metric, tie).startswith(why)


def test_equally_simple_candidates_are_told_apart_by_metric_then_name():
    """Two sets of parameters of one kind: the choice never depends on chance."""
    table = {"b": {"roc_auc": 0.7}, "a": {"roc_auc": 0.7}, "c": {"roc_auc": 0.71}}
    assert best(table, dict.fromkeys(table, 1), "roc_auc", 0.05) == "c"
    del table["c"]
    assert best(table, dict.fromkeys(table, 1), "roc_auc", 0.05) == "a"


def test_a_candidate_without_a_value_of_the_metric_cannot_win():
    """As k-means that puts all rows into one cluster: it has no silhouette."""
    table = {"baseline": {"davies_bouldin": 1.0}, "kmeans": {"silhouette": -0.5}}
    complexity = {"baseline": 0, "kmeans": 1}
    assert best(table, complexity, "silhouette", 2.0) == "kmeans"
    with pytest.raises(Refusal, match=r"select\.metric = stability has no value on these validation rows"):
        best(table, complexity, "stability", 0.0)


def test_the_simplest_within_noise_wins_whatever_the_tie():
    """And the reason says that it was noise."""
    table = {name: {"rmse": value} for name, value in zip(COMPLEXITY, (9.0, 5.5, 5.0), strict=True)}
    noisy = frozenset({"logistic", "lightgbm"})
    assert best(table, COMPLEXITY, "rmse", 0.1, noisy) == "logistic"
    expected = "rmse within noise of lightgbm's on the validation rows, and simpler"
    assert reason("logistic", table, "rmse", 0.1) == expected


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage on candidates given by their answers to 200 validation rows."""
    monkeypatch.chdir(tmp_path)
    label = np.random.default_rng(0).integers(0, 2, 200).astype("float64")
    ids = [f"r{n}" for n in range(200)]
    time = pd.Timestamp("2013-07-01", tz="UTC") + pd.to_timedelta(np.arange(200), unit="h")
    write_table(pd.DataFrame({"id": ids, "late": label, "time": time}), Path("validation.parquet"))
    problem = {
        "id": "id",
        "label": "late",
        "time": "time",
        "task": "binary",
        "costs": {"false_alarm": 1.0, "missed": 3.0},
    }

    def select(answers: dict[str, tuple[int, np.ndarray]], asked: list[str] = ids) -> dict:
        for name, (complexity, probability) in answers.items():
            folder = Path("candidates") / name
            write_table(pd.DataFrame({"id": asked, "probability": probability}), folder / PREDICTIONS)
            write_json({"complexity": complexity, "candidate": name}, folder / "manifest.json")
        parameters = {
            "problem": problem,
            "select": SELECT,
            "evaluate": {"bins": 10},
            "train": {name: {"kind": "baseline"} for name in answers},
        }
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
        main(
            candidates=Path("candidates"),
            train=Path("train.parquet"),
            validation=Path("validation.parquet"),
            champion=Path("champion"),
            report=Path("selection.json"),
        )
        return read_json(Path("selection.json"))

    select.label = label
    return select


def test_the_winner_is_copied_with_its_threshold(run):
    """The champion's folder has the candidate's files, without its answers, and how to decide."""
    report = run({"weak": (0, np.full(200, 0.5)), "strong": (2, 0.25 + run.label / 2)})
    assert report["champion"] == "strong"
    assert report["candidates"]["strong"]["roc_auc"] == 1.0
    assert report["candidates"]["weak"]["roc_auc"] == 0.5
    assert read_json(Path("champion/manifest.json"))["candidate"] == "strong"
    assert sorted(path.name for path in Path("champion").iterdir()) == [DECISION, "manifest.json"]
    assert read_json(Path("champion", DECISION)) == {
        "threshold": 0.75,
        "costs": {"false_alarm": 1.0, "missed": 3.0},
    }


def test_the_threshold_warns_on_the_probability_that_it_was(run):
    """A constant model's threshold is its one probability: rounded up it would never warn."""
    probability = 0.2345678
    run({"constant": (0, np.full(200, probability))})
    assert read_json(Path("champion", DECISION))["threshold"] == probability


def test_answers_for_other_rows_are_refused(run):
    """A stale candidate cannot be compared; there is no champion."""
    with pytest.raises(Refusal, match=r"select: odd answered other rows than validation\.parquet holds"):
        run({"odd": (0, np.full(200, 0.5))}, asked=[f"r{n}" for n in range(1, 201)])
    with pytest.raises(Refusal, match="answered other rows"):
        run({"odd": (0, np.full(199, 0.5))}, asked=[f"r{n}" for n in range(199)])
    assert not Path("champion").exists()


def test_a_candidate_that_params_no_longer_name_takes_no_part(run):
    """Its folder may still be there, and better: it cannot win."""
    write_json({"complexity": 0}, Path("candidates/removed/manifest.json"))
    assert run({"kept": (0, np.full(200, 0.5))})["champion"] == "kept"


def test_no_candidate_is_refused(run):
    """There is nothing to choose from."""
    with pytest.raises(Refusal, match="train: Dictionary should have at least 1 item"):
        run({})
