"""A LightGBM champion is continued on new rows, and judged by the same metrics as one trained anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import sha256, write_json
from fullcycle.tasks import task_of
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context

SECTION = {"kind": "lightgbm", "rounds": 40, "learning_rate": 0.1, "num_leaves": 7, "min_leaf_rows": 10,
           "row_share": 0.8, "feature_share": 0.8, "l2": 1.0, "min_category_rows": 5, "seed": 1}  # fmt: skip
LOGISTIC = {"kind": "logistic", "c": 1.0, "max_iter": 50, "knots": 3, "min_category_rows": 5}


def _rows(count: int, seed: int, drift: float) -> tuple[pd.DataFrame, pd.Series]:
    """What decides moves from the first number to the second as `drift` goes from 0 to 1."""
    random = np.random.default_rng(seed)
    features = pd.DataFrame(random.normal(size=(count, 3)), columns=["first", "second", "noise"])
    features["town"] = pd.Series(random.choice(["Rome", "Oslo"], count), dtype="str")
    score = (1 - drift) * features["first"] + drift * features["second"] + (features["town"] == "Oslo")
    return features, pd.Series((score + 0.5 * random.normal(size=count) > 0.5).astype("int64"))


def _fit(section: dict, features, label):
    settings = params.candidate(section)
    return CANDIDATES[settings.kind].fit(settings, features, label)


@pytest.fixture
def champion(tmp_path):
    """A model of the old days, in a folder, and the section that continues it."""

    def make(section: dict = SECTION) -> tuple:
        model = _fit(section, *_rows(1500, 0, 0.0))
        store.save(model, tmp_path)
        digest = sha256(tmp_path.joinpath(store.PIPELINE).read_bytes())
        write_json({"files": {store.PIPELINE: digest}}, tmp_path / store.MANIFEST)
        return model, SECTION | {"init_from_champion": {"folder": str(tmp_path), "sha256": digest}}

    return make


def test_a_continued_champion_is_better_on_new_days_and_comparable_with_one_trained_anew(champion):
    """On later rows, by the metrics of the task: old < continued, and continued about as good as anew."""
    old, section = champion()
    features, label = _rows(1500, 1, 0.7)
    continued, anew = _fit(section, features, label), _fit(SECTION, features, label)
    asked, truth = _rows(2000, 2, 0.7)
    task = task_of("binary")
    scores = {
        name: task.values(truth.to_numpy("float64"), task.answer(model, asked), task.decision(
            {"threshold": 0.5, "costs": {"false_alarm": 1.0, "missed": 3.0}}))
        for name, model in {"old": old, "continued": continued, "anew": anew}.items()
    }  # fmt: skip
    assert scores["continued"]["roc_auc"] > scores["old"]["roc_auc"] + 0.05
    assert scores["continued"]["log_loss"] < scores["old"]["log_loss"]
    assert scores["continued"]["roc_auc"] == pytest.approx(scores["anew"]["roc_auc"], abs=0.04)


def test_the_champions_trees_come_first_and_its_preprocessing_stays(champion):
    """The first rounds alone are the champion; what is added is as many as the parameters say."""
    old, section = champion()
    continued = _fit(section | {"rounds": 15}, *_rows(800, 1, 0.7))
    booster = continued[-1].booster_
    assert booster.num_trees() == 55
    asked = _rows(50, 3, 0.0)[0]
    rows = continued[:-1].transform(asked)
    np.testing.assert_array_equal(rows, old[:-1].transform(asked))
    np.testing.assert_allclose(
        booster.predict(rows, num_iteration=40), old.predict_proba(asked)[:, 1], rtol=1e-12
    )


def test_a_continued_champion_is_stored_whole(champion, tmp_path):
    """It needs the old model no more: what is loaded answers the same."""
    _, section = champion()
    continued = _fit(section, *_rows(800, 1, 0.7))
    folder = Path(tmp_path, "new")
    folder.mkdir()
    store.save(continued, folder)
    digest = sha256(folder.joinpath(store.PIPELINE).read_bytes())
    asked = _rows(50, 3, 0.0)[0]
    loaded = store.load(folder, sha256_of_pipeline=digest)
    np.testing.assert_array_equal(loaded.predict_proba(asked), continued.predict_proba(asked))


def test_another_champion_than_the_parameters_name_is_refused(champion):
    """The checksum stands in params.yaml, so that the same parameters give the same bytes."""
    _, section = champion()
    origin = section["init_from_champion"] | {"sha256": "0" * 64}
    with pytest.raises(Refusal, match=r"SHA-256 [0-9a-f]{64} is not 0{64}, as the parameters say"):
        _fit(section | {"init_from_champion": origin}, *_rows(100, 1, 0.7))


def test_a_champion_that_cannot_be_continued_is_refused(champion):
    """Not LightGBM, or learnt from other features."""
    _, section = champion(LOGISTIC)
    with pytest.raises(Refusal, match="holds no LightGBM model that could be continued"):
        _fit(section, *_rows(100, 1, 0.7))
    _, section = champion()
    features, label = _rows(100, 1, 0.7)
    with pytest.raises(Refusal, match="has other features than the training rows: fourth, noise"):
        _fit(section, features.rename(columns={"noise": "fourth"}), label)
    with pytest.raises(Refusal, match="answers the classes 0, 1; the training rows have the classes 0, 1, 2"):
        _fit(section, features, label + (features["first"] > 1))


@pytest.mark.parametrize("until", [None, "2013-06-30T12:00:01+00:00"])
def test_a_champion_that_may_have_seen_the_judging_rows_is_refused(champion, until):
    """Refitted on validation rows, say, or trained under a later split: its scores would be flattered."""
    _, section = champion()
    manifest = Path(section["init_from_champion"]["folder"], store.MANIFEST)
    about = json.loads(manifest.read_text(encoding="utf-8"))
    features, label = _rows(100, 1, 0.7)
    known = pd.Series(pd.date_range(end="2013-06-30T12:00", periods=100, freq="h", tz="UTC"))
    settings = params.candidate(section)
    write_json(about | ({"known_until": until} if until else {}), manifest)
    with pytest.raises(Refusal, match="may have seen the rows on which it would be judged"):
        CANDIDATES["lightgbm"].fit(settings, features, label, Context("binary", known, known))
    write_json(about | {"known_until": known.max().isoformat()}, manifest)
    CANDIDATES["lightgbm"].fit(settings, features, label, Context("binary", known, known))
