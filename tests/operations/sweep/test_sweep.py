"""Whole small sweeps by `fullcycle sweep`, in a repository with the real stage `train`."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal

import pytest
import yaml


def rows(small):
    """The lines of trials.csv."""
    with small.file("plots/sweep/trials.csv").open() as file:
        return list(csv.DictReader(file))


def shown(small):
    """Parameters and metrics of each experiment in `dvc exp show`."""
    found = {}
    for each in json.loads(small.dvc("exp", "show", "--json"))[1]["experiments"] or []:
        data = each["revs"][0]["data"]
        values = data["params"]["params.yaml"]["data"]["train"]["lightgbm"]
        found[each["revs"][0]["name"]] = values, data["metrics"]["metrics/train/lightgbm.json"]["data"]
    return found


@pytest.fixture(scope="session", name="swept")
def make_swept(finished, tmp_path_factory):
    """A repository in which a sweep of four trials has ended, and what it said; only to be read."""
    path = tmp_path_factory.mktemp("swept") / "repository"
    shutil.copytree(finished.path, path, symlinks=True)
    small = type(finished)(path, finished.env)
    return small, small.sweep()


def test_every_trial_is_an_experiment(swept):
    """`dvc exp show` has all trials, with the values and metrics that the sweep's table has."""
    small, said = swept
    found = shown(small)
    table = rows(small)
    assert len(table) == len(found) == 4
    for line in table:
        values, metrics = found[line["experiment"]]
        assert line["state"] == "complete"
        for key in ("rounds", "learning_rate", "num_leaves"):
            assert float(line[key]) == values[key]
        assert float(line["roc_auc"]) == metrics["roc_auc"]
    top = max(table, key=lambda line: float(line["roc_auc"]))
    assert f"dvc exp apply {top['experiment']} && dvc repro" in said


def test_plots_are_drawn(swept):
    """Best so far, parallel coordinates and importance are PNG files."""
    for name in ("best_so_far", "parallel", "importance"):
        assert swept[0].file(f"plots/sweep/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_left_beside_the_experiments(swept):
    """No scratch files, no stray references, and no tracked file has changed."""
    small, _ = swept
    assert not list(small.file(".dvc/cache").glob("sweep-*"))
    assert len(small.refs()) == 4
    assert small.git("status", "--short", "--untracked-files=no") == ""


def test_applied_trial_is_what_the_stage_writes(swept, tmp_path):
    """Trained anew by force after `dvc exp apply`, every byte of model, metrics and dvc.lock is the same."""
    shutil.copytree(swept[0].path, tmp_path / "copy", symlinks=True)
    small = type(swept[0])(tmp_path / "copy", swept[0].env)
    line = rows(small)[3]  # its worker had the preprocessing from an earlier trial
    small.dvc("exp", "apply", line["experiment"])
    assert json.loads(small.file("metrics/train/lightgbm.json").read_text())["roc_auc"] == float(
        line["roc_auc"]
    )
    before = small.file("dvc.lock").read_bytes()
    assert "Running stage" not in small.dvc("repro", "-s", "train@lightgbm")
    small.dvc("repro", "-f", "-s", "train@lightgbm")
    assert small.file("dvc.lock").read_bytes() == before


@pytest.mark.slow
def test_killed_sweep_goes_on_and_runs_no_trial_twice(small):
    """After `kill -9` finished trials are kept as they are, the rest is run, and nothing stray is left."""
    small.configure(
        method="tpe",
        space={
            "rounds": {"low": 100, "high": 300, "int": True},
            "num_leaves": {"low": 20, "high": 31, "int": True},
        },
        budget={"trials": 12, "minutes": 5.0},
    )
    with small.start() as process:
        while "trial" not in (line := process.stdout.readline()):
            assert line, "the sweep ended before its first trial"
        process.kill()
        process.stdout.read()  # the end of the pipe: no process that could write to it is left
    before = small.refs()
    (journal,) = small.file(".dvc/tmp/sweeps").glob("*/journal.jsonl")
    kept = [line for line in journal.read_text().splitlines() if '"ended"' in line]
    assert len(kept) < 12
    small.sweep()
    after = small.refs()
    assert before.items() <= after.items()
    numbers = [json.loads(line)["number"] for line in journal.read_text().splitlines() if '"ended"' in line]
    assert sorted(numbers) == list(range(12))
    assert len(after) == len(rows(small)) == 12
    assert {line["state"] for line in rows(small)} <= {"complete", "pruned"}
    assert not list(small.file(".dvc/cache").glob("sweep-*"))
    assert "12 of 12 trials" in small.sweep()
    assert small.refs() == after


@pytest.mark.slow
def test_ctrl_c_ends_with_the_summary(small):
    """The first Ctrl-C ends workers and sweep, says what there is, and exits as interrupted."""
    small.configure(
        space={"rounds": {"low": 400, "high": 500, "int": True}}, budget={"trials": 500, "minutes": 5.0}
    )
    with small.start() as process:
        while "trial" not in (line := process.stdout.readline()):
            assert line, "the sweep ended before its first trial"
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 130
    assert "goes on where this ended" in said
    assert "Traceback" not in said
    assert rows(small)


@pytest.mark.slow
def test_a_failed_trial_is_recorded_and_stops_nothing(small):
    """The trial that fails has its error in summary and table; the others are experiments."""
    train = small.file("src/fullcycle/training/train.py")
    line = "    later = any(getattr(settings, key, None) is not None for key in LATER)\n"
    broken = train.read_text().replace(
        line, f"{line}    if settings.seed == 3:\n        raise ValueError('unlucky')\n"
    )
    train.write_text(broken)
    small.configure(method="grid", space={"seed": {"choices": [1, 2, 3, 4]}})
    said = small.sweep()
    assert "trial 2 failed: ValueError: unlucky" in said
    assert [line["state"] for line in rows(small)] == ["complete", "complete", "failed", "complete"]
    assert rows(small)[2]["error"] == "ValueError: unlucky"
    assert len(small.refs()) == 3


@pytest.mark.slow
def test_a_sweep_whose_trials_all_fail_says_so(small):
    """Nothing but failures is an error, with the reason in the summary."""
    train = small.file("src/fullcycle/training/train.py")
    line = "    later = any("
    train.write_text(train.read_text().replace(line, f"    raise ValueError('unlucky')\n{line}"))
    said = small.sweep("--trials", "2", code=1)
    assert "trial 1 failed: ValueError: unlucky" in said
    assert "error: sweep: every trial failed" in said


@pytest.mark.slow
def test_budget_in_minutes_ends_it(small):
    """No trial starts after the time is up; a larger budget goes on."""
    assert "0 of 4 trials" in small.sweep("--minutes", "1e-9")
    assert "2 of 2 trials" in small.sweep("--trials", "2")
    assert len(small.refs()) == 2


@pytest.mark.parametrize("option", ["--trials", "--minutes"])
def test_a_budget_of_zero_is_refused_on_the_command_line(small, option):
    """A mistake on the command line is said in words, without a traceback."""
    said = small.sweep(option, "0", code=2)
    assert f"Invalid value for '{option}'" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("prepare", [None, {}], ids=["its own preprocessing", "prepared"])
def test_pruned_trials_are_experiments_to_be_trained(small, prepare):
    """TPE ends hopeless trials early; they stand in `dvc exp show` with their values and no metrics.

    A trial is looked at while it trains, whatever its preprocessing hands on: a frame or an array.
    """
    if prepare is not None:
        document = yaml.safe_load(small.file("params.yaml").read_text())
        document["train"]["lightgbm"]["prepare"] = prepare
        small.file("params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        small.dvc("repro", "-q")
        small.git("commit", "-qam", "Prepared")
    small.configure(
        method="tpe",
        metric="log_loss",
        space={"learning_rate": {"low": 1e-06, "high": 0.5, "log": True}, "rounds": {"choices": [30]}},
        budget={"trials": 30, "minutes": 5.0},
    )
    small.sweep()
    table = rows(small)
    pruned = [line for line in table if line["state"] == "pruned"]
    assert pruned
    found = shown(small)
    assert len(found) == len(table) == 30
    for line in pruned:
        values, metrics = found[line["experiment"]]
        assert values["learning_rate"] == float(line["learning_rate"])
        assert metrics == {}


@pytest.mark.slow
def test_on_a_new_commit_the_sweep_goes_on(swept, tmp_path):
    """A commit that changes nothing a trial depends on has the trials as its experiments, run once.

    Committed plots that the sweep draws anew, and edits of params.yaml, stop nobody from applying one.
    """
    shutil.copytree(swept[0].path, tmp_path / "copy", symlinks=True)
    small = type(swept[0])(tmp_path / "copy", swept[0].env)
    small.git("add", "plots")
    small.git("commit", "-qm", "Plots of the first trials")
    small.configure(budget={"trials": 5, "minutes": 5.0})
    said = small.sweep()
    assert "] trial 4:" in said
    assert "] trial 3:" not in said
    assert len(shown(small)) == 5
    for line in (rows(small)[0], rows(small)[4]):
        small.dvc("exp", "apply", line["experiment"])
        metrics = json.loads(small.file("metrics/train/lightgbm.json").read_text())
        assert metrics["roc_auc"] == float(line["roc_auc"])


@pytest.mark.slow
def test_three_trials_rebuilt_have_the_metrics_to_the_last_digit(swept, tmp_path):
    """Applied and rebuilt by a forced `dvc repro` of everything, each has the metrics the sweep reported."""
    shutil.copytree(swept[0].path, tmp_path / "copy", symlinks=True)
    small = type(swept[0])(tmp_path / "copy", swept[0].env)
    small.dvc("repro", "-q")
    small.git("add", "-A")
    small.git("commit", "-qm", "Whole")
    small.sweep()
    for line in rows(small)[1:]:
        small.dvc("exp", "apply", line["experiment"])
        small.dvc("repro", "-q", "-f")
        metrics = json.loads(small.file("metrics/train/lightgbm.json").read_text())
        assert {name: str(value) for name, value in metrics.items()} == {name: line[name] for name in metrics}
        selection = json.loads(small.file("metrics/selection.json").read_text())
        assert selection["candidates"]["lightgbm"]["roc_auc"] == metrics["roc_auc"]
        small.git("checkout", "-q", ".")
