"""The numbers behind the plots of classes, numbers and clusters, and pictures with the same bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle
from sklearn.decomposition import PCA

from fullcycle.evaluation import taskplots


def _classes():
    random = np.random.default_rng(0)
    y = random.choice(["ant", "bee", "cat"], 200).astype("object")
    return y, pd.DataFrame(random.dirichlet(np.ones(3), 200), columns=["ant", "bee", "dog"])


def _numbers():
    y = np.random.default_rng(0).normal(size=500)
    return y, y + np.random.default_rng(1).normal(size=500)


def _clusters():
    random = np.random.default_rng(0)
    cluster = random.integers(0, 3, 300)
    places = pd.DataFrame(random.normal(size=(300, 4)) + 5 * cluster[:, None]).add_prefix("x_")
    return places.assign(cluster=cluster)


def test_the_confusion_matrix_is_scikit_learns():
    """Classes that only one side knows included."""
    y, answers = _classes()
    said = answers.columns.to_numpy()[answers.to_numpy().argmax(axis=1)]
    found = taskplots.confused(y, answers)
    assert list(found.index) == list(found.columns) == ["ant", "bee", "cat", "dog"]
    expected = oracle.confusion_matrix(y, said, labels=list(found.index))
    np.testing.assert_array_equal(found.to_numpy(), expected)


def test_residuals_hold_every_row_and_the_median_error_of_their_bin():
    """A model that answers 1 too much everywhere is 1 off everywhere."""
    y, _ = _numbers()
    cells = taskplots.residuals(y, y + 1, 10)
    assert cells["rows"].sum() == len(y)
    assert cells[["off_10", "off_50", "off_90"]].to_numpy() == pytest.approx(-1.0)
    assert cells["predicted"].is_monotonic_increasing


def test_the_plane_is_the_two_widest_directions():
    """Up to the sign of each, as principal components are; a direction's largest weight is positive."""
    answers = _clusters()
    found = taskplots.plane(answers)
    places = answers.filter(like="x_")
    expected = PCA(2).fit_transform(places)
    np.testing.assert_allclose(np.abs(found[["first", "second"]]), np.abs(expected), atol=1e-5)
    assert np.corrcoef(found["first"], answers["cluster"])[0, 1] > 0.9
    turned = answers.assign(**{name: -answers[name] for name in places})
    np.testing.assert_allclose(taskplots.plane(turned)["first"], -found["first"], atol=1e-5)


def test_one_direction_is_a_line():
    """A single feature has no second direction, and is drawn all the same."""
    found = taskplots.plane(_clusters()[["x_0", "cluster"]])
    assert "second" not in found


DRAWN = {
    "classes": lambda path: taskplots.draw_classes(taskplots.confused(*_classes()), path),
    "residuals": lambda path: taskplots.draw_residuals(taskplots.residuals(*_numbers(), 10), path),
    "predicted": lambda path: taskplots.draw_predicted(*_numbers(), path),
    "plane": lambda path: taskplots.draw_plane(taskplots.plane(_clusters()), path),
    "line": lambda path: taskplots.draw_plane(taskplots.plane(_clusters()[["x_0", "cluster"]]), path),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_picture_has_the_same_bytes_again(tmp_path, draw):
    """And it is a picture."""
    for name in ("first.png", "second.png"):
        draw(tmp_path / name)
    first = tmp_path.joinpath("first.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert first == tmp_path.joinpath("second.png").read_bytes()
