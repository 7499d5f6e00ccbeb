"""``params.yaml`` as frozen, strict types: an unknown key or a bad value stops the run at once.

A stage reads the keys that it declares in ``dvc.yaml`` and no others::

    horizon = read("problem.horizon")
    split = read("split")
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from fullcycle.errors import Refusal

PARAMS = Path("params.yaml")
DURATION = re.compile(r"(\d+)\s*(min|h|d)")


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("a duration is a whole number and its unit: 90min, 2h or 28d")
    unit = {"min": "minutes", "h": "hours", "d": "days"}[found[2]]
    try:
        return timedelta(**{unit: int(found[1])})
    except OverflowError as error:
        raise ValueError("a duration is shorter than a million years") from error


def _day(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    raise ValueError('a day is quoted text, as in "2013-07-01" (DVC takes no YAML dates)')


Day = Annotated[date, BeforeValidator(_day)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Metric = Literal["roc_auc", "average_precision", "log_loss", "brier", "calibration_error", "accuracy",
                 "precision", "recall", "f1", "cost"]  # fmt: skip
# Those of a probability alone, before costs and bins turn it into decisions; `train` measures them.
ValidationMetric = Literal["roc_auc", "average_precision", "log_loss", "brier"]
LOWER_IS_BETTER = {"log_loss", "brier", "calibration_error", "cost"}


class Section(BaseModel):
    """A frozen section that knows its keys and takes no others, and converts no types silently."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Costs(Section):
    """What a wrong decision costs, in any one unit."""

    false_alarm: Positive
    missed: Positive


class Problem(Section):
    """The question, stated before training."""

    module: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
    statement: Annotated[str, Field(min_length=20)]
    task: Literal["binary"]
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
    sources: Annotated[dict[str, Source], Field(min_length=1)]


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


class Baseline(Section):
    """Always the training rows' share of positives."""

    kind: Literal["baseline"]


class Logistic(Section):
    """Logistic regression on imputed, splined and one-hot encoded features."""

    kind: Literal["logistic"]
    c: Positive
    max_iter: Count
    knots: Annotated[int, Field(ge=2, le=50)]
    min_category_rows: Count


class LightGBM(Section):
    """Boosted trees."""

    kind: Literal["lightgbm"]
    rounds: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    num_leaves: Annotated[int, Field(ge=2, le=131072)]
    min_leaf_rows: Count
    row_share: Annotated[float, Field(gt=0, le=1)]
    feature_share: Annotated[float, Field(gt=0, le=1)]
    l2: Annotated[float, Field(ge=0)]
    min_category_rows: Count
    seed: Seed


Candidate = Annotated[Baseline | Logistic | LightGBM, Field(discriminator="kind")]


class Range(Section):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    int: bool = False

    @model_validator(mode="after")
    def _has_extent(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) is below high ({self.high:g}); for one value use choices")
        if self.log and self.low <= 0:
            raise ValueError(f"a range with log begins above 0, not at {self.low:g}")
        if self.int and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("a range with int has whole ends")
        return self

    def ends(self) -> list[Any]:
        """Both ends, whole where the range is."""
        return [round(end) if self.int else end for end in (self.low, self.high)]


class Choices(Section):
    """A list of values."""

    choices: Annotated[list[float | int | str | bool], Field(min_length=1)]

    def ends(self) -> list[Any]:
        """All values."""
        return list(self.choices)


def _shape(value: object) -> str:
    given = value if isinstance(value, dict) else {}
    return "choices" if isinstance(value, Choices) or "choices" in given else "range"


Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_shape)
]


class Budget(Section):
    """When a sweep ends: at whichever comes first."""

    trials: Count
    minutes: Positive


class Sweep(Section):
    """What `fullcycle sweep` searches."""

    candidate: str
    method: Literal["grid", "random", "tpe"]
    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    metric: ValidationMetric
    budget: Budget
    seed: Seed
    workers: Count | None

    @model_validator(mode="after")
    def _grid_has_choices(self) -> Sweep:
        for key, dimension in self.space.items():
            if self.method == "grid" and isinstance(dimension, Range):
                raise ValueError(f"method grid needs choices for {key}; a range is for random and tpe")
        return self

    def fits(self, candidates: dict[str, Any]) -> None:
        """Every value that can be drawn is one that ``train.<candidate>`` takes.

        Raises:
            ValueError: the candidate or a key is unknown, or a value breaks the key's own rule.
        """
        if self.candidate not in candidates:
            raise ValueError(
                f"sweep.candidate = {self.candidate!r} is none of train: {', '.join(candidates)}"
            )
        section = candidates[self.candidate]
        known = [key for key in type(section).model_fields if key != "kind"]
        for key, dimension in self.space.items():
            if key not in known:
                raise ValueError(
                    f"sweep.space.{key}: train.{self.candidate} has no such key; it has {', '.join(known)}"
                )
            for value in dimension.ends():
                try:
                    type(section).model_validate(section.model_dump() | {key: value})
                except ValidationError as error:
                    rule = error.errors(include_url=False)[0]["msg"]
                    hint = ", and the range needs int: true" if "integer" in rule else ""
                    raise ValueError(
                        f"sweep.space.{key}: {value!r} breaks the rule of train.{self.candidate}.{key}:"
                        f" {rule}{hint}"
                    ) from error


class Select(Section):
    """How the champion is chosen on the validation rows."""

    metric: Metric
    tie: Annotated[float, Field(ge=0)]


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


class Noise(Section):
    """Normal noise on numbers."""

    kind: Literal["noise"]
    sd: Positive
    columns: list[str] = ["*"]


class Missing(Section):
    """Values lost at random."""

    kind: Literal["missing"]
    share: Annotated[float, Field(gt=0, le=1)]
    columns: list[str] = ["*"]


class Gone(Section):
    """A whole source that did not answer."""

    kind: Literal["gone"]
    source: str


class Outliers(Section):
    """Numbers far off."""

    kind: Literal["outliers"]
    share: Annotated[float, Field(gt=0, le=1)]
    sd: Positive
    columns: list[str] = ["*"]


class Unseen(Section):
    """Categories that training never saw."""

    kind: Literal["unseen"]
    share: Annotated[float, Field(gt=0, le=1)]
    columns: list[str] = ["*"]


class Duplicated(Section):
    """Rows that arrive twice."""

    kind: Literal["duplicated"]
    share: Annotated[float, Field(gt=0, le=1)]


class Stale(Section):
    """A source that lags."""

    kind: Literal["stale"]
    source: str
    by: Duration
    keys: list[str]


class Unit(Section):
    """Numbers in another unit."""

    kind: Literal["unit"]
    columns: Annotated[list[str], Field(min_length=1)]
    scale: float
    offset: float


Damage = Annotated[
    Noise | Missing | Gone | Outliers | Unseen | Duplicated | Stale | Unit, Field(discriminator="kind")
]


class Stress(Section):
    """What is done to the test rows to see what the champion bears."""

    rows: Annotated[int, Field(ge=100)]
    metrics: Annotated[list[Metric], Field(min_length=1)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    seed: Seed
    sources: dict[str, Annotated[list[str], Field(min_length=1)]]
    damages: Annotated[dict[str, Damage], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_sources(self) -> Stress:
        for name, damage in self.damages.items():
            source = getattr(damage, "source", None)
            if source is not None and source not in self.sources:
                raise ValueError(
                    f"damages.{name}.source = {source!r} is none of sources: {list(self.sources)}"
                )
        return self


class Criterion(Section):
    """One bound on one number that the gate knows, or (``*``) on each of several."""

    metric: Annotated[
        str,
        Field(pattern=r"^(test|details|quality|robustness|model|training|previous)(\.([A-Za-z0-9_]+|\*))+$"),
    ]
    min: float | None = None
    max: float | None = None
    least_rows: Count = 1
    otherwise: Literal["reject", "undecided"] = "reject"
    why: Annotated[str, Field(min_length=5)]

    @model_validator(mode="after")
    def _one_bound(self) -> Criterion:
        if (self.min is None) == (self.max is None):
            raise ValueError("a criterion has either min or max")
        return self


class Gate(Section):
    """What the champion must reach, agreed before training."""

    enforce: bool
    milliseconds: Positive
    criteria: Annotated[dict[str, Criterion], Field(min_length=1)]


class Params(Section):
    """The whole of ``params.yaml``, in life-cycle order."""

    problem: Problem
    ingest: Ingest
    validation: Validate = Field(alias="validate")  # BaseModel has a method of that name
    scale: Scale
    split: Split
    quality: Quality
    train: Annotated[dict[str, Candidate], Field(min_length=1)]
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
        if self.honesty.candidate not in self.train:
            raise ValueError(f"honesty.candidate = {self.honesty.candidate!r} is none of {list(self.train)}")
        self.sweep.fits(self.train)
        return self


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


def _document(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Refusal(f"{path} is missing: run from the repository's root") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not UTF-8 text: {error}") from error
    try:
        loader = _Loader(text)  # refuses control characters
        loader.name = str(path)
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise Refusal(f"{path} is not YAML: {error}") from error


def _validated(adapter: TypeAdapter[Any], content: Any, path: Path, prefix: str) -> Any:
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        lines = [_line(problem, prefix) for problem in error.errors(include_url=False)[:8]]
        more = f"\n  and {error.error_count() - 8} more" if error.error_count() > 8 else ""
        raise Refusal(f"{path} breaks {error.error_count()} rule(s):\n" + "\n".join(lines) + more) from error


def _line(problem: Any, prefix: str) -> str:
    place = [prefix] * bool(prefix) + [str(part) for part in problem["loc"] if part != "[key]"]
    # Within a candidate pydantic adds its kind to the path, where the file has no such key.
    path = ".".join(place).split(".")
    if path[0] == "train" and len(path) > 3:
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
