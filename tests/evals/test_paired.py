"""Paired tests and intervals: golden numbers of scipy 1.17 and statsmodels 0.15, and what must hold."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phial.evals.paired import (
    detectable_means,
    detectable_shares,
    holm,
    mcnemar,
    paired_means,
    paired_ratios,
    paired_shares,
)
from phial.evals.statistics import ratio


@pytest.mark.parametrize(
    ("first", "second", "p"),
    # statsmodels' mcnemar(exact=True).
    [(12, 2, 0.012939453125), (5, 5, 1.0), (0, 6, 0.03125), (90, 40, 1.3715068445175432e-05),
     (700, 610, 0.013902723449447724), (1, 0, 1.0), (0, 0, 1.0)],
)  # fmt: skip
def test_exact_mcnemar(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p, rel=1e-9)
    assert mcnemar(second, first) == mcnemar(first, second)


@pytest.mark.parametrize(
    ("first", "second", "items", "low", "high"),
    # The limits at which the score statistic is 1.96, its nuisance share found by maximizing the likelihood with
    # scipy's minimize_scalar.
    [(12, 2, 50, 0.0611124068, 0.3447087486), (53, 16, 100, 0.2148771873, 0.5049386422),
     (10, 0, 30, 0.1819821415, 0.5121994836), (1, 1, 164, -0.0282234113, 0.0282234113),
     (90, 40, 1319, 0.0212977803, 0.0552924442), (0, 0, 30, -0.1135133932, 0.1135133932)],
)  # fmt: skip
def test_the_score_interval_of_pairs(first: int, second: int, items: int, low: float, high: float) -> None:
    estimate = paired_shares(first, second, items)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=2e-9)
    assert estimate.value == (first - second) / items


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_score_interval_is_antisymmetric_and_never_a_point(first: int, second: int, rest: int) -> None:
    items = first + second + rest
    if items == 0:
        return
    one, other = paired_shares(first, second, items), paired_shares(second, first, items)
    assert -1 <= one.low <= one.value <= one.high <= 1 and one.low < one.high
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


def test_paired_t() -> None:
    # scipy's ttest_1samp and its confidence_interval.
    estimate, p = paired_means([0.25, -0.5, 0, 0.75, 0.5, 0, 0.25, 1, -0.25, 0.5], 80)
    assert p == pytest.approx(0.11730680301423826, rel=1e-10)
    # Eight of the ten deviate from the rest: the least width is 1.25 * 0.2775 below and 0.75 * 0.2775 above, and the
    # upper t limit lies beyond it.
    assert estimate.high == pytest.approx(0.5765142617226959, rel=1e-10)
    assert estimate.low == pytest.approx(0.25 - 1.25 * 3.841458820694124 / 13.841458820694124, rel=1e-10)
    draw = random.Random(0)
    many = [draw.uniform(-0.5, 0.7) for _ in range(400)]
    estimate, p = paired_means(many, 3200)
    centre = math.fsum(many) / 400
    error = math.sqrt(math.fsum((d - centre) ** 2 for d in many) / 399 / 400)
    assert (estimate.low, estimate.high) == pytest.approx((centre - 1.9659 * error, centre + 1.9659 * error), rel=1e-3)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]) | st.floats(-1, 1), min_size=1, max_size=40))
def test_a_paired_interval_is_never_a_point(differences: list[float]) -> None:
    estimate, p = paired_means(differences, len(differences))
    assert -1 <= estimate.low <= estimate.value + 1e-12 and estimate.value - 1e-12 <= estimate.high <= 1
    assert estimate.low < estimate.high
    if len(set(differences)) < 10 and len(differences) < 12:
        assert estimate.high - estimate.low > 0.2
    assert 0 <= p <= 1
    turned, same_p = paired_means([-d for d in differences], len(differences))
    assert (turned.low, turned.high) == pytest.approx((-estimate.high, -estimate.low), abs=1e-9)
    assert same_p == pytest.approx(p, rel=1e-6, abs=1e-12)


def test_equal_differences_are_judged_by_their_signs() -> None:
    assert paired_means([0.5] * 6, 12)[1] == pytest.approx(0.03125)
    assert paired_means([0.0] * 6, 12)[1] == 1.0


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0.5, 3), st.floats(0, 1), st.floats(0.5, 3)), min_size=60, max_size=60
    )
)
def test_ratios_of_pairs_have_the_error_that_the_jackknife_finds(
    drawn: list[tuple[float, float, float, float]],
) -> None:
    items = [(a * b, b, c * d, d) for a, b, c, d in drawn]
    first, second = ratio([i[:2] for i in items]), ratio([i[2:] for i in items])
    estimate = paired_ratios(items, first, second)
    assert estimate.value == pytest.approx(first.value - second.value, abs=1e-12)
    totals = [math.fsum(i[place] for i in items) for place in range(4)]
    left_out = []
    for item in items:
        rest = [total - part for total, part in zip(totals, item, strict=True)]
        left_out.append(rest[0] / rest[1] - rest[2] / rest[3])
    centre = math.fsum(left_out) / len(items)
    jackknife = math.sqrt(math.fsum((value - centre) ** 2 for value in left_out) * 59 / 60)
    assume(len(set(left_out)) > 20 and jackknife > 0.001)
    half = 2.0009953780882688 * jackknife
    expected = max(-1.0, estimate.value - half), min(1.0, estimate.value + half)
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=0.05 * half)


def test_ratios_of_pairs_that_are_alike_are_no_point() -> None:
    for weight in (1.0, 0.1):  # shares, and what is no share
        items = [(0.5, weight, 0.5, weight)] * 20
        one = ratio([i[:2] for i in items])
        estimate = paired_ratios(items, one, one)
        assert estimate.low < 0 == estimate.value < estimate.high
    alone = [(0.5, 1.0, 0.25, 1.0)]
    estimate = paired_ratios(alone, ratio([alone[0][:2]]), ratio([alone[0][2:]]))
    assert (estimate.low, estimate.high) == (-1.0, 1.0)


def test_holm() -> None:
    # statsmodels' multipletests(method="holm").
    assert holm([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx((0.04, 0.09, 0.09, 0.025, 0.5))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferronis(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, p * len(p_values)) + 1e-12


@pytest.mark.parametrize(("items", "discordant"), [(164, 0.2), (164, 0.4), (500, 0.05), (500, 0.4), (1319, 0.05)])
def test_a_detectable_gap_is_found_four_times_of_five(items: int, discordant: float) -> None:
    seen = round(items * discordant / 2)
    gap = detectable_shares(seen, seen, items)
    # Exactly: over the number of discordant items, the probability of splits that the test rejects.
    share, found = (discordant + gap) / 2 / discordant, 0.0
    for count in range(items + 1):
        weight = _binomial(items, count, discordant)
        if weight < 1e-9:
            continue
        found += weight * sum(
            _binomial(count, one, share) for one in range(count + 1) if mcnemar(one, count - one) < 0.05
        )
    assert 0.77 < found < 0.83


def _binomial(total: int, count: int, share: float) -> float:
    log = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return math.exp(log + count * math.log(share) + (total - count) * math.log1p(-share))


def test_a_detectable_mean_difference_is_found_four_times_of_five() -> None:
    draw, spread = random.Random(3), 0.3
    gap = detectable_means([draw.gauss(0, spread) for _ in range(4000)]) * math.sqrt(4000 / 200)
    found = sum(paired_means([draw.gauss(gap, spread) for _ in range(200)], 200)[1] < 0.05 for _ in range(1500))
    assert 0.76 < found / 1500 < 0.84


def test_what_is_detectable_shrinks_with_the_items_and_is_never_nothing() -> None:
    gaps = [detectable_shares(items // 20, items // 20, items) for items in (20, 100, 500, 2500)]
    assert gaps == sorted(gaps, reverse=True)
    assert 0 < detectable_shares(0, 0, 1000) < 0.02
    assert detectable_shares(1, 0, 1) == 1.0
    assert detectable_means([0.0]) == 1.0
    assert 0 < detectable_means([0.0] * 1000) < 0.02
