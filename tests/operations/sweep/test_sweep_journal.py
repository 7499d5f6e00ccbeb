"""The journal survives what kills the sweep."""

from __future__ import annotations

import pytest

from fullcycle.errors import Refusal
from fullcycle.operations.sweep_journal import DRAWN, ENDED, Journal
from fullcycle.operations.sweep_search import Past


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
