"""Promotion believes nothing, is a tag that names the model's hash, and is taken back in one command."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fullcycle import cli
from fullcycle.errors import Refusal
from fullcycle.evaluation import gate
from fullcycle.evaluation.rows import Rows
from fullcycle.files import DECISION, read_json, sha256, write_json, write_table
from fullcycle.metrics import Decision
from fullcycle.operations import promote as promotion
from fullcycle.operations.hashes import tree, tree_hash
from fullcycle.operations.promotions import promotions
from fullcycle.params import Evaluate
from fullcycle.selection import select
from fullcycle.tasks import task_of
from fullcycle.training import train

ROOT = Path(__file__).parents[2]
ROLES = {"id": "id", "time": "time", "label": "late", "known_at": "known_at"}
PARAMS = {
    "problem": ROLES | {"task": "binary", "horizon": "2h", "slices": [],
                        "costs": {"false_alarm": 1.0, "missed": 3.0}},
    "split": {"method": "time"},
    "train": {
        "logistic": {"kind": "logistic", "c": 1.0, "max_iter": 50, "knots": 3, "min_category_rows": 5},
    },
    "select": {"metric": "roc_auc", "tie": 0.0, "confidence": None, "resamples": 50, "seed": 1,
               "refit": False},
    "evaluate": {"resamples": 50, "confidence": 0.9, "bins": 5, "min_slice_rows": 40,
                 "importance_rows": 50, "seed": 1},
    "gate": {
        "enforce": False,
        "milliseconds": 10000.0,
        "criteria": {
            "ranks": {"metric": "test.roc_auc", "min": 0.6, "why": "it must rank"},
            "is_no_worse": {"metric": "previous.gain.roc_auc", "min": -0.05, "why": "nor be worse"},
        },
    },
}  # fmt: skip
PIPELINE = """\
stages:
  select:
    cmd: "true"
    outs: [models/champion]
  evaluate:
    cmd: "true"
    deps: [models/champion]
    metrics: [metrics/test.json: {cache: false}, metrics/details.json: {cache: false},
              metrics/quality.json: {cache: false}, metrics/robustness.json: {cache: false}]
  gate:
    cmd: "true"
    params: [gate.criteria]
    deps: [metrics/details.json, metrics/quality.json, metrics/robustness.json, metrics/test.json,
           models/champion, promoted]
    metrics: [metrics/gate.json: {cache: false}]
"""


def _rows(start: str, count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    signal = random.normal(size=count)
    time = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(
        np.sort(random.integers(0, 24 * 50, count)), unit="h"
    )
    label = (signal + random.normal(size=count) > 0).astype("float64")
    ids = [f"{start}-{n}" for n in range(count)]
    return pd.DataFrame({"id": ids, "time": time, "known_at": time, "late": label, "signal": signal})


class World:
    """A Git and DVC repository whose champion the real gate has judged, in the current folder."""

    def __init__(self, environment):
        """Take the environment of its commands."""
        self.environment = environment

    def run(self, *command, code=0):
        """Run a command."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def champion(self, c: float):
        """Train, measure, judge and commit another champion, as `dvc repro` and its author would."""
        parameters = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        parameters["train"]["logistic"]["c"] = c
        Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
        parts = {name: Path(f"data/split/{name}.parquet") for name in ("train", "validation")}
        train.main(
            candidate="logistic", **parts, out=Path("models/candidates/logistic"), metrics=Path("train.json")
        )
        select.main(candidates=Path("models/candidates"), **parts,
                    champion=promotion.CHAMPION, report=Path("selection.json"))  # fmt: skip
        self.judge()

    def judge(self):
        """Measure and judge the champion in hand; record and commit it."""
        from fullcycle.training import store  # noqa: PLC0415

        rows = Rows(
            pd.read_parquet(promotion.TEST),
            Evaluate.model_validate(PARAMS["evaluate"]),
            ROLES,
            task_of("binary"),
        )
        kept = read_json(promotion.CHAMPION / DECISION)
        p = store.load(promotion.CHAMPION).predict_proba(rows.rows[["signal"]])[:, 1]
        write_json(rows.report(p, Decision(kept["threshold"], **kept["costs"])), Path("metrics/test.json"))
        for name in ("details", "quality", "robustness"):
            write_json({"rows": 1}, Path(f"metrics/{name}.json"))
        self.gate()

    def gate(self):
        """Judge, record and commit."""
        files = {name: Path(f"metrics/{name}.json") for name in ("test", "details", "quality", "robustness")}
        gate.main(champion=promotion.CHAMPION, promoted=promotion.PROMOTED, split=Path("data/split"), **files,
                  report=promotion.GATE)  # fmt: skip
        self.commit()

    def commit(self):
        """Take the state in hand for what the stages made, and commit it."""
        self.run("dvc", "commit", "-q", "--force")
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "--allow-empty", "-m", "As it is")

    def tags(self):
        """The names of all tags."""
        return self.run("git", "tag").split()


@pytest.fixture(scope="module")
def judged(environment, tmp_path_factory):
    """A repository with an accepted champion that nobody has promoted yet; only copy it."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        world = World(environment)
        world.run("git", "init", "-q", "-b", "main")
        for name, value in (("user.name", "A Test"), ("user.email", "test@example.invalid")):
            world.run("git", "config", name, value)
        world.run("dvc", "init", "-q")
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
        Path("dvc.yaml").write_text(PIPELINE, encoding="utf-8")
        Path(".gitignore").write_text("/data\n/models\nselection.json\n", encoding="utf-8")
        Path("promoted").mkdir()
        shutil.copyfile(ROOT / "promoted/none.json", "promoted/none.json")
        for seed, (name, start) in enumerate(
            {"train": "2013-01-01", "validation": "2013-04-01", "test": "2013-07-01"}.items()
        ):
            write_table(_rows(start, 500, seed), Path(f"data/split/{name}.parquet"))
        world.champion(1.0)
    return folder


@pytest.fixture
def world(judged, environment, tmp_path, monkeypatch):
    """A copy of that repository, with its variables as the user's shell would have them."""
    shutil.copytree(judged, tmp_path / "world", symlinks=True)
    monkeypatch.chdir(tmp_path / "world")
    for name in [name for name in os.environ if name.startswith(("GIT_", "DVC_"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return World(environment)


def test_promotion_is_an_annotated_tag_that_names_the_models_hash(world):
    """On the commit whose dvc.lock has that hash; `promoted/` holds the model, under DVC."""
    assert promotion.promote() == "champion@v1"
    lock = yaml.safe_load(world.run("git", "show", "champion@v1:dvc.lock"))
    model = lock["stages"]["select"]["outs"][0]["md5"]
    assert world.run("git", "cat-file", "-t", "champion@v1") == "tag\n"
    message = world.run("git", "tag", "-l", "--format=%(contents)", "champion@v1")
    gate_file = sha256(Path("metrics/gate.json").read_bytes())
    assert {f"model: {model}", f"gate: {gate_file}", "verdict: accept", "before: none"} <= set(
        message.splitlines()
    )
    assert world.run("git", "rev-parse", "champion@v1^{commit}") == world.run("git", "rev-parse", "HEAD")
    assert tree(Path("promoted")) == tree(Path("models/champion"))
    assert world.run("dvc", "status", "promoted.dvc").startswith("Data and pipelines are up to date")
    staged = world.run("git", "diff", "--cached", "--name-status").split()
    assert staged == ["M", ".gitignore", "A", "promoted.dvc", "D", "promoted/none.json"]


def test_the_next_champion_is_compared_with_the_promoted_one_and_follows_it(world):
    """The gate's report names the previous model, file by file, and the tag the one before."""
    promotion.promote()
    world.champion(0.001)
    before = read_json(promotion.GATE)["previous"]
    assert before["files"]["pipeline.skops"] == sha256(Path("promoted/pipeline.skops").read_bytes())
    assert set(before["gain"]["roc_auc"]) == {"value", "low", "high"}
    assert promotion.promote() == "champion@v2"
    assert [(each.tag, each.before) for each in promotions()] == [("champion@v1", None), ("champion@v2", 1)]
    assert tree_hash(Path("promoted")) == tree_hash(Path("models/champion")) == promotions()[-1].model
    world.gate()
    with pytest.raises(Refusal, match="in use already, as champion@v2"):
        promotion.promote()


@pytest.mark.slow
def test_rollback_returns_to_the_champion_before_and_further(world):
    """Each time by one more tag on the older commit; before the first there is none."""
    versions = []
    for c in (1.0, 0.001, 0.0001):
        world.champion(c)
        promotion.promote()
        versions.append(tree(Path("promoted")))
    world.commit()
    assert promotion.rollback() == "champion@v4"
    assert tree(Path("promoted")) == versions[1]
    assert world.run("git", "rev-parse", "champion@v4^{commit}") == world.run(
        "git", "rev-parse", "champion@v2^{commit}"
    )
    assert promotion.rollback() == "champion@v5"
    assert tree(Path("promoted")) == versions[0]
    with pytest.raises(Refusal, match="champion@v5 is the first champion: there is none before it"):
        promotion.rollback()
    assert world.tags() == [f"champion@v{n}" for n in range(1, 6)]


@pytest.mark.usefixtures("world")
def test_rollback_needs_a_promotion():
    """Where nothing is in use nothing can be taken back."""
    with pytest.raises(Refusal, match="nothing has been promoted yet"):
        promotion.rollback()


@pytest.mark.slow
def test_a_rollback_whose_model_is_nowhere_changes_nothing(world):
    """Neither tag nor folder nor pointer: the model in use stays in use."""
    promotion.promote()
    world.champion(0.001)
    promotion.promote()
    world.commit()
    shutil.rmtree(".dvc/cache/files")
    was = tree(Path("promoted")), Path("promoted.dvc").read_bytes(), world.tags()
    with pytest.raises(Refusal, match="neither in DVC's cache nor in its remote"):
        promotion.rollback()
    assert (tree(Path("promoted")), Path("promoted.dvc").read_bytes(), world.tags()) == was


def _tampered(_world):
    path = promotion.CHAMPION / "pipeline.skops"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def _edited_metrics(_world):
    metrics = read_json(Path("metrics/test.json"))
    metrics["roc_auc"]["low"] = 0.99
    write_json(metrics, Path("metrics/test.json"))


def _edited_verdict(world):
    report = read_json(promotion.GATE)
    report["criteria"]["ranks"]["value"] = 0.99
    write_json(report, promotion.GATE)
    world.run("git", "commit", "-aqm", "A better report")


def _all_edited(world):
    _edited_metrics(world)
    report = read_json(promotion.GATE)
    report["read"]["metrics/test.json"] = sha256(Path("metrics/test.json").read_bytes())
    write_json(report, promotion.GATE)
    world.run("git", "commit", "-aqm", "Edited alike")


def _loosened(world):
    path = Path("params.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("min: 0.6", "min: 0.1"), encoding="utf-8")
    world.run("git", "commit", "-aqm", "Easier")


def _uncommitted(_world):
    Path("dvc.yaml").write_text(PIPELINE + "\n# later\n", encoding="utf-8")


def _new_file(_world):
    promotion.CHAMPION.joinpath("extra.bin").write_bytes(b"1")


def _swapped_previous(_world):
    Path("promoted/none.json").write_text("{}", encoding="utf-8")


def _missing(_world):
    Path("metrics/quality.json").unlink()


SPOILT = [
    (_tampered, r"models/champion/pipeline\.skops was changed after the gate judged it"),
    (_edited_metrics, r"metrics/test\.json was changed after the gate judged it"),
    (_edited_verdict, r"metrics/gate\.json is not what dvc\.lock records for the gate's run"),
    (_all_edited, r"metrics/test\.json is not what dvc\.lock records for the gate's run"),
    (_loosened, r"params\.yaml: gate\.criteria is not what the gate judged by"),
    (_uncommitted, r"not everything is committed, so no commit names this model:\n ?M dvc\.yaml"),
    (_new_file, r"models/champion/extra\.bin was not there when the gate judged"),
    (_swapped_previous, r"promoted/none\.json was changed after the gate judged it"),
    (_missing, r"metrics/quality\.json is missing"),
]


@pytest.mark.parametrize(("spoil", "reason"), SPOILT, ids=[spoil.__name__.strip("_") for spoil, _ in SPOILT])
def test_what_was_not_judged_recorded_and_committed_is_refused(world, spoil, reason):
    """With the file or key that is another than it was; no tag, nothing moved."""
    spoil(world)
    with pytest.raises(Refusal, match=reason):
        promotion.promote()
    assert world.tags() == []
    assert not Path("promoted.dvc").exists()


def test_a_verdict_other_than_accept_is_refused(world):
    """With the criteria that were not met."""
    parameters = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    parameters["gate"]["criteria"]["ranks"]["min"] = 0.999
    Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    world.gate()
    with pytest.raises(Refusal, match="the gate says reject, because of ranks"):
        promotion.promote()


def test_a_slow_answer_is_refused_on_the_machine_that_promotes(world):
    """The measured time and the bound stand in the refusal."""
    parameters = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    parameters["gate"]["milliseconds"] = 0.001
    Path("params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    world.commit()
    with pytest.raises(Refusal, match=r"one answer takes \d+\.\d ms here, gate\.milliseconds is 0\.001"):
        promotion.promote()
    assert world.tags() == []


@pytest.mark.slow
def test_a_gate_that_did_not_compare_with_the_model_in_use_is_refused(world):
    """Who takes the previous champion away gets no easier gate; only beginning afresh, with a reason."""
    promotion.promote()
    world.commit()
    world.run("git", "rm", "-q", "promoted.dvc")
    shutil.rmtree("promoted")
    world.run("git", "checkout", "champion@v1", "--", "promoted/none.json")
    world.champion(0.001)
    with pytest.raises(Refusal, match="champion@v1 is in use, but the gate compared with none"):
        promotion.promote()
    assert promotion.promote("its features are gone") == "champion@v2"
    message = world.run("git", "tag", "-l", "--format=%(contents)", "champion@v2")
    assert "afresh: its features are gone" in message.splitlines()


def test_a_foreign_tag_of_that_name_is_refused(world):
    """A light tag names no model; it is not taken for a promotion."""
    world.run("git", "tag", "champion@v7")
    with pytest.raises(Refusal, match="the tag champion@v7 names no model"):
        promotion.promote()


@pytest.mark.usefixtures("world")
def test_the_commands_say_what_comes_next(capsys, monkeypatch):
    """`fullcycle promote` names the tag and what to push; a refusal ends with exit code 1."""
    monkeypatch.setattr("sys.argv", ["fullcycle", "promote"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "champion@v1 is in use" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["fullcycle", "rollback"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "error: champion@v1 is the first champion" in capsys.readouterr().err
