"""Stage `gate`: the champion against the criteria agreed before training.

A criterion on a number with an interval is met if the whole interval is on the good side, failed if
the whole of it is on the bad side, and undecided if the bound lies inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import read_json, sha256, write_json

if TYPE_CHECKING:
    from pathlib import Path

ACCEPT, REJECT, UNDECIDED = "accept", "reject", "undecided"


def found(files: dict[str, Any], metric: str) -> dict[str, float]:
    """A number and the ends of its interval (the number itself where it has none).

    Raises:
        Refusal: there is no such number; it says what there is at that point of the path.
    """
    place: Any = files
    for index, part in enumerate(metric.split(".")):
        if not isinstance(place, dict) or part not in place:
            there = ", ".join(place) if isinstance(place, dict) else "a number"
            before = ".".join(metric.split(".")[:index])
            raise Refusal(f"gate.criteria: {metric} does not exist; {before or 'the root'} holds {there}")
        place = place[part]
    if isinstance(place, dict) and {"value", "low", "high"} <= set(place):
        return {end: float(place[end]) for end in ("value", "low", "high")}
    if isinstance(place, int | float) and not isinstance(place, bool):
        return dict.fromkeys(("value", "low", "high"), float(place))
    raise Refusal(f"gate.criteria: {metric} is no number")


def verdict(number: dict[str, float], low: float | None, high: float | None) -> str:
    """Accept, reject or undecided for one number within its bound."""
    if low is not None:
        return ACCEPT if number["low"] >= low else REJECT if number["high"] < low else UNDECIDED
    if high is not None:
        return ACCEPT if number["high"] <= high else REJECT if number["low"] > high else UNDECIDED
    raise ValueError("a criterion without a bound")


def judge(criteria: dict[str, Any], files: dict[str, Any]) -> dict[str, Any]:
    """Each criterion with value, bound and verdict, and the verdict of all: the worst of them."""
    lines = {}
    for name, criterion in criteria.items():
        number = found(files, criterion.metric)
        bound = {"min": criterion.min} if criterion.min is not None else {"max": criterion.max}
        decided = verdict(number, criterion.min, criterion.max)
        lines[name] = {
            "metric": criterion.metric,
            **number,
            **bound,
            "verdict": decided,
            "why": criterion.why,
        }
    verdicts = {line["verdict"] for line in lines.values()}
    worst = next((each for each in (REJECT, UNDECIDED) if each in verdicts), ACCEPT)
    return {"verdict": worst, "criteria": lines}


def main(*, test: Path, quality: Path, champion: Path, report: Path) -> None:
    """Judge the champion and write the verdict; fail the pipeline only if ``gate.enforce`` says so."""
    settings = params.read("gate")
    files = {"test": read_json(test), "quality": read_json(quality)}
    judged = judge(settings.criteria, files)
    judged["champion"] = {
        "candidate": read_json(champion / "manifest.json")["candidate"],
        "files": {path.name: sha256(path.read_bytes()) for path in sorted(champion.iterdir())},
    }
    write_json(judged, report)
    if settings.enforce and judged["verdict"] != ACCEPT:
        short = {name: line for name, line in judged["criteria"].items() if line["verdict"] != ACCEPT}
        lines = [
            f"  {name}: {line['metric']} = {line['value']:.4f} [{line['low']:.4f}, {line['high']:.4f}],"
            f" bound {line.get('min', line.get('max')):g}: {line['verdict']}"
            for name, line in short.items()
        ]
        raise Refusal(f"the gate says {judged['verdict']} (gate.enforce is true):\n" + "\n".join(lines))
