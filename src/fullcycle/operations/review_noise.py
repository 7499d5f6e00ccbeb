"""Which difference between two models is more than luck: the review's rule, in words and in numbers.

Two kinds of luck are added in quadrature:

- **seeds**: refits of the same settings differ. From ``metrics/noise.json``: the difference of two refits
  stays within t · √2 · sd (Student's t with one degree less than there are refits).
- **rows**: other days would have given other numbers. From the intervals: two independent ones differ by
  √(w₁² + w₂²), w being half an interval's width. On the same rows most of it cancels; how much, is seen
  where the pipeline itself compares two models on the same resamples (``champion_gains`` in
  ``metrics/details.json``): the width of that paired interval, as a share of the independent one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from fullcycle.params.metrics import LOWER_IS_BETTER

SAME, NOISE, BETTER, WORSE = "same", "noise", "better", "worse"
Interval = dict[str, float]  # value, low, high


@dataclass(frozen=True)
class Side:
    """One side's metrics files, each empty where there is none."""

    test: dict[str, Any]
    details: dict[str, Any]
    split: dict[str, Any]
    noise: dict[str, Any]
    champion: str | None

    def rows(self, part: str) -> Any:
        """What tells the rows of a part from others: how many, from when to when, the share of positives."""
        return self.split.get(part)


def is_interval(content: Any) -> bool:
    """Whether this is a number with the ends of its interval."""
    ends = [content.get(end) for end in ("value", "low", "high")] if isinstance(content, dict) else [None]
    return all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)


def half(interval: Interval) -> float:
    """Half the width of an interval."""
    return (interval["high"] - interval["low"]) / 2


@dataclass(frozen=True)
class Rule:
    """What the two sides' own files say about luck."""

    confidence: float
    same_rows: frozenset[str]  # the parts whose rows are the same on both sides
    shares: dict[str, float]  # by metric: the paired interval's width as a share of the independent one
    seeds: int  # how many refits `sds` is from; 0: not known
    sds: dict[str, dict[str, float]]  # by part and metric

    def noise(self, part: str, metric: str, before: Interval, after: Interval, looks: int = 1) -> float:
        """How large a difference may be by luck alone; `looks`: among so many (Bonferroni)."""
        seeds = 0.0
        if self.seeds > 1 and (sd := self.sds.get(part, {}).get(metric)):
            from scipy.special import stdtrit  # noqa: PLC0415  half a second that other commands do not pay

            seeds = float(stdtrit(self.seeds - 1, (1 + self.confidence) / 2)) * math.sqrt(2) * sd
        share = self.shares.get(metric, 1.0) if part in self.same_rows else 1.0
        return math.hypot(seeds, share * math.hypot(half(before), half(after))) * self._widening(looks)

    def verdict(
        self, part: str, metric: str, before: Interval, after: Interval, looks: int = 1
    ) -> tuple[str, float]:
        """Same, noise, better or worse, and the noise that it was judged by."""
        change = after["value"] - before["value"]
        noise = self.noise(part, metric, before, after, looks)
        if abs(change) <= noise:
            return (NOISE if change else SAME), noise
        return (BETTER if (change < 0) == (metric in LOWER_IS_BETTER) else WORSE), noise

    def _widening(self, looks: int) -> float:
        quantile = NormalDist().inv_cdf
        return quantile(1 - (1 - self.confidence) / (2 * looks)) / quantile((1 + self.confidence) / 2)


def rule(before: Side, after: Side, confidence: float) -> Rule:
    """The rule for two sides.

    The noise band counts where it belongs to a champion of one of them; otherwise the seeds' part is
    left out.
    """
    champions = {before.champion, after.champion}
    bands = [side.noise for side in (after, before) if side.noise.get("candidate") in champions]
    band: dict[str, Any] = bands[0] if bands else {}
    own, other = paired_shares(after, before.champion), paired_shares(before, after.champion)
    return Rule(
        confidence=confidence,
        same_rows=frozenset(part for part in ("test", "live") if before.rows(part) == after.rows(part)),
        shares={metric: max(own.get(metric, 0), other.get(metric, 0)) for metric in own | other},
        seeds=len(band.get("seeds", [])),
        sds={
            part: {metric: each["sd"] for metric, each in metrics.items()}
            for part, metrics in band.get("metrics", {}).items()
        },
    )


def paired_shares(side: Side, rival: str | None) -> dict[str, float]:
    """By metric: the width of a paired interval as a share of the independent one, at most 1.

    Against the candidate `rival` where the side compared itself with that one, else against the
    candidate that is nearest (has the smallest share): two champions of one kind are nearer still.
    """
    candidates = side.details.get("test", {}).get("candidates", {})
    chosen = [candidates[rival]] if rival in candidates else list(candidates.values())
    found: dict[str, float] = {}
    for candidate in chosen:
        for metric, gain in candidate.get("champion_gains", {}).items():
            pair = [side.test.get(metric), candidate.get(metric)]
            if all(is_interval(each) for each in (gain, *pair)):
                independent = math.hypot(*(half(each) for each in pair))
                if independent > 0:
                    found[metric] = min(found.get(metric, 1.0), half(gain) / independent)
    return found
