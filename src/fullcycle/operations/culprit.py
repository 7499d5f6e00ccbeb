"""Which variation makes a stage's outputs differ: each is tried alone, against a run without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fullcycle.operations.hashes import tree_hash
from fullcycle.operations.sandbox import run
from fullcycle.operations.variations import PLAIN, VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fullcycle.operations.repository import Record, Stage
    from fullcycle.operations.store import Content

RESTLESS = "the run itself (two runs in equal surroundings differ: a clock, an unseeded generator, a race)"
RECORD = (
    "none of the variations (dvc.lock does not hold what these inputs give: a dependency was edited while"
    " the stage ran, a variable of the environment was read, libraries differ, or the lock was edited)"
)
Result = tuple[str | None, ...]


def culprit(
    stage: Stage, record: Record, inputs: Mapping[str, Content], base: Path, chosen: frozenset[str], slot: int
) -> list[str]:
    """The variations that cause a difference, each named with its value; or why none of them does."""

    def outcome(variations: frozenset[str]) -> Result:
        done = run(stage, record, inputs, base, variations, slot)
        code = (str(done.code),) if done.code else ()
        return (*code, *(tree_hash(done.folder / path) for path in record.outs))

    still, again = outcome(PLAIN), outcome(PLAIN)
    if still != again:
        return [RESTLESS]
    alone = [name for name in VARIATIONS if name in chosen and outcome(frozenset({name})) != still]
    if alone:
        return [f"{name} ({VARIATIONS[name]})" for name in alone]
    if still != tuple(record.outs.values()):
        return [RECORD]
    needed = chosen
    for name in VARIATIONS:
        if name in needed and len(needed) > 1 and outcome(needed - {name}) != still:
            needed -= {name}
    return [" together with ".join(name for name in VARIATIONS if name in needed)]
