"""The gate accepts, rejects or cannot decide, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fullcycle.errors import Refusal
from fullcycle.evaluation.gate import found, judge, main, verdict
from fullcycle.files import read_json, sha256, write_json
from fullcycle.params import Criterion

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
    assert found(FILES, "test.roc_auc") == {"value": 0.72, "low": 0.7, "high": 0.74}
    assert found(FILES, "test.roc_auc.low") == {"value": 0.7, "low": 0.7, "high": 0.7}
    assert found(FILES, "test.rows") == {"value": 100.0, "low": 100.0, "high": 100.0}


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
        found(FILES, path)
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


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage in an empty folder."""
    monkeypatch.chdir(tmp_path)
    write_json(FILES["test"], Path("test.json"))
    write_json(FILES["quality"], Path("quality.json"))
    write_json({"candidate": "lightgbm"}, Path("champion/manifest.json"))

    def gate(bound: dict, *, enforce: bool) -> dict:
        criteria = {"ranks": {"metric": "test.roc_auc", "why": "it must rank"} | bound}
        Path("params.yaml").write_text(yaml.safe_dump({"gate": {"enforce": enforce, "criteria": criteria}}))
        main(
            test=Path("test.json"),
            quality=Path("quality.json"),
            champion=Path("champion"),
            report=Path("gate.json"),
        )
        return read_json(Path("gate.json"))

    return gate


@pytest.mark.parametrize(
    ("bound", "expected"), [(ACCEPTED, "accept"), (REJECTED, "reject"), (UNDECIDED, "undecided")]
)
def test_without_enforcement_the_verdict_is_recorded(run, bound, expected):
    """Of which champion it is stands there, file by file."""
    report = run(bound, enforce=False)
    assert report["verdict"] == expected
    manifest = Path("champion/manifest.json").read_bytes()
    assert report["champion"] == {"candidate": "lightgbm", "files": {"manifest.json": sha256(manifest)}}


@pytest.mark.parametrize(("bound", "expected"), [(REJECTED, "reject"), (UNDECIDED, "undecided")])
def test_enforced_anything_but_accept_fails_and_is_still_written(run, bound, expected):
    """With the criteria that were not met, their numbers and their bound."""
    with pytest.raises(Refusal) as refused:
        run(bound, enforce=True)
    assert f"the gate says {expected} (gate.enforce is true)" in str(refused.value)
    assert f"ranks: test.roc_auc = 0.7200 [0.7000, 0.7400], bound {bound['min']:g}: {expected}" in str(
        refused.value
    )
    assert read_json(Path("gate.json"))["verdict"] == expected


def test_enforced_acceptance_passes(run):
    """And is written."""
    assert run(ACCEPTED, enforce=True)["verdict"] == "accept"
