"""What every rule of the linter looks at: the repository, each stage's code, and the settings."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fullcycle.errors import Refusal
from fullcycle.operations.commands import starts
from fullcycle.operations.findings import RULES
from fullcycle.operations.keys import Keys, keys
from fullcycle.operations.reach import Reach, reach
from fullcycle.operations.touched import flat

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from fullcycle.operations.repository import Repository, Stage


class Settings(BaseModel):
    """``[tool.fullcycle.lint]`` in ``pyproject.toml``."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    # Codes or names of rules that do not apply in this repository.
    ignore: list[str] = []
    # Functions that return one parameter by its dotted key, as module.function.
    readers: list[str] = ["params.read"]
    # Files in Git may have this many bytes.
    max_git_bytes: Annotated[int, Field(gt=0)] = 2**20
    # Where stages must be named; a folder or file that is not there is no duty.
    tests: list[str] = ["tests"]
    docs: list[str] = ["docs", "README.md"]


def settings(root: Path) -> Settings:
    """The settings of a repository.

    Raises:
        Refusal: a key is unknown, a value has the wrong type, or a rule to ignore does not exist.
    """
    file = root / "pyproject.toml"
    content = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    try:
        result = Settings(**content.get("tool", {}).get("fullcycle", {}).get("lint", {}))
    except ValidationError as error:
        raise Refusal(f"{file}, [tool.fullcycle.lint]: {error}") from error
    known = {*RULES, *(rule.code for rule in RULES.values())}
    if unknown := sorted(set(result.ignore) - known):
        raise Refusal(f"{file}, [tool.fullcycle.lint], ignore: there is no rule {unknown[0]!r}")
    return result


@dataclass(frozen=True)
class StageCode:
    """A stage with what its code imports and reads; `complete`: every program it starts is Python."""

    stage: Stage
    reach: Reach
    keys: Keys
    complete: bool


class Context:
    """A repository read once, for all rules."""

    def __init__(self, repository: Repository) -> None:
        """Take the repository; everything else is read when a rule asks."""
        self.repository = repository
        self.settings = settings(repository.root)

    @cached_property
    def params(self) -> dict[str, dict[str, Any]]:
        """Every key with its value, of each parameter file."""
        named = {"params.yaml", *(file for stage in self.repository.stages for file in stage.params)}
        files = {name: self.repository.root / name for name in sorted(named)}
        return {name: flat(_document(file)) for name, file in files.items() if file.is_file()}

    @cached_property
    def codes(self) -> list[StageCode]:
        """Each stage with its code."""
        return [self._code(stage) for stage in self.repository.stages]

    def _code(self, stage: Stage) -> StageCode:
        found = starts(stage)
        values = {
            value
            for file, declared in stage.params.items()
            for key, value in self.params.get(file, {}).items()
            if isinstance(value, str) and any(key == item or key.startswith(f"{item}.") for item in declared)
        }
        code = reach(self.repository.root, found or [], frozenset(values))
        return StageCode(stage, code, keys(code, self.params, self.settings.readers), found is not None)

    @cached_property
    def tracked(self) -> list[str]:
        """The files in Git, relative to the repository; none without Git."""
        if not self.repository.has_git:
            return []
        command = ["git", "-C", str(self.repository.root), "ls-files", "-z"]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  fixed, no shell
        names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
        return [name for name in names if name and (self.repository.root / name).is_file()]


def _document(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    try:
        if file.suffix == ".toml":
            return tomllib.loads(text)
        return yaml.safe_load(text) if file.suffix in {".yaml", ".yml", ".json"} else {}
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        raise Refusal(f"{file} cannot be read: {error}") from error
