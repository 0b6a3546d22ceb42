"""Scores with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Score:
    """A share of right answers and its 95 % interval."""

    right: int
    total: int
    share: float
    low: float
    high: float


def wilson(right: int, total: int, z: float = Z95) -> Score:
    """The score interval of a proportion (Wilson 1927): never of zero width, never outside 0 to 1.

    Args:
        right: successes.
        total: trials; 0 gives the interval 0 to 1.
    """
    if total == 0:
        return Score(0, 0, float("nan"), 0.0, 1.0)
    share = right / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    low = 0.0 if right == 0 else centre - half
    high = 1.0 if right == total else centre + half
    return Score(right, total, share, low, high)


def difference(first: Score, second: Score) -> tuple[float, float, float]:
    """first - second with its 95 % interval for independent samples (Newcombe 1998, method 10)."""
    gap = first.share - second.share
    low = gap - math.hypot(first.share - first.low, second.high - second.share)
    high = gap + math.hypot(first.high - first.share, second.share - second.low)
    return gap, low, high
