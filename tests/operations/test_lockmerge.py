"""The merge driver for dvc.lock, on real branches of a real pipeline."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from fullcycle.operations import lockmerge
from fullcycle.operations.lockmerge import ShapelessError, merged, parse

ROOT = Path(__file__).parents[2]
HEADER = "schema: '2.0'\nstages:\n"


def entry(name, results, command="run"):
    """A stage's entry as DVC writes it."""
    return f"  {name}:\n    cmd: {command}\n    outs:\n    - path: {name}\n      md5: {results}\n"


def lock(**stages):
    """A dvc.lock with these stages and results."""
    return HEADER + "".join(entry(name, results) for name, results in stages.items())


@pytest.fixture
def shared(tiny):
    """The tiny pipeline as a team has it: attributes in Git, drivers installed by each."""
    attributes = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    tiny.write(".gitattributes", attributes + "metrics.json merge=rerun\n")
    script = "src/fullcycle/operations/lockmerge.py"
    tiny.write(script, (ROOT / script).read_text(encoding="utf-8"))
    tiny.commit()
    tiny.run("python3", script, "--install")
    return tiny


RATE = ("params.yaml", "rate: 0.5", "rate: 0.25")
SCALE = ("params.yaml", "scale: 2", "scale: 3")
CODE = ("src/train.py", "generator.random()", "3 * generator.random()")


def branches(tiny, ours, theirs):
    """Two branches off main, each with one change and its results; ours is checked out."""
    for name, change in {"theirs": theirs, "ours": ours}.items():
        tiny.run("git", "checkout", "-q", "-b", name, "main")
        tiny.replace(*change)
        tiny.repro()


def merge(tiny, code=0):
    """What Git says on merging theirs into ours."""
    done = subprocess.run(
        ["git", "merge", "--no-edit", "theirs"], cwd=tiny.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def repro(tiny):
    """The stages that `dvc repro` starts, in order (not those whose results it finds in its cache)."""
    return re.findall(r"^Running stage '(.*)'", tiny.run("dvc", "repro"), flags=re.MULTILINE)


def text(tiny):
    """The dvc.lock."""
    return (tiny.path / "dvc.lock").read_text(encoding="utf-8")


def clean_run(tiny):
    """The dvc.lock and the metrics of this work tree, made from nothing, without the run cache."""
    kept = text(tiny), (tiny.path / "metrics.json").read_text(encoding="utf-8")
    (tiny.path / "dvc.lock").unlink()
    tiny.run("dvc", "repro", "-q", "--force")
    return kept, (text(tiny), (tiny.path / "metrics.json").read_text(encoding="utf-8"))


def test_what_both_sides_changed_runs_again_and_nothing_else(shared):
    """A parameter and the code of one stage: the merge succeeds, that stage and those behind it run again."""
    branches(shared, ours=RATE, theirs=CODE)
    said = merge(shared)
    assert "dvc.lock: both sides changed train@1, train@2, report: run `dvc repro`" in said
    assert shared.run("git", "status", "--short") == ""
    assert repro(shared) == ["train@1", "train@2", "report"]
    kept, clean = clean_run(shared)
    assert kept == clean


def test_what_one_side_changed_is_taken_from_it(shared):
    """Changes of two stages: the earlier keeps the results that a branch has, what lies behind runs again."""
    branches(shared, ours=RATE, theirs=SCALE)
    theirs = parse(shared.run("git", "show", "theirs:dvc.lock")).stages
    assert "both sides changed train@1, train@2:" in merge(shared)
    assert parse(text(shared)).stages["prepare"] == theirs["prepare"]
    # The models turn out as ours were, so the report need not run.
    assert repro(shared) == ["train@1", "train@2"]
    kept, clean = clean_run(shared)
    assert kept == clean


@pytest.mark.slow
def test_a_merge_without_conflict_is_what_dvc_would_have_written(shared):
    """Two branches that change stages apart merge to the bytes of a clean run, and nothing runs."""
    shared.write(".gitignore", "/left.txt\n/right.txt\n")
    shared.commit()
    for name, stage in (("theirs", "left"), ("ours", "right")):
        shared.run("git", "checkout", "-q", "-b", name, "main")
        shared.replace("dvc.yaml", "  report:\n", f"  {stage}:\n    cmd: echo {stage} > {stage}.txt\n"
                       f"    deps: [data/clean.csv]\n    outs: [{stage}.txt]\n  report:\n")  # fmt: skip
        shared.repro()
    said = merge(shared, code=1)
    assert "CONFLICT (content): Merge conflict in dvc.yaml" in said
    assert "in dvc.lock" not in said
    assert "both sides" not in said
    both = shared.run("git", "show", "theirs:dvc.yaml").replace(
        "  report:\n", "  right:\n    cmd: echo right > right.txt\n    deps: [data/clean.csv]\n"
        "    outs: [right.txt]\n  report:\n")  # fmt: skip
    shared.write("dvc.yaml", both)
    shared.commit()
    assert repro(shared) == []
    assert list(parse(text(shared)).stages) == ["prepare", "train@1", "train@2", "report", "left", "right"]
    kept = text(shared)
    shared.run("dvc", "repro", "-q", "--force")
    assert text(shared) == kept


@pytest.mark.slow
def test_a_rebase_uses_it_too(shared):
    """Commits that are replayed one by one need no hand either."""
    branches(shared, ours=RATE, theirs=SCALE)
    shared.run("git", "rebase", "-q", "theirs")
    assert shared.run("git", "status", "--short") == ""
    assert repro(shared) == ["train@1", "train@2"]


def test_a_clone_without_the_driver_merges_line_by_line(shared):
    """Where `make setup` never ran, Git reports a conflict as it always did, and a clean merge is clean."""
    branches(shared, ours=RATE, theirs=CODE)
    for section in ("dvclock", "rerun"):
        shared.run("git", "config", "--remove-section", f"merge.{section}")
    assert "Merge conflict in dvc.lock" in merge(shared, code=1)
    assert "<<<<<<<" in text(shared)
    shared.run("git", "merge", "--abort")
    shared.run("git", "checkout", "-q", "main")
    merge(shared)
    assert text(shared) == shared.run("git", "show", "theirs:dvc.lock")


def test_no_run_is_recorded_that_never_was(tmp_path, monkeypatch):
    """Line by line, new data here and a new parameter there make the record of a run that nobody made.

    DVC would then find the stage up to date, with the results of one side.
    """
    monkeypatch.chdir(tmp_path)
    whole = (
        f"{HEADER}  train:\n    cmd: run\n    deps:\n    - path: data\n      md5: d1\n    params:\n"
        "      params.yaml:\n        rate: r1\n    outs:\n    - path: model\n      md5: m1\n"
    )
    ours, theirs = whole.replace("d1", "d2"), whole.replace("r1", "r2").replace("m1", "m2")
    for name, content in {"base": whole, "ours": ours, "theirs": theirs}.items():
        Path(name).write_text(content, encoding="utf-8")
    line_wise = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], check=True, capture_output=True
    )
    assert line_wise.stdout.decode() == theirs.replace("d1", "d2")
    assert merged(whole, ours, theirs) == (f"{HEADER}  train:\n    cmd: run\n", ["train"])


@pytest.mark.parametrize(
    ("ours", "theirs", "result", "rerun"),
    [
        (lock(a=1, b=1), lock(a=1, b=2), lock(a=1, b=2), []),
        (lock(a=2, b=1), lock(a=1, b=2), lock(a=2, b=2), []),
        (lock(a=2, b=1), lock(a=2, b=1), lock(a=2, b=1), []),
        (lock(a=2, b=1), lock(a=3, b=1), HEADER + "  a:\n    cmd: run\n" + entry("b", 1), ["a"]),
        (lock(b=1), lock(a=1, b=2), lock(b=2), []),
        (lock(b=1), lock(a=2, b=1), lock(b=1), ["a"]),
        (lock(a=2, b=1), lock(b=1), lock(b=1), ["a"]),
        (lock(a=1, b=1, c=1), lock(a=1, x=1, b=1), lock(a=1, x=1, b=1, c=1), []),
        (lock(a=1, b=1, c=1), lock(a=1, b=1, c=1), lock(a=1, b=1, c=1), []),
        (lock(a=1, b=1, c=1), lock(a=1, b=1, c=2), lock(a=1, b=1) + "  c:\n    cmd: run\n", ["c"]),
    ],
)
def test_three_versions_of_a_stage(ours, theirs, result, rerun):
    """One side's change is taken, the same change is kept, different changes leave the command alone."""
    assert merged(lock(a=1, b=1), ours, theirs) == (result, rerun)
    swapped, named = merged(lock(a=1, b=1), theirs, ours)
    assert (sorted(parse(swapped).stages.items()), named) == (sorted(parse(result).stages.items()), rerun)


def test_the_repositorys_own_lock_is_cut_and_joined_byte_for_byte():
    """Parsing this repository's dvc.lock (wrapped commands, quoted parameters) loses nothing."""
    whole = (ROOT / "dvc.lock").read_text(encoding="utf-8")
    parts = parse(whole)
    assert f"{parts.before}stages:\n{''.join(parts.stages.values())}{parts.after}" == whole
    assert "train@lightgbm" in parts.stages
    assert merged(whole, whole, whole) == (whole, [])


@pytest.mark.parametrize(
    "spoiled",
    [
        HEADER + entry("a", 1) + entry("a", 2),
        HEADER + "<<<<<<< ours\n" + entry("a", 1) + "=======\n" + entry("a", 2) + ">>>>>>> theirs\n",
        HEADER + "    cmd: run\n",
        HEADER + "  ? a\n  : cmd: run\n",
        "schema: '3.0'\nstages:\n" + entry("a", 1),
        "no lock at all",
    ],
)
def test_another_shape_is_left_to_git(spoiled, tmp_path, monkeypatch):
    """What DVC did not write is merged line by line, and a conflict is reported as one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ShapelessError):
        merged(lock(a=1), spoiled, lock(a=2).replace("2.0", "2.1"))
    names = ["base", "ours", "theirs"]
    for name, content in zip(names, (lock(a=1), spoiled, lock(a=9)), strict=True):
        Path(name).write_text(content, encoding="utf-8")
    expected = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], capture_output=True, check=False
    )
    code = lockmerge.main([*names, "dvc.lock"])
    if not spoiled.startswith("schema: '3.0'"):
        assert (code, Path("ours").read_bytes()) == (expected.returncode, expected.stdout)


def test_other_parts_of_the_file_are_merged_too():
    """The datasets of `dvc ds` stand beside the stages and are kept."""
    with_dataset = lock(a=1) + "datasets:\n- name: d\n  type: url\n"
    assert merged(lock(a=1), with_dataset, lock(a=2)) == (
        lock(a=2) + "datasets:\n- name: d\n  type: url\n",
        [],
    )
    assert merged("", lock(a=1), lock(b=1)) == (lock(b=1, a=1), [])


def test_installing_twice_or_outside_git_changes_nothing(tmp_path, monkeypatch):
    """`make setup` may run as often as it likes, and in a folder without Git."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert lockmerge.main(["--install"]) == 0
    subprocess.run(["git", "init", "-q"], check=True)
    lockmerge.main(["--install"])
    config = Path(".git/config").read_bytes()
    assert b"lockmerge.py %O %A %B %P" in config
    lockmerge.main(["--install"])
    assert Path(".git/config").read_bytes() == config


def test_the_repository_names_the_driver_for_its_lock_and_outputs():
    """Git looks the drivers up by .gitattributes: the lock's, the outputs', none for the noise band."""
    paths = ["dvc.lock", "metrics/test.json", "plots/test/roc.png", "models/card.md", "metrics/noise.json"]
    said = subprocess.run(
        ["git", "check-attr", "merge", *paths], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found = [line.rpartition(": ")[2] for line in said.splitlines()]
    assert found == ["dvclock", "rerun", "rerun", "rerun", "unspecified"]
