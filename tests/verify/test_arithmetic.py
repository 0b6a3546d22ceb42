"""Wrong equations in worked solutions are found, and right or unreadable ones are left alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.verify.arithmetic import wrong_equations


@pytest.mark.parametrize(
    "text",
    [
        "12 * 3 = 38",
        "10/3 = 3",
        "so 3 + 4 = 8.",
        "y = 3 + 4 = 8",
        "Total = 3 \u00d7 7 = 22",
        "2 + 2 = 5 + 1 = 6",
        "3 * 4 = 12.5 cm",
        "1/3 + 1/3 = 0.5",
        "$3.50 x 4 = $15",
        "1,000 - 1 = 99",
        "- 3 + 4 = 8",
        "(2 + 3) * 4 = 14",
        "-3 + 4 = 7",
    ],
)
def test_a_wrong_equation_is_found(text: str) -> None:
    assert len(wrong_equations(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12 * 3 = 36",
        "1/3 + 1/3 = 0.67",
        "2 + 3 = 5 apples",
        "$3.50 x 4 = $14",
        "(2+3)*4 = 20 = 2*10",
        "50% of 20 = 10",
        "50% of 20 + 5 = 15",
        "x + 3 + 4 = 8",
        "3 + 4 = 7x",
        "2^3 = 8",
        "5 / 0 = 3",
        "10 - (2 + 3) = 5",
        "- 3 + 4 = 7",
        "1,000 + 5 = 1,005",
        "f(3) = 4",
        "3 = 3",
        "9:30 + 2 hours = 11:30",
        "=" * 5000,
        "1+" * 5000 + "1 = 2",
        "(" * 5000,
        "2 ** 99999999 = 1",
    ],
)
def test_what_is_right_or_no_plain_equation_is_left_alone(text: str) -> None:
    assert wrong_equations(text) == []


@given(st.integers(1, 999), st.sampled_from("+-*/"), st.integers(1, 999), st.integers(-2, 2))
def test_an_equation_is_wrong_by_its_value_alone(left: int, sign: str, right: int, error: int) -> None:
    value = {"+": left + right, "-": left - right, "*": left * right, "/": Fraction(left, right)}[sign]
    if Fraction(value).denominator == 1:
        told = f"We get {left} {sign} {right} = {int(value) + error}."
        assert bool(wrong_equations(told)) is bool(error)
