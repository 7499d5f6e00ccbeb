"""A candidate, metric or key that does not fit the task is refused before the first stage."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.params.metrics import METRICS
from fullcycle.params.sections import KINDS, kind_of
from fullcycle.training.candidates import CANDIDATES

REAL = Path(__file__).parents[2] / "params.yaml"
RIDGE = {"kind": "ridge", "alpha": 1.0}


@pytest.fixture
def refusal(tmp_path):
    """What `check` says of the real parameters with some keys changed."""

    def of(**changes) -> str:
        content = copy.deepcopy(yaml.safe_load(REAL.read_text(encoding="utf-8")))
        for key, value in changes.items():
            *parents, last = key.split("__")
            place = content
            for parent in parents:
                place = place[parent]
            place[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        with pytest.raises(Refusal) as refused:
            params.load(path)
        return str(refused.value)

    return of


def test_a_candidate_that_does_not_fit_the_task_is_refused(refusal):
    """With the tasks that it is for, and the kinds that the task has."""
    message = refusal(train__ridge=RIDGE)
    assert "train.ridge: kind ridge is for regression, not for problem.task = binary" in message
    assert "for that there are baseline, logistic, boosting, forest, lightgbm, mlp" in message


def test_a_metric_of_another_task_is_refused(refusal):
    """With the metrics that the task has."""
    message = refusal(select__metric="rmse")
    assert "select.metric = rmse is no metric of problem.task = binary; there are roc_auc" in message


@pytest.mark.parametrize(
    ("task", "key", "value", "allowed"),
    [
        ("binary", "quantile", 0.9, "regression"),
        ("multiclass", "scale_pos_weight", 2.0, "binary"),
        ("regression", "class_weight", "balanced", "binary, multiclass"),
        ("regression", "calibration", {"share": 0.2, "method": "sigmoid"}, "binary, multiclass"),
    ],
)
def test_a_key_without_a_meaning_for_the_task_is_refused(refusal, task, key, value, allowed):
    """It would otherwise be ignored silently."""
    message = refusal(problem__task=task, **{f"train__lightgbm__{key}": value})
    assert f"train.lightgbm.{key}: it has a meaning for {allowed} alone, not for" in message


def test_contradicting_keys_of_lightgbm_are_refused(refusal):
    """Two ways to weigh classes; a champion continued and trained anew at once."""
    both = refusal(train__lightgbm__scale_pos_weight=2.0, train__lightgbm__class_weight="balanced")
    assert "scale_pos_weight and class_weight do the same" in both
    origin = {"folder": "models/old", "sha256": "0" * 64}
    stopped = refusal(train__lightgbm__init_from_champion=origin,
                      train__lightgbm__early_stopping={"share": 0.1, "patience": 5})  # fmt: skip
    assert "early_stopping, calibration and prepare need a model trained anew" in stopped


def test_every_kind_in_the_parameters_has_an_entry_with_a_complexity_of_its_own():
    """So that every section can be trained, and a tie is always decided; the baseline is the simplest."""
    assert set(CANDIDATES) == {kind_of(section) for section in KINDS}
    assert len({entry.complexity for entry in CANDIDATES.values()}) == len(CANDIDATES)
    assert min(CANDIDATES, key=lambda kind: CANDIDATES[kind].complexity) == "baseline"


def test_every_task_has_a_baseline_and_something_to_beat_it():
    """And every kind is for a task."""
    for task in METRICS:
        assert {kind_of(each) for each in KINDS if task in each.tasks} > {"baseline"}
    assert all(set(each.tasks) <= set(METRICS) for each in KINDS)
