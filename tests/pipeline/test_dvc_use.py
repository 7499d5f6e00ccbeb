"""DVC as its users expect it: what reruns, experiments, comparisons."""

from __future__ import annotations

import json
import re
from pathlib import Path

import dvc.api
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SMALLER = (
    "-S",
    "train.lightgbm.rounds=20",
    "-S",
    "evaluate.resamples=50",
    "-S",
    "evaluate.importance_rows=500",
)


def ran(said):
    """The stages that a run started, in order."""
    return re.findall(r"^Running stage '(.*)'", said, flags=re.MULTILINE)


def experiments(clone):
    """Name and parameters of each experiment on HEAD."""
    shown = json.loads(clone.dvc("exp", "show", "--json"))
    head = next(entry for entry in shown if entry["rev"] != "workspace")
    return {
        run["revs"][0]["name"]: run["revs"][0]["data"]["params"]["params.yaml"]["data"]
        for run in head["experiments"] or []
    }


def test_every_stage_says_what_it_does():
    """Every stage in dvc.yaml has a `desc`, a sentence."""
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    for name, stage in content["stages"].items():
        assert stage.get("do", stage)["desc"].endswith("."), name


def test_the_wiring_knows_no_file_of_this_problem_but_its_schema_and_its_folder():
    """Another problem brings `schema.py` and `features.py`, and whatever these import from beside them."""
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    deps = {dep for stage in content["stages"].values() for dep in stage.get("do", stage)["deps"]}
    own = {dep for dep in deps if "problem.module" in dep or dep.startswith("src/flights")}
    assert own == {"src/${problem.module}", "src/${problem.module}/schema.py"}


def test_every_stage_conserves_its_rows():
    """In metrics/quality.json the rows that came in are the rows that went out, from stage to stage."""
    rows = json.loads((ROOT / "metrics/quality.json").read_text(encoding="utf-8"))["rows"]
    lines = [*rows["ingest"].values(), *rows["validate"].values(), rows["featurize"], rows["split"]]
    for line in lines:
        assert line["in"] == sum(count for name, count in line.items() if name != "in") > 0
    for table, line in rows["ingest"].items():
        assert rows["validate"][table]["in"] == line["kept"]
    assert rows["featurize"]["in"] == rows["validate"]["flights"]["kept"]
    assert rows["split"]["in"] == rows["featurize"]["kept"]


def test_a_fresh_clone_compares_metrics_and_plots_without_a_pull(clone):
    """Metrics, parameters, plots and the graph need nothing but what is in Git."""
    path = clone.path / "metrics/test.json"
    was = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(was | {"rows": was["rows"] + 1}), encoding="utf-8")
    assert "metrics/test.json" in clone.dvc("metrics", "show")
    diff = json.loads(clone.dvc("metrics", "diff", "--json"))
    assert diff["metrics/test.json"]["rows"]["diff"] == 1
    params = clone.path / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("num_leaves: 31", "num_leaves: 15"))
    assert re.search(r"train\.lightgbm\.num_leaves +31 +15", clone.dvc("params", "diff"))
    graph = clone.dvc("dag")
    for stage in ("check", "ingest@flights", "train@lightgbm", "gate"):
        assert stage in graph
    clone.dvc("plots", "show")
    page = (clone.path / "dvc_plots/index.html").read_text(encoding="utf-8")
    for title in ("ROC", "Calibration", "Feature importance", "ROC AUC by month"):
        assert title in page
    assert (clone.path / "dvc_plots/static").is_dir()


def test_the_champion_is_an_artifact(clone):
    """A tag `champion@v1.0.0` makes the champion's folder findable by name, through dvc.api."""
    clone.git("tag", "-a", "-m", "The first", "champion@v1.0.0")
    found = dvc.api.artifacts_show("champion", repo=str(clone.path))
    assert found["path"] == "models/champion"
    listed = yaml.safe_load((clone.path / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]["champion"]
    assert listed["type"] == "model"


@pytest.mark.slow
def test_with_nothing_changed_nothing_runs(workspace):
    """`dvc repro` in an unchanged checkout starts no stage and changes no file."""
    said = workspace.dvc("repro")
    assert ran(said) == []
    assert "Data and pipelines are up to date." in said
    assert workspace.git("status", "--short") == ""


@pytest.mark.slow
def test_an_experiment_reruns_only_what_depends_on_its_parameter(workspace):
    """Another number of leaves reruns the check, this candidate and what follows it, nothing else."""
    said = workspace.dvc(
        "exp", "run", "-n", "leafy", "-S", "train.lightgbm.num_leaves=127", "-S", "train.lightgbm.rounds=20"
    )
    assert set(ran(said)) == {
        "check",
        "train@lightgbm",
        "select",
        "honesty",
        "evaluate",
        "stress",
        "gate",
        "card",
    }
    assert experiments(workspace)["leafy"]["train"]["lightgbm"]["num_leaves"] == 127
    assert re.search(r"train\.lightgbm\.num_leaves +31 +127", workspace.dvc("params", "diff"))
    assert re.search(
        r"num_leaves +\| +31 +\| +127 +\|", workspace.dvc("params", "diff", "HEAD", "leafy", "--md")
    )
    assert "test.json" in workspace.dvc("metrics", "diff", "HEAD", "leafy", "--md")
    assert "[leafy]" in workspace.dvc("exp", "list")
    assert "leafy" in workspace.dvc("exp", "show", "--only-changed")
    metrics = json.loads(workspace.dvc("metrics", "diff", "--json"))
    assert metrics["metrics/test.json"]["roc_auc.value"]["diff"] != 0
    workspace.dvc("plots", "diff", "HEAD")
    page = (workspace.path / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert '"rev": "HEAD"' in page
    assert '"rev": "workspace"' in page
    # Back in the committed state everything is found again, and nothing runs.
    workspace.git("checkout", "-q", ".")
    assert ran(workspace.dvc("repro")) == []
    assert workspace.git("status", "--short") == ""


@pytest.mark.slow
def test_a_queue_of_values_runs_and_the_better_one_is_applied(workspace):
    """A list of values queues one experiment each; all run, are shown, and one becomes the workspace."""
    workspace.dvc("exp", "run", "--queue", "-S", "train.lightgbm.num_leaves=15,63", *SMALLER)
    assert workspace.dvc("queue", "status").count("Queued") == 2
    workspace.dvc("exp", "run", "--run-all", timeout=900)
    leaves = {
        name: params["train"]["lightgbm"]["num_leaves"] for name, params in experiments(workspace).items()
    }
    assert sorted(leaves.values()) == [15, 63]
    assert workspace.git("status", "--short") == ""
    wanted = next(name for name, number in leaves.items() if number == 15)
    workspace.dvc("exp", "apply", wanted)
    assert (
        yaml.safe_load((workspace.path / "params.yaml").read_text())["train"]["lightgbm"]["num_leaves"] == 15
    )
    assert workspace.dvc("status") == "Data and pipelines are up to date.\n"
    assert "metrics/test.json" in workspace.dvc("metrics", "diff")
    assert ran(workspace.dvc("repro")) == []


@pytest.mark.slow
def test_a_queued_experiment_imports_the_source_that_was_queued(workspace):
    """A stage in a copy under .dvc/tmp/exps imports that copy's src, not the workspace's."""
    module = workspace.path / "src/fullcycle/selection/select.py"
    was = module.read_text(encoding="utf-8")
    changed = was.replace("on the validation rows", "on the validation rows of the queued copy")
    assert changed != was
    module.write_text(changed, encoding="utf-8")
    workspace.dvc("exp", "run", "--queue", "-n", "queued")
    module.write_text(was, encoding="utf-8")
    workspace.dvc("exp", "run", "--run-all", timeout=900)
    workspace.dvc("exp", "apply", "queued")
    report = json.loads((workspace.path / "metrics/selection.json").read_text(encoding="utf-8"))
    assert "of the queued copy" in report["reason"]
