"""Scores by tokens and by samples."""

from __future__ import annotations

import pytest
from figure_logs import drawn, log, sample

from phial.evals.budget import by_samples, by_tokens
from phial.evals.majority import majority_at
from phial.evals.scores import mean_at, pass_at


def test_a_reply_that_would_have_been_cut_is_wrong() -> None:
    made = log(
        [sample("a", tokens=10), sample("b", tokens=20), sample("c", tokens=40, score=0.0), sample("d", tokens=30)]
    )
    curve = by_tokens(made, [5, 10, 20, 30, 50])
    assert [(point.budget, point.score.value) for point in curve] == [
        (5, 0.0), (10, 0.25), (20, 0.5), (30, 0.75), (50, 0.75)
    ]  # fmt: skip


def test_the_curve_rises_to_the_score_itself() -> None:
    made = log([sample(str(i), r, tokens=3 + 7 * i + r, score=float(i % 3 > 0)) for i in range(40) for r in range(2)])
    curve = by_tokens(made)
    values = [point.score.value for point in curve]
    assert values == sorted(values) and values[-1] == mean_at(made).value
    assert (curve[0].budget, curve[-1].budget) == (3, 3 + 7 * 39 + 1)
    assert len(curve) <= 24 and all(point.score.low < point.score.high for point in curve)


@pytest.mark.parametrize("tokens", [None, 0, 7])
def test_equal_missing_and_empty_replies(tokens: int | None) -> None:
    curve = by_tokens(log([sample("a", tokens=tokens), sample("b", tokens=tokens)]))
    assert [point.budget for point in curve] == ([] if tokens is None else [max(1, tokens)])
    assert by_tokens(log([sample("a", tokens=3), sample("b", tokens=None)])) == ()
    assert by_tokens(log([])) == ()


def test_pass_and_vote_by_the_number_of_samples() -> None:
    made = drawn(3, 30, repeats=6)
    curves = by_samples(made)
    assert [point.budget for point in curves.passed] == [point.budget for point in curves.majority] == [1, 2, 4, 6]
    assert [point.score for point in curves.passed] == [pass_at(made, k) for k in (1, 2, 4, 6)]
    assert curves.majority[2].score == majority_at(made, 4)
    values = [point.score.value for point in curves.passed]
    assert values == sorted(values) and values[0] == pytest.approx(mean_at(made).value)


def test_every_point_is_of_the_same_items() -> None:
    made = log([*(sample("a", repeat) for repeat in range(5)), *(sample("b", repeat) for repeat in range(3))])
    curves = by_samples(made)
    assert [point.budget for point in curves.passed] == [1, 2, 3]
    assert {point.score.items for point in (*curves.passed, *curves.majority)} == {2}
    assert by_samples(log([])).passed == ()
