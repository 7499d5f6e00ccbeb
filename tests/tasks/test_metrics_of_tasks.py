"""Every metric of every task equals scikit-learn's, for the rows as they are and for weighted blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from fullcycle.errors import Refusal
from fullcycle.params.metrics import METRICS
from fullcycle.tasks import task_of
from fullcycle.tasks.clustering import davies_bouldin

BLOCKS = 12


def _weights(random) -> np.ndarray:
    return np.vstack([np.ones(BLOCKS), random.integers(0, 4, (15, BLOCKS))]).astype("float64")


@pytest.mark.parametrize("seed", range(3))
def test_regression_metrics_equal_scikit_learns(seed):
    """RMSE, MAE, R2 and pinball losses, for 16 weightings, also far from 0."""
    random = np.random.default_rng(seed)
    y = random.normal(1e4, 3, 300)
    answers, block, weights = (
        y + random.normal(0.5, 1, 300),
        random.integers(0, BLOCKS, 300),
        _weights(random),
    )
    found = task_of("regression").measure(y, answers, None, 5, block, weights)
    assert set(found) == set(METRICS["regression"])
    for number, each in enumerate(weights[:, block]):
        expected = {
            "rmse": oracle.root_mean_squared_error(y, answers, sample_weight=each),
            "mae": oracle.mean_absolute_error(y, answers, sample_weight=each),
            "r2": oracle.r2_score(y, answers, sample_weight=each),
        }
        for level in (10, 50, 90):
            loss = oracle.mean_pinball_loss(y, answers, alpha=level / 100, sample_weight=each)
            expected[f"pinball_{level}"] = loss
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value, rel=1e-9), name


def test_a_constant_label_has_no_r2():
    """There is no spread to explain; the errors have their values."""
    found = task_of("regression").values(np.full(4, 2.0), np.array([1.0, 2, 3, 2]), None)
    assert "r2" not in found
    assert found["mae"] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_multiclass_metrics_equal_scikit_learns(seed):
    """Log loss, accuracy, macro F1 and recalls, for 16 weightings."""
    random = np.random.default_rng(seed)
    classes = ["ant", "bee", "cat", "dog"]
    y = random.choice(classes, 400, p=[0.1, 0.2, 0.3, 0.4]).astype("object")
    p = random.dirichlet(np.ones(4), 400) + 1.0 * (y[:, None] == np.array(classes)[None])
    answers = pd.DataFrame(p / p.sum(axis=1, keepdims=True), columns=classes)
    said = np.array(classes, dtype="object")[p.argmax(axis=1)]
    block, weights = random.integers(0, BLOCKS, 400), _weights(random)
    found = task_of("multiclass").measure(y, answers, None, 5, block, weights)
    assert set(found) == {*METRICS["multiclass"], *(f"recall_{each}" for each in classes)}
    for number, each in enumerate(weights[:, block]):
        expected = {
            "log_loss": oracle.log_loss(y, answers, sample_weight=each, labels=classes),
            "accuracy": oracle.accuracy_score(y, said, sample_weight=each),
            "macro_f1": oracle.f1_score(y, said, average="macro", sample_weight=each),
            "macro_recall": oracle.balanced_accuracy_score(y, said, sample_weight=each),
        }
        recalls = oracle.recall_score(y, said, average=None, labels=classes, sample_weight=each)
        expected |= {f"recall_{name}": value for name, value in zip(classes, recalls, strict=True)}
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value, rel=1e-9), name


def test_a_class_that_came_up_later_is_a_miss_and_not_a_crash():
    """Its probability is 0, so its log loss is the largest there is, and its recall is 0."""
    task = task_of("multiclass")
    answers = pd.DataFrame({"a": [0.9, 0.2, 0.5], "b": [0.1, 0.8, 0.5]})
    found = task.values(np.array(["a", "b", "new"], dtype="object"), answers, None)
    assert found["recall_new"] == 0
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log_loss"] > 10


@pytest.mark.parametrize("seed", range(2))
def test_clustering_metrics_equal_scikit_learns(seed):
    """Silhouette and Davies-Bouldin on the rows as they are; the latter also for repeated rows."""
    random = np.random.default_rng(seed)
    cluster = random.integers(0, 3, 200)
    places = random.normal(size=(200, 4)) + 2.0 * cluster[:, None]
    answers = pd.DataFrame(places, columns=[f"x_{n}" for n in range(4)]).assign(cluster=cluster)
    found = task_of("clustering").values(np.zeros(200), answers, None)
    assert found["silhouette"] == pytest.approx(oracle.silhouette_score(places, cluster))
    assert found["davies_bouldin"] == pytest.approx(oracle.davies_bouldin_score(places, cluster))
    times = random.integers(0, 3, 200)
    repeated = np.repeat(np.arange(200), times)
    expected = oracle.davies_bouldin_score(places[repeated], cluster[repeated])
    assert davies_bouldin(places, cluster, times.astype("float64")) == pytest.approx(expected)


def test_one_cluster_has_neither_silhouette_nor_davies_bouldin():
    """Nothing to stand apart from: no value rather than a made-up one."""
    answers = pd.DataFrame({"cluster": [0] * 5, "x_0": np.arange(5.0)})
    assert task_of("clustering").values(np.zeros(5), answers, None) == {}


@pytest.mark.parametrize("task", METRICS)
def test_answers_survive_a_file(task):
    """What goes into the columns of a table comes out of them."""
    answers = {
        "binary": np.array([0.25, 0.5]),
        "regression": np.array([-1.0, 3.5]),
        "multiclass": pd.DataFrame({"0": [0.25, 1.0], "probability_1": [0.75, 0.0]}),
        "clustering": pd.DataFrame({"cluster": [0, 1], "x_0": [0.5, 1.5]}),
    }[task]
    table = task_of(task).table(answers).assign(id=["a", "b"])
    back = task_of(task).read(table)
    assert list(getattr(back, "columns", [])) == list(getattr(answers, "columns", []))
    np.testing.assert_array_equal(np.asarray(back), np.asarray(answers))


BAD = [
    ("binary", [1.0, 1.0, 1.0], r"has 1 class\(es\); the rule is two"),
    ("binary", [0.0, 1.0, 2.0], "is 2.0 on 1 rows; the rule is 0 or 1"),
    ("multiclass", ["a", "a", "a"], r"has 1 class\(es\); the rule is 2 to 1000"),
    ("multiclass", ["a", None, "b"], "is missing on 1 rows"),
    ("multiclass", [str(n) for n in range(1001)], r"has 1001 class\(es\)"),
    ("regression", [2.0, 2.0, 2.0], "is the same on all 3 rows"),
    ("regression", [1.0, np.inf, 2.0], "is missing or infinite on 1 rows"),
    ("regression", [1.0, np.nan, 2.0], "is missing or infinite on 1 rows"),
    ("regression", ["1", "2", "3"], "regression needs numbers"),
]


@pytest.mark.parametrize(("task", "label", "rule"), BAD)
def test_a_label_that_cannot_be_learnt_is_refused(task, label, rule):
    """In words, before anything is fitted."""
    with pytest.raises(Refusal, match=rule):
        task_of(task).label(pd.DataFrame({"label": label}), "label", "train")


def test_classes_are_named_alike_whether_whole_numbers_have_a_point_or_not():
    """A column that has gaps somewhere holds 3.0 where another holds 3: both are class 3."""
    task = task_of("multiclass")
    for label in ([1, 3], [1.0, 3.0], ["1", "3"]):
        assert task.outcome(pd.DataFrame({"label": label}), "label").tolist() == ["1", "3"]
