"""A sweep's search, journal and workers, and whole small sweeps by `fullcycle sweep`."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time

import pytest
import yaml

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.operations.sweep_journal import DRAWN, ENDED, Journal
from fullcycle.operations.sweep_pool import Failure, Pool
from fullcycle.operations.sweep_search import LAG, Past, Search, hopeless

SPACE = {
    "rounds": {"low": 100, "high": 600, "int": True, "log": True},
    "learning_rate": {"low": 0.01, "high": 0.2, "log": True},
    "l2": {"choices": [0.0, 1.0, 10.0]},
}


def settings(**changes):
    """A section ``sweep``."""
    given = {
        "candidate": "lightgbm",
        "method": "tpe",
        "space": SPACE,
        "metric": "roc_auc",
        "budget": {"trials": 30, "minutes": 1.0},
        "seed": 1,
        "workers": 1,
    }
    return params.Sweep.model_validate(given | changes)


# The search


def searched(search, count, lag, order):
    """Draw and end so many trials, those that may run ended by `order` of their numbers; values by number."""
    drawn, ended = {}, {}
    while len(ended) < count:
        while len(drawn) < count and all(n in ended for n in range(len(drawn) - lag + 1)):
            number = len(drawn)
            past = [ended[n] if n <= number - lag else Past(drawn[n]) for n in range(number)]
            drawn[number] = search.draw(number, past)
        number = order(set(drawn) - set(ended))
        value = -abs(drawn[number]["learning_rate"] - 0.05)
        ended[number] = Past(drawn[number], "complete", value, {10: value})
    return [drawn[number] for number in range(count)]


def test_tpe_draws_the_same_whatever_order_trials_end_in():
    """Trials that run beside each other may end in any order: the values of all stay the same."""
    search = Search(settings())
    assert searched(search, 25, LAG, min) == searched(search, 25, LAG, max)


def test_tpe_learns():
    """After its random start it draws nearer to where the best were: the median distance shrinks."""
    drawn = searched(Search(settings()), 60, LAG, min)
    distance = [abs(one["learning_rate"] - 0.05) for one in drawn]
    assert sorted(distance[40:])[10] < sorted(distance[:20])[10] / 2


def test_another_seed_draws_other_values():
    """The seed decides what is drawn."""
    first, second = (Search(settings(seed=seed, method="random")).draw(0, []) for seed in (1, 2))
    assert first != second


def test_drawn_values_stay_in_their_range_and_type():
    """Numbers lie within their ends also after rounding, whole ones are whole, choices are among them."""
    search = Search(settings(method="random"))
    for number in range(200):
        values = search.values(search.draw(number, []))
        assert type(values["rounds"]) is int
        assert 100 <= values["rounds"] <= 600
        assert 0.01 <= values["learning_rate"] <= 0.2
        assert len(f"{values['learning_rate']:.10g}".lstrip("0.")) <= 6
        assert values["l2"] in {0.0, 1.0, 10.0}


def test_grid_has_each_combination_once():
    """A grid is all combinations, in order, and ends before a larger budget."""
    space = {"rounds": {"choices": [100, 200]}, "l2": {"choices": [0.0, 1.0, 2.0]}}
    search = Search(settings(method="grid", space=space))
    assert search.size == 6
    drawn = [search.draw(number, []) for number in range(6)]
    assert drawn[0] == {"rounds": 100, "l2": 0.0}
    assert len({tuple(one.values()) for one in drawn}) == 6
    assert Search(settings(method="grid", space=space, budget={"trials": 4, "minutes": 1.0})).size == 4


@pytest.mark.parametrize(("metric", "better", "worse"), [("roc_auc", 0.8, 0.6), ("log_loss", 0.6, 0.8)])
def test_only_a_trial_worse_than_half_of_the_others_is_hopeless(metric, better, worse):
    """The median rule respects the metric's direction, and waits for warm-up and enough trials."""
    curves = [{10: 0.7, 50: 0.7}] * 10
    assert hopeless(metric, curves, {50: worse})
    assert not hopeless(metric, curves, {50: better})
    assert not hopeless(metric, curves, {10: worse})
    assert not hopeless(metric, curves[1:], {50: worse})


# The journal


def ended(journal, number, **more):
    """Write down the end of a trial."""
    journal.append(ENDED, number, at=1.0, **{"state": "complete", "value": 0.5, "steps": {}, **more})


def test_journal_is_read_back_without_its_torn_last_line(tmp_path):
    """A kill in the middle of a line costs that line; the next start reads and appends as if it were not."""
    first = Journal(tmp_path)
    first.append(DRAWN, 0, drawn={"a": 0.1})
    first.append(DRAWN, 1, drawn={"a": 0.2})
    ended(first, 0, steps={10: 0.7})
    first.close()
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"event": "ended", "number": 1, "st')
    second = Journal(tmp_path)
    assert second.unfinished == [1]
    ended(second, 1)
    second.close()
    third = Journal(tmp_path)
    assert third.unfinished == []
    assert third.past(2, 1)[0] == Past({"a": 0.1}, "complete", 0.5, {10: 0.7})
    third.close()


def test_a_trial_knows_those_that_lie_far_enough_before_it_only(tmp_path):
    """Whether a neighbour has ended changes nothing: it counts as running."""
    journal = Journal(tmp_path)
    for number in range(5):
        journal.append(DRAWN, number, drawn={"a": 0.1})
        ended(journal, number)
    assert [trial.state for trial in journal.past(5, 3)] == ["complete"] * 3 + [None] * 2
    assert journal.may_start(7, 3)
    assert not journal.may_start(8, 3)
    assert journal.may_start(100, 0)
    journal.close()


def test_a_second_process_is_refused(tmp_path):
    """One sweep runs once at a time; its lock goes with the process."""
    journal = Journal(tmp_path)
    with pytest.raises(Refusal, match="another process"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


# The workers


def work(task):
    """What the tests' workers do."""
    if task == "raise":
        raise ValueError("no such luck")
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "sleep":
        time.sleep(600)
    return task, os.getpid()


def results(pool, count):
    """The next results, by task."""
    found = {}
    while len(found) < count:
        found |= dict(pool.wait(10))
    return found


def test_a_task_that_fails_or_kills_its_worker_stops_no_other():
    """An exception and a killed process are results like others, and the pool goes on at full size."""
    with Pool(work, 2) as pool:
        pool.submit("raise")
        pool.submit("die")
        found = results(pool, 2)
        assert found["raise"].reason == "ValueError: no such luck"
        assert "test_sweep.py" in found["raise"].traceback
        assert "SIGKILL" in found["die"].reason
        pool.submit("one")
        pool.submit("two")
        assert not pool.has_room
        assert {name for name, _ in results(pool, 2).values()} == {"one", "two"}


def test_the_end_of_a_pool_ends_its_workers():
    """Leaving the block leaves no process, also where one is at work."""
    with Pool(work, 2) as pool:
        pool.submit("one")
        pid = results(pool, 1)["one"][1]
        pool.submit("sleep")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_failure_of_a_rule_has_no_traceback():
    """A refusal is words for a person."""

    def refuse(_task):
        raise Refusal("too few rows")

    with Pool(refuse, 1) as pool:
        pool.submit(1)
        assert results(pool, 1)[1] == Failure("too few rows")


# What is refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"candidate": "forest"}, ["sweep.candidate = 'forest'", "baseline, logistic, lightgbm"]),
        ({"space": {"leafs": {"low": 1, "high": 2}}}, ["sweep.space.leafs", "num_leaves"]),
        ({"space": {"kind": {"choices": ["baseline"]}}}, ["sweep.space.kind", "no such key"]),
        (
            {"space": {"num_leaves": {"low": 1, "high": 9, "int": True}}},
            ["num_leaves: 1 breaks", "equal to 2"],
        ),
        ({"space": {"row_share": {"low": 0.5, "high": 1.5}}}, ["row_share: 1.5 breaks"]),
        ({"space": {"num_leaves": {"low": 3, "high": 9}}}, ["num_leaves: 3.0 breaks", "int: true"]),
        ({"space": {"num_leaves": {"choices": [3, "many"]}}}, ["'many' breaks"]),
        ({"space": {"l2": {"low": 2, "high": 1}}}, ["space.l2", "low (2) is below high (1)"]),
        ({"space": {"l2": {"low": 0, "high": 1, "log": True}}}, ["begins above 0"]),
        ({"space": {"num_leaves": {"low": 2.5, "high": 9, "int": True}}}, ["whole ends"]),
        ({"space": {"l2": {"low": 1, "hihg": 2}}}, ["hihg", "unknown key"]),
        ({"space": {"l2": {"choices": []}}}, ["choices"]),
        ({"space": {}}, ["sweep.space"]),
        (
            {"budget": {"trials": 0, "minutes": 1.0}},
            ["sweep.budget.trials = 0", "greater than or equal to 1"],
        ),
        ({"budget": {"trials": 1, "minutes": 0.0}}, ["sweep.budget.minutes = 0.0", "greater than 0"]),
        ({"metric": "cost"}, ["sweep.metric = 'cost'", "roc_auc"]),
        ({"method": "grid"}, ["grid needs choices"]),
        ({"workers": 0}, ["sweep.workers = 0"]),
        ({"patience": 3}, ["sweep.patience", "unknown key"]),
    ],
)
def test_a_mistake_in_the_section_is_refused(tmp_path, change, words):
    """The refusal names the key, the value and the rule."""
    document = yaml.safe_load(params.PARAMS.read_text(encoding="utf-8"))
    document["sweep"] |= change
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(Refusal) as refusal:
        params.load(path)
    for word in words:
        assert word in str(refusal.value)


# Whole sweeps


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


def test_a_failed_trial_is_recorded_and_stops_nothing(small):
    """The trial that fails has its error in summary and table; the others are experiments."""
    train = small.file("src/fullcycle/training/train.py")
    line = "    entry = CANDIDATES[settings.kind]\n"
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


def test_a_sweep_whose_trials_all_fail_says_so(small):
    """Nothing but failures is an error, with the reason in the summary."""
    train = small.file("src/fullcycle/training/train.py")
    train.write_text(
        train.read_text().replace("    entry = CAND", "    raise ValueError('unlucky')\n    entry = CAND")
    )
    said = small.sweep("--trials", "2", code=1)
    assert "trial 1 failed: ValueError: unlucky" in said
    assert "error: sweep: every trial failed" in said


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


def test_pruned_trials_are_experiments_to_be_trained(small):
    """TPE ends hopeless trials early; they stand in `dvc exp show` with their values and no metrics."""
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


def test_on_a_new_commit_the_sweep_goes_on(swept, tmp_path):
    """A commit that changes nothing a trial depends on has the trials as its experiments, run once."""
    shutil.copytree(swept[0].path, tmp_path / "copy", symlinks=True)
    small = type(swept[0])(tmp_path / "copy", swept[0].env)
    small.file("notes.txt").write_text("A note.\n")
    small.git("add", "notes.txt")
    small.git("commit", "-qm", "A note")
    assert "trial 4" in small.sweep("--trials", "5")
    assert len(shown(small)) == 5


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
