"""Rules FC201 to FC205: the pipeline as a whole: outputs read, stages explained, the lock in step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fullcycle.operations.findings import Finding, finding
from fullcycle.operations.repository import covers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fullcycle.operations.context import Context
    from fullcycle.operations.repository import Record, Stage

TEXTS = {".py", ".md", ".rst", ".txt", ".ipynb", ".sh"}


def unread_outputs(context: Context) -> Iterator[Finding]:
    """FC201: outputs that no stage reads and nobody lists; metrics and plots are for people."""
    stages = context.repository.stages
    wanted = {dep for stage in stages for dep in stage.deps} | context.repository.finished
    for stage in stages:
        for out in stage.outs:
            if out.kind == "output" and not any(covers(w, out.path) or covers(out.path, w) for w in wanted):
                value = f"{stage.name} writes {out.path}, which nothing reads"
                mend = "List it under artifacts or plots, make a stage read it, or stop writing it"
                yield finding("unread-output", context.repository.place(stage, out.path), value, mend)


def undescribed(context: Context) -> Iterator[Finding]:
    """FC202 to FC204: stages without `desc`, or that tests or docs do not mention."""
    for rule, places, what in (
        ("no-test", context.settings.tests, "a test"),
        ("no-docs", context.settings.docs, "the docs"),
    ):
        texts = list(_texts([context.repository.root / place for place in places]))
        for stage in _first(context.repository.stages):
            if texts and not any(_mentions(text, name) for text in texts for name in _names(context, stage)):
                value = f"{stage.entry} is not mentioned in {', '.join(places)}"
                mend = f"Name the stage or its module in {what}"
                yield finding(rule, context.repository.place(stage), value, mend)
    for stage in _first(context.repository.stages):
        if not stage.desc:
            value, mend = f"{stage.entry} has no desc", "Say in one sentence what the stage does"
            yield finding("no-desc", context.repository.place(stage), value, mend)


def _first(stages: tuple[Stage, ...]) -> list[Stage]:
    """One stage of each entry in ``dvc.yaml``."""
    return list({(stage.file, stage.entry): stage for stage in reversed(stages)}.values())[::-1]


def _names(context: Context, stage: Stage) -> set[str]:
    """The stage's name, and the dotted names and files that its command mentions."""
    words = " ".join(stage.commands).split()
    files = {file for code in context.codes if code.stage is stage for file in code.reach.files}
    modules = {word for word in words if word in files or f"src/{word.replace('.', '/')}.py" in files}
    return {stage.entry, *modules}


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text) is not None


def _texts(places: list[Path]) -> Iterator[str]:
    for place in places:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and file.suffix in TEXTS:
                yield f"{file.stem}\n{file.read_text(encoding='utf-8', errors='replace')}"


def stale_lock(context: Context) -> Iterator[Finding]:
    """FC205: stages that ``dvc.lock`` does not hold as ``dvc.yaml`` writes them."""
    repository = context.repository
    for stage in repository.stages:
        record = repository.records.get(stage.name)
        changed = ["the stage itself"] if record is None else list(differences(context, stage, record))
        if changed:
            value = f"dvc.lock is older than dvc.yaml for {stage.name}: {', '.join(changed)}"
            yield finding("stale-lock", repository.place(stage), value, f"Run `dvc repro {stage.name}`")
    for name in sorted(repository.records.keys() - {stage.name for stage in repository.stages}):
        value = f"dvc.lock still holds the stage {name}, which dvc.yaml has not"
        yield finding("stale-lock", "dvc.lock", value, "Run `dvc repro`, or remove the entry")


def differences(context: Context, stage: Stage, record: Record) -> Iterator[str]:
    """What ``dvc.yaml`` and the parameter files say of a stage that its record does not."""
    if [command.split() for command in stage.commands] != [command.split() for command in record.commands]:
        yield "its cmd"
    for word, now, then in (
        ("deps", set(stage.deps), set(record.deps)),
        ("outs", {out.path for out in stage.outs}, set(record.outs)),
    ):
        if now != then:
            yield f"its {word} ({', '.join(sorted(now ^ then))})"
    for file in stage.params.keys() | record.params.keys():
        known = context.params.get(file, {})
        then_keys = record.params.get(file, {})
        now_keys = stage.params.get(file, ()) or tuple(then_keys)
        for key in sorted(set(now_keys) ^ set(then_keys)):
            yield f"its params ({key})"
        for key in sorted(set(now_keys) & set(then_keys)):
            if key in known and known[key] != then_keys[key]:
                yield f"the parameter {key} (recorded {then_keys[key]!r}, now {known[key]!r})"
