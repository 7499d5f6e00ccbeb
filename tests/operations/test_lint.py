"""Planted faults, each of which ``fullcycle lint`` names with its place; and none in sound repositories."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fullcycle.cli import app
from fullcycle.errors import Refusal
from fullcycle.operations import findings
from fullcycle.operations.lint import lint

ROOT = Path(__file__).parents[2]
UNRUN = '[tool.fullcycle.lint]\nignore = ["stale-lock"]\n'

# python -m, a package with code in its __init__, relative imports, templates, several parameter files.
MODULES = {
    "pyproject.toml": UNRUN,
    "dvc.yaml": """\
vars:
  - settings/model.yaml:kinds
stages:
  fit:
    foreach: ${kinds}
    do:
      desc: Fit one kind.
      cmd: MODE=fast python -m work.fit --kind ${key} && echo done
      deps: [data.csv, work/__init__.py, work/fit.py, work/tools.py]
      params:
        - common.seed
        - settings/model.yaml:
            - kinds.${key}
      outs: ["out/${key}.txt"]
  join:
    desc: Join all.
    cmd:
      - mkdir -p out
      - cd work && python join.py
    deps: [out, work/join.py]
    plots: [out.csv]
""",
    "params.yaml": "common:\n  seed: 1\n",
    "settings/model.yaml": "kinds:\n  small: {n: 1}\n  large: {n: 2}\n",
    "work/__init__.py": "VERSION = 1\n",
    "work/fit.py": """\
import sys

import dvc.api

from . import tools
from .tools import kind_settings

params = dvc.api.params_show("params.yaml", "settings/model.yaml")
seed = params["common"]["seed"]
kind = sys.argv[2]
print(open("data.csv").read(), params["kinds"][kind], tools.helper(seed), kind_settings)
""",
    "work/tools.py": """\
def helper(seed):
    return seed


def kind_settings():
    return 1


def unused_here():
    import work.join
""",
    "work/join.py": "from pathlib import Path\nprint(sorted(Path('../out').iterdir()))\n",
    "data.csv": "a\n",
}
# One launcher, modules named on the command line and in a parameter, dotted keys, a nested dvc.yaml.
LAUNCHER = {
    "pyproject.toml": UNRUN,
    "pipelines/dvc.yaml": """\
stages:
  count:
    wdir: ..
    desc: Count rows.
    cmd: python src/start.py cycle.count --table data/table.csv --out data/count.json
    deps: [data/table.csv, src/cycle/count.py, src/cycle/never.py, src/cycle/params.py,
           src/problem/rows.py, src/start.py]
    params: [count.limit, "count.kinds.${kind}", problem]
    outs:
      - data/count.json:
          cache: false
artifacts:
  count: {path: ../data/count.json}
""",
    "pipelines/params.yaml": "kind: even\n",
    "params.yaml": "other: 1\nproblem: problem\ncount:\n  limit: 3\n  kinds: {even: 2, odd: 1}\n",
    "src/start.py": "import importlib, sys\nname = sys.argv[1]\nimportlib.import_module(name).main()\n",
    "src/cycle/__init__.py": '"""Words alone do nothing."""\n',
    "src/cycle/params.py": """\
import yaml

FILE = "params.yaml"


def read(key):
    return yaml.safe_load(open(FILE))[key]
""",
    "src/cycle/count.py": """\
import importlib
from typing import TYPE_CHECKING

from cycle import params
from cycle.never import one

if TYPE_CHECKING:
    from cycle.unseen import Nothing


def main():
    rows = f"{params.read('problem')}.rows"
    limit = params.read("count.limit")
    kind = params.read(f"count.kinds.{limit}")
    one()
    print(importlib.import_module(rows), kind)


def of_another_stage():
    return params.read("count.kinds.odd"), open("/home/me/table.csv")
""",
    "src/cycle/never.py": """\
from cycle import params


def main():
    params.read("other")


def one():
    return 1
""",
    "src/problem/rows.py": "ROWS = 1\n",
    "data/table.csv": "a\n",
}


@pytest.mark.parametrize("files", [MODULES, LAUNCHER], ids=["modules", "launcher"])
def test_finds_nothing_in_sound_repositories(empty, files):
    """Templates, nested pipelines, launchers and several parameter files raise no false alarm."""
    tiny = empty(files)
    tiny.commit()
    assert tiny.lint() == []


def test_finds_nothing_in_a_repository_of_scripts(finished):
    """Scripts beside each other, a matrix and a lock in step: nothing to say."""
    assert finished.lint() == []


def test_finds_nothing_here():
    """This repository keeps every rule of its own linter."""
    assert [str(finding) for finding in lint(ROOT)] == []


IMPORTS = "import helpers\n"
FAULTS = {  # file, old text, new text, what the finding says
    "a module": (
        "src/train.py",
        IMPORTS,
        f"{IMPORTS}import secretly\n",
        "FC101",
        "train@1 runs src/secretly.py",
    ),
    "a module of a module": (
        "src/helpers.py",
        "import yaml",
        "import secretly\nimport yaml",
        "FC101",
        "(from src/helpers.py:3)",
    ),
    "a module imported in a function": (
        "src/train.py",
        IMPORTS,
        f"{IMPORTS}\ndef f():\n    from secretly import x\n\nf()\n",
        "FC101",
        "src/secretly.py (from src/train.py:11)",
    ),
    "a module by import_module": (
        "src/train.py",
        IMPORTS,
        f"{IMPORTS}import importlib\nname = 'secretly'\nimportlib.import_module(name)\n",
        "FC101",
        "src/secretly.py",
    ),
    "a key": (
        "src/train.py",
        'settings["rate"]',
        "settings['rate'] * settings['depth']",
        "FC102",
        "train.depth",
    ),
    "a key with a default": (
        "src/train.py",
        "rows =",
        "depth = settings.get('depth', 3)\nrows =",
        "FC102",
        "train.depth",
    ),
    "a key through a variable": (
        "src/prepare.py",
        "words =",
        "own = yaml.safe_load(open('params.yaml'))\nit = own['prepare']\nprint(it['offset'])\nwords =",
        "FC102",
        "prepare.offset (src/prepare.py:10)",
    ),
    "a key by params_show": (
        "src/report.py",
        "metrics =",
        "import dvc.api\nnote = dvc.api.params_show()['note']\nmetrics =",
        "FC102",
        "report reads the parameter note",
    ),
    "a file": (
        "src/train.py",
        "rows =",
        "extra = open('data/extra.csv')\nrows =",
        "FC103",
        "data/extra.csv (src/train.py:12)",
    ),
    "another stage's output": (
        "src/report.py",
        "metrics =",
        "t = open('data/clean.csv')\nmetrics =",
        "FC103",
        "data/clean.csv",
    ),
    "a file that nothing reads": (
        "dvc.yaml",
        "[models, src",
        "[data/extra.csv, models, src",
        "FC104",
        "report declares data/extra.csv",
    ),
    "a module that nothing imports": (
        "dvc.yaml",
        "[models, src",
        "[models, src/helpers.py, src",
        "FC104",
        "report declares src/helpers.py",
    ),
    "a key that nothing reads": (
        "dvc.yaml",
        "[train.rate]",
        "[train.rate, note]",
        "FC105",
        "declares the parameter note",
    ),
    "an output that nothing reads": (
        "dvc.yaml",
        "outs: [data/clean.csv]",
        "outs: [data/clean.csv, data/more.csv]",
        "FC201",
        "data/more.csv",
    ),
    "a stage without desc": ("dvc.yaml", "    desc: Join the parts.\n", "", "FC202", "prepare has no desc"),
    "a stage without a test": (
        "tests/test_all.py",
        "prepare, ",
        "",
        "FC203",
        "prepare is not mentioned in tests",
    ),
    "a stage without docs": (
        "README.md",
        " and report",
        "",
        "FC204",
        "report is not mentioned in docs, README.md",
    ),
    "a command changed since": (
        "dvc.yaml",
        "python src/prepare.py",
        "python src/prepare.py --more",
        "FC205",
        "prepare: its cmd",
    ),
    "a dependency added since": (
        "dvc.yaml",
        "[models, src",
        "[params.yaml, models, src",
        "FC205",
        "its deps (params.yaml)",
    ),
    "a parameter changed since": (
        "params.yaml",
        "rate: 0.5",
        "rate: 0.7",
        "FC205",
        "train.rate (recorded 0.5, now 0.7)",
    ),
    "a stage gone since": ("dvc.yaml", "seed: [1, 2]", "seed: [1]", "FC205", "still holds the stage train@2"),
    "an absolute path in code": (
        "src/train.py",
        "rows =",
        "big = open('/mnt/share/big.csv')\nrows =",
        "FC301",
        "src/train.py:12",
    ),
    "an absolute path in parameters": (
        "params.yaml",
        "note: hello",
        "note: /home/me/table.csv",
        "FC301",
        "params.yaml:7",
    ),
    "an absolute path in a command": (
        "dvc.yaml",
        "src/report.py\n",
        "src/report.py --to=/home/me/x.csv\n",
        "FC301",
        "dvc.yaml:18",
    ),
    "the clock": (
        "src/train.py",
        "rows =",
        "from datetime import datetime\nnow = datetime.now()\nrows =",
        "FC302",
        "src/train.py:13",
    ),
    "a generator without a seed": (
        "src/train.py",
        "int(sys.argv[1])",
        "",
        "FC303",
        "makes Random() without a seed",
    ),
    "numpy's generator without a seed": (
        "src/train.py",
        "rows =",
        "import numpy as np\ng = np.random.default_rng()\nrows =",
        "FC303",
        "default_rng",
    ),
    "the global generator": (
        "src/train.py",
        "generator.random()",
        "random.random()",
        "FC303",
        "random.random()",
    ),
    "a variable of the environment": (
        "src/train.py",
        "rows =",
        "import os\nm = os.environ['MOOD']\nrows =",
        "FC304",
        "MOOD",
    ),
    "the machine's sort order": (
        "src/prepare.py",
        "words =",
        "import locale\nlocale.setlocale(locale.LC_ALL, '')\nwords =",
        "FC305",
        "setlocale",
    ),
    "a key in DVC's configuration": (
        ".dvc/config",
        "[core]",
        "['remote \"s3\"']\n    access_key_id = someone\n    url = s3://rows\n[core]",
        "FC401",
        ".dvc/config:2",
    ),
    "a password in a URL": (
        "params.yaml",
        "note: hello",
        "note: postgresql://me:" + "hunter2@db/rows",
        "FC401",
        "begins with 'hunt'",
    ),
    "a cloud key": (
        "src/helpers.py",
        "import yaml",
        "KEY = 'AKIA" + "A1" * 8 + "'\nimport yaml",
        "FC401",
        "src/helpers.py:3",
    ),
    "a private key": (
        "data/extra.csv",
        "a,1",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "FC401",
        "data/extra.csv:1",
    ),
    "a token": (
        "src/helpers.py",
        "import yaml",
        "api_" + "key = 'abcdef123456'\nimport yaml",
        "FC401",
        "begins with 'abcd'",
    ),
    "a large file in Git": ("data/extra.csv", "a,1", "a" * 2**20 + ",1", "FC402", "data/extra.csv"),
}


@pytest.mark.parametrize(("file", "old", "new", "code", "said"), FAULTS.values(), ids=FAULTS)
def test_names_a_planted_fault(tiny, file, old, new, code, said):
    """Each fault is found under its rule, with its place and its value."""
    tiny.write("src/secretly.py", "x = 1\n")
    tiny.replace(file, old, new)
    found = [finding for finding in tiny.lint() if code in finding]
    assert any(said in finding for finding in found), tiny.lint()


def test_follows_a_package_into_its_init(empty):
    """Importing a package runs its ``__init__``: with code in it, it must be declared."""
    tiny = empty(MODULES)
    tiny.replace("dvc.yaml", "work/__init__.py, ", "")
    assert all("FC101" in finding and "work/__init__.py" in finding for finding in tiny.lint())
    assert len(tiny.lint()) == 2


def test_a_line_and_a_setting_can_allow(tiny):
    """A comment on the line excuses it for one rule; pyproject.toml a rule for the repository."""
    tiny.replace("src/train.py", "rows =", "import time\nnow = time.time()  # fullcycle: allow clock\nrows =")
    assert not [finding for finding in tiny.lint() if "FC302" in finding]
    tiny.replace("src/train.py", "allow clock", "allow unseeded")
    assert [finding for finding in tiny.lint() if "FC302" in finding]
    tiny.write("pyproject.toml", '[tool.fullcycle.lint]\nignore = ["FC302"]\n')
    assert not [finding for finding in tiny.lint() if "FC302" in finding]
    tiny.write("pyproject.toml", '[tool.fullcycle.lint]\nignore = ["FC999"]\n')
    with pytest.raises(Refusal, match="there is no rule 'FC999'"):
        tiny.lint()


def test_secrets_are_never_shown(tiny):
    """A finding shows four letters of a secret, so that a log of it is no second leak."""
    tiny.write("notes.txt", "pass" + "word = 'correct-horse'\n")
    tiny.commit()
    [found] = [finding for finding in tiny.lint() if "FC401" in finding]
    assert "correct" not in found


def test_a_broken_pipeline_is_refused_in_words(empty, tmp_path):
    """A dvc.yaml that DVC cannot read, or no repository at all, ends in a sentence."""
    tiny = empty({"dvc.yaml": "stages:\n  a:\n    cmd: echo ${nothing}\n"})
    with pytest.raises(Refusal, match="nothing"):
        tiny.lint()
    with pytest.raises(Refusal, match="DVC cannot read this repository"):
        lint(tmp_path / "..")


def test_the_command_prints_places_or_json(tiny):
    """The command prints one line a finding, or JSON, and its exit code says whether there was any."""
    assert CliRunner().invoke(app, ["lint", str(tiny.path)]).exit_code == 0
    tiny.replace("dvc.yaml", "    desc: Fit one model.\n", "")
    plain = CliRunner().invoke(app, ["lint", str(tiny.path)])
    assert plain.exit_code == 1
    assert "dvc.yaml:8: FC202 no-desc: train has no desc. Say in one sentence" in plain.output
    [found] = json.loads(CliRunner().invoke(app, ["lint", str(tiny.path), "--json"]).stdout)
    assert (found["code"], found["rule"], found["place"]) == ("FC202", "no-desc", "dvc.yaml:8")


@pytest.mark.parametrize(
    ("page", "codes"), [("lint.md", ["FC1", "FC2", "FC3", "FC4"]), ("verify.md", ["FC5"])]
)
def test_the_docs_hold_every_rule(page, codes):
    """The tables of rules in the docs are those of the code."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for code in codes:
        assert findings.table(code) in text


def test_every_rule_has_a_planted_fault():
    """No rule of the linter is without a fault that it must find."""
    planted = {fault[3] for fault in FAULTS.values()}
    assert planted == {rule.code for rule in findings.RULES.values() if not rule.code.startswith("FC5")}


def test_the_hook_is_what_pre_commit_runs():
    """The hook for other repositories and the one for this repository start the same command."""
    import yaml  # noqa: PLC0415

    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    own = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = {hook["entry"] for repo in own["repos"] for hook in repo["hooks"]} & {offered[0]["entry"]}
    assert entries == {"fullcycle lint"}
    assert "exit code 1" in CliRunner().invoke(app, ["lint", "--help"]).output
