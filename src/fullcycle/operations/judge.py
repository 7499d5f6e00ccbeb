"""The verdict on one stage: run in its sandbox, compared with its record, its reads with what it declares."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fullcycle.operations import touched
from fullcycle.operations.culprit import culprit
from fullcycle.operations.findings import Finding, finding, ordered
from fullcycle.operations.hashes import tree_hash
from fullcycle.operations.repository import covers
from fullcycle.operations.sandbox import Run, run
from fullcycle.operations.store import Store
from fullcycle.operations.variations import VARIATIONS
from fullcycle.operations.wiring import differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fullcycle.operations.compare import Difference
    from fullcycle.operations.context import Context
    from fullcycle.operations.repository import Record, Stage
    from fullcycle.operations.store import Content

TOLERANCE = 1e-9  # what a stage may differ by that says so in meta.verify.processor
GOOD = {"identical", "equal"}


@dataclass(frozen=True)
class Verdict:
    """What became of one stage, and everything found on the way."""

    stage: str
    word: str  # identical, equal, different, undeclared, unused, failed, stale, lost
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    witnessed: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        findings = [found.as_dict() for found in self.findings]
        return {
            "stage": self.stage,
            "verdict": self.word,
            "seconds": round(self.seconds, 3),
            "witnessed": self.witnessed,
            "findings": findings,
        }


class Verifier:
    """One repository, with the variations that its stages are run under."""

    def __init__(self, context: Context, chosen: frozenset[str], base: Path, *, bisect: bool) -> None:
        """Take what is common to all stages; `base` is an empty folder for their sandboxes."""
        self.context, self.repository = context, context.repository
        self.chosen, self.base, self.bisect = chosen, base, bisect
        self.store = Store(self.repository)
        self.stages = {stage.name: stage for stage in self.repository.stages}
        self.reachable = {code.stage.name: code.reach.files for code in context.codes}
        self.in_git = set(context.tracked)

    def inputs(self, record: Record) -> tuple[dict[str, Content], list[str]]:
        """The content of every recorded dependency by path, and the paths whose content is lost."""
        found: dict[str, Content] = {}
        lost = []
        for path, md5 in record.deps.items():
            if "://" in path or path.startswith("/"):
                continue
            files = self.store.find(path, md5)
            if files is None:
                lost.append(path)
            else:
                found |= {f"{path}/{name}".rstrip("/"): content for name, content in files.items()}
        return found, lost

    def stale(self, stage: Stage, record: Record) -> Iterator[Finding]:
        """Differences between the record and the work tree: ``dvc.yaml``, parameters, files in Git."""
        place = self.repository.place(stage)
        changed = list(differences(self.context, stage, record))
        for path, md5 in [*record.deps.items(), *record.outs.items()]:
            if self._in_git(path) and self._current(path) != md5:
                changed.append(path)
        if changed:
            value = (
                f"the record of {stage.name} is not of this work tree: {', '.join(dict.fromkeys(changed))}"
            )
            yield finding("stale-record", place, value, f"Run `dvc repro {stage.name}` and commit dvc.lock")

    def _in_git(self, path: str) -> bool:
        return path in self.in_git or any(covers(path, tracked) for tracked in self.in_git)

    def _current(self, path: str) -> str | None:
        return tree_hash(self.repository.root / path)

    def judge(self, name: str, slot: int) -> Verdict:
        """Run one stage and compare: the verdict with its findings."""
        record, stage = self.repository.records[name], self.stages[name]
        place = self.repository.place(stage)
        if stale := list(self.stale(stage, record)):
            return Verdict(name, "stale", findings=stale)
        inputs, lost = self.inputs(record)
        if lost:
            mend = "Run `dvc pull`, or `dvc repro` where no remote has it"
            value = f"no cache and no Git commit holds the recorded {', '.join(lost)} of {name}"
            return Verdict(name, "lost", findings=[finding("lost-input", place, value, mend)])
        base = self.base / name.replace("/", "_").replace(":", "_")
        base.mkdir(parents=True)
        try:
            return self._judged(stage, record, inputs, base, slot)
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def _variations(self, stage: Stage) -> frozenset[str]:
        """A stage whose bytes need its processor pins keeps them, unless `--vary` names the processor."""
        spared = "processor" in stage.verify and self.chosen == frozenset(VARIATIONS)
        return self.chosen - {"processor"} if spared else self.chosen

    def _judged(
        self, stage: Stage, record: Record, inputs: dict[str, Content], base: Path, slot: int
    ) -> Verdict:
        place = self.repository.place(stage)
        chosen = self._variations(stage)
        done = run(stage, record, inputs, base, chosen, slot)
        found = list(touched.undeclared(self.repository, stage, record, done, base))
        if done.code:
            found += touched.suspects(self.repository, stage, record, done.words)
            last = next(
                (line for line in reversed(done.words.strip().splitlines()) if line.strip()), "no output"
            )
            value = f"{stage.name} ended with exit code {done.code}: {last[:300]}"
            mend = "Declare what it misses, or run it under the variation named"
            word = "undeclared" if found else "failed"
            causes = [] if found or not self.bisect else culprit(stage, record, inputs, base, chosen, slot)
            found.append(finding("failed-run", place, value + _because(causes), mend))
            return Verdict(stage.name, word, done.seconds, ordered(found), done.witnessed)
        different = self.different(record, done)
        within = all(d.relative is not None and d.relative <= TOLERANCE for d in different)
        word = "identical"
        if different and within and "processor" in chosen and "processor" in stage.verify:
            word = "equal"
        elif different:
            word = "different"
            causes = culprit(stage, record, inputs, base, chosen, slot) if self.bisect else []
            mend = "Remove the cause" if self.bisect else "`fullcycle verify --bisect` names the cause"
            found += [
                finding("different-output", place, f"{stage.name}: {d}{_because(causes)}", mend)
                for d in different
            ]
        unused = list(touched.unused(self.repository, stage, record, done, self.reachable[stage.name]))
        if found and word in GOOD:
            word = "undeclared"
        elif unused and word in GOOD:
            word = "unused"
        return Verdict(stage.name, word, done.seconds, ordered([*found, *unused]), done.witnessed)

    def different(self, record: Record, done: Run) -> list[Difference]:
        """Where the outputs of a run are not as recorded."""
        from fullcycle.operations.compare import compare  # noqa: PLC0415  pandas, for those who verify

        result = []
        for path, md5 in record.outs.items():
            if tree_hash(done.folder / path) != md5:
                result += compare(path, self.store.find(path, md5), done.folder / path)
        return result


def _because(causes: list[str]) -> str:
    return f"; caused by {' and by '.join(causes)}" if causes else ""
