"""Features stay or go for a reason that is stated, repeats, and was found on training rows alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.feature_selection import chi2
from sklearn.linear_model import Lasso

from fullcycle.errors import Refusal
from fullcycle.params.sections import Screening
from fullcycle.training.context import Context
from fullcycle.training.screening import _chi2, _l1, screen

WAYS = ["l1", "chi2", "mutual_information", "permutation"]


def _rows(task: str, count: int = 2000) -> tuple[pd.DataFrame, pd.Series]:
    """Two features that tell, two that don't, one that is constant, one that is missing."""
    random = np.random.default_rng(0)
    features = pd.DataFrame(random.normal(size=(count, 3)), columns=["noise", "signal", "more noise"])
    features["town"] = pd.Series(random.choice(["Rome", "Oslo", "Lima"], count), dtype="str")
    features["same"], features["gone"] = 7.0, np.nan
    score = 2 * features["signal"] + 2 * (features["town"] == "Oslo") + random.normal(size=count)
    classes = {"binary": [-np.inf, 0.7, np.inf], "multiclass": [-np.inf, -0.5, 1.5, np.inf]}
    if task == "regression":
        return features, score
    label = pd.cut(score, classes[task], labels=False)
    return features, label.astype("str") if task == "multiclass" else label


def _screened(task: str, by: str, **more):
    settings = Screening(by=by, keep=2, rows=700, resamples=3, **more)
    return screen(settings, *_rows(task), Context(task))


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_tells_stays_and_what_does_not_goes(task, by):
    """By every way and for every task with a label; each feature has its reason."""
    if (task, by) == ("regression", "chi2"):
        with pytest.raises(Refusal, match="chi2 compares classes; for regression use l1, mutual_information"):
            _screened(task, by)
        return
    kept, report = _screened(task, by)
    assert kept == ["signal", "town"]
    lines = report["features"]
    assert list(lines) == ["noise", "signal", "more noise", "town", "same", "gone"]
    assert [name for name, line in lines.items() if line["kept"]] == kept
    assert lines["signal"]["why"] in {f"rank {rank} of 6 by {by}, and 2 are kept" for rank in (1, 2)}
    assert lines["same"]["why"] == f"its {by} score is 0 or below: it says nothing"
    assert min(lines[name]["stability"] for name in kept) > 0.6
    assert lines["gone"]["stability"] == 0
    assert lines["signal"]["dropping_costs"] > 0.02
    assert lines["town"]["dropping_costs"] > 0.02
    assert abs(lines["gone"]["dropping_costs"]) < 1e-12
    assert abs(lines["noise"]["dropping_costs"]) < lines["town"]["dropping_costs"]


def test_screening_repeats():
    """The same rows and settings give the same report to the last bit."""
    assert _screened("binary", "permutation") == _screened("binary", "permutation")


def test_fewer_than_may_stay_do_where_the_others_say_nothing():
    """A constant feature is not kept to fill a number."""
    settings = Screening(by="l1", keep=6, rows=700, resamples=2)
    kept, _ = screen(settings, *_rows("binary"), Context("binary"))
    assert "same" not in kept
    assert "gone" not in kept


def test_the_latest_rows_have_no_part_in_the_scores():
    """They are where costs are measured: with their labels turned round, every score stays."""
    features, label = _rows("binary")
    turned = label.where(label.index < 1600, 1 - label)
    settings = Screening(by="mutual_information", keep=2, rows=700, resamples=2)
    before, after = (screen(settings, features, y, Context("binary"))[1] for y in (label, turned))
    for name, line in before["features"].items():
        assert line["score"] == after["features"][name]["score"]
    assert before["loss_with_kept"] < after["loss_with_kept"]


def test_the_l1_score_is_the_penalty_at_which_lasso_lets_go():
    """Just below it the feature has a weight, just above it none."""
    table = datasets.load_diabetes(as_frame=True)
    x = ((table.data - table.data.mean()) / table.data.std(ddof=0)).to_numpy()
    y = ((table.target - table.target.mean()) / table.target.std(ddof=0)).to_numpy()
    scores = _l1(x, y, "regression")
    best = int(scores.argmax())
    for factor, there in ((0.999, True), (1.001, False)):
        assert bool(Lasso(alpha=scores[best] * factor, tol=1e-10).fit(x, y).coef_[best]) is there


def test_the_chi2_score_is_scikit_learns():
    """Without another hand on it."""
    x, y = datasets.load_wine(return_X_y=True)
    np.testing.assert_array_equal(_chi2(x, y, "multiclass"), chi2(x, y)[0])
