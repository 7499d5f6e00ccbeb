"""The `fullcycle` command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fullcycle import cli

ROOT = Path(__file__).parents[1]


def test_check_accepts_the_repositorys_parameters(monkeypatch):
    """`fullcycle check` says so and ends with 0."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli.app, ["check"])
    assert (result.exit_code, result.output) == (0, "params.yaml keeps its rules\n")


def test_a_mistake_ends_in_words_and_exit_code_1(tmp_path, monkeypatch, capsys):
    """No traceback for what the user can mend."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fullcycle", "check"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: params.yaml is missing: run from the repository's root\n"


def test_without_arguments_the_commands_are_listed():
    """A user who types the name alone learns what there is."""
    assert "check" in CliRunner().invoke(cli.app, []).output


def test_the_command_loads_no_library_that_it_does_not_use():
    """Checking parameters pays for neither pandas nor scikit-learn (imports are lazy where they cost)."""
    heavy = {"pandas", "sklearn", "lightgbm", "matplotlib", "pyarrow", "numpy"}
    code = f"import sys; from fullcycle import cli; print(sorted({heavy} & set(sys.modules)))"
    environment = {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
