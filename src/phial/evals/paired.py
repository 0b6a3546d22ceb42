"""Two models on the same items: tests, intervals and what could be detected."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from phial.evals.statistics import Z95, Estimate, unseen
from phial.evals.student import normal_quantile, t_quantile, two_sided

_FEW = 10  # items; where fewer deviate their variance is hardly known
_POWER = normal_quantile(0.8)


def mcnemar(first: int, second: int) -> float:
    """The exact two-sided p of McNemar's test: the binomial probability of discordant items split so unevenly.

    Args:
        first: items that only the first model has right.
        second: items that only the second has right.
    """
    total, less = first + second, min(first, second)
    if first == second:
        return 1.0
    logs = [_log_choose(total, k) - total * math.log(2) for k in range(less + 1)]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def paired_shares(first: int, second: int, items: int) -> Estimate:
    """The difference of two shares of the same items with its score interval (Tango 1998, Statistics in Medicine 17).

    Args:
        first: items that only the first model has right.
        second: items that only the second has right.
        items: all of them, 1 or more.
    """
    value = (first - second) / items
    return Estimate(
        value,
        -_score_limit(second, first, items),
        _score_limit(first, second, items),
        items,
        2 * items,
        "score, paired",
    )


def paired_means(differences: Sequence[float], samples: int) -> tuple[Estimate, float]:
    """The mean of items' differences, each between -1 and 1, with its t interval, and the p of the paired t test.

    Where fewer than 10 items differ from the others, the interval is not narrower than if as many items as may well be
    unseen differed by a whole point; where none does, the p is that of McNemar's test.

    Args:
        differences: first - second, of each item.
        samples: replies behind them.
    """
    count = len(differences)
    value = math.fsum(differences) / count
    error = _deviation(differences) / math.sqrt(count)
    if count < 2 or error == 0:
        half, p = 0.0, mcnemar(sum(d > 0 for d in differences), sum(d < 0 for d in differences))
    else:
        half, p = t_quantile(0.975, count - 1) * error, two_sided(value / error, count - 1)
    return Estimate(value, *_bounded(value, half, differences), count, samples, "t, paired"), p


def paired_ratios(items: Sequence[tuple[float, float, float, float]], first: Estimate, second: Estimate) -> Estimate:
    """The difference of two ratios over the same items with its t interval, by their linearized residuals.

    Args:
        items: the first's share and weight, then the second's, of each item; the weights' sums are not 0.
        first: the first ratio.
        second: the second ratio.
    """
    count = len(items)
    value = first.value - second.value
    weights = math.fsum(item[1] for item in items), math.fsum(item[3] for item in items)
    residuals = [
        count * ((a - first.value * b) / weights[0] - (c - second.value * d) / weights[1]) for a, b, c, d in items
    ]
    half = t_quantile(0.975, count - 1) * _deviation(residuals) / math.sqrt(count) if count > 1 else math.inf
    bounded = all(0 <= a <= b and 0 <= c <= d for a, b, c, d in items)
    if bounded:
        low, high = _bounded(value, half, residuals)
    else:
        least = unseen(count) * max(abs(first.value), abs(second.value), 1e-12)
        half = half if half > 1e-9 * least else least  # all alike, but unseen ones may differ by that much
        low, high = value - half, value + half
    return Estimate(value, low, high, count, first.samples + second.samples, "t, paired")


def detectable_shares(first: int, second: int, items: int) -> float:
    """The smallest gap of two shares that McNemar's test finds with 80 % probability (Connor 1987, Biometrics 43).

    Args:
        first: items that only the first model has right; with the second's they tell how often models disagree.
        second: items that only the second has right.
        items: all of them.
    """
    discordant = (first + second + 1) / (items + 2)  # no pair seen to disagree does not say that none ever will

    def short(gap: float) -> bool:
        share = max(discordant, gap)
        needed = (Z95 * math.sqrt(share) + _POWER * math.sqrt(share - gap * gap)) ** 2 / (gap * gap)
        return needed + 1 / gap > items  # the exact test needs that many more: the correction for continuity

    return _bisect(short, 1e-9, 1.0)


def detectable_means(differences: Sequence[float]) -> float:
    """The smallest mean difference that the paired t test finds with 80 % probability; 1 where there is no telling."""
    count = len(differences)
    if count < 2:
        return 1.0
    # Differences that happen to be equal vary as if one more item had differed by a point.
    deviation = max(_deviation(differences), 1 / math.sqrt(count))
    quantiles = t_quantile(0.975, count - 1) + t_quantile(0.8, count - 1)
    return min(1.0, quantiles * deviation / math.sqrt(count))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p values after Holm's step-down correction (1979), in the given order."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def _bounded(value: float, half: float, deviations: Sequence[float]) -> tuple[float, float]:
    """An interval of a difference of shares, wide enough for items unseen where few deviate from the others."""
    count = len(deviations)
    if count - max(Counter(deviations).values()) < _FEW:
        return (
            max(-1.0, value - max(half, unseen(count) * (1 + value))),
            min(1.0, value + max(half, unseen(count) * (1 - value))),
        )
    return max(-1.0, value - half), min(1.0, value + half)


def _deviation(values: Sequence[float]) -> float:
    centre = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / max(1, len(values) - 1))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _score_limit(first: int, second: int, items: int) -> float:
    """The largest gap that is Z95 standard errors from the one seen, under the likeliest shares that have that gap."""

    def inside(gap: float) -> bool:
        a = 2 * items
        b = (2 * items - first + second) * gap - first - second
        c = -second * gap * (1 - gap)
        only_second = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        variance = items * max(0.0, 2 * only_second + gap * (1 - gap))
        return items * gap - (first - second) <= Z95 * math.sqrt(variance)

    return _bisect(inside, (first - second) / items, 1.0)


def _bisect(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at `low` ceases to; `high` if it does not."""
    if holds(high):
        return high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2
