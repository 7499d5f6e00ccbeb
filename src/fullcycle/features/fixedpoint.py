"""Sums that are exact, so that every executor agrees to the last bit.

A prefix sum of floats loses digits with its length, and its last bits depend on the order of the events. Here
values are read to the nearest 2^-32 (2.3e-10) as integers; integer sums are exact and know no order, and the
difference of two int64 prefix sums is exact, even after they wrapped around, as long as the window's own sum
fits. Where it might not fit, Python's unbounded integers take over: slower, and the same result.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

FRACTION_BITS = 32
SCALE = 2.0**FRACTION_BITS
_LIMIT = 2**62

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def fixed(value: float) -> int:
    """The value in units of 2^-32, rounded half to even."""
    return round(value * SCALE)


def std_of(count: int, total: int, squares: int) -> float:
    """Sample standard deviation (ddof 1) from exact integer sums of fixed-point values; NaN below two."""
    if count <= 1:
        return math.nan
    return math.sqrt(float(count * squares - total * total) / float(count * (count - 1))) / SCALE


class Sums:
    """Prefix sums of values in sorted order, and the sums of any windows of them.

    Args:
        values: Finite float64, or boolean, shape (n,).
    """

    def __init__(self, values: Array) -> None:
        """Read the values as integers; prefix sums are made when asked for."""
        self.integers, self.unit = _integers(values)
        self.bound = max(-int(self.integers.min()), int(self.integers.max())) if len(values) else 0
        self._prefix: dict[tuple[int, bool], Array] = {}

    def window(self, left: Indices, right: Indices, power: int = 1, longest: int | None = None) -> Array:
        """Exact sums over [left, right) in ``unit ** power``: int64, or Python integers beyond."""
        longest = int((right - left).max(initial=0)) if longest is None else longest
        prefix = self._sums(power, small=self.bound**power * max(longest, 1) < _LIMIT)
        total: Array = prefix[right] - prefix[left]
        return total

    def _sums(self, power: int, *, small: bool) -> Array:
        if (power, small) not in self._prefix:
            kind = np.dtype(np.int64) if small else np.dtype(object)
            terms = self.integers.astype(kind, copy=False)
            prefix = np.zeros(len(terms) + 1, dtype=kind)
            with np.errstate(over="ignore"):
                np.cumsum(terms if power == 1 else terms**power, out=prefix[1:])
            self._prefix[power, small] = prefix
        return self._prefix[power, small]

    def total(self, left: Indices, right: Indices) -> Floats:
        """Sums as float64, rounded once."""
        sums: Floats = self.window(left, right).astype(np.float64)
        sums *= self.unit
        return sums

    def std(self, left: Indices, right: Indices, count: Indices) -> Floats:
        """Sample standard deviations of windows with ``count`` values each; NaN below two."""
        longest = int((right - left).max(initial=0))
        total, squares = self.window(left, right, 1), self.window(left, right, 2)
        if (self.bound * max(longest, 1)) ** 2 >= _LIMIT:
            total, squares = total.astype(object), squares.astype(object)
            spread = (count.astype(object) * squares - total * total).astype(np.float64)
        else:
            spread = (count * squares - total * total).astype(np.float64)
        pairs = (count * (count - 1)).astype(np.float64)
        pairs[pairs == 0] = np.nan
        deviations: Floats = np.sqrt(spread / pairs) * self.unit
        return deviations


def _integers(values: Array) -> tuple[Array, float]:
    """The values as integers and the unit they count: 1.0 if all are whole numbers, else 2^-32."""
    if values.dtype == np.bool_:
        return values.view(np.uint8).astype(np.int64), 1.0
    whole = np.rint(values)
    if np.array_equal(whole, values):
        unit = 1.0
    else:
        whole, unit = np.rint(values * SCALE), 1 / SCALE
    if float(np.abs(whole).max(initial=0)) < _LIMIT:
        return whole.astype(np.int64), unit
    unbounded: Array = np.asarray(np.frompyfunc(int, 1, 1)(whole))
    return unbounded, unit
