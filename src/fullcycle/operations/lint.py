"""``fullcycle lint``: what a DVC repository with Python stages claims, against what its files say.

Nothing is run: code is read as a syntax tree. ``fullcycle verify`` is the judge that runs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fullcycle.operations import declared, portable, tracked, wiring
from fullcycle.operations.context import Context
from fullcycle.operations.findings import Finding, as_json, ordered
from fullcycle.operations.repository import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKS: list[Callable[[Context], Iterator[Finding]]] = [
    declared.undeclared_modules,
    declared.undeclared_params,
    declared.undeclared_files,
    declared.unread_deps,
    declared.unread_params,
    wiring.unread_outputs,
    wiring.undescribed,
    wiring.stale_lock,
    portable.absolute_paths,
    portable.unsteady_calls,
    tracked.credentials,
    tracked.large_files,
]


def lint(path: Path) -> list[Finding]:
    """Every finding in the repository that holds a path, without the rules that it ignores."""
    context = Context(load(path))
    ignored = set(context.settings.ignore)
    found = (finding for check in CHECKS for finding in check(context))
    return ordered(f for f in found if not {f.rule.code, f.rule.name} & ignored)


def command(
    path: Annotated[Path, typer.Argument(help="A folder of the DVC repository.")] = Path(),
    as_json_: Annotated[bool, typer.Option("--json", help="Print findings as JSON.")] = False,
) -> None:
    """Check a DVC repository's stages against their code: exit code 1 if anything is found."""
    found = lint(path)
    if as_json_:
        typer.echo(as_json([finding.as_dict() for finding in found]))
    else:
        for finding in found:
            typer.echo(str(finding))
        typer.echo(f"{len(found)} finding(s)" if found else "the pipeline keeps its rules", err=True)
    raise typer.Exit(bool(found))
