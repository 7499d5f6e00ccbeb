"""Bootstrap intervals over blocks of time: rows of one day are not independent of each other.

Whole blocks are drawn with replacement (Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
sections 8.5 and 13.3: block and percentile bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle.params.metrics import LOWER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """For a metrics file."""
        return {"value": self.value, "low": self.low, "high": self.high}


def days(time: pd.Series[pd.Timestamp]) -> npt.NDArray[np.int64]:
    """For each row the number of its UTC day, counted from 0 in the order of time."""
    day: npt.NDArray[np.int64] = time.to_numpy("datetime64[D]").astype("int64")
    if not len(day):
        return day
    since = day - day.min()
    number = np.cumsum(np.bincount(since) > 0) - 1  # a day without a row takes none
    codes: npt.NDArray[np.int64] = number[since]
    return codes


def resampled(blocks: int, resamples: int, seed: int) -> Array:
    """How often each block is drawn; row 0 draws each once (the data as they are).

    Returns:
        shape (1 + resamples, blocks).
    """
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples)
    return np.vstack([np.ones(blocks), drawn]).astype("float64")


def estimates(values: Mapping[str, Array], confidence: float) -> dict[str, Estimate]:
    """Each metric's value (row 0) with the percentile interval of its resamples; NaN is left out."""
    tail = (1 - confidence) / 2
    result = {}
    for name, each in values.items():
        if np.isnan(each[0]):
            continue
        low, high = np.nanquantile(each[1:], [tail, 1 - tail])
        result[name] = Estimate(float(each[0]), float(low), float(high))
    return result


def flat(found: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates as plain numbers, as they stand in JSON."""
    return {name: estimate.as_dict() for name, estimate in found.items()}


def gain(base: Mapping[str, Array], own: Mapping[str, Array], confidence: float) -> dict[str, Any]:
    """By how much `own` is better than `base`, metric by metric, on the same resamples (paired)."""
    gained = {
        name: (base[name] - own[name]) * (1 if name in LOWER_IS_BETTER else -1)
        for name in own
        if name in base
    }
    return flat(estimates(gained, confidence))
