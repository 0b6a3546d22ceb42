"""Numbers with their 95 % intervals; the items of a benchmark are what was drawn, replies to one item are not.

Which method, and how often it covers the truth, is in docs/experiments.md and measured by bench/interval_coverage.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from phial.evals.student import t_quantile

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Score:
    """A share of right answers and its 95 % interval."""

    right: int
    total: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A figure of a benchmark and its 95 % interval, which is never of zero width.

    Attributes:
        value: the figure; NaN where there is nothing to count.
        low: lower end.
        high: upper end; infinite for an amount that was seen once.
        items: independent ones behind it.
        samples: replies behind it.
        method: of the interval: "Wilson", "Wilson, clustered", "t, clustered", "score, paired", "t, paired", "none".
    """

    value: float
    low: float
    high: float
    items: int
    samples: int
    method: str


def wilson(right: int, total: int, z: float = Z95) -> Score:
    """The score interval of a proportion (Wilson 1927): never of zero width, never outside 0 to 1.

    Args:
        right: successes.
        total: trials; 0 gives the interval 0 to 1.
    """
    if total == 0:
        return Score(0, 0, float("nan"), 0.0, 1.0)
    share = right / total
    return Score(right, total, share, *_wilson(share, total, z))


def difference(first: Score, second: Score) -> tuple[float, float, float]:
    """first - second with its 95 % interval for independent samples (Newcombe 1998, method 10)."""
    return _newcombe((first.share, first.low, first.high), (second.share, second.low, second.high))


def gap(first: Estimate, second: Estimate) -> Estimate:
    """first - second with its 95 % interval, for figures of different items (Newcombe 1998, method 10)."""
    return Estimate(
        *_newcombe((first.value, first.low, first.high), (second.value, second.low, second.high)),
        first.items + second.items,
        first.samples + second.samples,
        "Newcombe",
    )


def mean(scores: Sequence[Sequence[float]], samples: int | None = None) -> Estimate:
    """The mean over items of the mean of each item's scores.

    One 0/1 score an item gives Wilson's interval. Else the variance is that of the items' means, and the interval is
    Wilson's for as many independent 0/1 scores as would vary so much, with the t quantile since that is estimated.

    Args:
        scores: of each item's replies, between 0 and 1; items without any are left out.
        samples: replies behind the scores; as many as scores unless told.
    """
    counted = [item for item in scores if item]
    total = sum(map(len, counted)) if samples is None else samples
    return ratio([(math.fsum(item) / len(item), 1.0) for item in counted], total)


def ratio(items: Sequence[tuple[float, float]], samples: int | None = None) -> Estimate:
    """The sum of shares by the sum of weights, such as instructions kept by instructions given.

    Items' shares and weights go together, so the variance is that of the ratio estimator over items
    (Cochran 1977, section 6.4). A ratio that is no share of anything (bits per byte) gets the plain t interval.

    Args:
        items: (share, weight) of each item, summed over its replies; weights are 0 or more, but not all 0.
        samples: replies behind it; as many as items unless told.
    """
    weighted = [(share, weight) for share, weight in items if weight > 0]
    count = len(weighted)
    samples = count if samples is None else samples
    if count == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, samples, "none")
    total = math.fsum(weight for _, weight in weighted)
    value = math.fsum(share for share, _ in weighted) / total
    if any(not 0 <= share <= weight for share, weight in weighted):
        return _unbounded(value, weighted, total, samples)
    if count > 1 and all(share in (0.0, weight) for share, weight in weighted) and len({w for _, w in weighted}) == 1:
        return Estimate(value, *_wilson(value, count, Z95), count, samples, "Wilson")
    value = min(1.0, value)
    quantile = t_quantile(0.975, count - 1) if count > 1 else math.inf
    low, high = _unseen(value, count)
    variance = _variance(value, weighted, total)
    if count > 1 and 0 < value < 1 and variance > 0:
        wide = _wilson(value, value * (1 - value) / variance, quantile)
        low, high = min(low, wide[0]), max(high, wide[1])
    return Estimate(value, low, high, count, samples, "Wilson, clustered")


def amount(values: Sequence[Sequence[float]]) -> Estimate:
    """The mean over items of the mean of each item's values, which are 0 or more without a limit: tokens, seconds."""
    counted = [item for item in values if item]
    samples = sum(map(len, counted))
    if not counted:
        return Estimate(math.nan, 0.0, math.inf, 0, 0, "none")
    means = [(math.fsum(item) / len(item), 1.0) for item in counted]
    return _unbounded(math.fsum(value for value, _ in means) / len(means), means, float(len(means)), samples)


def _wilson(share: float, total: float, z: float) -> tuple[float, float]:
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return 0.0 if share == 0 else centre - half, 1.0 if share == 1 else centre + half


def _newcombe(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float, float]:
    distance = first[0] - second[0]
    low = distance - math.hypot(first[0] - first[1], second[2] - second[0])
    high = distance + math.hypot(first[2] - first[0], second[0] - second[1])
    return distance, low, high


def unseen(items: int) -> float:
    """The largest share of items of a kind that may well exist though none of those drawn was one: Wilson's 0 of n."""
    return Z95 * Z95 / (items + Z95 * Z95)


def _unseen(value: float, items: int) -> tuple[float, float]:
    """What no interval of a mean may be narrower than: as many unseen items may all score 0, or all 1."""
    return value * (1 - unseen(items)), value + (1 - value) * unseen(items)


def _variance(value: float, weighted: Sequence[tuple[float, float]], total: float) -> float:
    """Of a ratio over drawn items, from their residuals."""
    count = len(weighted)
    squares = math.fsum((share - value * weight) ** 2 for share, weight in weighted)
    return squares * count / max(1, count - 1) / (total * total)


def _unbounded(value: float, weighted: Sequence[tuple[float, float]], total: float, samples: int) -> Estimate:
    """The t interval over items, cut at 0 where nothing is below."""
    count = len(weighted)
    least = 0.0 if all(share >= 0 for share, _ in weighted) else -math.inf
    if count == 1:
        return Estimate(value, least, math.inf, 1, samples, "none")
    half = t_quantile(0.975, count - 1) * math.sqrt(_variance(value, weighted, total))
    if half <= 1e-12 * abs(value):  # all alike, but unseen ones may be 0 or twice as much
        half = max(abs(value) * unseen(count), 1e-12)
    return Estimate(value, max(least, value - half), value + half, count, samples, "t, clustered")
