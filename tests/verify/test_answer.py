"""Final answers: what counts as stated, and what counts as equal."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.verify.answer import equal, extract


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 * 4 = 12. The answer is 12.", "12"),
        ("The answer is 3.5.", "3.5"),
        ("The answer is 1. No. The answer is 2.", "2"),
        ("The answer is Mia.\nThat was easy.", "Mia"),
        ("The answer is  3/4 ", "3/4"),
        ("12", None),
        ("#### 12", None),
        ("The answer is", None),
        ("The answer is.", None),
        ("The answer isn't 5.", None),
        ("The answer is\n12", None),
        ("The answer is 7. The answer is", None),
        ("", None),
    ],
)
def test_extract(text: str, answer: str | None) -> None:
    assert extract(text) == answer


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (" Mia ", "mia"),
        ("1,234", "1234"),
        ("6/8", "3/4"),
        ("0.50", "1/2"),
        ("5.", "5"),
        ("-0.25", "-1/4"),
        ("+7", "7"),
        ("1e3", "1,000"),
        ("0.1", "1/10"),
        ("yes", "Yes"),
    ],
)
def test_equal(answer: str, gold: str) -> None:
    assert equal(answer, gold)
    assert equal(gold, answer)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("12", "21"),
        ("0.333", "1/3"),
        ("1,23", "123"),
        ("12 apples", "12"),
        ("", ""),
        ("nan", "nan"),
        ("-Infinity", "-infinity"),
        ("1/0", "1/0"),
        ("0/0", "0"),
        ("1e999999", "1e999999"),
        ("1e-999999999999999999999", "0"),
        ("9" * 10_000, "9" * 10_000),
        ("1/" + "9" * 10_000, "0"),
        ("١٢", "12"),
        ("0x10", "16"),
        ("1_000", "1000"),
    ],
)
def test_not_equal_and_quick(answer: str, gold: str) -> None:
    started = time.perf_counter()
    assert not equal(answer, gold)
    assert not equal(gold, answer)
    assert time.perf_counter() - started < 0.05


@given(st.text(), st.text())
def test_never_raises(answer: str, gold: str) -> None:
    assert equal(answer, gold) == equal(gold, answer)
    extract(answer)


@given(st.from_regex(r"[-+0-9.,/eE ]{0,12}", fullmatch=True), st.from_regex(r"[-+0-9.,/eE ]{0,12}", fullmatch=True))
def test_never_raises_on_what_looks_like_numbers(answer: str, gold: str) -> None:
    assert equal(answer, gold) == equal(gold, answer)


@given(st.fractions(max_denominator=10**6), st.integers(1, 50))
def test_a_fraction_equals_itself_unreduced(value: Fraction, factor: int) -> None:
    assert equal(f"{value.numerator * factor}/{value.denominator * factor}", str(value))


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_integers_are_equal_only_to_themselves(one: int, other: int) -> None:
    assert equal(f"{one:,}", str(one))
    assert equal(str(one), str(other)) == (one == other)
