"""The section ``gate``: what the champion must reach, agreed before training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fullcycle.params.sections import Count, Name, Positive, Section


class Criterion(Section):
    """One bound on one number that the gate knows, or (``*``) on each of several."""

    metric: Annotated[
        str,
        Field(pattern=r"^(test|details|quality|robustness|model|training|previous)(\.([A-Za-z0-9_-]+|\*))+$"),
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
    criteria: Annotated[dict[Name, Criterion], Field(min_length=1)]
