"""Rules FC301 to FC305: what makes a stage's bytes depend on the machine or the moment."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from fullcycle.operations.declared import literals
from fullcycle.operations.findings import Finding, finding
from fullcycle.operations.reach import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fullcycle.operations.context import Context
    from fullcycle.operations.reach import Node

TOPS = (
    "home|Users|root|mnt|media|data|srv|opt|tmp|var|work|workspace|scratch|content|kaggle|Volumes|nfs|lustre"
    "|dbfs"
)
ABSOLUTE = re.compile(rf"^(file://)?/({TOPS})/[^\s/][^\s]*$|^~/[^\s]+$|^[A-Za-z]:[\\/][^\s]+$")
CLOCKS = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("Timestamp.now", "Timestamp.today", "Timestamp.utcnow"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
}
GLOBAL_RANDOM = {
    *("random", "rand", "randn", "randint", "randrange", "uniform", "normal", "gauss", "standard_normal"),
    *("choice", "choices", "shuffle", "sample", "permutation"),
}
GENERATORS = {"default_rng", "RandomState", "Random"}
RANDOM_ALWAYS = {"uuid.uuid1", "uuid.uuid4", "os.urandom", "random.SystemRandom"}
ALLOW = re.compile(r"#\s*fullcycle:\s*allow\s+([\w,\s-]+)")


def absolute_paths(context: Context) -> Iterator[Finding]:
    """FC301: paths from the root of a file system, in ``dvc.yaml``, parameters and code."""
    repository = context.repository
    mend = "Use a path relative to the repository"
    for stage in repository.stages:
        words = [word.partition("=")[2] or word for command in stage.commands for word in command.split()]
        for text in dict.fromkeys([*stage.deps, *(out.path for out in stage.outs), *words]):
            if ABSOLUTE.match(text.strip("'\"")):
                yield finding(
                    "absolute-path", repository.place(stage, text), f"{stage.name} names {text}", mend
                )
    for name, content in context.params.items():
        lines = (repository.root / name).read_text(encoding="utf-8").splitlines()
        for key, value in content.items():
            if isinstance(value, str) and ABSOLUTE.match(value):
                line = next((number for number, text in enumerate(lines, 1) if value in text), 1)
                yield finding("absolute-path", f"{name}:{line}", f"{key} is {value}", mend)
    for code in context.codes:
        for text, place in literals(code).items():
            if ABSOLUTE.match(text) and not allowed(context, place, "absolute-path"):
                yield finding("absolute-path", place, f"the code of {code.stage.entry} names {text}", mend)


def unsteady_calls(context: Context) -> Iterator[Finding]:
    """FC302 to FC305: clocks, generators without a seed, environment variables, the machine's locale."""
    for code in context.codes:
        declared = set(code.stage.verify.get("environment", []))
        for file, node in code.reach.live:
            for part in walk(node):
                for rule, value, mend in _judge(part, declared):
                    place = f"{file}:{getattr(part, 'lineno', 1)}"
                    if not allowed(context, place, rule):
                        yield finding(rule, place, f"the code of {code.stage.entry} {value}", mend)


def _judge(node: Node, declared: set[str]) -> Iterator[tuple[str, str, str]]:
    if (
        isinstance(node, ast.Subscript)
        and _name(node.value) == "os.environ"
        and isinstance(node.ctx, ast.Load)
    ):
        yield from _variable(node.slice, declared)
    if not isinstance(node, ast.Call):
        return
    name = _name(node.func)
    short = ".".join(name.split(".")[-2:])
    last = name.rpartition(".")[2]
    if short in CLOCKS or (last == "Timestamp" and _literal(node) in {"now", "today"}):
        yield "clock", f"reads the clock by {short}()", "Take the time from a parameter or from the data"
    elif last in GENERATORS and not any(
        _is_seed(arg) for arg in [*node.args, *(k.value for k in node.keywords)]
    ):
        yield "unseeded", f"makes {last}() without a seed", "Give it a seed from params.yaml"
    elif name in {f"{m}.{f}" for m in ("random", "np.random", "numpy.random") for f in GLOBAL_RANDOM}:
        mend = "Use numpy.random.default_rng with a seed from params.yaml"
        yield "unseeded", f"draws from the global generator by {name}()", mend
    elif name in RANDOM_ALWAYS:
        yield "unseeded", f"draws what no seed repeats, by {name}()", "Derive it from the data by a hash"
    elif name in {"os.getenv", "os.environ.get", "getenv", "environ.get"} and node.args:
        yield from _variable(node.args[0], declared)
    elif short == "locale.setlocale" and (len(node.args) < 2 or _literal(node, 1) == ""):
        yield "locale", "takes the machine's locale by setlocale()", "Sort and format without a locale"


def _variable(node: Node, declared: set[str]) -> Iterator[tuple[str, str, str]]:
    name = str(node.value) if isinstance(node, ast.Constant) else None
    if name is None or name not in declared:
        shown = name or "of a computed name"
        mend = "Make it a parameter, or name it in meta.verify.environment"
        yield "environment", f"reads the environment variable {shown}", mend


def _is_seed(node: Node) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is None)


def _literal(node: ast.Call, position: int = 0) -> object:
    found = node.args[position] if len(node.args) > position else None
    return found.value if isinstance(found, ast.Constant) else None


def _name(node: Node) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def allowed(context: Context, place: str, rule: str) -> bool:
    """Whether the line itself says ``# fullcycle: allow <rule>``."""
    file, _, line = place.rpartition(":")
    lines = (context.repository.root / file).read_text(encoding="utf-8").splitlines()
    return int(line) <= len(lines) and excused(lines[int(line) - 1], rule)


def excused(line: str, rule: str) -> bool:
    """Whether a line's comment allows what a rule forbids.

    >>> excused("now = time.time()  # fullcycle: allow clock", "clock")
    True
    """
    found = ALLOW.search(line)
    return found is not None and rule in re.split(r"[,\s]+", found[1])
