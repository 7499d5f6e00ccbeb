"""Whether rows look other than rows of reference, column by column.

A column has drifted if the difference is significant after correction for the number of columns and
large enough to matter. Either alone shouts: with many rows everything is significant, with few rows
chance is large. Each function equals scipy's (see the tests); these take
sorted arrays and counts, so that one reference is prepared once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, kolmogorov

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

LEAST_SHIFT = 0.1  # Wasserstein distance in standard deviations of the reference
LEAST_SHARE = 0.05  # total variation: the share of rows that would have to change


@dataclass(frozen=True)
class Difference:
    """How one column differs: the smallest p-value of its tests, and the distance that goes with it.

    `distance` is in units of what is large enough: 1 and more matters.
    """

    p: float
    distance: float

    def drifted(self, columns: int, alpha: float) -> bool:
        """Whether it is significant among so many columns (Bonferroni), and large enough."""
        return self.distance >= 1 and self.p * columns < alpha


def kolmogorov_smirnov(reference: Array, current: Array) -> tuple[float, float]:
    """The two-sample statistic of sorted numbers and its asymptotic p-value (Smirnov, 1939)."""
    values = np.concatenate([reference, current])
    gaps = np.searchsorted(reference, values, "right") / len(reference)
    gaps -= np.searchsorted(current, values, "right") / len(current)
    statistic = float(np.abs(gaps).max())
    size = len(reference) * len(current) / (len(reference) + len(current))
    return statistic, float(kolmogorov(np.sqrt(size) * statistic))


def wasserstein(reference: Array, current: Array) -> float:
    """The area between the distribution functions of sorted numbers, in their unit (p = 1)."""
    values = np.sort(np.concatenate([reference, current]))
    before = np.searchsorted(reference, values[:-1], "right") / len(reference)
    after = np.searchsorted(current, values[:-1], "right") / len(current)
    return float(np.sum(np.abs(before - after) * np.diff(values)))


def chi_squared(counts: npt.NDArray[np.int64]) -> float:
    """The p-value of two rows of counts having one distribution (Pearson, 1900); shape (2, k)."""
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 1.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return float(chdtrc(counts.shape[1] - 1, ((counts - expected) ** 2 / expected).sum()))


def total_variation(counts: npt.NDArray[np.int64]) -> float:
    """Half the sum of differences between two rows of counts, as shares; shape (2, k)."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


class Reference:
    """Rows to compare with, each column sorted or counted once."""

    def __init__(self, rows: pd.DataFrame) -> None:
        """Take at least one row; numbers are compared as numbers, all else as categories."""
        self.size = len(rows)
        self.columns = {str(name): _prepared(rows[name]) for name in rows}

    def differences(self, rows: pd.DataFrame, columns: Iterable[str] | None = None) -> dict[str, Difference]:
        """How each column of the rows (or of those named) differs from the reference."""
        names = self.columns if columns is None else columns
        return {name: self._difference(self.columns[name], _prepared(rows[name])) for name in names}

    def _difference(self, own: Any, other: Any) -> Difference:
        if isinstance(own, pd.Series):
            return _by_counts(_aligned(own, other))
        found = [_by_counts(np.array([[values.size, gaps] for values, gaps in (own, other)]))]
        (before, _), (after, _) = own, other
        if before.size and after.size:
            found.append(_by_values(before, after))
        worst = min(found, key=lambda each: (each.distance < 1, each.p, -each.distance))
        return Difference(min(1.0, 2 * worst.p), worst.distance)  # two tests: gaps and values


def drifted(differences: dict[str, Difference], columns: int, alpha: float) -> list[str]:
    """The columns that drifted, the farthest first; `columns` counts all that were looked at."""
    found = [name for name, each in differences.items() if each.drifted(columns, alpha)]
    return sorted(found, key=lambda name: (-differences[name].distance, name))


def _prepared(column: pd.Series[Any]) -> Any:
    """Sorted finite numbers and the number of other rows (gaps); or counts of categories, gaps among them."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy("float64", na_value=np.nan)
        kept = np.sort(values[np.isfinite(values)])
        return kept, len(values) - len(kept)
    return column.value_counts(dropna=False)


def _aligned(own: pd.Series[Any], other: pd.Series[Any]) -> npt.NDArray[np.int64]:
    missing = [counts.index.isna() for counts in (own, other)]
    gaps = [int(counts[gap].sum()) for counts, gap in zip((own, other), missing, strict=True)]
    both = [counts[np.logical_not(gap)] for counts, gap in zip((own, other), missing, strict=True)]
    names = both[0].index.union(both[1].index)
    known = np.array([counts.reindex(names, fill_value=0).to_numpy() for counts in both])
    return np.column_stack([known, gaps]).astype("int64")


def _by_counts(counts: npt.NDArray[np.int64]) -> Difference:
    return Difference(chi_squared(counts), total_variation(counts) / LEAST_SHARE)


def _by_values(before: Array, after: Array) -> Difference:
    spread = float(before.std())
    moved = wasserstein(before, after)
    # A constant has no spread: any move of it is large.
    far = moved / spread / LEAST_SHIFT if spread else float(moved > 0)
    return Difference(kolmogorov_smirnov(before, after)[1], far)
