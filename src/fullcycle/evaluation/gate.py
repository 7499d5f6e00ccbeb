"""Stage `gate`: the champion against the criteria agreed before training.

A criterion on a number with an interval is met if the whole interval is on the good side, failed if
the whole of it is on the bad side, and undecided if the bound lies inside. `ALWAYS` stands here and not
in the parameters: nothing turns it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.evaluation import challenge, facts
from fullcycle.evaluation.rows import Rows
from fullcycle.files import METRIC_DECIMALS, read_json, read_table, sha256, write_json
from fullcycle.params.gate import Criterion
from fullcycle.tasks import task_of
from fullcycle.training.store import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCEPT, REJECT, UNDECIDED = "accept", "reject", "undecided"
NONE = "none.json"  # stands in the folder of the previous champion where there is none
ALWAYS = {
    "is_whole": Criterion(
        metric="model.changed_files", max=0, why="a file that changed after training is another model"
    ),
    "learnt_from_this_split": Criterion(
        metric="training.foreign_inputs", max=0, why="a model of other rows proves nothing about these"
    ),
    "saw_no_test_row": Criterion(
        metric="training.rows_also_in_test", max=0, why="a row that taught the model cannot test it"
    ),
    "learnt_before_the_test": Criterion(
        metric="training.rows_known_too_late",
        max=0,
        why="what became known later was not there to learn from",
    ),
    "metrics_are_its_own": Criterion(
        metric="model.deviation",
        max=2 * 10**-METRIC_DECIMALS,
        why="the metrics must be what this model answers",
    ),
}


def found(files: dict[str, Any], path: tuple[str, ...]) -> dict[str, float]:
    """A number and the ends of its interval (the number itself where it has none).

    Raises:
        Refusal: there is no such number; it says what there is at that point of the path.
    """
    place: Any = files
    metric = ".".join(path)
    for index, part in enumerate(path):
        if not isinstance(place, dict) or part not in place:
            there = ", ".join(place) if isinstance(place, dict) else "a number"
            before = ".".join(path[:index])
            raise Refusal(f"gate.criteria: {metric} does not exist; {before or 'the root'} holds {there}")
        place = place[part]
    if isinstance(place, dict) and {"value", "low", "high"} <= set(place):
        return {end: float(place[end]) for end in ("value", "low", "high")}
    if isinstance(place, int | float) and not isinstance(place, bool):
        return dict.fromkeys(("value", "low", "high"), float(place))
    raise Refusal(f"gate.criteria: {metric} is no number")


def expanded(files: dict[str, Any], metric: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """The paths that a metric with ``*`` stands for, each with the `rows` beside its number.

    A place that lacks the last part (a slice of one class has no ROC AUC) is no match.
    """
    places: list[tuple[tuple[str, ...], Any]] = [((), files)]
    for part in metric.split("."):
        places = [
            ((*path, name), place[name])
            for path, place in places
            if isinstance(place, dict)
            for name in (place if part == "*" else [part] * (part in place))
        ]
    for path, _ in places:
        beside: Any = files
        for part in path[:-1]:
            beside = beside[part]
        rows = beside.get("rows")
        yield path, rows if isinstance(rows, int) else None


def verdict(number: dict[str, float], low: float | None, high: float | None, otherwise: str = REJECT) -> str:
    """Accept, reject or undecided for one number within its bound; `otherwise` stands for reject."""
    if low is not None:
        return ACCEPT if number["low"] >= low else otherwise if number["high"] < low else UNDECIDED
    if high is not None:
        return ACCEPT if number["high"] <= high else otherwise if number["low"] > high else UNDECIDED
    raise ValueError("a criterion without a bound")


def worst(verdicts: set[str]) -> str:
    """The verdict of several: reject before undecided before accept."""
    return next((each for each in (REJECT, UNDECIDED) if each in verdicts), ACCEPT)


def line(criterion: Criterion, files: dict[str, Any]) -> dict[str, Any]:
    """One criterion with value, bound and verdict; of several numbers the worst, and how many there were.

    Raises:
        Refusal: the number does not exist.
    """
    metric = criterion.metric
    known: dict[str, Any] = {"metric": metric, "why": criterion.why}
    known |= {"min": criterion.min} if criterion.min is not None else {"max": criterion.max}

    def judged(path: tuple[str, ...]) -> tuple[dict[str, float], str]:
        number = found(files, path)
        return number, verdict(number, criterion.min, criterion.max, criterion.otherwise)

    if "*" not in metric:
        number, decided = judged(tuple(metric.split(".")))
        return known | number | {"verdict": decided}
    paths = list(expanded(files, metric))
    large = [path for path, rows in paths if rows is None or rows >= criterion.least_rows]
    if not large:
        raise Refusal(
            f"gate.criteria: {metric} stands for no number with {criterion.least_rows} rows or more"
        )
    lines = {path: judged(path) for path in large}

    def badness(path: tuple[str, ...]) -> tuple[int, float, tuple[str, ...]]:
        number, decided = lines[path]
        distance = number["value"] if criterion.min is not None else -number["value"]
        return [REJECT, UNDECIDED, ACCEPT].index(decided), distance, path

    at = min(lines, key=badness)
    number, decided = lines[at]
    counts = {"judged": len(large), "too_few_rows": len(paths) - len(large)}
    return known | number | counts | {"at": ".".join(at), "verdict": decided}


def judge(
    criteria: dict[str, Criterion], files: dict[str, Any], absent: dict[str, str] | None = None
) -> dict[str, Any]:
    """Each criterion with value, bound and verdict, and the verdict of all: the worst of them.

    What `absent` names by the beginning of its path stands under `not_judged` with the reason. Where
    evidence is asked for (`otherwise: undecided`) and lacking, no interval is trusted to reject: on few rows
    it may leave out its own bias, as that of the calibration error does.
    """
    lines, aside = {}, {}
    for name, criterion in criteria.items():
        place = next((each for each in absent or {} if f"{criterion.metric}.".startswith(f"{each}.")), None)
        if absent and place:
            aside[name] = {"metric": criterion.metric, "why": criterion.why, "reason": absent[place]}
        else:
            lines[name] = line(criterion, files)
    asked = {name for name in lines if criteria[name].otherwise == UNDECIDED}
    if any(lines[name]["verdict"] != ACCEPT for name in asked):
        for each in lines.values():
            if each["verdict"] == REJECT and each["low"] < each["high"]:
                each["verdict"] = UNDECIDED
    return {
        "verdict": worst({each["verdict"] for each in lines.values()}),
        "criteria": lines,
        "not_judged": aside,
    }


def explained(judged: dict[str, Any]) -> str:
    """A line for each criterion that was not met."""
    return "\n".join(
        f"  {name}: {each.get('at', each['metric'])} = {each['value']:.4g}"
        f" [{each['low']:.4g}, {each['high']:.4g}], bound {each.get('min', each.get('max')):g}:"
        f" {each['verdict']}"
        for name, each in judged["criteria"].items()
        if each["verdict"] != ACCEPT
    )


def answered(
    champion: Path, promoted: Path, split: Path, said: dict[str, Any]
) -> tuple[float, dict[str, Any] | None, str]:
    """What the models answer: the metrics file's deviation, and the champion's gains over the previous.

    Raises:
        Refusal: the folder of the previous champion holds neither a model nor the word that there is none.
    """
    settings = params.read("evaluate")
    roles = {role: params.read(f"problem.{role}") for role in ("time", "label")}
    test = Rows(read_table(split / "test.parquet"), settings, roles, task_of(params.read("problem.task")))
    player = challenge.Player(champion, test)
    deviation = challenge.deviation(test, player, said)
    if not (promoted / MANIFEST).exists():
        return deviation, None, f"no previous champion: {read_json(promoted / NONE)['why']}"
    slices = params.read("problem.slices")
    before = challenge.Player(promoted, test)
    return deviation, challenge.gains(test, player, before, slices, settings.min_slice_rows), ""


def main(
    *,
    champion: Path,
    promoted: Path,
    split: Path,
    test: Path,
    details: Path,
    quality: Path,
    robustness: Path,
    report: Path,
) -> None:
    """Judge the champion and write the verdict; fail the pipeline only if ``gate.enforce`` says so."""
    criteria = params.read("gate.criteria")
    if taken := sorted(set(ALWAYS) & set(criteria)):
        raise Refusal(
            f"params.yaml: gate.criteria.{taken[0]}: the gate has a criterion of that name; rename it"
        )
    roles = {role: params.read(f"problem.{role}") for role in ("id", "time", "known_at")}
    by_time = params.read("split.method") == "time"
    manifest = read_json(champion / MANIFEST)
    paths = {"test": test, "details": details, "quality": quality, "robustness": robustness}
    files: dict[str, Any] = {name: read_json(path) for name, path in paths.items()}
    files["model"] = facts.model(champion)
    files["training"] = facts.training(
        manifest, split, roles, params.read("problem.horizon") if by_time else None
    )
    absent: dict[str, str] = {}
    if not by_time:
        absent["training.rows_known_too_late"] = "the split does not follow time"
    if files["model"]["changed_files"]:
        absent |= dict.fromkeys(
            ("model.deviation", "model.operations", "previous"), "a model that was changed is not asked"
        )
    else:
        files["model"]["deviation"], files["previous"], why = answered(
            champion, promoted, split, files["test"]
        )
        absent |= {"previous": why} if why else {}
    judged = judge(ALWAYS | criteria, files, absent)
    judged["champion"] = {"candidate": manifest["candidate"], "files": facts.hashes(champion)}
    judged["previous"] = {"files": facts.hashes(promoted)} | (files.get("previous") or {})
    judged["facts"] = {name: files[name] for name in ("model", "training")}
    judged["read"] = {path.as_posix(): sha256(path.read_bytes()) for path in paths.values()}
    write_json(judged, report)
    if params.read("gate.enforce") and judged["verdict"] != ACCEPT:
        raise Refusal(f"the gate says {judged['verdict']} (gate.enforce is true):\n{explained(judged)}")
