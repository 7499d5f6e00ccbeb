"""The ``fullcycle`` command: what is not a stage of the pipeline."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Annotated

import typer

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.operations import lint, promote, report, review, verify

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


@app.command()
def sweep(
    trials: Annotated[int | None, typer.Option(min=1, help="Instead of sweep.budget.trials.")] = None,
    minutes: Annotated[float | None, typer.Option(min=1e-9, help="Instead of sweep.budget.minutes.")] = None,
) -> None:
    """Search the space of `sweep` in params.yaml; every trial becomes a DVC experiment.

    The rows are read once and shared by one worker a core. Trials differ in train.<candidate> alone and
    are judged on the validation rows; test and live rows have no part. Kill it or press Ctrl-C at any
    time: the same command goes on where it ended, also after the budget was raised.

    See the trials: dvc exp show --only-changed. Take one over: dvc exp apply <name> && dvc repro
    (which retrains nothing). Remove them: dvc exp remove <names>, then dvc gc --workspace --all-experiments
    frees the cache. Table and plots: plots/sweep/. More: docs/sweep.md.
    """
    params.load()
    command = [sys.executable, "src/stage.py", "fullcycle.operations.sweep", "--plots", "plots/sweep"]
    command += ["--trials", str(trials or ""), "--minutes", "" if minutes is None else str(minutes)]
    child = subprocess.Popen(command)  # noqa: S603  this interpreter, this checkout
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to the child as well
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    sys.exit(child.wait())


app.command("lint")(lint.command)
app.command("noise")(report.noise)
app.command("report")(report.command)
app.command("review")(review.command)
app.command("verify")(verify.command)
app.command("promote")(promote.promote_command)
app.command("rollback")(promote.rollback_command)


def main() -> None:
    """Run a command; a user's mistake ends in one screen of words and exit code 1."""
    try:
        app()
    except Refusal as refusal:
        typer.echo(f"error: {refusal}", err=True)
        sys.exit(1)
