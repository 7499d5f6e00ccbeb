"""Models are files that run no code when loaded, with the same bytes for the same model."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from lightgbm import Booster
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from fullcycle.errors import Refusal
from fullcycle.files import sha256, write_json
from fullcycle.params.sections import Calibration
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context

ROOT = Path(__file__).parents[2]
KINDS = sorted(CANDIDATES)


def _manifest(folder: Path) -> None:
    content = folder.joinpath(store.PIPELINE).read_bytes()
    write_json({"files": {store.PIPELINE: sha256(content)}}, folder / store.MANIFEST)


@pytest.fixture(scope="module")
def pipelines(made, settings_of):
    """One fitted pipeline of each kind, with a column named like a key of the file format."""
    features, label = made()
    features = features.rename(columns={"noise": "file"})
    settings = {kind: settings_of(kind) for kind in KINDS}
    return features, {
        kind: CANDIDATES[kind].fit(each, features, label, Context(each.tasks[0]))
        for kind, each in settings.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_answers_the_same_after_a_round_trip(pipelines, tmp_path, kind):
    """Bit for bit, and saved again it is the same file."""
    features, models = pipelines
    store.save(models[kind], tmp_path)
    _manifest(tmp_path)
    loaded = store.load(tmp_path)
    for method in {"predict", "predict_proba"} & set(dir(loaded)):
        now, then = (getattr(model, method)(features) for model in (loaded, models[kind]))
        np.testing.assert_array_equal(now, then)
    before = tmp_path.joinpath(store.PIPELINE).read_bytes()
    store.save(loaded, tmp_path)
    assert tmp_path.joinpath(store.PIPELINE).read_bytes() == before


def test_lightgbms_text_form_is_the_same_model(pipelines, tmp_path):
    """For serving without scikit-learn; only LightGBM has one."""
    features, models = pipelines
    store.save(models["lightgbm"], tmp_path)
    numbers = models["lightgbm"][0].transform(features)
    answers = Booster(model_file=str(tmp_path / store.BOOSTER)).predict(numbers)
    np.testing.assert_array_equal(answers, models["lightgbm"].predict_proba(features)[:, 1])
    for kind in ("baseline", "logistic"):
        folder = tmp_path / kind
        folder.mkdir()
        store.save(models[kind], folder)
        assert [path.name for path in folder.iterdir()] == [store.PIPELINE]


SCRIPT = """
import json, sys
from pathlib import Path
import pandas as pd
from pydantic import TypeAdapter
from fullcycle.params.sections import Candidate
from fullcycle.training import store
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context
rows = pd.read_parquet("rows.parquet")
for kind, section in json.loads(Path("sections.json").read_text()).items():
    settings = TypeAdapter(Candidate).validate_python(section)
    out = Path(sys.argv[1], kind)
    out.mkdir(parents=True)
    context = Context(settings.tasks[0])
    store.save(CANDIDATES[kind].fit(settings, rows.drop(columns="late"), rows["late"], context), out)
"""


def test_two_processes_write_the_same_bytes(made, sections, tmp_path):
    """With another hash seed, time zone, locale and number of threads."""
    features, label = made()
    features.assign(late=label).to_parquet(tmp_path / "rows.parquet")
    tmp_path.joinpath("sections.json").write_text(json.dumps(sections), encoding="utf-8")
    contents = []
    for seed, zone, threads in (("1", "UTC", "1"), ("2", "Asia/Tokyo", "2")):
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": seed, "TZ": zone, "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8" if seed == "1" else "C",
        }  # fmt: skip
        subprocess.run([sys.executable, "-c", SCRIPT, seed], cwd=tmp_path, env=environment, check=True)
        folder = tmp_path / seed
        contents.append(
            {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        )
    assert set(contents[0]) == {"lightgbm/booster.txt"} | {f"{kind}/pipeline.skops" for kind in KINDS}
    differing = [name for name in contents[0] if contents[0][name] != contents[1][name]]
    assert differing == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_canonical_form_is_final(pipelines, kind):
    """Made canonical twice, a file is what it was after the first time; skops reads it still."""
    once = store.canonical(skops.io.dumps(pipelines[1][kind]))
    assert store.canonical(once) == once
    assert store.canonical(skops.io.dumps(pipelines[1][kind])) == once
    with zipfile.ZipFile(io.BytesIO(once)) as archive:
        assert {each.date_time for each in archive.infolist()} == {store.EPOCH}
        assert len(archive.namelist()) == len(set(archive.namelist()))


def test_a_file_that_was_changed_is_refused(pipelines, tmp_path):
    """One flipped bit, and nothing is loaded from it."""
    store.save(pipelines[1]["logistic"], tmp_path)
    _manifest(tmp_path)
    content = bytearray(tmp_path.joinpath(store.PIPELINE).read_bytes())
    content[len(content) // 2] ^= 1
    tmp_path.joinpath(store.PIPELINE).write_bytes(content)
    with pytest.raises(
        Refusal, match=r"pipeline\.skops: SHA-256 [0-9a-f]{64} is not [0-9a-f]{64}, as its manifest"
    ):
        store.load(tmp_path)


def test_a_type_that_nobody_trusts_is_refused(tmp_path):
    """Even where the manifest vouches for the file."""
    foreign = Pipeline([("estimate", DummyClassifier(constant=Fraction(1, 2)))])
    tmp_path.joinpath(store.PIPELINE).write_bytes(skops.io.dumps(foreign))
    _manifest(tmp_path)
    with pytest.raises(
        Refusal, match=r"names the type fractions\.Fraction; trusted are collections\.OrderedDict"
    ):
        store.load(tmp_path)


def test_all_that_is_trusted_is_needed(pipelines, settings_of):
    """The list holds no type that no candidate uses."""
    features, models = pipelines[0], list(pipelines[1].values())
    calibrated = settings_of("boosting").model_copy(
        update={"calibration": Calibration(share=0.3, method="sigmoid")}
    )
    number = pd.Series(np.arange(len(features), dtype="float64"))
    models += [
        CANDIDATES["boosting"].fit(calibrated, features, number % 2),
        CANDIDATES["lightgbm"].fit(settings_of("lightgbm"), features, number, Context("regression")),
    ]
    named = set().union(*(skops.io.get_untrusted_types(data=skops.io.dumps(model)) for model in models))
    assert named == set(store.TRUSTED)


def test_a_missing_file_is_refused(tmp_path):
    """With the next step."""
    with pytest.raises(Refusal, match=r"pipeline\.skops cannot be read \(No such file or directory\)"):
        store.load(tmp_path)
