"""Figures of a log: means, pass@k, best-of-k, parts, tags and costs."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from figure_logs import drawn, log, sample, scored
from hypothesis import given
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.evals.scores import best_of, best_score, by_tag, mean_at, parts, pass_at, pass_share, summary, tags


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.integers(1, 9))
def test_pass_at_k_is_the_mean_over_all_sets_of_k(replies: list[bool], k: int) -> None:
    k = min(k, len(replies))
    sets = list(combinations(replies, k))
    assert pass_share(len(replies), sum(replies), k) == pytest.approx(sum(map(any, sets)) / len(sets))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=8), st.data())
def test_best_of_k_is_the_mean_over_all_sets_of_k(replies: list[tuple[int, float]], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(replies)))
    found = []
    for chosen in combinations(replies, k):
        best = max(value for value, _ in chosen)
        equals = [score for value, score in chosen if value == best]
        found.append(sum(equals) / len(equals))
    assert best_score(replies, k) == pytest.approx(math.fsum(found) / len(found))


def test_a_perfect_chooser_reaches_pass_at_k_and_a_blind_one_the_mean() -> None:
    made = drawn(1, 40, repeats=6)
    for k in (1, 3, 6):
        assert best_of(made, k).value == pytest.approx(pass_at(made, k).value)
        assert best_of(made, k, lambda _: 0.0).value == pytest.approx(mean_at(made).value)
    assert best_of(made, 6, lambda s: -s.score).value < mean_at(made).value
    assert pass_at(made, 1).value == pytest.approx(mean_at(made).value)


def test_a_mean_is_over_items_not_replies() -> None:
    estimate = mean_at(scored([[1.0], [0.0, 0.0, 0.0]]))
    assert (estimate.value, estimate.items, estimate.samples) == (0.5, 2, 4)


def test_items_with_too_few_replies_are_left_out_of_pass_at_k() -> None:
    estimate = pass_at(scored([[1.0], [0.0, 1.0], [0.0, 0.0]]), 2)
    assert (estimate.value, estimate.items, estimate.samples) == (0.5, 2, 4)
    with pytest.raises(PhialError, match="no figure of 0 replies"):
        pass_at(scored([[1.0]]), 0)


def test_only_a_whole_score_passes() -> None:
    assert pass_at(scored([[0.9, 0.99], [1.0, 0.0]]), 2).value == 0.5


def test_parts_are_sums_by_sums_over_items() -> None:
    made = log(
        [
            sample("a", 0, parts={"instructions": (1.0, 3.0), "contest": (6.0, 6.0)}),
            sample("a", 1, parts={"instructions": (3.0, 3.0)}),
            sample("b", 0, parts={"instructions": (1.0, 1.0)}),
            sample("b", 1),
        ]
    )
    figures = parts(made)
    assert list(figures) == ["instructions", "contest"]
    assert figures["instructions"].value == pytest.approx(5 / 7)
    assert (figures["instructions"].items, figures["instructions"].samples) == (2, 3)
    assert (figures["contest"].value, figures["contest"].items) == (1.0, 1)
    assert figures["contest"].low < 0.3  # a single item says little


def test_tags_split_the_items() -> None:
    made = log([sample("a", tags={"level": "1"}), sample("b", tags={"level": "2"}, score=0.0), sample("c")])
    assert tags(made) == ("level",)
    assert {value: (e.value, e.items) for value, e in by_tag(made, "level").items()} == {"1": (1.0, 1), "2": (0.0, 1)}


def test_a_summary_counts_what_was_missed_and_what_it_cost() -> None:
    made = log(
        [
            sample("a", tokens=10, cpu_seconds=2.0),
            sample("b", tokens=30, answer=None, rule="", score=0.0, finish="length", truncated=True, cpu_seconds=4.0),
            sample("c", tokens=None, answer=None, rule="", score=0.0),
        ],
        items=4,
    )
    found = summary(made)
    assert found.score.value == pytest.approx(1 / 3)
    assert (found.none.value, found.truncated.value) == pytest.approx((2 / 3, 1 / 3))
    assert found.finishes == {"stop": 2, "length": 1}
    assert found.tokens is not None and (found.tokens.value, found.tokens.items) == (20.0, 2)
    assert found.cpu_seconds is not None and found.cpu_seconds.value == 3.0
    assert not found.complete
    elsewhere = summary(log([sample("a", tokens=None)]))
    assert elsewhere.tokens is None and elsewhere.cpu_seconds is None and elsewhere.complete


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.5, float("inf")])
def test_a_score_that_is_none_is_refused(score: float) -> None:
    with pytest.raises(PhialError, match="has the score"):
        mean_at(scored([[score]]))


def test_a_reply_that_is_there_twice_is_refused() -> None:
    with pytest.raises(PhialError, match="twice"):
        mean_at(log([sample("a"), sample("a")]))


def test_an_empty_log_says_nothing() -> None:
    estimate = mean_at(log([]))
    assert math.isnan(estimate.value) and estimate.items == 0
