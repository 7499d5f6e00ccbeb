"""The champion and the one before answer the same rows; their differences are paired."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fullcycle.evaluation.challenge import deviation, gains
from fullcycle.evaluation.rows import Rows
from fullcycle.intervals import estimates
from fullcycle.metrics import Decision
from fullcycle.tasks import task_of

ROLES = {"time": "time", "label": "late"}
SETTINGS = SimpleNamespace(resamples=80, seed=1, bins=5, confidence=0.9)


@pytest.fixture
def rows():
    """Forty days of rows in two towns."""
    random = np.random.default_rng(0)
    count = 800
    time = pd.Timestamp("2013-09-01", tz="UTC") + pd.to_timedelta(
        np.sort(random.integers(0, 960, count)), unit="h"
    )
    signal = random.normal(size=count)
    late = (signal + random.normal(size=count) > 0).astype("float64")
    town = np.where(random.random(count) < 0.7, "Rome", "Oslo")
    table = pd.DataFrame({"time": time, "late": late, "signal": signal, "town": town})
    return Rows(table, SETTINGS, ROLES, task_of("binary"))


def _player(rows, noise: float):
    random = np.random.default_rng(1)
    p = 1 / (1 + np.exp(-rows.rows["signal"] - noise * random.normal(size=len(rows.y))))
    return SimpleNamespace(answers=p.to_numpy(), decision=Decision(0.5, 1.0, 3.0))


def _said(rows, player):
    found = estimates(rows.resamples(player.answers, player.decision), SETTINGS.confidence)
    return {"rows": len(rows.y)} | {name: each.as_dict() for name, each in found.items()}


def test_a_better_champion_gains_and_its_slices_are_those_of_their_rows(rows):
    """Positive where it is better, be high or low good; differences of scikit-learn's own scores."""
    own, before = _player(rows, 0.0), _player(rows, 2.0)
    found = gains(rows, own, before, ["town"], 1)
    expected = roc_auc_score(rows.y, own.answers) - roc_auc_score(rows.y, before.answers)
    assert found["gain"]["roc_auc"]["value"] == pytest.approx(expected)
    assert found["gain"]["log_loss"]["low"] > 0
    assert sum(each["rows"] for each in found["slices"]["town"].values()) == 800
    rome = (rows.rows["town"] == "Rome").to_numpy()
    expected = roc_auc_score(rows.y[rome], own.answers[rome]) - roc_auc_score(
        rows.y[rome], before.answers[rome]
    )
    assert found["slices"]["town"]["Rome"]["roc_auc"]["value"] == pytest.approx(expected)
    assert set(gains(rows, own, before, ["town"], 500)["slices"]["town"]) == {"Rome"}


def test_a_paired_difference_is_surer_than_the_scores_themselves(rows):
    """What both share cancels out; against itself nothing is left."""
    own, before = _player(rows, 0.0), _player(rows, 0.2)
    gained = gains(rows, own, before, [], 1)["gain"]["roc_auc"]
    score = estimates(rows.resamples(own.answers, own.decision), SETTINGS.confidence)["roc_auc"]
    assert gained["high"] - gained["low"] < (score.high - score.low) / 2
    itself = gains(rows, own, own, [], 1)["gain"]["roc_auc"]
    assert itself == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_metrics_that_the_model_answers_do_not_deviate(rows):
    """Each metric with its interval."""
    player = _player(rows, 0.0)
    assert deviation(rows, player, _said(rows, player)) == 0.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda said: said["roc_auc"].update(value=said["roc_auc"]["value"] + 0.01), 0.01),
        (lambda said: said["brier"].update(high=said["brier"]["high"] - 0.02), 0.02),
        (lambda said: said.pop("cost"), 1.0),
        (lambda said: said.update(rows=799), 1.0),
        (lambda said: said["log_loss"].update(value=50.0), 1.0),
    ],
)
def test_metrics_that_are_not_the_models_deviate(rows, change, expected):
    """By the largest difference, at most 1: of a value, of an end of its interval, of the rows."""
    player = _player(rows, 0.0)
    said = _said(rows, player)
    change(said)
    assert deviation(rows, player, said) == pytest.approx(expected)
