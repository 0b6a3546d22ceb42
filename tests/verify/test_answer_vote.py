"""Votes: groups of equal answers, also where equality is not transitive."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phial.verify.vote import clusters


def test_the_largest_group_comes_first_and_ties_go_by_place() -> None:
    assert clusters(["12", "1/2", "12.0", "0.5", "7", "12"]) == [[0, 2, 5], [1, 3], [4]]
    assert clusters(["7", "8", "8.0", "7."]) == [[0, 3], [1, 2]]
    assert clusters([]) == []


def test_a_group_does_not_grow_over_a_bridge() -> None:
    assert clusters(["0.3333", "1/3", "0.33333"]) == [[0, 1], [2]]
    assert clusters(["1/3", "0.3333", "0.33333"]) == [[0, 1], [2]]


def test_what_equals_nothing_stands_alone() -> None:
    assert clusters(["1/0", "2", "nan", "2"]) == [[1, 3], [0], [2]]


@given(st.lists(st.integers(0, 4).map(str), max_size=12))
def test_every_place_is_in_one_group(answers: list[str]) -> None:
    groups = clusters(answers, lambda one, other: one == other)
    assert sorted(place for group in groups for place in group) == list(range(len(answers)))
    assert [len(group) for group in groups] == sorted((answers.count(a) for a in set(answers)), reverse=True)
