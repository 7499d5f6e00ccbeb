"""What the checkers may say: every rule with its code, and a finding that names place, value and mend."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Rule:
    """One rule: its code, its name, and what it demands."""

    code: str
    name: str
    demands: str

    def __str__(self) -> str:
        """``FC101 undeclared-module``."""
        return f"{self.code} {self.name}"


RULES = {
    rule.name: rule
    for rule in [
        Rule(
            "FC101",
            "undeclared-module",
            "Every module of the repository that a stage imports is in its `deps`.",
        ),
        Rule("FC102", "undeclared-param", "Every parameter that a stage's code reads is in its `params`."),
        Rule(
            "FC103",
            "undeclared-file",
            "Every file of the repository that a stage's code names is in its `deps`.",
        ),
        Rule("FC104", "unread-dep", "Every file in `deps` is read by the stage."),
        Rule("FC105", "unread-param", "Every key in `params` is read by the stage."),
        Rule(
            "FC201",
            "unread-output",
            "Every output is read by a stage, or listed under `artifacts` or `plots`.",
        ),
        Rule("FC202", "no-desc", "Every stage says in `desc` what it does."),
        Rule("FC203", "no-test", "Where the repository has `tests/`, every stage is named there."),
        Rule("FC204", "no-docs", "Where the repository has `docs/` or a README, every stage is named there."),
        Rule(
            "FC205",
            "stale-lock",
            "`dvc.lock` records the stages, commands, deps, params and outs of `dvc.yaml`.",
        ),
        Rule("FC301", "absolute-path", "No path begins at the root of one machine's file system."),
        Rule("FC302", "clock", "No stage reads the clock: a later run must give the same bytes."),
        Rule("FC303", "unseeded", "Every random generator in a stage has a seed."),
        Rule(
            "FC304",
            "environment",
            "Every environment variable that a stage reads is in `meta.verify.environment`.",
        ),
        Rule("FC305", "locale", "No stage takes its language, sort order or time zone from the machine."),
        Rule("FC401", "credential", "No password, token or private key is in Git or in `.dvc/config`."),
        Rule("FC402", "large-file", "No file in Git is larger than 1 MiB; larger ones belong to DVC."),
        Rule(
            "FC501",
            "different-output",
            "Run from its declared inputs alone, a stage writes what `dvc.lock` records.",
        ),
        Rule(
            "FC502",
            "undeclared-read",
            "A stage opens nothing beyond its declared inputs and the environment.",
        ),
        Rule("FC503", "unused-declaration", "A stage opens everything that it declares."),
        Rule("FC504", "failed-run", "A stage runs from its declared inputs alone."),
        Rule("FC505", "stale-record", "The work tree holds what `dvc.lock` recorded."),
        Rule("FC506", "lost-input", "The cache or Git holds every recorded input."),
        Rule("FC507", "undeclared-write", "A stage writes nothing outside its folder."),
    ]
}


@dataclass(frozen=True)
class Finding:
    """One broken rule: where, by what value, and what to do next."""

    rule: Rule
    place: str
    value: str
    mend: str

    def __str__(self) -> str:
        """One line for people and for editors that open ``file:line``."""
        return f"{self.place}: {self.rule}: {self.value}. {self.mend}"

    def as_dict(self) -> dict[str, str]:
        """The same for machines."""
        return {
            "code": self.rule.code,
            "rule": self.rule.name,
            "place": self.place,
            "value": self.value,
            "mend": self.mend,
        }


def finding(rule: str, place: str, value: str, mend: str) -> Finding:
    """A finding of the rule with this name."""
    return Finding(RULES[rule], place, value, mend)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, by place and code."""
    return sorted(set(findings), key=lambda found: (_place(found.place), found.rule.code, found.value))


def _place(place: str) -> tuple[str, int]:
    name, _, line = place.rpartition(":")
    return (name, int(line)) if line.isdigit() else (place, 0)


def table(prefix: str) -> str:
    """The rules whose code begins with `prefix`, as a Markdown table; the docs hold it, a test compares."""
    rows = [f"| {rule.code} | `{rule.name}` | {rule.demands} |" for rule in RULES.values()]
    chosen = [row for row in rows if row.startswith(f"| {prefix}")]
    return "\n".join(["| code | rule | it demands |", "|---|---|---|", *chosen])


def as_json(content: Any) -> str:
    """JSON with sorted keys, for ``--json``."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
