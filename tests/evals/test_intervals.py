"""Intervals of means and ratios over items: golden numbers of statsmodels 0.15 and scipy 1.17, and what must hold."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phial.evals.statistics import Estimate, amount, gap, mean, ratio, wilson

REPLIES = [[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1], [1] * 4]
KEPT = [(1, 3), (2, 2), (0, 1), (3, 3), (1, 2), (0, 3), (2, 3), (1, 1), (2, 3), (1, 3)]
SCORES = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)


def width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


@pytest.mark.parametrize(
    ("right", "items", "low", "high"),
    [
        # statsmodels' proportion_confint(method="wilson").
        (81, 164, 0.4184045401918173, 0.569679452797444),
        (450, 500, 0.8705780903680599, 0.9233224372626984),
        (131, 1319, 0.08432194230486419, 0.11664050640587574),
    ],
)
def test_one_reply_an_item_has_wilsons_interval(right: int, items: int, low: float, high: float) -> None:
    estimate = mean([[1.0]] * right + [[0.0]] * (items - right))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((right / items, low, high), rel=1e-12)
    assert (estimate.items, estimate.samples, estimate.method) == (items, items, "Wilson")


def test_replies_are_clustered_by_item() -> None:
    # OLS with cluster-robust variance, times 8 / 7; proportion_confint with the count that this variance is worth and
    # the t quantile of 7 degrees of freedom.
    estimate = mean([[float(score) for score in item] for item in REPLIES])
    found = (estimate.value, estimate.low, estimate.high)
    assert found == pytest.approx((0.5625, 0.2807700773212221, 0.8089611124429097), rel=1e-11)
    assert (estimate.items, estimate.samples, estimate.method) == (8, 32, "Wilson, clustered")


def test_a_ratio_has_the_variance_of_the_ratio_estimator() -> None:
    # WLS of share / weight on a constant, weighted, clustered.
    estimate = ratio([(float(share), float(weight)) for share, weight in KEPT])
    found = (estimate.value, estimate.low, estimate.high)
    assert found == pytest.approx((13 / 24, 0.30070281726666337, 0.7645990802512698), rel=1e-11)


def test_amounts_and_ratios_that_are_no_shares_have_the_t_interval() -> None:
    estimate = amount([[120, 80], [40, 60], [300, 310], [90, 100], [150, 90]])
    found = (estimate.value, estimate.low, estimate.high)
    assert found == pytest.approx((134, 11.128579497373622, 256.8714205026264), rel=1e-11)
    bits = ratio([(812.0, 300.0), (1500.0, 500.0), (90.0, 60.0), (2200.0, 900.0), (400.0, 110.0)])
    assert (bits.value, bits.low, bits.high) == pytest.approx(
        (2.6748663101604278, 2.188969798183458, 3.1607628221373973), rel=1e-11
    )


@pytest.mark.parametrize(
    "scores",
    [[[1.0]] * 30, [[0.0]] * 30, [[1.0] * 4] * 30, [[0.5]] * 30, [[0.0, 1.0]] * 30, [[0.7]], [[1.0]], [[0.0] * 8]],
)
def test_no_interval_is_a_point(scores: list[list[float]]) -> None:
    estimate = mean(scores)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert width(estimate) > 0.1


def test_thirty_of_thirty_is_wilsons_whatever_the_repeats() -> None:
    plain = wilson(30, 30)
    for repeats in (1, 4):
        estimate = mean([[1.0] * repeats] * 30)
        assert (estimate.value, estimate.low, estimate.high) == (1.0, plain.low, 1.0)


@given(st.lists(st.lists(SCORES, max_size=4), max_size=40))
@example([[1.0], [3.9e-261]])
def test_an_interval_of_a_mean_holds_it_and_lies_within_0_and_1(scores: list[list[float]]) -> None:
    estimate = mean(scores)
    if not any(scores):
        assert math.isnan(estimate.value) and (estimate.low, estimate.high, estimate.items) == (0.0, 1.0, 0)
        return
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert width(estimate) > 0.01
    if any(1 - score == 1 and score for item in scores for score in item):
        return  # what is lost beside 1 can't be turned round: a share becomes a whole score, which has other intervals
    turned = mean([[1 - score for score in item] for item in scores])
    assert (turned.low, turned.high) == pytest.approx((1 - estimate.high, 1 - estimate.low), abs=1e-9)


@given(st.lists(st.lists(SCORES, min_size=1, max_size=4), min_size=2, max_size=30), st.randoms())
def test_the_order_of_items_does_not_count(scores: list[list[float]], order: random.Random) -> None:
    mixed = order.sample(scores, len(scores))
    one, other = mean(scores), mean(mixed)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-12)


def test_replies_that_are_copies_tell_no_more_than_one() -> None:
    once = [[float(number % 3 == 0)] for number in range(90)]
    copied = mean([item * 16 for item in once])
    assert (copied.low, copied.high) == (mean(once).low, mean(once).high)


def test_independent_replies_make_it_narrower() -> None:
    draw = random.Random(1)
    wide, narrow = (mean([[float(draw.random() < 0.5) for _ in range(k)] for _ in range(400)]) for k in (1, 9))
    assert width(narrow) == pytest.approx(width(wide) / 3, rel=0.1)


def test_items_without_weight_are_left_out() -> None:
    assert ratio([(1.0, 2.0), (0.0, 0.0), (2.0, 2.0)]) == ratio([(1.0, 2.0), (2.0, 2.0)])
    assert ratio([(0.0, 0.0)]).items == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_an_amount_is_never_a_point_or_negative(values: list[float]) -> None:
    estimate = amount([[value] for value in values])
    assert 0 <= estimate.low <= estimate.value * (1 + 1e-12) and estimate.value <= estimate.high
    assert estimate.low < estimate.high
    assert math.isinf(estimate.high) == (len(values) == 1)


def test_no_amounts_are_no_number() -> None:
    assert math.isnan(amount([]).value) and math.isnan(amount([[]]).value)


def test_a_gap_of_different_items_is_newcombes() -> None:
    # Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
    found = gap(mean([[1.0]] * 56 + [[0.0]] * 14), mean([[1.0]] * 48 + [[0.0]] * 32))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert (found.items, found.samples) == (150, 150)


@pytest.mark.slow
@pytest.mark.parametrize("size", [164, 500, 1319])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_truth_is_held_95_times_of_100(size: int, share: float) -> None:
    draw, rounds, held = random.Random(f"{size}/{share}"), 4000, 0
    spread = 1 / 0.3 - 1  # a third of the variance of replies is that of items
    for _ in range(rounds):
        chances = [draw.betavariate(share * spread, (1 - share) * spread) for _ in range(size)]
        estimate = mean([[float(draw.random() < chance) for _ in range(4)] for chance in chances])
        held += estimate.low <= share <= estimate.high
    # A point, and two standard errors of counting.
    assert abs(held / rounds - 0.95) < 0.01 + 2 * math.sqrt(0.95 * 0.05 / rounds)


@pytest.mark.parametrize("size", [164, 500, 1319])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_one_reply_an_item_holds_the_truth_95_times_of_100_exactly(size: int, share: float) -> None:
    held = 0.0
    for right in range(size + 1):
        score = wilson(right, size)
        if score.low <= share <= score.high:
            log = math.lgamma(size + 1) - math.lgamma(right + 1) - math.lgamma(size - right + 1)
            held += math.exp(log + right * math.log(share) + (size - right) * math.log1p(-share))
    assert abs(held - 0.95) < 0.01
