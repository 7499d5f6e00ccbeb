"""``fullcycle report`` and ``fullcycle noise``: the champion's metrics, each with its two kinds of luck.

One is the days that happened to come: the bootstrap interval of `evaluate`. The other is the seed: the band
of `fullcycle.selection.noise`. A gain that is smaller than either may be nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fullcycle.files import read_json, sha256
from fullcycle.operations.review_noise import is_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAMPION, METRICS = Path("models/champion"), Path("metrics")
NOISE = METRICS / "noise.json"


def bands(path: Path, champion: Path) -> tuple[dict[str, Any], str]:
    """The seed bands of this very champion by part and metric, and a sentence about them.

    Bands of another model are left out: they say nothing of this one.
    """
    if not path.is_file():
        return {}, "no band of seeds: `fullcycle noise` measures it"
    content = read_json(path)
    if content["model"] != sha256((champion / "pipeline.skops").read_bytes()):
        return {}, f"{path} is of another champion: `fullcycle noise` measures this one's band"
    return content["metrics"], f"over {len(content['seeds'])} other seeds of {content['candidate']}"


def lines(part: str, metrics: dict[str, Any], band: dict[str, Any]) -> Iterator[str]:
    """A table of one part: each metric with its interval over days and its band over seeds."""
    title = f"{part}, {metrics['rows']:,} rows"
    yield f"{title:<24}{'value':>10}{'over days':>22}{'over seeds':>22}{'sd':>10}"
    for name, own in sorted(metrics.items()):
        if is_interval(own):
            yield f"{name:<24}{own['value']:>10.4f}{_span(own):>22}{_seeds(band.get(name))}".rstrip()


def _span(ends: dict[str, float]) -> str:
    return f"{ends['low']:.4f} to {ends['high']:.4f}"


def _seeds(band: dict[str, float] | None) -> str:
    return f"{_span(band):>22}{band['sd']:>10.4f}" if band else ""


def command() -> None:
    """Print the champion's metrics with their intervals over days and their bands over seeds."""
    found, sentence = bands(NOISE, CHAMPION)
    gate = read_json(METRICS / "gate.json")
    typer.echo(f"champion {gate['champion']['candidate']}, gate: {gate['verdict']}; {sentence}")
    for part in ("test", "live"):
        typer.echo("")
        for line in lines(part, read_json(METRICS / f"{part}.json"), found.get(part, {})):
            typer.echo(line)


def noise(
    seeds: Annotated[int, typer.Option(help="How often the champion is refitted.")] = 5,
) -> None:
    """Refit the champion with other seeds, write metrics/noise.json and print the report."""
    stage = [sys.executable, "src/stage.py", "fullcycle.selection.noise", "--champion", str(CHAMPION)]
    options = ["--split", "data/split", "--out", str(NOISE), "--seeds", str(seeds)]
    ended = subprocess.run([*stage, *options], check=False)  # noqa: S603  in the stages' own small world
    if ended.returncode:
        raise typer.Exit(ended.returncode)
    command()
