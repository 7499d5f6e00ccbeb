"""Planted faults, each of which ``fullcycle lint`` names under its rule, with place and value."""

import pytest

from fullcycle.operations import findings

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


def test_every_rule_has_a_planted_fault():
    """No rule of the linter is without a fault that it must find."""
    planted = {fault[3] for fault in FAULTS.values()}
    assert planted == {rule.code for rule in findings.RULES.values() if not rule.code.startswith("FC5")}
