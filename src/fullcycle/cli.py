"""The ``fullcycle`` command: what is not a stage of the pipeline."""

from __future__ import annotations

import sys

import typer

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.operations import lint, report, verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fullcycle: a model's whole life, rebuilt byte for byte. The pipeline itself runs by `dvc repro`.",
)


@app.callback()
def _commands() -> None:
    """Keep subcommands even while there is only one."""


@app.command()
def check() -> None:
    """Parse params.yaml and check every rule, as the pipeline's first stage does."""
    params.load()
    typer.echo("params.yaml keeps its rules")


app.command("lint")(lint.command)
app.command("noise")(report.noise)
app.command("report")(report.command)
app.command("verify")(verify.command)


def main() -> None:
    """Run a command; a user's mistake ends in one screen of words and exit code 1."""
    try:
        app()
    except Refusal as refusal:
        typer.echo(f"error: {refusal}", err=True)
        sys.exit(1)
