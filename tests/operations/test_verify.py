"""Planted faults, each of which ``fullcycle verify`` names; and none in what is sound."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fullcycle.cli import app
from fullcycle.operations.judge import GOOD
from fullcycle.operations.variations import VARIATIONS

OUT = "out.write_text(json.dumps(model), encoding"
RECORDED = 'model = {"rows"'


def test_finds_nothing_in_a_sound_repository(finished):
    """Under all variations at once every stage of a sound repository gives the recorded bytes."""
    verdicts = finished.verify()
    assert {name: (v.word, v.findings) for name, v in verdicts.items()} == {
        name: ("identical", []) for name in ("prepare", "train@1", "train@2", "report")
    }
    assert all(verdict.witnessed for verdict in verdicts.values())


def test_bytecode_in_the_work_tree_is_no_input(tiny):
    """Python looks for it beside every module: what a command left there is not an undeclared read."""
    tiny.run("python", "-m", "compileall", "-q", "src")
    assert list(tiny.path.rglob("__pycache__/*.pyc"))
    assert {verdict.word for verdict in tiny.verify().values()} == {"identical"}


# What train.py writes beside the model, the variation that is to blame.
UNSTEADY = {
    "a clock read into the output": ("__import__('time').time_ns()", "the run itself"),
    "a generator without seed": ("random.Random().random()", "the run itself"),
    "a process id": ("__import__('os').getpid()", "the run itself"),
    "a file's time": ("__import__('os').path.getmtime('data/clean.csv')", "the run itself"),
    "a set in its own order": ("list(set(rows))", "hash_seed"),
    "hash() of a text": ("hash(rows[0])", "hash_seed"),
    "the working directory": ("str(Path.cwd())", "folder"),
    "the path of the code": ("__file__ and str(Path(__file__).resolve())", "folder"),
    "the number of cores": ("__import__('os').cpu_count()", "cpus"),
    "a time zone": ("__import__('datetime').datetime.fromtimestamp(0).isoformat()", "zone"),
    "the default encoding": ("__import__('locale').getpreferredencoding(False)", "locale"),
    "the user's mask": ("__import__('os').umask(0o022)", "umask"),
    "the processor's kernels": ("__import__('os').environ.get('OPENBLAS_CORETYPE')", "processor"),
}


@pytest.mark.parametrize(("value", "cause"), UNSTEADY.values(), ids=UNSTEADY)
def test_names_what_makes_bytes_differ(tiny, value, cause):
    """An output that depends on its surroundings differs, and the bisection names the cause and no other."""
    if cause == "cpus" and os.cpu_count() == 1:
        pytest.skip("one core cannot be made fewer")
    tiny.replace("src/train.py", RECORDED, f"more = {value}\nmodel = {{'more': more, \"rows\"")
    tiny.repro()
    verdict = tiny.verify("train@1", bisect=True)["train@1"]
    assert verdict.word == "different"
    [found] = verdict.findings
    assert found.rule.name == "different-output"
    assert "models/1.json: more" in found.value
    causes = found.value.partition("; caused by ")[2]
    assert [
        name
        for name in [*VARIATIONS, "the run itself"]
        if name in causes.split(" ") or causes.startswith(name)
    ] == [cause]


def test_names_the_order_of_a_folder(tiny):
    """Files taken in the order in which the file system lists them make a difference."""
    tiny.replace("src/prepare.py", 'sorted(Path("data/parts").iterdir())', 'Path("data/parts").iterdir()')
    tiny.repro()
    verdict = tiny.verify("prepare", bisect=True)["prepare"]
    assert verdict.word == "different"
    assert "order (folders listed backwards)" in verdict.findings[0].value


UNDECLARED = {
    "a module": ("import secretly", "src/secretly.py"),
    "a module by its name": ("__import__('importlib').import_module('secretly')", "src/secretly.py"),
    "a module that may be missing": (
        "try:\n    import secretly\nexcept ImportError:\n    pass",
        "src/secretly.py",
    ),
    "a file": ("open('data/extra.csv').read()", "data/extra.csv"),
    "a file that may be missing": (
        "try:\n    open('data/extra.csv')\nexcept OSError:\n    pass",
        "data/extra.csv",
    ),
    "a file in a folder": ("Path('data/parts/oak.txt').read_text()", "data/parts/oak.txt"),
    "a parameter": ("yaml.safe_load(open('params.yaml'))['train']['depth']", "train.depth"),
    "a whole section of parameters": ("yaml.safe_load(open('params.yaml'))['prepare']", "prepare"),
    "a file from a program": (
        "__import__('subprocess').run(['cat', 'data/extra.csv'], check=True)",
        "data/extra.csv",
    ),
}


@pytest.mark.parametrize(("code", "named"), UNDECLARED.values(), ids=UNDECLARED)
def test_names_what_is_read_undeclared(tiny, code, named):
    """A module, file or parameter that the stage reads and does not declare is named, with its place."""
    tiny.write("src/secretly.py", "x = 1\n")
    tiny.replace("src/train.py", RECORDED, f"{code}\n{RECORDED}")
    tiny.repro()
    verdict = tiny.verify("train@1")["train@1"]
    assert verdict.word == "undeclared"
    found = [found for found in verdict.findings if found.rule.name == "undeclared-read"]
    assert any(named in re.split(r"[\s(),]+", f.value) for f in found), found
    assert all(f.place.startswith("dvc.yaml:") for f in found)


def test_names_a_file_read_by_its_absolute_path(tiny, tmp_path):
    """A table outside the repository is found, though the run itself succeeds."""
    outside = tmp_path / "table.csv"
    outside.write_text("1\n", encoding="utf-8")
    tiny.replace("src/train.py", RECORDED, f"open({str(outside)!r}).read()\n{RECORDED}")
    tiny.replace("src/report.py", "models =", f"open({str(tiny.path / 'data/extra.csv')!r})\nmodels =")
    tiny.repro()
    verdicts = tiny.verify("train@1", "report")
    assert [v.word for v in verdicts.values()] == ["undeclared", "undeclared"]
    assert f"reads {outside}, outside the repository" in verdicts["train@1"].findings[0].value
    assert "reads data/extra.csv by its absolute path" in verdicts["report"].findings[0].value


def test_names_a_file_written_elsewhere(tiny, tmp_path):
    """What a stage leaves outside its folder is found."""
    tiny.replace("src/train.py", RECORDED, f"open({str(tmp_path / 'left.txt')!r}, 'w').close()\n{RECORDED}")
    tiny.repro()
    verdict = tiny.verify("train@1")["train@1"]
    assert [found.rule.name for found in verdict.findings] == ["undeclared-write"]


def test_names_a_declaration_that_nothing_opens(tiny):
    """A dependency that no program opens is found, unless the stage's meta gives the reason."""
    tiny.replace("dvc.yaml", "[models, src/report.py]", "[data/extra.csv, models, src/report.py]")
    tiny.repro()
    verdict = tiny.verify("report")["report"]
    assert verdict.word == "unused"
    assert "never opens it" in verdict.findings[0].value
    assert "data/extra.csv" in verdict.findings[0].value
    meta = "metrics: [metrics.json: {cache: false}]"
    tiny.replace("dvc.yaml", meta, f"{meta}\n    meta: {{verify: {{unread: {{data/extra.csv: order}}}}}}")
    assert tiny.verify("report")["report"].word == "identical"


def test_names_another_stages_output(tiny):
    """A stage that reads what another writes, undeclared, may run before it: it is found."""
    tiny.replace("src/report.py", "models =", "Path('data/clean.csv').read_text()\nmodels =")
    tiny.repro()
    assert "data/clean.csv" in tiny.verify("report")["report"].findings[0].value


def test_finds_a_dependency_edited_while_its_stage_ran(tiny, tmp_path):
    """DVC records the edited file as if it had been used (treeverse/dvc#11058); the outputs say otherwise."""
    wait = (
        "import os, time\n"
        "if gate := os.environ.get('GATE'):\n"
        "    Path(gate, 'inputs are read').touch()\n"
        "    while not Path(gate, 'go on').exists():\n"
        "        time.sleep(0.01)\n"
    )
    tiny.replace("src/prepare.py", "lines =", f"{wait}lines =")
    run = subprocess.Popen(["dvc", "repro", "-q"], cwd=tiny.path, env=os.environ | {"GATE": str(tmp_path)})
    while not (tmp_path / "inputs are read").exists():
        assert run.poll() is None
        time.sleep(0.01)
    tiny.write("data/parts/oak.txt", "oaken\n")
    (tmp_path / "go on").touch()
    assert run.wait() == 0
    tiny.commit()
    assert "up to date" in tiny.run("dvc", "status")  # DVC sees nothing wrong, and never will
    verdicts = tiny.verify(bisect=True)
    assert {name: v.word for name, v in verdicts.items() if v.word != "identical"} == {"prepare": "different"}
    [found] = verdicts["prepare"].findings
    assert "data/clean.csv: row 4, column 'ash': recorded 'oak', now 'oaken'" in found.value
    assert "a dependency was edited while the stage ran" in found.value


def test_finds_a_variable_of_the_environment(tiny):
    """A stage that took a value from the environment gives another result in a bare one."""
    code = "more = __import__('os').environ.get('MOOD')"
    tiny.replace("src/train.py", RECORDED, f"{code}\nmodel = {{'more': more, \"rows\"")
    tiny.repro(MOOD="good")
    verdict = tiny.verify("train@1", bisect=True)["train@1"]
    assert "more: recorded 'good', now None" in verdict.findings[0].value
    assert "a variable of the environment was read" in verdict.findings[0].value


def test_finds_a_lock_older_than_its_inputs(tiny):
    """A committed edit without `dvc repro` is stale, in code, in parameters and in results edited by hand."""
    tiny.replace("src/train.py", "import json", "import json  # edited")
    tiny.replace("params.yaml", "scale: 2", "scale: 3")
    tiny.replace("metrics.json", '"count": 2', '"count": 3')
    tiny.commit()
    verdicts = tiny.verify()
    assert {v.word for v in verdicts.values()} == {"stale"}
    assert "src/train.py" in verdicts["train@1"].findings[0].value
    assert "prepare.scale (recorded 2, now 3)" in verdicts["prepare"].findings[0].value
    assert "metrics.json" in verdicts["report"].findings[0].value


def test_finds_a_stage_that_was_never_run(tiny):
    """A stage without a record is stale, not skipped."""
    tiny.replace("dvc.yaml", "seed: [1, 2]", "seed: [1, 2, 3]")
    assert tiny.verify("train")["train@3"].findings[0].value == "dvc.lock has no record of train@3"


def test_finds_metrics_and_lock_edited_together(tiny):
    """A result that was edited by hand, and its hash in the lock with it, is not what the stage writes."""
    from fullcycle.operations.hashes import file_hash  # noqa: PLC0415

    old = file_hash(tiny.path / "metrics.json")
    tiny.replace("metrics.json", '"count": 2', '"count": 9')
    tiny.replace("dvc.lock", old, file_hash(tiny.path / "metrics.json"))
    found = tiny.verify("report")["report"].findings[0]
    assert "count: recorded 9, now 2 (1 of 2 values; largest relative difference 0.78)" in found.value


def test_says_what_the_cache_has_lost(tiny):
    """An input that neither cache nor work tree nor Git holds is named; nothing is run without it."""
    md5 = next(line.split()[-1] for line in _after(tiny.path / "dvc.lock", "path: data/clean.csv"))
    (tiny.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    (tiny.path / "data/clean.csv").unlink()
    verdict = tiny.verify("train@1")["train@1"]
    assert verdict.word == "lost"
    assert "data/clean.csv" in verdict.findings[0].value


def _after(file, text):
    lines = file.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if text in line)
    return [line for line in lines[at:] if "md5: " in line]


def test_a_declared_variable_is_passed_on(tiny):
    """A variable that the stage's meta names reaches the sandbox."""
    code = "more = __import__('os').environ.get('MOOD')"
    tiny.replace("src/train.py", RECORDED, f"{code}\nmodel = {{'more': more, \"rows\"")
    tiny.replace("dvc.yaml", "    desc: Fit", "    meta: {verify: {environment: [MOOD]}}\n    desc: Fit")
    tiny.repro(MOOD="good")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOOD", "good")
        assert tiny.verify("train@1")["train@1"].word == "identical"


def test_a_stage_may_differ_in_the_last_digits_between_processors(tiny):
    """Named in the meta, a stage keeps its pins; with `--vary processor` its numbers must agree to 1e-9."""
    number = "1 / 3 * (1 + (1e-12 if __import__('os').environ.get('OPENBLAS_CORETYPE') else 0))"
    tiny.replace("src/train.py", RECORDED, f"model = {{'more': {number}, \"rows\"")
    tiny.repro()
    assert tiny.verify("train@1")["train@1"].word == "different"
    tiny.replace("dvc.yaml", "    desc: Fit", "    meta: {verify: {processor: sums}}\n    desc: Fit")
    assert tiny.verify("train@1")["train@1"].word == "identical"
    assert tiny.verify("train@1", chosen={"processor"})["train@1"].word == "equal"
    tiny.replace("src/train.py", "1e-12", "1e-6")
    tiny.repro()
    assert tiny.verify("train@1", chosen={"processor"})["train@1"].word == "different"


def test_the_command_says_it_by_its_exit_code_and_in_json(finished, tiny):
    """Exit code 0 and JSON verdicts for a sound repository, 1 for a spoilt one."""
    good = CliRunner().invoke(app, ["verify", "report", "--json", "--path", str(finished.path)])
    assert good.exit_code == 0
    [verdict] = json.loads(good.stdout)
    assert (verdict["stage"], verdict["verdict"], verdict["findings"]) == ("report", "identical", [])
    tiny.replace("src/report.py", "import json", "import json  # edited")
    bad = CliRunner().invoke(app, ["verify", "report", "--path", str(tiny.path)])
    assert bad.exit_code == 1
    assert "FC505 stale-record" in bad.output
    assert "dvc repro report" in bad.output


@pytest.mark.slow
def test_every_stage_of_this_repository_is_identical():
    """Run alone from what they declare, under all variations at once, all stages land on dvc.lock."""
    root = Path(__file__).parents[2]
    result = CliRunner().invoke(app, ["verify", "--json", "--path", str(root)])
    verdicts = {verdict["stage"]: verdict for verdict in json.loads(result.stdout)}
    lost = [name for name, verdict in verdicts.items() if verdict["verdict"] == "lost"]
    if lost:
        pytest.skip(f"no DVC cache here (run `make repro` first): {', '.join(lost)}")
    assert {name: v["findings"] for name, v in verdicts.items() if v["verdict"] not in GOOD} == {}
    assert result.exit_code == 0
