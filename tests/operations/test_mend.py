"""What a killed dvc leaves half-written is mended; what a living one holds is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from dvc.lock import make_lock

from fullcycle.operations import mend

# Within these words a dvc.lock that was cut off is refused by DVC ...
BROKEN = ["", "schema", "stages:\n  ch", "    deps:\n    - p", "      hash: m"]
# ... and here it is not: DVC reruns or restores what is missing.
READABLE = ["      md5: 39d", "    outs:\n    - path: data/params.ok\n"]


@pytest.fixture
def here(clone, monkeypatch):
    """A fresh clone, as the current folder."""
    monkeypatch.chdir(clone.path)
    return clone


def cut(words):
    """Leave dvc.lock only up to the end of these words, as a kill does; returns what it was."""
    text = mend.LOCK.read_text(encoding="utf-8")
    mend.LOCK.write_text(text[: text.index(words) + len(words)], encoding="utf-8")
    return text


@pytest.mark.parametrize("words", BROKEN)
def test_dvc_refuses_a_lock_that_was_cut_off(here, words):
    """Without mending every command ends with an error: were DVC to write in one step, mend could go."""
    cut(words)
    assert here.end(here.start("dvc", "status")).code not in {0, None}


@pytest.mark.parametrize("words", BROKEN)
def test_a_lock_that_was_cut_off_is_as_in_git_again(here, words):
    """A dvc.lock that DVC cannot read is taken back from Git, and it is said."""
    whole = cut(words)
    assert mend.mend() == ["dvc.lock was cut off by a killed dvc: it is as in Git again"]
    assert mend.LOCK.read_text(encoding="utf-8") == whole
    assert here.git("status", "--short") == ""
    assert mend.mend() == []


def test_a_lock_that_dvc_can_read_stays_as_it_is(here):
    """Progress that is written down in a readable dvc.lock is never thrown away."""
    del here
    lock = mend.LOCK.read_text(encoding="utf-8")
    changed = lock.replace("size: 28", "size: 29", 1)
    assert changed != lock
    mend.LOCK.write_text(changed, encoding="utf-8")
    assert mend.mend() == []
    assert mend.LOCK.read_text(encoding="utf-8") == changed


def test_a_lock_that_git_does_not_know_is_removed(here):
    """A cut-off dvc.lock that was never committed is removed: DVC finds the finished stages in its cache."""
    here.git("rm", "-q", "--cached", "dvc.lock")
    here.git("commit", "-qm", "Before the first commit of a lock")
    cut("")
    assert mend.mend()
    assert not mend.LOCK.exists()


def test_nothing_is_touched_while_another_dvc_is_at_work(here):
    """While DVC's own lock is held, half a dvc.lock is a living dvc's work."""
    del here
    cut("    deps:\n    - p")
    folder = mend.DVC_IS_BUSY.parent
    folder.mkdir(parents=True)
    with make_lock(str(mend.DVC_IS_BUSY), tmp_dir=str(folder)):
        assert mend.mend() == []
    assert mend.mend() != []


def _rwlock(pid):
    return json.dumps({"write": {"/data/split": {"pid": pid, "cmd": "dvc repro"}}, "read": {}})


@pytest.mark.parametrize(
    "content", ["", '{"write": {"/da', "[]", _rwlock(os.getpid())], ids=["empty", "cut", "odd", "reused id"]
)
def test_a_rwlock_that_nobody_holds_is_removed(here, content):
    """Half a rwlock, or one whose process id belongs to something else by now, is removed."""
    here.dvc("status", "-q", code=None)
    mend.RWLOCK.write_text(content)
    assert mend.mend() == [".dvc/tmp/rwlock was left by a killed dvc: it is removed"]
    assert not mend.RWLOCK.exists()


def test_a_rwlock_that_a_living_dvc_holds_stays(here):
    """What a running dvc has locked stays locked."""
    del here
    with subprocess.Popen([sys.executable, "-c", "input()", "dvc"], stdin=subprocess.PIPE) as holder:
        mend.RWLOCK.parent.mkdir(parents=True, exist_ok=True)
        mend.RWLOCK.write_text(_rwlock(holder.pid))
        said = mend.mend()
        stays = mend.RWLOCK.exists()
        holder.kill()
    assert said == []
    assert stays


def test_in_a_sound_checkout_it_says_nothing(here):
    """As the command of `make repro` it is silent where there is nothing to mend."""
    assert here.run(sys.executable, "src/fullcycle/operations/mend.py") == ""
    assert here.git("status", "--short") == ""


@pytest.mark.parametrize("words", READABLE)
def test_dvc_reads_what_mend_takes_for_whole(here, words):
    """Where mend finds a cut-off lock readable, DVC does too."""
    cut(words)
    assert mend.mend() == []
    assert "changed" in here.dvc("status")
