"""The ``fullcycle`` command: what is not a stage of the pipeline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import read_json

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
def noise(
    seeds: Annotated[int, typer.Option(help="how often the champion is refitted")] = 5,
    out: Annotated[Path, typer.Option(help="where the bands are written")] = Path("metrics/noise.json"),
) -> None:
    """Refit the champion with other seeds: how much of each metric is luck."""
    stage("fullcycle.training.noise", champion="models/champion", split="data/split", out=out, seeds=seeds)
    for line in lines(read_json(out), read_json(Path("metrics/test.json"))):
        typer.echo(line)


def stage(module: str, **options: object) -> None:
    """Run a module as the pipeline runs it, in the same small world."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    ended = subprocess.run([sys.executable, "src/stage.py", module, *words], check=False)  # noqa: S603
    if ended.returncode:
        raise typer.Exit(ended.returncode)


def lines(bands: dict[str, Any], test: dict[str, Any]) -> list[str]:
    """Each test metric with its interval over days and its band over seeds, as a table."""
    result = [f"{'test metric':<20}{'value':>10}{'over days':>22}{'over seeds':>22}{'sd':>10}"]
    for name, band in bands["metrics"]["test"].items():
        if name in test:
            days = f"{test[name]['low']:.4f} to {test[name]['high']:.4f}"
            seeds = f"{band['low']:.4f} to {band['high']:.4f}"
            result.append(f"{name:<20}{test[name]['value']:>10.4f}{days:>22}{seeds:>22}{band['sd']:>10.4f}")
    return result


def main() -> None:
    """Run a command; a user's mistake ends in one screen of words and exit code 1."""
    try:
        app()
    except Refusal as refusal:
        typer.echo(f"error: {refusal}", err=True)
        sys.exit(1)
