"""``fullcycle verify``: every recorded stage, run alone from what it declares, gives the recorded bytes."""

from __future__ import annotations

import os
import queue
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fullcycle.errors import Refusal
from fullcycle.operations.context import Context
from fullcycle.operations.findings import as_json, finding
from fullcycle.operations.judge import GOOD, Verdict, Verifier
from fullcycle.operations.repository import load
from fullcycle.operations.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fullcycle.operations.repository import Record


def verify(
    root: Path,
    names: list[str],
    *,
    jobs: int,
    chosen: frozenset[str],
    bisect: bool = False,
    announce: Callable[[Verdict], None] = lambda _: None,
) -> list[Verdict]:
    """Verify the named stages (all that ``dvc.lock`` or ``dvc.yaml`` knows, without names).

    Raises:
        Refusal: a name is no stage.
    """
    context = Context(load(root))
    repository = context.repository
    stages = {stage.name: stage for stage in repository.stages}
    wanted = [n for n in stages if not names or n in names or stages[n].entry in names]
    if unknown := [n for n in names if n not in stages and n not in {s.entry for s in stages.values()}]:
        raise Refusal(f"{unknown[0]} is no stage of {repository.root}; it has {', '.join(stages)}")
    verdicts: dict[str, Verdict] = {}
    for name in wanted:
        if name not in repository.records:
            value, mend = f"dvc.lock has no record of {name}", f"Run `dvc repro {name}`"
            found = finding("stale-record", repository.place(stages[name]), value, mend)
            announce(verdicts.setdefault(name, Verdict(name, "stale", findings=[found])))
    with tempfile.TemporaryDirectory(prefix="fullcycle-verify-") as folder:
        verifier = Verifier(context, chosen, Path(folder).resolve(), bisect=bisect)
        slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(jobs):
            slots.put(slot)

        def one(name: str) -> Verdict:
            slot = slots.get()
            try:
                return verifier.judge(name, slot)
            finally:
                slots.put(slot)

        waiting = [name for name in wanted if name in repository.records]
        waiting.sort(key=lambda name: -_weight(verifier, repository.records[name]))
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(one, name) for name in waiting]
            try:
                for future in as_completed(futures):
                    verdict = future.result()
                    verdicts[verdict.stage] = verdict
                    announce(verdict)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [verdicts[name] for name in wanted]


def _weight(verifier: Verifier, record: Record) -> int:
    """Bytes of input: long stages begin first, so that the last one to end begins early."""
    contents = verifier.inputs(record)[0].values()
    return sum(len(c) if isinstance(c, bytes) else c.stat().st_size for c in contents)


def _chosen(vary: str) -> frozenset[str]:
    names = [name.strip() for name in vary.split(",") if name.strip()]
    if unknown := sorted(set(names) - {*VARIATIONS, "all", "none"}):
        raise Refusal(f"--vary {unknown[0]}: there is no such variation; choose from {', '.join(VARIATIONS)}")
    if "all" in names:
        return frozenset(VARIATIONS)
    return frozenset(names) - {"none"}


def command(
    stages: Annotated[list[str] | None, typer.Argument(help="Stages; without names, all of them.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Name the variation that causes a difference.")
    ] = False,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Stages at a time.")] = os.cpu_count() or 1,
    vary: Annotated[str, typer.Option(help=f"Of {', '.join(VARIATIONS)}; or all, none.")] = "all",
    path: Annotated[Path, typer.Option(help="A folder of the DVC repository.")] = Path(),
) -> None:
    """Run each recorded stage alone from what it declares and compare bytes: exit code 1 if any differs."""

    def announce(verdict: Verdict) -> None:
        typer.echo(f"{verdict.word:<11}{verdict.seconds:7.1f} s  {verdict.stage}", err=as_json_)
        for found in verdict.findings:
            typer.echo(f"  {found}", err=as_json_)

    verdicts = verify(path, stages or [], jobs=jobs, chosen=_chosen(vary), bisect=bisect, announce=announce)
    if as_json_:
        typer.echo(as_json([verdict.as_dict() for verdict in verdicts]))
    bad = [verdict for verdict in verdicts if verdict.word not in GOOD]
    typer.echo(f"{len(verdicts) - len(bad)} of {len(verdicts)} stages are what dvc.lock says", err=True)
    raise typer.Exit(bool(bad))
