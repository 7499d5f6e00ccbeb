"""The section ``sweep``: what is searched, how, and for how long."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from fullcycle.params.metrics import Metric
from fullcycle.params.sections import Count, Positive, Section, Seed


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
    metric: Metric
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
