"""Metrics of probabilities against outcomes, for many weightings of the rows at once.

Every function takes labels `y` (n, 0 or 1), probabilities `p` (n), and row weights; the bootstrap hands
in one weight for each row and resample, which is why these stand here beside scikit-learn's (whose
results they equal: see their tests): ten metrics x 500 resamples x 25 slices take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Blocks = npt.NDArray[np.int64]

# Keeps the log loss of a certain and wrong answer finite, as scikit-learn does.
CLIP = float(np.finfo("float64").eps)
CHUNK = 4096  # rows ranked together: bounds the memory at CHUNK x (blocks + resamples)


@dataclass(frozen=True)
class Decision:
    """How probabilities become decisions, and what the wrong ones cost."""

    threshold: float
    false_alarm: float
    missed: float


def measure(
    y: Array, p: Array, decision: Decision, bins: int, block: Blocks, weights: Array
) -> dict[str, Array]:
    """Every metric for every weighting.

    Args:
        y: labels, 0 or 1, shape (n,).
        p: probabilities, shape (n,).
        decision: the threshold (a probability at or above it is a warning) and the costs.
        bins: bins of equal size for the calibration error.
        block: for each row the number of its block (a day), shape (n,).
        weights: how often each block counts in each resample, shape (resamples, blocks).

    Returns:
        name -> shape (resamples,). A metric without meaning (one class only) is NaN.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            _ranking(y, p, block, weights)
            | _losses(y, p, block, weights)
            | decisions(y, p, decision, block, weights)
            | {"calibration_error": _calibration_error(y, p, bins, block, weights)}
        )


def of_probability(y: Array, p: Array) -> dict[str, float]:
    """The metrics that need neither a threshold nor bins, every row counting once."""
    block, once = np.zeros(len(y), dtype="int64"), np.ones((1, 1))
    values = _ranking(y, p, block, once) | _losses(y, p, block, once)
    return {name: float(value[0]) for name, value in values.items()}


def per_block(values: Array, block: Blocks, weights: Array) -> Array:
    """Weighted sums of a value over all rows, by way of its sums in each block; shape (resamples,)."""
    sums = np.bincount(block, values, minlength=weights.shape[1])
    total: Array = np.einsum("rb,b->r", weights, sums)
    return total


def _ranking(y: Array, p: Array, block: Blocks, weights: Array) -> dict[str, Array]:
    """Area under the ROC curve (ties count half) and average precision (step-wise, as scikit-learn's).

    Counts above a threshold are linear in the weights: with whole-number weights they are exact, and one
    product of matrices gives them for all resamples. Only thresholds at which a positive stands matter.
    """
    order = np.argsort(-p, kind="stable")
    tie = np.append(0, np.cumsum(np.diff(p[order]) != 0))  # the number of each row's threshold
    positive, block = y[order] > 0, block[order]
    all_positive, all_negative = (
        per_block(x.astype("float64"), block, weights) for x in (positive, ~positive)
    )
    area, precision = np.zeros(len(weights)), np.zeros(len(weights))
    seen = np.zeros((2, weights.shape[1]))  # negatives and positives above, by block
    starts = np.flatnonzero(np.diff(tie, prepend=-1))
    # Whole ties together, so that no threshold falls into two chunks.
    edges = np.append(starts[:: max(1, CHUNK * len(starts) // len(tie))], len(tie))
    for first, last in pairwise(edges):
        rows, local = slice(first, last), tie[first:last] - tie[first]
        own = np.zeros((2, local[-1] + 1, weights.shape[1]))
        np.add.at(own, (positive[rows].astype(int), local, block[rows]), 1.0)
        until = np.cumsum(own, axis=1) + seen[:, None]
        seen = until[:, -1]
        at = own[1].any(axis=1)
        half_ties = (until[0] - own[0] / 2)[at]
        hits, found = weights @ own[1][at].T, weights @ until[1][at].T
        falses_half, falses = weights @ half_ties.T, weights @ until[0][at].T
        area += (hits * (all_negative[:, None] - falses_half)).sum(axis=1)
        precision += (hits * np.divide(found, found + falses, out=np.zeros_like(hits), where=found > 0)).sum(
            axis=1
        )
    return {"roc_auc": area / (all_positive * all_negative), "average_precision": precision / all_positive}


def _losses(y: Array, p: Array, block: Blocks, weights: Array) -> dict[str, Array]:
    clipped = np.clip(p, CLIP, 1 - CLIP)
    log_loss = -np.where(y > 0, np.log(clipped), np.log1p(-clipped))
    rows = per_block(np.ones_like(p), block, weights)
    return {
        "log_loss": per_block(log_loss, block, weights) / rows,
        "brier": per_block((p - y) ** 2, block, weights) / rows,
    }


def decisions(y: Array, p: Array, decision: Decision, block: Blocks, weights: Array) -> dict[str, Array]:
    """The metrics of warned or not warned; arguments as for `measure`."""
    warned, late = p >= decision.threshold, y > 0
    hit, false, missed, quiet = (
        per_block(cell.astype("float64"), block, weights)
        for cell in (warned & late, warned & ~late, ~warned & late, ~warned & ~late)
    )
    rows = hit + false + missed + quiet
    return {
        "accuracy": (hit + quiet) / rows,
        # As scikit-learn with zero_division=0: no warning at all has precision 0.
        "precision": np.divide(hit, hit + false, out=np.zeros_like(hit), where=hit + false > 0),
        "recall": hit / (hit + missed),
        "f1": 2 * hit / (2 * hit + false + missed),
        "cost": (decision.false_alarm * false + decision.missed * missed) / rows,
    }


def confusion(y: Array, p: Array, threshold: float) -> dict[str, int]:
    """The four counts of a decision."""
    warned, late = p >= threshold, y > 0
    return {
        "true_positives": int((warned & late).sum()),
        "false_positives": int((warned & ~late).sum()),
        "false_negatives": int((~warned & late).sum()),
        "true_negatives": int((~warned & ~late).sum()),
    }


def bin_of(p: Array, bins: int) -> npt.NDArray[np.int64]:
    """For each probability the number of its bin; bins hold as equal numbers of rows as ties allow."""
    edges = np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, p, side="right")


def _calibration_error(y: Array, p: Array, bins: int, block: Blocks, weights: Array) -> Array:
    """Mean distance of predicted from real frequency over bins of equal size (Nguyen & O'Connor, 2015)."""
    cell = block * bins + bin_of(p, bins)
    gaps = np.bincount(cell, p - y, minlength=weights.shape[1] * bins).reshape(-1, bins)
    rows = per_block(np.ones_like(p), block, weights)
    distance: Array = np.abs(np.einsum("rb,bc->rc", weights, gaps)).sum(axis=1) / rows
    return distance


def cheapest_threshold(y: Array, p: Array, false_alarm: float, missed: float) -> float:
    """The probability from which a warning is cheapest on these rows; 1.1 where never warning is.

    A tie goes to the higher threshold: fewer warnings at the same cost.
    """
    order = np.argsort(-p, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    late = y[order] > 0
    cost = false_alarm * np.cumsum(~late)[ends] - missed * np.cumsum(late)[ends]
    best = int(np.argmin(cost))
    return float(p[order][ends[best]]) if cost[best] < 0 else 1.1
