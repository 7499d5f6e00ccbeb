"""Every task runs from the split to the gate on a real table that scikit-learn ships."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn import metrics as oracle

from fullcycle.errors import Refusal
from fullcycle.evaluation import honesty
from fullcycle.evaluation.gate import judge
from fullcycle.files import PREDICTIONS, read_json, read_table, sha256
from fullcycle.params.gate import Criterion
from fullcycle.params.metrics import LOWER_IS_BETTER, METRICS
from fullcycle.tasks import task_of
from fullcycle.training import store, train

PLOTS = {
    "binary": {"roc.png", "calibration.png", "confusion.png", "importance.png", "months.png",
               "precision_recall.png", "roc.csv", "precision_recall.csv", "calibration.csv", "importance.csv",
               "months.csv"},
    "multiclass": {"confusion.png", "importance.png", "months.png", "confusion.csv", "importance.csv",
                   "months.csv"},
    "regression": {"predicted.png", "residuals.png", "importance.png", "months.png", "residuals.csv",
                   "importance.csv", "months.csv"},
    "clustering": {"plane.png", "importance.png", "months.png", "plane.csv", "sizes.csv", "importance.csv",
                   "months.csv"},
}  # fmt: skip


def _recomputed(task: str, y, answers) -> dict[str, float]:
    """The metrics by scikit-learn, from the stored model's answers to the test rows."""
    if task == "binary":
        return {"roc_auc": oracle.roc_auc_score(y, answers), "log_loss": oracle.log_loss(y, answers)}
    if task == "regression":
        return {
            "rmse": oracle.root_mean_squared_error(y, answers),
            "mae": oracle.mean_absolute_error(y, answers),
            "r2": oracle.r2_score(y, answers),
            "pinball_90": oracle.mean_pinball_loss(y, answers, alpha=0.9),
        }
    if task == "multiclass":
        said = answers.columns.to_numpy("object")[answers.to_numpy().argmax(axis=1)]
        return {
            "log_loss": oracle.log_loss(y, answers.to_numpy(), labels=list(answers.columns)),
            "macro_f1": oracle.f1_score(y, said, average="macro"),
            "macro_recall": oracle.balanced_accuracy_score(y, said),
            "recall_1": oracle.recall_score(y, said, labels=["1"], average="macro"),
        }
    places = answers.filter(like="x_").to_numpy()
    return {
        "silhouette": oracle.silhouette_score(places, answers["cluster"]),
        "davies_bouldin": oracle.davies_bouldin_score(places, answers["cluster"]),
    }


@pytest.mark.parametrize("task", METRICS)
def test_a_task_runs_from_training_to_the_gate(finished, task):
    """The champion beats the baseline, its test metrics are scikit-learn's, and the gate accepts it."""
    run = finished(task)
    own, champion = task_of(task), run.selection["champion"]
    metric = run.parameters["select"]["metric"]
    sign = -1 if metric in LOWER_IS_BETTER else 1
    scores = {name: sign * row[metric] for name, row in run.selection["candidates"].items()}
    assert scores[champion] == max(scores.values())
    assert scores[champion] > scores["baseline"]
    manifest = read_json(Path("champion", store.MANIFEST))
    assert manifest["task"] == task
    test = run.parts["test"]
    answers = own.answer(store.load(Path("champion")), test[store.columns(Path("champion"))])
    for name, value in _recomputed(task, own.outcome(test, "label"), answers).items():
        assert run.test[name]["value"] == pytest.approx(value, abs=2e-6), name
    assert {path.name for path in Path("plots").iterdir()} == PLOTS[task]
    assert run.gate["verdict"] == "accept"
    assert set(run.details["test"]["slices"]["size"]) == {"large", "small"}
    others = set(run.parameters["train"]) - {champion}
    assert set(run.details["test"]["candidates"]) == others
    assert metric in run.test["gain_over_baseline"]


@pytest.mark.parametrize("task", METRICS)
def test_the_stages_before_and_beside_training_know_the_task(finished, task):
    """Labels are described in the task's words, and honesty is told in its own metric.

    Suspected leaks are searched between two classes only; elsewhere the report says why not.
    """
    run, own = finished(task), task_of(task)
    assert (
        run.split["rows"]["in"] == sum(len(part) for part in run.parts.values()) + run.split["rows"]["purged"]
    )
    assert set(own.describe(own.outcome(run.parts["train"], "label"))) <= set(run.split["train"])
    told = run.split["honesty"][own.primary]
    assert set(told) == {"time_split", "random_split", "random_split_same_period"}
    assert all(score["low"] <= score["high"] and score["rows"] > 10 for score in told.values())
    assert Path("split.png").stat().st_size > 1000
    leaks = run.quality["suspected_leaks"]
    if task == "binary":
        assert leaks["count"] == len(leaks["features"])
    else:
        assert leaks == {"skipped": f"the area under the ROC curve needs two classes; problem.task is {task}"}


@pytest.mark.parametrize("task", METRICS)
def test_a_split_that_is_not_by_time_is_not_told_as_one(finished, task, tmp_path):
    """Honesty then has no later rows to compare with: it gives the one score its name, and says so."""
    finished(task)
    parameters = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    parameters["split"]["method"] = "random"
    for folder in ("candidates", "split"):
        tmp_path.joinpath(folder).symlink_to(Path(folder).resolve())
    tmp_path.joinpath("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    with contextlib.chdir(tmp_path):
        honesty.main(
            candidates=Path("candidates"), split=Path("split"), metrics=Path("s.json"), plot=Path("s.png")
        )
    told = json.loads(tmp_path.joinpath("s.json").read_text(encoding="utf-8"))["honesty"]
    assert set(told[task_of(task).primary]) == {"random_split"}
    assert "not split by time" in told["why"]


def test_a_criterion_on_what_was_skipped_is_refused(finished):
    """A number that nobody computed is not met silently."""
    run = finished("multiclass")
    criterion = Criterion(metric="quality.suspected_leaks.count", max=0.0, why="no leaks")
    with pytest.raises(Refusal, match=r"count does not exist; quality\.suspected_leaks holds skipped"):
        judge({"leaks": criterion}, {"test": run.test, "quality": run.quality})


@pytest.mark.parametrize("task", METRICS)
def test_training_again_gives_the_same_bytes(finished, task):
    """Every candidate's folder, model file and answers included."""
    run = finished(task)

    def digests() -> dict[str, str]:
        files = sorted(Path("candidates").rglob("*.*"))
        return {str(path): sha256(path.read_bytes()) for path in files if path.is_file()}

    before = digests()
    for name in run.parameters["train"]:
        train.main(
            candidate=name,
            train=Path("split/train.parquet"),
            validation=Path("split/validation.parquet"),
            out=Path("candidates", name),
            metrics=Path("train.json"),
        )
    assert digests() == before


@pytest.mark.parametrize("task", METRICS)
def test_stored_answers_are_the_loaded_models(finished, task):
    """What a candidate answered before it was stored, it answers after it was loaded."""
    run = finished(task)
    own, asked = task_of(task), run.parts["validation"]
    for name in run.parameters["train"]:
        folder = Path("candidates", name)
        columns = store.columns(folder)
        kept = own.read(read_table(folder / PREDICTIONS))
        now = own.answer(store.load(folder), asked[columns])
        kept = kept[list(now.columns)] if task in ("multiclass", "clustering") else kept
        np.testing.assert_array_equal(np.asarray(now), np.asarray(kept), err_msg=name)


def test_the_last_value_is_what_the_column_says(cycle):
    """And the training rows' mean of the column where it says nothing."""
    run = cycle(
        "regression", {"baseline": {"kind": "baseline"}, "last": {"kind": "last_value", "column": "last"}}
    )
    asked, mean = run.parts["validation"], run.parts["train"]["last"].mean()
    model = store.load(Path("candidates/last"))
    features = asked[list(model.feature_names_in_)].assign(last=asked["last"].mask(asked.index < 3))
    expected = asked["last"].mask(asked.index < 3, mean)
    np.testing.assert_allclose(model.predict(features), expected, rtol=1e-12)


def test_clusters_that_are_there_come_back_on_other_rows(finished):
    """Stability is the mean adjusted Rand index of refits, recomputed from their stored answers."""
    run = finished("clustering")
    kept = read_table(Path("candidates/kmeans", PREDICTIONS))
    refits = [name for name in kept if name.startswith("refit_")]
    again = [oracle.adjusted_rand_score(kept["cluster"], kept[name]) for name in refits]
    assert len(refits) == 10
    assert run.selection["candidates"]["kmeans"]["stability"] == pytest.approx(np.mean(again), abs=1e-6)
    assert np.mean(again) > 0.5
