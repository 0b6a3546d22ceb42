"""The diversity report: copies lower every measure, and coverage counts what was drawn."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.record import Lineage, Record
from phial.synth.book import Book
from phial.synth.diversity import coverage, measure


def record(text: str, parents: tuple[str, ...] = (), **drawn: str) -> Record:
    return Record("passage", "test", "CC0-1.0", Lineage("f", "1", parents, params={"diversity": drawn}), text=text)


PAGES = Book().problems[:120]
VARIED = [record(f"{page.idea} {page.question} {page.work}") for page in PAGES]
COPIES = [record(VARIED[place % 6].content) for place in range(120)]


def test_copies_are_less_diverse_by_every_measure() -> None:
    varied, copies = measure(VARIED), measure(COPIES)
    assert varied.documents == copies.documents == 120
    assert all(varied.distinct[n] > copies.distinct[n] for n in (1, 2, 3, 4))
    assert varied.type_token > copies.type_token and varied.compression < copies.compression
    assert varied.self_repetition < copies.self_repetition == 1.0 and varied.openings < copies.openings == 1.0
    assert varied.nearest < copies.nearest == pytest.approx(1.0)
    assert copies.effective == pytest.approx(6 / 120, rel=0.2) and varied.effective > 4 * copies.effective


def test_entirely_different_documents_count_fully() -> None:
    made = measure([record(f"a{n} b{n} c{n} d{n} e{n}") for n in range(30)])
    assert made.effective == pytest.approx(1.0) and made.nearest == 0.0 and made.self_repetition == 0.0
    assert made.distinct[1] == 1.0


def test_coverage_of_draws_and_of_a_topic_tree() -> None:
    topics = [Record("topic", "t", "CC0-1.0", Lineage("topic-tree", "1"), text=f"Cooking > {n}") for n in range(4)]
    made = measure(
        [
            record("one text", (topics[0].id,), noun="owl"),
            record("two texts", (topics[0].id,), noun="fox"),
            record("three texts", (topics[2].id, "elsewhere"), noun="fox"),
        ],
        {"noun": ["owl", "fox", "bear"]},
        topics,
    )
    assert (made.coverage["noun"].covered, made.coverage["noun"].possible) == (2, 3)
    assert made.coverage["noun"].missing == ("bear",) and made.coverage["noun"].most[0] == ("fox", 2)
    assert (made.coverage["topic"].covered, made.coverage["topic"].possible) == (2, 4)
    assert made.coverage["topic"].missing == ("Cooking > 1", "Cooking > 3")
    told = "\n".join(made.lines())
    assert "noun: 2 of 3 covered" in told and "topic: 2 of 4 covered" in told
    json.dumps(made.facts())


def test_evenness() -> None:
    assert coverage(["a", "b", "c"], "abc").evenness == pytest.approx(1.0)
    assert coverage(["a", "a", "a"], "abc").evenness == 0.0
    assert coverage([], "abc").covered == 0
    assert coverage(["a"]).evenness == 1.0


@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_texts_can_be_measured(texts: list[str]) -> None:
    made = measure([record(text) for text in texts])
    assert 0 <= made.effective <= 1.0 + 1e-9 and 0 <= made.nearest <= 1.0
    made.lines()
