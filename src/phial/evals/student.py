"""Student's t and the normal distribution, so that intervals need no further library."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

_ITERATIONS = 300
_TINY = 1e-300


def normal_quantile(share: float) -> float:
    """The value that a standard normal variable stays below with this probability."""
    return NormalDist().inv_cdf(share)


def two_sided(statistic: float, freedom: float) -> float:
    """The probability of a t statistic at least this far from 0, either way.

    Args:
        statistic: may be infinite.
        freedom: degrees of freedom, above 0.
    """
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + statistic * statistic))


@cache
def t_quantile(share: float, freedom: float) -> float:
    """The value that a t variable stays below with this probability, which is above a half.

    Raises:
        ValueError: no degrees of freedom, or a share out of range.
    """
    if freedom <= 0 or not 0.5 < share < 1:
        raise ValueError(f"no t quantile of {share} with {freedom} degrees of freedom")
    tail = 2 * (1 - share)
    low, high = 0.0, 2.0
    while two_sided(high, freedom) > tail:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if two_sided(middle, freedom) > tail else (low, middle)
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (Lentz's method; DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction of the other tail converges faster
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _ITERATIONS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * value


def _away(value: float) -> float:
    """The value, or the least one that can be divided by."""
    return value if abs(value) > _TINY else _TINY
