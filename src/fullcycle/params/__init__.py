"""``params.yaml`` as frozen, strict types: an unknown key or a bad value stops the run at once.

A stage reads the keys that it declares in ``dvc.yaml`` and no others::

    horizon = read("problem.horizon")
    split = read("split")
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from fullcycle.errors import Refusal
from fullcycle.params.gate import Gate
from fullcycle.params.metrics import METRICS, OF_ANSWERS, Metric
from fullcycle.params.sections import (
    Baseline,
    Candidate,
    Count,
    KMeans,
    Mixture,
    Name,
    Positive,
    Section,
    Seed,
    Share,
    Task,
    misfits,
)
from fullcycle.params.stress import Stress
from fullcycle.params.sweep import Sweep
from fullcycle.params.times import Day, Duration

if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMS = Path("params.yaml")


class Costs(Section):
    """What a wrong decision costs, in any one unit."""

    false_alarm: Positive
    missed: Positive


class Problem(Section):
    """The question, stated before training."""

    module: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
    statement: Annotated[str, Field(min_length=20)]
    task: Task
    horizon: Duration
    table: str
    id: str
    time: str
    label: str
    known_at: str
    slices: list[str]
    costs: Costs


class Source(Section):
    """Where a table comes from."""

    url: Annotated[str, Field(pattern=r"^(package|file)://.+\.csv(\.zip)?$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    time: str | None = None


class Ingest(Section):
    """What is fetched."""

    until: Day
    sources: Annotated[dict[Name, Source], Field(min_length=1)]


class Validate(Section):
    """How much bad input is tolerable."""

    max_quarantined: Share


class Quality(Section):
    """What is suspicious before anything is trained."""

    leak_limit: Annotated[float, Field(gt=0.5, le=1)]


class Scale(Section):
    """Where features are computed."""

    scheduler: Annotated[str, Field(pattern=r"^(local|(tcp|tls)://.+)$")] | None


class Split(Section):
    """Which rows train, choose, test, and stand for the future.

    `time` cuts at `starts`; the other methods draw `shares` (of groups, of strata, of rows) by hash.
    """

    PARTS: ClassVar = ("train", "validation", "test", "live")

    method: Literal["time", "group", "stratified", "random"]
    starts: dict[Literal["train", "validation", "test", "live", "end"], Day]
    shares: dict[Literal["train", "validation", "test", "live"], Share]
    group: str | None
    seed: Seed

    @model_validator(mode="after")
    def _consistent(self) -> Split:
        order = ["train", "validation", "test", "live", "end"]
        if list(self.starts) != order:
            raise ValueError(f"starts needs the keys {', '.join(order)}, in this order")
        if any(day >= after for day, after in pairwise(self.starts.values())):
            raise ValueError("each part of starts begins after the one before it")
        if set(self.shares) != set(self.PARTS):
            raise ValueError(f"shares needs the keys {', '.join(self.PARTS)}")
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"shares add up to {sum(self.shares.values()):g}; the rule is 1")
        if (self.method == "group") != (self.group is not None):
            raise ValueError("method group needs a column name in group; every other method needs null")
        return self


class Select(Section):
    """How the champion is chosen on the validation rows."""

    metric: Metric
    tie: Annotated[float, Field(ge=0)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None
    resamples: Annotated[int, Field(ge=50)]
    seed: Seed
    refit: bool


class Honesty(Section):
    """Which candidate shows what a random split would have promised."""

    candidate: str


class Evaluate(Section):
    """How the champion is measured."""

    resamples: Annotated[int, Field(ge=50)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    bins: Annotated[int, Field(ge=2, le=100)]
    min_slice_rows: Count
    importance_rows: Count
    seed: Seed


class Params(Section):
    """The whole of ``params.yaml``, in life-cycle order."""

    problem: Problem
    ingest: Ingest
    validation: Validate = Field(alias="validate")  # BaseModel has a method of that name
    scale: Scale
    split: Split
    quality: Quality
    train: Annotated[dict[Name, Candidate], Field(min_length=1)]
    sweep: Sweep
    select: Select
    honesty: Honesty
    evaluate: Evaluate
    stress: Stress
    gate: Gate

    @model_validator(mode="after")
    def _no_contradiction(self) -> Params:
        roles = {role: getattr(self.problem, role) for role in ("id", "time", "label", "known_at")}
        if len(set(roles.values())) != len(roles):
            raise ValueError(f"problem.id, time, label and known_at are four columns, not {roles}")
        if self.problem.table not in self.ingest.sources:
            raise ValueError(
                f"problem.table = {self.problem.table!r} is none of ingest.sources:"
                f" {', '.join(self.ingest.sources)}"
            )
        if self.split.method == "time" and self.split.starts["end"] > self.ingest.until:
            raise ValueError(
                f"split.starts.end ({self.split.starts['end']}) lies after ingest.until"
                f" ({self.ingest.until}): rows that are not fetched cannot be split"
            )
        if not any(isinstance(candidate, Baseline) for candidate in self.train.values()):
            raise ValueError("train needs a candidate of kind baseline: the gate compares with it")
        if reasons := list(self._against_the_task(self.problem.task)):
            raise ValueError("; ".join(reasons))
        if self.honesty.candidate not in self.train:
            raise ValueError(f"honesty.candidate = {self.honesty.candidate!r} is none of {list(self.train)}")
        self.sweep.fits(self.train)
        return self

    def _against_the_task(self, task: str) -> Iterator[str]:
        """Candidates and metrics that have no meaning for the task, each with the reason."""
        for name, each in self.train.items():
            yield from misfits(name, each, task)
        spaces = {n: each.prepare for n, each in self.train.items() if isinstance(each, KMeans | Mixture)}
        if task == "clustering" and len(set(map(repr, spaces.values()))) > 1:
            yield (
                f"train.{', train.'.join(spaces)}: prepare differs, so silhouettes would be taken in spaces"
                " that cannot be compared; give all of them the same"
            )
        reported = [("stress.metrics", metric) for metric in self.stress.metrics]
        for key, metric in [("select.metric", self.select.metric), *reported]:
            if metric not in METRICS[task]:
                yield (
                    f"{key} = {metric} is no metric of problem.task = {task};"
                    f" there are {', '.join(METRICS[task])}"
                )
        if self.sweep.metric not in OF_ANSWERS[task]:
            yield (
                f"sweep.metric = {self.sweep.metric!r} is none that `train` measures;"
                f" for problem.task = {task} there are {', '.join(OF_ANSWERS[task])}"
            )


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where PyYAML would silently take the last."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            mark = node.value[index][0].start_mark
            raise Refusal(f"{mark.name}, line {mark.line + 1}: key {key!r} is given twice; keep one")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path = PARAMS) -> Params:
    """Parse the whole file and check every rule, those between sections included.

    Raises:
        Refusal: the first few broken rules, each with its key, value and rule.
    """
    return _validated(TypeAdapter(Params), _document(path), path, "")  # type: ignore[no-any-return]


def read(key: str, path: Path = PARAMS) -> Any:
    """One declared key, such as ``problem.horizon`` or ``train.lightgbm``, as its strict type.

    Only that part of the file is looked at, so a stage runs with a file cut down to its keys.

    Raises:
        Refusal: the key is missing, unknown or breaks a rule.
    """
    kind: Any = Params
    content: Any = _document(path)
    for part in key.split("."):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            if part not in fields:
                raise Refusal(f"{path}: {key} is no known key; {part!r} is not one of {', '.join(fields)}")
            field = fields[part]
            kind = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        else:  # dict[str, X], perhaps annotated
            mapping = kind.__origin__ if hasattr(kind, "__metadata__") else kind
            kind = mapping.__args__[1]
        if not isinstance(content, dict) or part not in content:
            raise Refusal(f"{path}: {key} is missing")
        content = content[part]
    return _validated(TypeAdapter(kind), content, path, key)


def candidate(section: dict[str, Any]) -> Any:
    """A section of ``train`` as it stands in a model's manifest, as its strict type."""
    return TypeAdapter(Candidate).validate_python(section)


def _document(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Refusal(f"{path} is missing: run from the repository's root") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not UTF-8 text: {error}") from error
    return _parsed(text, str(path))


@lru_cache(maxsize=1)  # a stage reads ten keys of one file; nothing changes the result
def _parsed(text: str, name: str) -> Any:
    try:
        loader = _Loader(text)  # refuses control characters
        loader.name = name
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise Refusal(f"{name} is not YAML: {error}") from error


def _validated(adapter: TypeAdapter[Any], content: Any, path: Path, prefix: str) -> Any:
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        lines = [_line(problem, prefix) for problem in error.errors(include_url=False)[:8]]
        more = f"\n  and {error.error_count() - 8} more" if error.error_count() > 8 else ""
        raise Refusal(f"{path} breaks {error.error_count()} rule(s):\n" + "\n".join(lines) + more) from error


def _line(problem: Any, prefix: str) -> str:
    path = [*(prefix.split(".") if prefix else ()), *(str(p) for p in problem["loc"] if p != "[key]")]
    # Within a candidate pydantic adds its kind to the path, where the file has no such key.
    if path[:1] == ["train"] and len(path) > 2:
        del path[2]
    key = ".".join(path) or "the whole file"
    rule = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"  {key}: unknown key (value {problem['input']!r}); remove it or correct its spelling"
    if problem["type"] == "missing":
        return f"  {key}: this key is missing"
    value = problem["input"]
    shown = "" if isinstance(value, dict) else f" = {value!r}"
    hint = ""
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value):
        hint = " (YAML reads this as text: write a point, as in 1.0e-3)"
    return f"  {key}{shown}: {rule}{hint}"
