"""Stage `check`: all of ``params.yaml`` is parsed, so that a mistake stops the run before its first stage.

Its output never changes, so the stages that wait for it do not rerun when a parameter of another does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fullcycle import params

if TYPE_CHECKING:
    from pathlib import Path


def main(*, out: Path) -> None:
    """Parse and check the parameters."""
    params.load()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("params.yaml keeps its rules\n", encoding="utf-8", newline="\n")
