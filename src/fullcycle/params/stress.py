"""The section ``stress``: the damages, and what is reported of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fullcycle.params.metrics import Metric
from fullcycle.params.sections import Name, Positive, Section, Seed
from fullcycle.params.times import Duration

# Patterns of feature columns; without them every feature is hit.
Columns = Annotated[list[str], Field(default_factory=lambda: ["*"])]


class Noise(Section):
    """Normal noise on numbers."""

    kind: Literal["noise"]
    sd: Positive
    columns: Columns


class Missing(Section):
    """Values lost at random."""

    kind: Literal["missing"]
    share: Annotated[float, Field(gt=0, le=1)]
    columns: Columns


class Gone(Section):
    """A whole source that did not answer."""

    kind: Literal["gone"]
    source: str


class Outliers(Section):
    """Numbers far off."""

    kind: Literal["outliers"]
    share: Annotated[float, Field(gt=0, le=1)]
    sd: Positive
    columns: Columns


class Unseen(Section):
    """Categories that training never saw."""

    kind: Literal["unseen"]
    share: Annotated[float, Field(gt=0, le=1)]
    columns: Columns


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
    sources: dict[Name, Annotated[list[str], Field(min_length=1)]]
    damages: Annotated[dict[Name, Damage], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_sources(self) -> Stress:
        for name, damage in self.damages.items():
            source = getattr(damage, "source", None)
            if source is not None and source not in self.sources:
                raise ValueError(
                    f"damages.{name}.source = {source!r} is none of sources: {list(self.sources)}"
                )
        return self
