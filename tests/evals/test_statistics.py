"""Intervals: known values, and what must hold of all of them."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.evals.statistics import Z95, difference, wilson


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_gives_published_values(right: int, total: int, low: float, high: float) -> None:
    score = wilson(right, total)
    assert (score.low, score.high) == pytest.approx((low, high), abs=5e-5)
    assert score.share == right / total


def test_no_trials_give_the_whole_range() -> None:
    score = wilson(0, 0)
    assert (score.low, score.high) == (0.0, 1.0) and math.isnan(score.share)


@given(st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_an_interval_holds_its_share_and_is_never_a_point(counts: tuple[int, int]) -> None:
    right, total = counts
    score = wilson(right, total)
    assert 0.0 <= score.low <= score.share <= score.high <= 1.0
    assert score.high - score.low > 1e-4
    mirrored = wilson(total - right, total)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - score.high, 1 - score.low), abs=1e-12)


@given(st.integers(0, 50), st.integers(1, 50))
def test_more_trials_make_it_narrower(right: int, wrong: int) -> None:
    small, large = wilson(right, right + wrong), wilson(4 * right, 4 * (right + wrong))
    assert large.high - large.low < small.high - small.low


@pytest.mark.parametrize("share", [0.02, 0.3, 0.71])
def test_it_covers_the_truth_about_as_often_as_it_says(share: float) -> None:
    total, generator = 100, random.Random(7)
    # Exact coverage by the binomial distribution, then the same by drawing, so neither hides a slip in the other.
    inside = [right for right in range(total + 1) if wilson(right, total).low <= share <= wilson(right, total).high]
    exact = sum(math.comb(total, right) * share**right * (1 - share) ** (total - right) for right in inside)
    assert 0.92 < exact < 0.99
    draws = [sum(generator.random() < share for _ in range(total)) for _ in range(1500)]
    assert abs(sum(right in inside for right in draws) / len(draws) - exact) < 0.025


def test_difference_gives_published_values() -> None:
    # Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
    gap, low, high = difference(wilson(56, 70), wilson(48, 80))
    assert (gap, low, high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    gap, low, high = difference(wilson(10, 10), wilson(0, 10))
    assert (gap, low, high) == pytest.approx((1.0, 0.6075, 1.0), abs=5e-5)


@given(st.integers(0, 40), st.integers(0, 40))
def test_difference_is_antisymmetric_and_never_a_point(first: int, second: int) -> None:
    one, two = wilson(first, 40), wilson(second, 40)
    gap, low, high = difference(one, two)
    assert low < high and low <= gap <= high
    assert difference(two, one) == pytest.approx((-gap, -high, -low))


def test_the_quantile_is_that_of_95_percent() -> None:
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-15)
