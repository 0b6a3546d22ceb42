"""Worked equations: every chain is true, and its middle part is there when a carry or borrow is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from phial.synth.problems.check import check_relations
from phial.synth.problems.equation import equation, multiples

NUMBER = st.integers(0, 2000)


@given(NUMBER, NUMBER)
def test_sums_and_differences_are_true_and_show_carries(a, b):
    a, b = max(a, b), min(a, b)
    total, difference = equation(a, "+", b, a + b), equation(a, "-", b, a - b)
    assert check_relations(f"{total}. {difference}.") is None
    assert total.endswith(f" = {a + b}")
    assert difference.endswith(f" = {a - b}")
    if a >= 10 and a % 10 and b % 10:
        assert (total.count("=") == 2) == (a % 10 + b % 10 >= 10)
        if b >= 10:
            assert (difference.count("=") == 2) == (a % 10 < b % 10)


@given(NUMBER, NUMBER)
def test_products_and_quotients_are_true(a, b):
    assert check_relations(f"{equation(a, '*', b, a * b)}.") is None
    if b:
        assert check_relations(f"{equation(a * b, '/', b, a)}.") is None


def test_facts_have_no_middle_part():
    for text in (
        equation(7, "+", 8, 15),
        equation(13, "-", 6, 7),
        equation(12, "*", 12, 144),
        equation(84, "/", 7, 12),
    ):
        assert text.count("=") == 1


def test_no_part_repeats_its_neighbour():
    assert equation(70, "-", 8, 62) == "70 - 8 = 62"
    assert equation(200, "-", 160, 40) == "200 - 160 = 100 - 60 = 40"


@given(st.integers(2, 30), st.integers(1, 600))
def test_multiples_find_the_quotient(number, more):
    total = number * (more // number + 1) + more % (number - 1) + 1
    tries = [(int(n), sign) for n, sign in re.findall(r"(\d+) \* \d+ = \d+ ([<>])", multiples(number, total))]
    assert max(n for n, sign in tries if sign == "<") == total // number
    assert min(n for n, sign in tries if sign == ">") == total // number + 1
    assert check_relations(multiples(number, total) + ".") is None
