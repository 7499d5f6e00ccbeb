"""Reading files as they are in a commit or in the work tree."""

from __future__ import annotations

import subprocess

import pytest

from fullcycle.errors import Refusal
from fullcycle.operations.snapshot import History


def git(path, *arguments):
    """Run git in a folder."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", *arguments]
    return subprocess.run(command, cwd=path, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A DVC repository in a subfolder of a Git repository, with two commits and a change that is in none."""
    git(tmp_path, "init", "-q", "-b", "main")
    folder = tmp_path / "below/project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").touch()
    (folder / "plots").mkdir()
    for text in ("one", "two"):
        (folder / "a.json").write_text(f'{{"word": "{text}"}}', encoding="utf-8")
        (folder / f"plots/{text}.png").write_bytes(b"x")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", text)
    (folder / "a.json").write_text('{"word": "three"}', encoding="utf-8")
    (folder / "plots/three.png").write_bytes(b"x")
    return folder


def test_each_state_has_its_own_files(project):
    """The same path in the first commit, the last, and the work tree; folders list what they hold there."""
    history = History(project / "plots")
    states = [history.at("HEAD~1"), history.at("main"), history.workspace()]
    assert [state.json("a.json")["word"] for state in states] == ["one", "two", "three"]
    assert [len(state.tracked("plots")) for state in states] == [1, 2, 3]
    assert states[0].tracked("plots") == ["plots/one.png"]
    assert [state.revision for state in states[1:]] == [git(project, "rev-parse", "main"), "workspace"]
    assert [history.missing(states[1], states[0]), history.missing(states[0], states[1])] == [1, 0]


def test_what_is_not_there_is_none(project):
    """A missing file, a folder where a file was asked for, and a file where a folder was."""
    for state in (History(project).at("main"), History(project).workspace()):
        assert state.read("no/such") is None
        assert state.read("plots") is None
        assert state.json("no.json") is None
        assert state.yaml("no.yaml") == {}
    assert History(project).at("main").tracked("a.json") == []
    assert History(project).at("main").in_git("plots")
    assert not History(project).workspace().in_git("plots/three.png")


@pytest.mark.parametrize("revision", ["", "nowhere", "main:below", "main^{tree}", "--all", "HEAD~9", "\x00"])
def test_what_is_no_commit_is_refused(project, revision):
    """Trees, files, options and nothing are no commits."""
    with pytest.raises(Refusal, match="is no commit here"):
        History(project).at(revision)


def test_the_default_base_is_main_here_or_at_origin(project, tmp_path):
    """A clone that only knows origin's main compares with that."""
    assert History(project).default_base().label == "main"
    git(tmp_path, "clone", "-q", str(tmp_path), "copy")
    copy = tmp_path / "copy"
    git(copy, "checkout", "-q", "-b", "change")
    git(copy, "branch", "-q", "-D", "main")
    assert History(copy / "below/project").default_base().label == "origin/main"


@pytest.mark.parametrize(("name", "text"), [("json", "{"), ("yaml", "a: [")])
def test_a_file_that_cannot_be_parsed_is_refused(project, name, text):
    """It says which file, and in which state."""
    (project / "bad").write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=r"bad at workspace is not (JSON|YAML)"):
        getattr(History(project).workspace(), name)("bad")
