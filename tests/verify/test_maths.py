"""Mathematical answers: the tier that decides, what is never looked at, and processes that hang."""

from __future__ import annotations

import importlib.util
import math
import os
import threading
import time
import warnings
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.verify import algebra_workers, numeric
from phial.verify.algebra_workers import Workers
from phial.verify.maths import compare, normalised, same, stated

needs_algebra = pytest.mark.skipif(not importlib.util.find_spec("math_verify"), reason="the extra math is missing")


@pytest.mark.parametrize(
    ("answer", "gold", "tier"),
    [
        ("Mia", "mia", "text"),
        (r"\text{Mia}", "Mia.", "text"),
        ("(B)", "B", "text"),
        (r"\boxed{x+1}", "x+1", "text"),
        ("12", "12.", "text"),
        ("+7", "7", "integer"),
        ("007", "7", "integer"),
        ("$1,234$", r"12{,}340/10", "fraction"),
        (r"\$1,234", "1234", "text"),
        (r"\frac{6}{8}", "3/4", "fraction"),
        (r"-\dfrac{1}{2}", "-1/2", "fraction"),
        (r"\frac12", "0.50", "decimal"),
        ("1e3", "1,000", "decimal"),
        ("0.3333", "1/3", "decimal"),
        ("-0.66667", "-2/3", "decimal"),
        ("**42**", r"\(42\)", "text"),
        ("−3", "-3", "text"),  # noqa: RUF001
    ],
)
def test_the_cheap_tiers_find_equals(answer: str, gold: str, tier: str) -> None:
    made = compare(answer, gold)
    assert (made.equal, made.tier, made.reason) == (True, tier, "")
    assert same(answer, gold) and same(gold, answer)
    assert made.verdict() == made.verdict("answer") and made.verdict().detail == tier


@pytest.mark.parametrize(
    ("answer", "gold", "tier"),
    [
        ("12", "21", "integer"),
        ("0.333", "1/3", "decimal"),
        ("0.3334", "1/3", "decimal"),
        ("0.2500001", "1/4", "decimal"),
        ("3.1416", "3.14159", "decimal"),
        ("2/3", "3/2", "fraction"),
        ("Mia", "Noah", "text"),
        ("seven", "7", "text"),
        ("no solution", "0", "text"),
        ("", "3", "guard"),
        ("$$", "", "guard"),
        ("nan", "nan", "guard"),
        ("-Infinity", "-infinity", "guard"),
        ("1/0", "1/0", "guard"),
        ("1e999999", "1e999999", "guard"),
        ("1e-9999999999999999999", "0", "guard"),
        ("9" * 100, "9" * 100, "guard"),
        ("7" * 10_000_000, "7", "guard"),
        ("x" * 10_000_000, "x", "guard"),
        ("5^{5^{5^{5}}}", "5", "guard"),
        ("5**5**5**5", "5", "guard"),
        ("10^{99999}", "x", "guard"),
        ("999999!", "x", "guard"),
        ("3!!!!", "x", "guard"),
        ("(" * 40 + "x" + ")" * 40, "y", "guard"),
        (r"\nan + NaN", "x", "guard"),
    ],
)
def test_the_cheap_tiers_and_the_guards_refuse(answer: str, gold: str, tier: str) -> None:
    started = time.process_time()
    for one, other in ((answer, gold), (gold, answer)):
        made = compare(one, other)
        assert (made.equal, made.tier) == (False, tier)
        assert made.reason and len(made.reason) < 200
    assert not made.verdict().passed
    assert time.process_time() - started < 1.0  # looked at, never computed


@pytest.mark.parametrize(
    ("answer", "gold", "equal"),
    [
        (r"2\sqrt{2}", r"\sqrt{8}", True),
        ("sqrt(8)", r"2\sqrt{2}", True),
        ("(x+1)^2", "x^2+2x+1", True),
        ("x**2 - 1", "(x-1)(x+1)", True),
        ("p - q", "-q + p", True),
        (r"\frac{\pi}{2}", r"0.5\pi", True),
        ("2*pi", r"2\pi", True),
        ("6-5i", "-5i + 6", True),
        (r"\left[ 2,5 \right)", "[2, 5)", True),
        (r"\{3, 2, \sqrt{1}\}", r"\{1,2,3\}", True),
        (r"\frac1{72}", r"\sqrt{\frac{1}{5184}}", True),
        (r"\sqrt[3]{8}x", "2x", True),
        (r"336^\circ", "336", True),
        (r"3\sqrt{2}", r"2\sqrt{3}", False),
        ("x^2-2x+1", "x^2+2x+1", False),
        ("(2, 1)", "(1, 2)", False),
        (r"\{1,2\}", r"\{1,2,3\}", False),
        ("1.73", r"\sqrt{3}", False),
        ("6+5i", "6-5i", False),
    ],
)
def test_values_tell_expressions_apart(answer: str, gold: str, equal: bool) -> None:
    made = compare(answer, gold)
    assert (made.equal, made.tier) == (equal, "value")


@pytest.mark.parametrize(
    "text",
    [r"137\frac{1}{2}", "2 3", "ab", "3 cm", "f(x)", "1/2x", r"\sin x", "5!", "", "-", "(1", "x_1", "1/0", r"\sqrt{-1}",
     "10^{101}", r"\frac{1}", "2^", r"\frac", r"10\%", "{" * 90],
)  # fmt: skip
def test_what_has_two_readings_has_no_value(text: str) -> None:
    assert numeric.value(text) is None


@needs_algebra
@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\{1,2\}\cup\{3\}", r"\{3,2,1\}"),
        ("10%", "0.1"),
        ("2, 5", "5, 2"),
        (r"137\frac{1}{2}", "137.5"),
        (r"\sin\frac{\pi}{2}", "1"),
        (r"12\text{ cm}", "12"),
        ("x = 3", "3"),
    ],
)
def test_algebra_finds_equals(answer: str, gold: str) -> None:
    assert compare(answer, gold) == compare(answer, gold)
    assert (compare(answer, gold).equal, compare(answer, gold).tier) == (True, "algebra")


@needs_algebra
@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\sqrt{7}", r"\sqrt{8}"),
        ("x^2+1", "(x+1)^2"),
        ("(1, 3)", "(1, 2)"),
        ("12 apples", "13"),
        ("{1,2}", "1 < x < 2"),
        ("(1,2)", "{1,2}"),
        ("1, 2", r"1 \le x \le 2"),
    ],
)
def test_algebra_refuses_what_differs(answer: str, gold: str) -> None:
    assert not compare(answer, gold).equal


@needs_algebra
def test_votes_ask_both_ways() -> None:
    assert compare(r"(1,\infty)", "x > 1").equal
    assert not compare("x > 1", r"(1,\infty)").equal
    assert not same("x > 1", r"(1,\infty)") and not same(r"(1,\infty)", "x > 1")


@needs_algebra
def test_a_process_that_hangs_is_killed_and_the_next_answer_comes() -> None:
    workers = Workers(count=1, seconds=20.0)
    try:
        assert workers.decide("x+x", "2x").equal
        first = workers._all[0].process
        assert first is not None
        workers.seconds = 1.0
        late = workers.decide("1", "((10^{999})^{999})^{999}")
        assert late.equal is None and "did not end" in late.reason
        assert first.returncode is not None, "killed and reaped"
        assert workers.decide("1", "((10^{999})^{999})^{999}") is late, "remembered"
        workers.seconds = 20.0
        assert workers.decide("x+x+x", "3x").equal
    finally:
        workers.close()
    assert all(worker.process is None for worker in workers._all)


@needs_algebra
def test_many_threads_share_the_processes_and_one_dies() -> None:
    workers = Workers(count=1, seconds=20.0)
    found: list[bool | None] = []

    def ask(number: int) -> None:
        found.append(workers.decide(f"{number}x+x", f"{number + 1}x").equal)

    try:
        assert workers.decide("a+a", "2a").equal
        process = workers._all[0].process
        assert process is not None
        os.kill(process.pid, 9)
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(2, 8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        workers.close()
    assert found == [True] * 6


def test_without_math_verify_it_is_told_once_and_nothing_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    algebra_workers._available.cache_clear()
    try:
        with pytest.warns(UserWarning, match=r"phial-lm\[math\]"):
            made = compare(r"\sin 0", "0")
        assert (made.equal, made.tier) == (False, "") and "not installed" in made.reason
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not compare(r"\cos 0", "1").equal
    finally:
        algebra_workers._available.cache_clear()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        ("The answer is **7**.", "7"),
        ("The answer is 3.5.", "3.5"),
        (r"\boxed{", None),
        (r"\boxed{}", None),
        (r"\boxed{" + "{" * 100_000, None),
        ("7", None),
        ("", None),
    ],
)
def test_what_a_text_states(text: str, answer: str | None) -> None:
    assert stated(text) == answer


@given(st.fractions(max_denominator=10**6), st.integers(1, 50))
def test_fractions_equal_themselves_in_every_notation(value: Fraction, factor: int) -> None:
    upper, lower = value.numerator * factor, value.denominator * factor
    assert same(f"{upper}/{lower}", str(value))
    assert same(rf"\frac{{{upper}}}{{{lower}}}", str(value))


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_integers_are_equal_only_to_themselves(one: int, other: int) -> None:
    assert same(f"{one:,}", str(one))
    assert same(str(one), str(other)) == (one == other)


@given(st.integers(1, 10**4), st.integers(1, 10**4), st.integers(4, 9))
def test_roundings(upper: int, lower: int, places: int) -> None:
    value = Fraction(upper, lower)
    below = math.floor(value * 10**places)
    for nearby in range(below - 2, below + 4):
        written = f"{nearby // 10**places}.{nearby % 10**places:0{places}d}" if nearby >= 0 else None
        if written and len(written.replace(".", "").lstrip("0")) >= 4:
            exact = Fraction(nearby, 10**places)
            finite = 10**60 % value.denominator == 0
            near = 2 * abs(exact - value) < Fraction(1, 10**places) and not finite
            assert compare(written, f"{upper}/{lower}").equal == (exact == value or near)


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,+-/eE $%\\{}frac*^!x", max_size=14).filter(lambda text: "x" not in text))
def test_a_number_like_text_never_raises_and_equals_itself_or_nothing(text: str) -> None:
    made = compare(text, text)
    assert made.equal == (made.tier == "text")
    normalised(text)
