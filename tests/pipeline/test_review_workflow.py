"""The workflow that posts a review: what it may do, and its commands on a real two-branch repository."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github/workflows/review.yml"
GH = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in *--paginate*) printf '%s' "$FOUND" ;; esac
"""


@pytest.fixture(scope="module")
def workflow():
    """The parsed file; YAML 1.1 reads the key `on` as true."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content | {"on": content.pop(True)}


def steps(workflow):
    """Every step of every job."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def script(workflow, name):
    """The commands of the step with this name."""
    return next(step["run"] for step in steps(workflow) if step.get("name") == name)


def test_it_runs_with_the_branch_s_rights_and_as_few_as_will_do(workflow):
    """Not pull_request_target; nothing by default; the job that writes runs nothing of the branch."""
    assert workflow["on"] == "pull_request"
    assert workflow["permissions"] == {}
    page, comment = workflow["jobs"]["page"], workflow["jobs"]["comment"]
    assert page["permissions"] == {"contents": "read"}
    assert comment["permissions"] == {"pull-requests": "write"}
    assert [step["uses"].partition("@")[0] for step in comment["steps"] if "uses" in step] == [
        "actions/download-artifact"
    ]
    checkout = next(step for step in page["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["persist-credentials"] is False


def test_every_action_is_pinned_and_no_secret_is_read(workflow):
    """A commit's full hash, not a tag; the token is the automatic one."""
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in used)
    assert "secrets." not in FILE.read_text(encoding="utf-8")


def test_nothing_from_outside_is_put_into_a_script(workflow):
    """Values reach commands by environment variables, and no host is named."""
    scripts = [step["run"] for step in steps(workflow) if "run" in step]
    assert len(scripts) == 3
    assert all("${{" not in text and "://" not in text for text in scripts)


def test_its_commands_review_a_branch_against_where_it_began(workflow, clone):
    """Commits that the base gained meanwhile are not held against the branch."""
    clone.git("checkout", "-q", "-B", "main")
    clone.git("checkout", "-q", "-b", "change")
    params = clone.path / "params.yaml"
    text = params.read_text(encoding="utf-8")
    leaves = re.search(r"num_leaves: (\d+)", text)[1]
    params.write_text(text.replace(f"num_leaves: {leaves}", "num_leaves: 7"), encoding="utf-8")
    clone.git("commit", "-qam", "Fewer leaves")
    clone.git("checkout", "-q", "main")
    params.write_text(re.sub(r"rounds: \d+", "rounds: 100", text), encoding="utf-8")
    clone.git("commit", "-qam", "Meanwhile")
    base = clone.git("rev-parse", "main").strip()
    clone.git("checkout", "-q", "change")
    summary = clone.path.parent / "summary.md"
    clone.run(
        "bash", "-e", "-c", script(workflow, "review"),
        BASE=base, RAW="https://host/owner/name/raw", GITHUB_STEP_SUMMARY=str(summary),
        PYTHONPATH=str(ROOT / "src"),
    )  # fmt: skip
    page = summary.read_text(encoding="utf-8")
    assert page == (clone.path / "review/review.md").read_text(encoding="utf-8")
    assert f"| `train.lightgbm.num_leaves` | `{leaves}` | `7` | {7 - int(leaves)} |" in page
    assert "rounds" not in page.partition("## Data")[0]
    assert (clone.path / "review/review.html").exists()


@pytest.mark.parametrize("found", ["", "77\n78\n"])
def test_there_is_one_comment_and_it_is_kept_up_to_date(workflow, tmp_path, found):
    """The first page is posted; a later one takes its place (a script stands in for `gh`)."""
    tool = tmp_path / "bin/gh"
    tool.parent.mkdir()
    tool.write_text(GH, encoding="utf-8")
    tool.chmod(0o755)
    calls = tmp_path / "calls"
    environment = {
        "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
        "FOUND": found,
        "REPOSITORY": "owner/name",
        "NUMBER": "5",
    }
    subprocess.run(
        ["bash", "-e", "-c", script(workflow, "comment")], env=environment, cwd=tmp_path, check=True
    )
    asked, written = calls.read_text(encoding="utf-8").splitlines()
    assert '"<!-- fullcycle review -->"' in asked
    assert "repos/owner/name/issues/5/comments" in asked
    expected = ("--method PATCH repos/owner/name/issues/comments/77" if found
                else "--method POST repos/owner/name/issues/5/comments")  # fmt: skip
    assert written == f"api --silent {expected} -F body=@review/review.md"
