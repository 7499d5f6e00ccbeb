"""The same bytes on another path, with another clock, locale, hash seed, umask, and one core."""

from __future__ import annotations

import os

import pytest
import yaml

pytestmark = pytest.mark.slow

OTHER_WORLD = {
    "PYTHONHASHSEED": "12345",
    "TZ": "Asia/Kathmandu",
    "LC_ALL": "C",
    # Python would read C as UTF-8; here it must not, so that no file is read in the locale's encoding.
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    # What a colleague's shell may have set for other work: stages put their own pins in its place.
    "OPENBLAS_NUM_THREADS": "2",
    "OPENBLAS_CORETYPE": "Nehalem",
}


def stages(clone):
    """The names of all stages, as DVC gives them."""
    return [line.split()[0] for line in clone.dvc("stage", "list", "--name-only").splitlines()]


def test_every_stage_makes_the_committed_bytes_in_another_world(cloned, tmp_path):
    """Nothing cached, every stage run: dvc.lock, metrics and plots come out as they are in Git."""
    clone = cloned(tmp_path / "another place, with spaces")
    clone.forget_results()
    core = str(min(os.sched_getaffinity(0)))
    command = f"umask 077; exec taskset -c {core} dvc repro"
    said = clone.run("sh", "-c", command, timeout=900, **OTHER_WORLD)
    ran = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage '")]
    assert sorted(ran) == sorted(stages(clone))
    assert "is cached" not in said
    clone.git("diff", "--exit-code")
    assert clone.git("status", "--short") == ""
    assert clone.dvc("status") == "Data and pipelines are up to date.\n"


def test_the_undisturbed_run_made_the_committed_bytes(built):
    """A full run in the machine's own world, on all its cores, ends with a clean `git diff`."""
    built.git("diff", "--exit-code")
    assert built.dvc("status") == "Data and pipelines are up to date.\n"


def test_every_output_is_in_the_lock_with_its_hash(built):
    """No stage has an output that DVC does not know by its content."""
    lock = yaml.safe_load((built.path / "dvc.lock").read_text(encoding="utf-8"))
    assert sorted(lock["stages"]) == sorted(stages(built))
    outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
    assert all(out["md5"] for out in outs)
    assert {out["path"].split("/")[0] for out in outs} == {"data", "models", "metrics", "plots"}
