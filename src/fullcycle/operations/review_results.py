"""The review's sections on parameters, metrics and slices, in DVC's own numbers (``dvc metrics diff``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from fullcycle.errors import Refusal
from fullcycle.operations.review_noise import BETTER, NOISE, SAME, WORSE, Rule, is_interval
from fullcycle.page import Block, Fold, Heading, Paragraph, Quoted, Strong, Table, Words, listed

if TYPE_CHECKING:
    from pathlib import Path

Change = dict[str, Any]  # old, new, and their difference where both are numbers
Diff = dict[str, dict[str, Change]]  # by file and key


def diff(root: Path, kind: str, before: str, after: str) -> Diff:
    """What ``dvc params diff --all --json`` or ``dvc metrics diff --all --json`` says.

    Raises:
        Refusal: DVC cannot compare, with its reason.
    """
    command = [sys.executable, "-m", "dvc", kind, "diff", "--all", "--json", before, after]
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(  # noqa: S603  full hashes or the word workspace
        command, cwd=root, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode or "failed to load" in done.stderr:
        raise Refusal(f"`dvc {kind} diff` cannot compare {before} with {after}: {done.stderr.strip()}")
    found: Diff = json.loads(done.stdout or "{}")
    return found


def changed(found: Diff) -> Diff:
    """The keys whose values differ."""
    kept = {
        file: {key: change for key, change in sorted(keys.items()) if change.get("old") != change.get("new")}
        for file, keys in sorted(found.items())
    }
    return {file: keys for file, keys in kept.items() if keys}


def has_side(found: Diff, side: str) -> bool:
    """Whether any value stands on this side (``old`` or ``new``)."""
    return any(change.get(side) is not None for keys in found.values() for change in keys.values())


def shown(value: Any) -> Words:
    """A value as JSON writes it; a dash where there is none."""
    return "-" if value is None else Quoted(value if isinstance(value, str) else json.dumps(value))


def difference(change: Change) -> str:
    """The difference with its sign, without the last bits that subtraction leaves."""
    by = change.get("diff")
    return (
        "" if by is None or not change.get("diff") else f"{by:+d}" if isinstance(by, int) else f"{by:+.10g}"
    )


def table(keys: dict[str, Change], what: str) -> Table:
    """Before and after of each key."""
    rows: list[list[Words]] = [
        [Quoted(key), shown(change.get("old")), shown(change.get("new")), difference(change)]
        for key, change in keys.items()
    ]
    return Table([what, "before", "after", "change"], rows)


def parameters(found: Diff) -> list[Block]:
    """The section on parameters."""
    blocks: list[Block] = [Heading(2, "Parameters")]
    if not found:
        return [*blocks, Paragraph("None changed.")]
    for file, keys in found.items():
        blocks += [Paragraph(("In ", Quoted(file), ":"))] if len(found) > 1 or file != "params.yaml" else []
        blocks.append(table(keys, "parameter"))
    return blocks


def nested(keys: dict[str, Change], side: str) -> dict[str, dict[str, float]]:
    """The numbers with intervals among flat keys (``roc_auc.value``, ``.low``, ``.high``), by name."""
    found: dict[str, dict[str, Any]] = {}
    for key, change in keys.items():
        name, _, end = key.rpartition(".")
        if "." not in name and end in {"value", "low", "high"} and change.get(side) is not None:
            found.setdefault(name, {})[end] = change[side]
    return {name: ends for name, ends in found.items() if is_interval(ends)}


def results(found: Diff, rule: Rule, deciding: str) -> tuple[list[Block], dict[str, int]]:
    """The section on metrics, and how many are same, noise, better and worse.

    Numbers with intervals are judged; every other number that changed stands in a fold.
    """
    counts = dict.fromkeys((SAME, NOISE, BETTER, WORSE), 0)
    blocks: list[Block] = [Heading(2, "Metrics")]
    for file, keys in sorted(found.items(), key=lambda each: ("test" not in each[0], each[0])):
        before, after = nested(keys, "old"), nested(keys, "new")
        part = file.rpartition("/")[2].partition(".")[0]
        rows: list[list[Words]] = []
        for name in sorted(set(before) & set(after), key=lambda name: (name != deciding, name)):
            verdict, noise = rule.verdict(part, name, before[name], after[name])
            counts[verdict] += 1
            by = difference(keys[f"{name}.value"])
            row: list[Words] = [Quoted(name), interval(before[name]), interval(after[name]), by]
            rows.append([*row, f"±{noise:.4g}", Strong(verdict) if verdict in {BETTER, WORSE} else verdict])
        if rows:
            head = ["metric", "before", "after", "change", "noise", "verdict"]
            blocks += [Heading(3, Quoted(file)), Table(head, rows)]
    blocks.append(Paragraph(explained(rule)))
    rest = changed(found)
    for file, keys in rest.items():
        blocks.append(Fold(f"All {len(keys)} numbers that changed in {file}", [table(keys, "number")]))
    if not rest:
        blocks.append(Paragraph("No number in any metrics file changed."))
    return blocks, counts


def interval(ends: dict[str, float]) -> str:
    """A number with its interval, as in the file."""
    return "{} ({} to {})".format(*(json.dumps(ends[end]) for end in ("value", "low", "high")))


def explained(rule: Rule) -> str:
    """The rule, in the words of this comparison."""
    percent = f"{rule.confidence:.0%}"
    rows = (
        "The test rows are the same on both sides, so most of their luck cancels: the intervals' part is"
        " narrowed as the pipeline's own paired comparison of candidates shows."
        if "test" in rule.same_rows
        else "The test rows are not the same on both sides: the intervals count in full."
    )
    seeds = (
        f"Refits with {rule.seeds} other seeds (metrics/noise.json) give the seeds' part."
        if rule.seeds > 1
        else "There is no metrics/noise.json for these champions, so the luck of seeds is left out"
        " (`fullcycle noise` measures it)."
    )
    return (
        f"A change within ± noise is called noise: so much may be luck of seeds and of days, at {percent} for"
        f" each line; of twenty lines of pure luck one would pass. {rows} {seeds}"
    )


def slices(before: dict[str, Any], after: dict[str, Any], rule: Rule, deciding: str) -> list[Block]:
    """The section on slices: those that got worse by the deciding metric, and all others in a fold."""
    blocks: list[Block] = [Heading(2, "Slices")]
    found: list[tuple[str, str, Any, Any]] = []
    alone: list[Words] = []
    for part in sorted(set(before) | set(after)):
        sides = [side.get(part, {}).get("slices", {}) for side in (before, after)]
        for column in sorted(set(sides[0]) | set(sides[1])):
            old, new = (side.get(column, {}) for side in sides)
            alone += [Quoted(f"{part}: {column} {value}") for value in sorted(set(old) ^ set(new))]
            for value in sorted(set(old) & set(new)):
                pair = [each.get(deciding) for each in (old[value], new[value])]
                if all(is_interval(each) for each in pair):
                    found.append((part, f"{column} {value}", *pair))
    judged: list[tuple[str, list[Words]]] = []
    for part, name, old, new in found:
        verdict, noise = rule.verdict(part, deciding, old, new, looks=len(found))
        by = difference({"diff": new["value"] - old["value"]})
        line: list[Words] = [part, Quoted(name), interval(old), interval(new), by, f"±{noise:.4g}", verdict]
        judged.append((verdict, line))
    head = ["rows", "slice", "before", "after", "change", "noise", "verdict"]
    worse = [line for verdict, line in judged if verdict == WORSE]
    count = f"{len(judged)} slices, judged by {deciding}, the noise widened for so many looks (Bonferroni): "
    blocks.append(Paragraph((count, Strong(f"{len(worse)} got worse") if worse else "none got worse", ".")))
    if worse:
        blocks.append(Table(head, worse))
    if alone:
        blocks.append(Paragraph(("On one side only: ", listed(alone), ".")))
    if judged:
        blocks.append(Fold("All slices", [Table(head, [line for _, line in judged])]))
    return blocks
