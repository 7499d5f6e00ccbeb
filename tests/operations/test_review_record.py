"""Whether ``dvc.lock`` records what stands beside it, on the tiny pipeline."""

from __future__ import annotations

import pytest

from fullcycle.operations.lookup import looked_up
from fullcycle.operations.review_record import broken, record
from fullcycle.operations.snapshot import History


def found(tiny):
    """What the record and the files of the work tree disagree on."""
    return sorted(set(broken(History(tiny.path).workspace())))


def test_a_finished_run_agrees_with_its_record(finished):
    """In the commit and in the work tree; files that Git does not hold are not asked for."""
    history = History(finished.path)
    assert record(history.workspace()) == []
    assert record(history.at("HEAD")) == []


def test_bytecode_in_a_declared_folder_is_no_change(tiny):
    """What .dvcignore names is not in DVC's hash of a folder, nor in the review's."""
    tiny.write(".dvcignore", "__pycache__/\n")
    tiny.write("data/parts/__pycache__/oak.cpython-311.pyc", "bytecode")
    assert found(tiny) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("metrics.json", '"count": 2', '"count": 3', ("metrics.json", " is not as recorded for ", "report")),
        ("src/report.py", "max(", "min(", ("src/report.py", " is not as recorded for ", "report")),
        ("params.yaml", "rate: 0.5", "rate: 0.1",
         ("train.rate", " has another value than that recorded for ", "train@1")),
        ("params.yaml", "train:", "other:",
         ("train.rate", " has another value than that recorded for ", "train@2")),
        ("data/parts/oak.txt", "oak", "eak", ("data/parts", " is not as recorded for ", "prepare")),
    ],
)  # fmt: skip
def test_what_changed_since_the_run_is_named(tiny, name, old, new, said):
    """Metrics edited by hand, code, parameters, a file in a folder."""
    tiny.replace(name, old, new)
    assert said in found(tiny)


def test_a_file_that_is_gone_is_named(tiny):
    """Code that a stage was run with, deleted since."""
    (tiny.path / "src/report.py").unlink()
    assert found(tiny) == [("src/report.py", " is not as recorded for ", "report")]


def test_a_parameter_that_no_stage_reads_is_no_matter(tiny):
    """The record stands when something beside it changes."""
    tiny.replace("params.yaml", "note: hello", "note: bye")
    assert found(tiny) == []


def test_a_stage_that_a_merge_left_to_be_run_is_named(tiny):
    """Its record has a command alone; without any lock nothing is proven."""
    lock = (tiny.path / "dvc.lock").read_text(encoding="utf-8")
    head, tail = lock.index("  report:\n"), lock.index("    deps:", lock.index("  report:\n"))
    tiny.write("dvc.lock", lock[:head] + lock[head:tail])
    assert found(tiny) == [("dvc.lock", " awaits, since a merge, a run of ", "report")]
    (tiny.path / "dvc.lock").unlink()
    assert found(tiny) == [("dvc.lock", " has no record of a run", "")]


def test_dotted_keys_are_looked_up():
    """A key that leads nowhere is None."""
    document = {"a": {"b": [1, 2]}}
    assert looked_up(document, "a.b") == [1, 2]
    assert looked_up(document, "a.b.c") is None
    assert looked_up(document, "x") is None
