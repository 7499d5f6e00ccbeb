"""The gate accepts, rejects or cannot decide, and says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fullcycle.errors import Refusal
from fullcycle.evaluation.gate import ALWAYS, expanded, explained, found, judge, verdict, worst
from fullcycle.files import sha256
from fullcycle.params.gate import Criterion
from fullcycle.training import store

VERDICTS = [
    # low, high of the interval; min, max; verdict
    (0.7, 0.8, 0.7, None, "accept"),
    (0.7, 0.8, 0.6, None, "accept"),
    (0.7, 0.8, 0.700001, None, "undecided"),
    (0.7, 0.8, 0.8, None, "undecided"),
    (0.7, 0.8, 0.800001, None, "reject"),
    (0.7, 0.8, None, 0.8, "accept"),
    (0.7, 0.8, None, 0.9, "accept"),
    (0.7, 0.8, None, 0.799999, "undecided"),
    (0.7, 0.8, None, 0.7, "undecided"),
    (0.7, 0.8, None, 0.699999, "reject"),
    (0.0, 0.0, 0.0, None, "accept"),
    (0.0, 0.0, None, 0.0, "accept"),
    (-0.1, -0.1, 0.0, None, "reject"),
]


@pytest.mark.parametrize(("low", "high", "least", "most", "expected"), VERDICTS)
def test_the_whole_interval_must_be_on_the_good_side(low, high, least, most, expected):
    """On the bad side it is rejected; with the bound inside nobody can say. The bound itself is good."""
    assert verdict({"value": (low + high) / 2, "low": low, "high": high}, least, most) == expected


def test_a_criterion_without_bound_is_a_programmers_mistake():
    """The parameters refuse it; here it cannot pass silently."""
    with pytest.raises(ValueError, match="without a bound"):
        verdict({"value": 1.0, "low": 1.0, "high": 1.0}, None, None)


FILES = {
    "test": {"roc_auc": {"value": 0.72, "low": 0.7, "high": 0.74}, "rows": 100, "part": "test", "flag": True},
    "quality": {"quarantined_share": 0.0},
}


def test_a_number_without_interval_is_its_own():
    """And each end of an interval can be asked for by its path."""
    assert found(FILES, ("test", "roc_auc")) == {"value": 0.72, "low": 0.7, "high": 0.74}
    assert found(FILES, ("test", "roc_auc", "low")) == {"value": 0.7, "low": 0.7, "high": 0.7}
    assert found(FILES, ("test", "rows")) == {"value": 100.0, "low": 100.0, "high": 100.0}


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("test.auc", "test.auc does not exist; test holds roc_auc, rows, part, flag"),
        ("live.roc_auc", "live.roc_auc does not exist; the root holds test, quality"),
        ("test.rows.low", "test.rows.low does not exist; test.rows holds a number"),
        ("test.part", "test.part is no number"),
        ("test.flag", "test.flag is no number"),
        ("test", "test is no number"),
    ],
)
def test_a_number_that_is_not_there_is_refused(path, rule):
    """With what there is at that point of the path; words and switches are no numbers."""
    with pytest.raises(Refusal) as refused:
        found(FILES, tuple(path.split(".")))
    assert rule in str(refused.value)


ACCEPTED, REJECTED, UNDECIDED = {"min": 0.69}, {"min": 0.75}, {"min": 0.71}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ([ACCEPTED, ACCEPTED], "accept"),
        ([ACCEPTED, UNDECIDED], "undecided"),
        ([UNDECIDED, REJECTED, ACCEPTED], "reject"),
        ([REJECTED], "reject"),
        ([{"max": 0.75}, ACCEPTED], "accept"),
    ],
)
def test_the_verdict_is_the_worst_of_all(bounds, expected):
    """One criterion is enough to reject; each line tells value, bound and why."""
    criteria = {
        f"c{n}": Criterion(metric="test.roc_auc", why="because it must", **bound)
        for n, bound in enumerate(bounds)
    }
    judged = judge(criteria, FILES)
    assert judged["verdict"] == expected
    for line, bound in zip(judged["criteria"].values(), bounds, strict=True):
        assert (
            line.items()
            >= (
                {"metric": "test.roc_auc", "why": "because it must"} | FILES["test"]["roc_auc"] | bound
            ).items()
        )


SLICES = {
    "details": {
        "test": {
            "slices": {
                "carrier": {
                    "AA": {"rows": 900, "roc_auc": {"value": 0.7, "low": 0.65, "high": 0.75}},
                    "B6": {"rows": 800, "roc_auc": {"value": 0.6, "low": 0.52, "high": 0.68}},
                    "YV": {"rows": 20, "roc_auc": {"value": 0.1, "low": 0.0, "high": 0.2}},
                    "ZZ": {"rows": 500, "log_loss": {"value": 0.1, "low": 0.0, "high": 0.2}},
                },
                "origin": {"JFK": {"rows": 950, "roc_auc": {"value": 0.72, "low": 0.7, "high": 0.74}}},
            }
        }
    }
}
EVERY = "details.test.slices.*.*.roc_auc"


def test_a_star_stands_for_each_that_there_is():
    """With the rows beside the number; a slice without that metric is none."""
    paths = {".".join(path): rows for path, rows in expanded(SLICES, EVERY)}
    prefix = "details.test.slices"
    assert paths == {
        f"{prefix}.carrier.AA.roc_auc": 900,
        f"{prefix}.carrier.B6.roc_auc": 800,
        f"{prefix}.carrier.YV.roc_auc": 20,
        f"{prefix}.origin.JFK.roc_auc": 950,
    }


@pytest.mark.parametrize(
    ("least", "bound", "expected", "at"),
    [
        (100, 0.5, "accept", "B6"),
        (100, 0.55, "undecided", "B6"),
        (100, 0.69, "reject", "B6"),
        (900, 0.6, "accept", "AA"),
        (1, 0.5, "reject", "YV"),
    ],
)
def test_of_several_numbers_the_worst_counts_and_is_named(least, bound, expected, at):
    """How many were judged, and how many had too few rows, stands beside it."""
    criterion = Criterion(metric=EVERY, min=bound, least_rows=least, why="nobody is left behind")
    judged = judge({"slices": criterion}, SLICES)
    line = judged["criteria"]["slices"]
    assert (judged["verdict"], line["at"].split(".")[-2]) == (expected, at)
    assert line["judged"] + line["too_few_rows"] == 4
    assert line["too_few_rows"] == sum(rows < least for rows in (900, 800, 20, 950))


@pytest.mark.parametrize("name", ["St. Louis", "1.5", "."])
def test_a_slices_name_may_hold_a_point(name):
    """It is judged and named like any other."""
    files = {"details": {"test": {"slices": {"city": {name: {"rows": 900, "roc_auc": 0.6}}}}}}
    line = judge({"slices": Criterion(metric=EVERY, min=0.7, why="nobody is left behind")}, files)
    assert line["verdict"] == "reject"
    assert line["criteria"]["slices"]["at"] == f"details.test.slices.city.{name}.roc_auc"


def test_a_metric_may_hold_a_hyphen():
    """As the name of a damage may."""
    criterion = Criterion(metric="robustness.damages.no-wind.drop.cost", max=0.1, why="it must stand")
    files = {"robustness": {"damages": {"no-wind": {"drop": {"cost": 0.05}}}}}
    assert judge({"bears": criterion}, files)["verdict"] == "accept"


def test_a_star_that_stands_for_nothing_is_refused():
    """A criterion that judges no number must not pass silently."""
    criterion = Criterion(metric=EVERY, min=0.5, least_rows=5000, why="nobody is left behind")
    with pytest.raises(Refusal, match="stands for no number with 5000 rows or more"):
        judge({"slices": criterion}, SLICES)


EVIDENCE = Criterion(metric="test.rows", min=1000, otherwise="undecided", why="fewer say nothing")


def test_lacking_evidence_is_undecided_and_lets_no_interval_reject():
    """A count that rejects still does: it needs no evidence."""
    bad = Criterion(metric="test.roc_auc", min=0.9, why="because it must")
    judged = judge({"rows": EVIDENCE, "ranks": bad}, FILES)
    assert judged["verdict"] == "undecided"
    assert {line["verdict"] for line in judged["criteria"].values()} == {"undecided"}
    counted = Criterion(metric="test.rows", max=99, why="a plain number")
    assert judge({"rows": EVIDENCE, "count": counted}, FILES)["verdict"] == "reject"


def test_what_is_absent_is_named_with_its_reason_and_not_judged():
    """By the beginning of its path, part by part; the others are judged."""
    criteria = {
        "before": Criterion(metric="previous.gain.roc_auc", min=0, why="no worse"),
        "ranks": Criterion(metric="test.roc_auc", min=0.69, why="it must"),
    }
    judged = judge(criteria, FILES, {"previous": "no previous champion", "test.roc": "another word"})
    assert judged["verdict"] == "accept"
    assert list(judged["criteria"]) == ["ranks"]
    assert judged["not_judged"] == {
        "before": {"metric": "previous.gain.roc_auc", "why": "no worse", "reason": "no previous champion"}
    }


def test_the_worst_of_no_verdicts_is_not_reached():
    """Reject before undecided before accept."""
    assert worst({"accept", "undecided"}) == "undecided"
    assert worst({"accept", "undecided", "reject"}) == "reject"
    assert worst({"accept"}) == "accept"


def test_what_was_not_met_is_explained_in_a_line():
    """With the number, its interval and the bound."""
    criterion = Criterion(metric="test.roc_auc", min=0.75, why="because it must")
    line = explained(judge({"ranks": criterion}, FILES))
    assert line == "  ranks: test.roc_auc = 0.72 [0.7, 0.74], bound 0.75: reject"


@pytest.fixture
def again(life, good, tmp_path):
    """The honest life's folder, to be judged again with other settings."""
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    return life


def test_the_gate_never_sees_its_own_escape_hatch(again):
    """Enforced or not, the report has the same bytes; enforced, a rejection fails the pipeline after it."""
    again.settings["gate"]["criteria"]["ranks_flights"]["min"] = 0.99
    reports = []
    for enforce in (False, True):
        again.settings["gate"]["enforce"] = enforce
        Path("metrics/gate.json").unlink()
        again.write_params()
        if enforce:
            with pytest.raises(
                Refusal, match=r"the gate says reject \(gate.enforce is true\):\n  ranks_flights"
            ):
                again.gate()
        else:
            assert again.gate()["verdict"] == "reject"
        reports.append(Path("metrics/gate.json").read_bytes())
    assert reports[0] == reports[1]


def test_enforced_acceptance_passes(again):
    """And is written."""
    again.settings["gate"]["enforce"] = True
    again.write_params()
    assert again.gate()["verdict"] == "accept"


def test_the_report_names_what_it_judged_file_by_file(again):
    """Model, previous champion and metrics, each by its hash: `fullcycle promote` compares."""
    again.write_params()
    report = again.gate()
    for folder, part in (("models/champion", report["champion"]), ("promoted", report["previous"])):
        there = {path.name: sha256(path.read_bytes()) for path in Path(folder).iterdir()}
        assert part["files"] == there
    assert report["read"] == {
        f"metrics/{name}.json": sha256(Path(f"metrics/{name}.json").read_bytes())
        for name in ("details", "quality", "robustness", "test")
    }


def test_a_changed_model_is_rejected_without_being_read(again):
    """What would have to be read or asked stands aside with the reason."""
    Path("models/champion", store.PIPELINE).write_bytes(b"no zip")
    Path("models/champion", store.BOOSTER).unlink()
    again.write_params()
    report = again.gate()
    assert report["criteria"]["is_whole"]["verdict"] == report["verdict"] == "reject"
    assert report["not_judged"]["is_quick"]["reason"] == "a model that was changed is not asked"


def test_what_is_always_asked_cannot_be_redefined(again):
    """A criterion of the parameters must not stand in for one of the gate's own."""
    name = next(iter(ALWAYS))
    again.settings["gate"]["criteria"][name] = {"metric": "test.rows", "min": 0, "why": "anything goes"}
    again.write_params()
    with pytest.raises(Refusal, match=f"gate.criteria.{name}: the gate has a criterion of that name"):
        again.gate()


def test_a_folder_that_says_nothing_of_the_previous_champion_is_refused(again):
    """Neither a model nor the word that there is none: it was emptied, or not pulled."""
    again.write_params()
    Path("promoted/none.json").unlink()
    Path("promoted/other").touch()
    with pytest.raises(Refusal, match=r"promoted/none\.json is missing"):
        again.gate()


def test_a_previous_champion_that_asks_for_what_is_gone_cannot_be_compared(again):
    """The feature is named; it is not filled with gaps, which would only make the new one look good."""
    shutil.rmtree("promoted")
    shutil.copytree("models/champion", "promoted")
    path = Path("promoted/manifest.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"visib"', '"visibility"'), encoding="utf-8")
    again.write_params()
    with pytest.raises(Refusal, match="asks for the feature 'visibility'"):
        again.gate()
