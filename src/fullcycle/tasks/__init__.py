"""What kind of answer a problem asks for, and how good an answer is: one file for each kind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fullcycle.tasks.base import Task


def task_of(name: str) -> Task:
    """The task that ``problem.task`` names; each pays for its own imports."""
    found: Task = import_module(f"fullcycle.tasks.{name}").TASK
    return found
