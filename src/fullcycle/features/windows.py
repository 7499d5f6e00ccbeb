"""Order statistics of many windows of one array at once, without a loop over windows."""

import numpy as np

from fullcycle.features.fixedpoint import Floats, Indices


def extremes(values: Floats, left: Indices, right: Indices, *, largest: bool) -> Floats:
    """Minimum or maximum of ``values[left:right]`` for every window; NaN where it is empty.

    A sparse table (Bender and Farach-Colton 2000), built level by level and thrown away: a window of length
    m is covered by two overlapping blocks of length 2^floor(log2 m). Time O((n + windows) log longest),
    memory O(n).

    Args:
        values: float64, shape (n,), no NaN.
        left: First position of each window.
        right: One past its last position.
        largest: Maximum instead of minimum.
    """
    pick = np.maximum if largest else np.minimum
    out = np.full(len(left), np.nan)
    length = right - left
    level = np.frexp(length.astype(np.float64))[1] - 1  # floor(log2), -1 for an empty window
    order = np.argsort(level.astype(np.int8), kind="stable")
    starts = np.searchsorted(level[order], np.arange(level.max(initial=-1) + 2))
    block = values
    for k in range(len(starts) - 1):
        rows = order[starts[k] : starts[k + 1]]
        out[rows] = pick(block[left[rows]], block[right[rows] - 2**k])
        block = pick(block[: -(2**k) or None], block[2**k :]) if len(block) > 2**k else block
    return out


def quantiles(values: Floats, left: Indices, right: Indices, q: float) -> Floats:
    """The q-quantile of ``values[left:right]``, linearly interpolated; NaN where it is empty.

    A wavelet matrix (Claude and Navarro 2012) over the ranks of the values, one bit a level, all windows
    descending together. Time O((n + windows) log distinct), memory O(n + windows).

    Args:
        values: float64, shape (n,), no NaN.
        left: First position of each window.
        right: One past its last position.
        q: Between 0 and 1.
    """
    out = np.full(len(left), np.nan)
    rows = np.flatnonzero(right > left)
    if len(rows) == 0:
        return out
    left, right = left[rows], right[rows]
    at = q * (right - left - 1).astype(np.float64)
    below = np.floor(at)
    distinct, ranks = np.unique(values, return_inverse=True)
    low = distinct[_select(ranks, len(distinct), left, right, below.astype(np.intp))]
    above = np.minimum(below.astype(np.intp) + 1, right - left - 1)
    high = distinct[_select(ranks, len(distinct), left, right, above)]
    out[rows] = low + (high - low) * (at - below)
    return out


def _select(ranks: Indices, size: int, left: Indices, right: Indices, k: Indices) -> Indices:
    """The k-th smallest (from 0) rank within each window."""
    found = np.zeros(len(left), dtype=np.intp)
    for bit in reversed(range(max(size - 1, 1).bit_length())):
        ones = (ranks >> bit) & 1
        zeros_before = np.zeros(len(ranks) + 1, dtype=np.intp)
        np.cumsum(1 - ones, out=zeros_before[1:])
        zeros_left, zeros_right = zeros_before[left], zeros_before[right]
        zeros = zeros_right - zeros_left
        up = k >= zeros
        found |= up.astype(np.intp) << bit
        k = np.where(up, k - zeros, k)
        left = np.where(up, zeros_before[-1] + left - zeros_left, zeros_left)
        right = np.where(up, zeros_before[-1] + right - zeros_right, zeros_right)
        ranks = np.concatenate([ranks[ones == 0], ranks[ones == 1]])
    return found
