"""``fullcycle lint`` finds nothing in sound repositories of several layouts; settings, docs, command."""

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


def test_the_hook_is_what_pre_commit_runs():
    """The hook for other repositories and the one for this repository start the same command."""
    import yaml  # noqa: PLC0415

    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    own = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = {hook["entry"] for repo in own["repos"] for hook in repo["hooks"]} & {offered[0]["entry"]}
    assert entries == {"fullcycle lint"}
    assert "exit code 1" in CliRunner().invoke(app, ["lint", "--help"]).output
