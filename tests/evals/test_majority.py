"""Majority votes against counting all of them."""

from __future__ import annotations

from itertools import combinations

import pytest
from figure_logs import log, sample
from hypothesis import given
from hypothesis import strategies as st

from phial.evals.majority import elected, majorities, majority_at, same_answer
from phial.evals.scores import mean_at

WORTH = {"a": 1.0, "b": 0.0, "c": 0.25, "d": 0.0}


def counted(answers: list[str | None], k: int) -> float:
    """By going through all sets of k replies."""
    total = sets = 0
    for chosen in combinations(answers, k):
        votes = [answer for answer in chosen if answer is not None]
        most = max((votes.count(answer) for answer in votes), default=0)
        tied = {answer for answer in votes if votes.count(answer) == most}
        total += sum(WORTH[answer] for answer in tied) / len(tied) if tied else 0
        sets += 1
    return total / sets


@given(st.lists(st.sampled_from([*WORTH, None]), min_size=1, max_size=9), st.data())
def test_a_vote_of_k_is_the_mean_over_all_sets_of_k(answers: list[str | None], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    groups = [(answers.count(answer), worth) for answer, worth in WORTH.items() if answer in answers]
    assert elected(groups, answers.count(None), k) == pytest.approx(counted(answers, k))


def made(*answers: str | None, right: str = "2") -> list:
    return [
        sample("a", repeat, answer=answer, score=float(answer is not None and same_answer(answer, right)))
        for repeat, answer in enumerate(answers)
    ]


def test_answers_that_differ_in_writing_vote_together() -> None:
    assert majority_at(log(made("2", "2.0", "3", "3", r"\frac{4}{2}")), 5).value == 1.0
    assert majority_at(log(made("2", "2.0", "3", "3", "3.0")), 5).value == 0.0


def test_a_tie_is_the_mean_of_the_tied() -> None:
    assert majority_at(log(made("2", "3")), 2).value == 0.5


def test_replies_without_an_answer_do_not_vote() -> None:
    assert majority_at(log(made("2", None, None, None)), 4).value == 1.0
    assert majority_at(log(made(None, None)), 2).value == 0.0
    assert majority_at(log(made("2", None)), 1).value == 0.5


def test_one_vote_is_the_mean() -> None:
    one = log(made("2", "3", None, "2.0", "5"))
    assert majority_at(one, 1).value == pytest.approx(mean_at(one).value)


def test_what_is_equal_can_be_told() -> None:
    one = log(made("yes", "Yes!", "no", right="Yes!"))
    assert majority_at(one, 3).value == pytest.approx(1 / 3)
    assert majority_at(one, 3, lambda a, b: a[0].lower() == b[0].lower()).value == 0.5


def test_items_with_fewer_replies_are_left_out_of_larger_votes_only() -> None:
    one = log([*made("2", "2", "3"), sample("b", answer="3", score=0.0)])
    assert [(e.value, e.items, e.samples) for e in majorities(one, (1, 3))] == [
        (pytest.approx(1 / 3), 2, 4), (1.0, 1, 3)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("A", "B", False), ("a", "A", True), ("Paris", "paris.", True), ("1,000", "1000", True),
        ("0.5", r"\frac12", True),
        ("x+1", "1+x", True), ("def f():\n  return 1" * 40, "def f():\n  return 2" * 40, False), ("", " ", True),
        ("5^{5^{5^{5}}}", "5^{5^{5^{6}}}", False), ("nan", "nan", True),
    ],
)  # fmt: skip
def test_same_answers(one: str, other: str, equal: bool) -> None:
    assert same_answer(one, other) == same_answer(other, one) == equal
