"""What is written directly is what DVC itself reads, and would have written."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from fullcycle.errors import Refusal
from fullcycle.operations.experiments import Experiments, kept_in_git, store, upstream
from fullcycle.operations.yamltext import YamlText, scalar

# DVC's own way with pygtrie 2.5.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon raise:DeprecationWarning")

STAGE = "train@one"
NOW = 1_700_000_000
TOY_EDIT = "# Edited, not committed.\n"


def outputs(folder, settings):
    """What fit.py of the toy writes for these settings."""
    model = folder / "model"
    (model / "deep").mkdir(parents=True)
    (model / "a.txt").write_text(repr(settings))
    (model / "deep" / "b.bin").write_bytes(b"same")
    (model / "c.bin").write_bytes(b"same")
    metrics = folder / "metrics.json"
    metrics.write_text(json.dumps({"score": settings["rate"] * 2}) + "\n")
    return model, metrics


def written(toy, name, rate=0.25, rounds=20, here=None):
    """An experiment as a sweep writes it."""
    here = here or Experiments(STAGE)
    settings = {"kind": "lightgbm", "rate": rate, "rounds": rounds, "mode": "on"}
    model, metrics = outputs(toy.file(f".scratch-{name}"), settings)
    outs = {"models/one": store(model, here.cache), "metrics/train/one.json": kept_in_git(metrics)}
    return here.write(name, "a trial", {"train.one.rate": rate, "train.one.rounds": rounds}, outs, NOW)


def shown(toy):
    """Each experiment in `dvc exp show`: its data by name."""
    (_, baseline) = json.loads(toy.dvc("exp", "show", "--json"))
    return {each["revs"][0]["name"]: each["revs"][0] for each in baseline["experiments"] or []}


def test_show_has_parameters_and_metrics_of_each(toy):
    """`dvc exp show` has every experiment with its own parameters and metrics, and no error."""
    written(toy, "first", rate=0.25)
    written(toy, "second", rate=1e-05)
    found = shown(toy)
    assert set(found) == {"first", "second"}
    for name, rate in (("first", 0.25), ("second", 1e-05)):
        assert found[name]["error"] is None
        data = found[name]["data"]
        assert data["metrics"]["metrics/train/one.json"] == {"data": {"score": rate * 2}}
        assert data["params"]["params.yaml"]["data"]["train"]["one"]["rate"] == rate


def test_results_of_later_stages_are_left_empty(toy):
    """Metrics of stages after the trial's are the baseline's, not its own: they are blank."""
    written(toy, "first")
    assert shown(toy)["first"]["data"]["metrics"]["metrics/selection.json"] == {"data": {}}
    assert "plots/curve.csv" not in toy.git("ls-tree", "-r", "--name-only", toy.refs().popitem()[1]).split()


def test_list_and_metrics_diff_know_it(toy):
    """`dvc exp list` names it, and `dvc metrics diff` compares it with the baseline."""
    written(toy, "first", rate=0.25)
    assert toy.dvc("exp", "list", "--name-only").split() == ["first"]
    diff = json.loads(toy.dvc("metrics", "diff", "--json", "main", "first"))
    assert diff["metrics/train/one.json"]["score"] == {"old": 0.1, "new": 0.5, "diff": 0.4}


def test_apply_restores_it_and_repro_retrains_nothing(toy):
    """After `dvc exp apply` the model is in place; `dvc repro` runs the later stages only."""
    written(toy, "first", rate=0.25, rounds=20)
    toy.dvc("exp", "apply", "first")
    settings = {"kind": "lightgbm", "rate": 0.25, "rounds": 20, "mode": "on"}
    assert toy.file("models/one/a.txt").read_text() == repr(settings)
    said = toy.dvc("repro")
    assert "Stage 'train@one' didn't change, skipping" in said
    assert "Running stage 'select'" in said
    assert json.loads(toy.file("metrics/selection.json").read_text()) == {"score": 0.5}


def test_forced_training_changes_no_byte(toy):
    """A forced run of the stage gives the same dvc.lock, so entry and outputs are DVC's own."""
    written(toy, "first", rate=1e-05, rounds=20)
    toy.dvc("exp", "apply", "first")
    before = toy.file("dvc.lock").read_bytes()
    assert "Running stage 'train@one'" in toy.dvc("repro", "-f", "-s", STAGE)
    assert toy.file("dvc.lock").read_bytes() == before


def test_another_clone_gets_it_from_the_remotes(toy, tmp_path):
    """`dvc exp push` shares reference and outputs; another clone pulls and applies them."""
    toy.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    toy.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    toy.dvc("remote", "add", "-d", "store", str(tmp_path / "store"))
    toy.git("commit", "-qam", "Remote")
    written(toy, "first", rate=0.25)
    toy.git("push", "-q", "origin", "main")
    toy.dvc("exp", "push", "origin", "first")
    toy.git("clone", "-qb", "main", str(tmp_path / "remote.git"), str(tmp_path / "other"))
    other = type(toy)(tmp_path / "other", toy.env)
    other.dvc("exp", "pull", "origin", "first")
    other.dvc("exp", "apply", "first")
    assert "0.25" in other.file("models/one/a.txt").read_text()


def test_one_without_outputs_is_to_be_trained(toy):
    """A pruned trial shows its parameters and no metrics; applied, `dvc repro` trains it."""
    Experiments(STAGE).write("pruned", "a trial", {"train.one.rate": 0.5}, {}, NOW)
    data = shown(toy)["pruned"]["data"]
    assert data["metrics"]["metrics/train/one.json"] == {"data": {}}
    assert data["params"]["params.yaml"]["data"]["train"]["one"]["rate"] == 0.5
    toy.dvc("exp", "apply", "pruned")
    assert "Running stage 'train@one'" in toy.dvc("repro")
    assert json.loads(toy.file("metrics/train/one.json").read_text()) == {"score": 1.0}


def test_comments_and_edits_of_the_workspace_are_in_it(toy):
    """params.yaml keeps its comments, and uncommitted edits of tracked files are part of it."""
    toy.file("fit.py").write_text(toy.file("fit.py").read_text() + "# edited\n")
    commit = written(toy, "first", rate=0.25, rounds=20)
    params = toy.git("show", f"{commit}:params.yaml")
    assert params == toy.file("params.yaml").read_text().replace("0.05", "0.25").replace(
        "rounds: 10", "rounds: 20"
    )
    assert toy.git("show", f"{commit}:fit.py").endswith("# edited\n")
    assert toy.git("status", "--short", "--untracked-files=no").strip() == "M fit.py"


def test_it_can_be_applied_over_the_edits_it_was_written_with(toy):
    """Uncommitted edits of params.yaml and dvc.lock, which are part of it, do not stand in its way."""
    toy.file("params.yaml").write_text(TOY_EDIT + toy.file("params.yaml").read_text())
    toy.file("fit.py").write_text(toy.file("fit.py").read_text() + "# edited\n")
    toy.dvc("repro", "-q", "train@two")
    assert toy.git("status", "--short", "--untracked-files=no").split() == [
        "M",
        "dvc.lock",
        "M",
        "fit.py",
        "M",
        "params.yaml",
    ]
    written(toy, "first", rate=0.25)
    toy.dvc("exp", "apply", "first")
    text = toy.file("params.yaml").read_text()
    assert text.startswith(TOY_EDIT)
    assert "rate: 0.25" in text
    assert "Stage 'train@one' didn't change, skipping" in toy.dvc("repro")


def test_what_is_set_aside_stays_out_of_it(toy):
    """Uncommitted changes below the path that is set aside are not part of an experiment."""
    toy.file("plots/curve.csv").write_text("2\n")
    toy.file("fit.py").write_text("# another\n")
    tree = Experiments("train@two", aside="plots").tree
    assert toy.git("show", f"{tree}:plots/curve.csv") == "1\n"
    assert toy.git("show", f"{tree}:fit.py") == "# another\n"


def test_a_stage_that_never_ran_gets_its_entry(toy):
    """Where dvc.lock has no entry of the stage yet, the experiment adds one that DVC accepts."""
    document = YAML().load(toy.file("dvc.lock"))
    del document["stages"][STAGE]
    with toy.file("dvc.lock").open("w") as file:
        YAML().dump(document, file)
    written(toy, "first")
    toy.dvc("exp", "apply", "first")
    assert "Stage 'train@one' didn't change, skipping" in toy.dvc("repro")


def test_the_same_name_is_replaced(toy):
    """Writing an experiment again leaves one of that name, the later one."""
    here = Experiments(STAGE)
    written(toy, "first", rate=0.25, here=here)
    commit = written(toy, "first", rate=0.5, here=here)
    assert list(toy.refs().values()) == [commit]
    assert here.names() == {"first"}


def test_cache_holds_what_dvc_would_hold(toy, finished_toy):
    """The objects of a folder are named, filled and protected as DVC's own of the same content."""
    folder = toy.file("copy")
    settings = yaml.safe_load(toy.file("params.yaml").read_text())["train"]["one"]
    model, _ = outputs(folder, settings)
    stored = store(model, folder / "cache")
    theirs = finished_toy.file(".dvc/cache/files/md5")
    objects = [path.relative_to(folder / "cache") for path in folder.glob("cache/*/*")]
    assert len(objects) == 3  # two files of equal content, one other, the listing
    for path in objects:
        assert (folder / "cache" / path).read_bytes() == (theirs / path).read_bytes()
        if path.suffix != ".dir":
            assert stat.S_IMODE((folder / "cache" / path).stat().st_mode) == 0o444
    assert f"{stored.md5}" in toy.file("dvc.lock").read_text()
    assert not model.exists()


def test_upstream_are_the_stages_that_make_its_dependencies(toy):
    """Of a chain of stages, those whose outputs the stage reads are named."""
    assert upstream(STAGE) == ["data"]
    assert upstream("select") == ["train@one"]
    assert toy.path == Path.cwd()


@pytest.mark.parametrize("make", [upstream, Experiments])
def test_an_unknown_stage_is_refused(toy, make):
    """A stage that dvc.yaml lacks is a mistake of words, said in words."""
    with pytest.raises(Refusal, match="train@three"):
        make("train@three")
    assert toy.refs() == {}


def test_a_repository_without_a_commit_is_refused(toy):
    """Experiments stand on a commit."""
    toy.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(Refusal, match="git commit"):
        Experiments(STAGE)


@pytest.mark.parametrize(
    "value",
    [1e-05, 1e22, 0.1, -3, 10**12, True, False, "on", "word", "two words", "a: b", "1", "", "é", "null"],
)
def test_scalars_mean_the_same_to_every_reader(value):
    """A value is read back equal, and of the same type, by YAML 1.1 (PyYAML) and 1.2 (DVC's ruamel)."""
    text = f"a: {{b: {scalar(value)}}}\n"
    for read in (yaml.safe_load(text), YAML(typ="safe").load(text)):
        assert read["a"]["b"] == value
        assert type(read["a"]["b"]) is type(value)


def test_other_text_stays_to_the_byte():
    """Only the named values change: comments, spacing, order and quotes around them stay."""
    text = "a:   1 # one\nb: {c: 'x', d: [1, 2]}\n\n# end\n"
    assert (
        YamlText(text).replaced({"b.c": 0.5, "a": 20}) == "a:   20 # one\nb: {c: 0.5, d: [1, 2]}\n\n# end\n"
    )
    with pytest.raises(KeyError, match=r"b\.e"):
        YamlText(text).replaced({"b.e": 1})


@pytest.mark.slow
def test_a_thousand_stand_in_show(toy):
    """A thousand experiments are all in `dvc exp show`, with their parameters."""
    here = Experiments(STAGE)
    for number in range(1000):
        written(toy, f"trial-{number:04d}", rounds=number + 1, here=here)
    found = shown(toy)
    rounds = [
        one["data"]["params"]["params.yaml"]["data"]["train"]["one"]["rounds"] for one in found.values()
    ]
    assert sorted(rounds) == list(range(1, 1001))
