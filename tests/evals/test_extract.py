"""What a reply states as its answer, by which rule, and in what time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.evals import extract

OPTIONS = ("Paris", "London", "Rome", "Oslo")


@pytest.mark.parametrize(
    ("reply", "answer", "rule"),
    [
        ("The answer is $29.00.", "29.00", "answer-is"),
        ("so there are 72,", "72", "last-number"),
        ("**Answer:** 5", "5", "answer-colon"),
        ("Answer: 4. Wait.\nAnswer: 5", "5", "answer-colon"),
        ("2 + 2\n#### 1,234", "1234", "hashes"),
        (r"so \boxed{1{,}234}", "1234", "boxed"),
        (r"\boxed{3}, no, \boxed{5}", "5", "boxed"),
        ("Answer: 5 + 3 = 8 apples", "8", "answer-colon"),
        ("5-3 and (5)-3", "3", "last-number"),
        ("it is -7", "-7", "last-number"),
        ("**Final Answer**\n\n**42**", "42", "answer-heading"),
        ("## Answer\n\n12", "12", "answer-heading"),
        (r"Answer: \frac{1}{2}", "1/2", "answer-colon"),
        ("Answer: -3/4", "-3/4", "answer-colon"),
        ("The answer is:\n$$\n7\n$$", "7", "answer-is"),
        ("I got 1,00,000 rupees", "100000", "last-number"),
        ("1,2,3", "3", "last-number"),
        ("x2 and H2O", None, ""),
        (", . $ - ...", None, ""),
        ("\u09e7\u09e8\u09e9", "123", "last-number"),
        ("The answer is 18. It is not 9.\n\nQuestion: How many?\nAnswer: 99", "18", "answer-is"),
        ("The answer is 18.\nHuman: more", "18", "answer-is"),
        ("Question: how many?\nAnswer: 7", "7", "answer-colon"),
        ("Answer: $ANSWER\nAnswer: 8", "8", "answer-colon"),
        ("The answer is 6. The answer is not obvious.", "6", "answer-is"),
        ("", None, ""),
        ("no idea", None, ""),
    ],
)
def test_numbers(reply: str, answer: str | None, rule: str) -> None:
    found = extract.number(reply)
    assert (found.answer, found.rule) == (answer, rule)


@pytest.mark.parametrize(
    ("reply", "answer", "rule"),
    [
        (r"thus \boxed{\frac{1}{2}}.", r"\frac{1}{2}", "boxed"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}", "boxed"),
        (r"\boxed{\left\{ x \right.}", r"\left\{ x \right.", "boxed"),
        (r"\boxed{\boxed{5}}", "5", "boxed"),
        (r"\boxed 5.", "5", "boxed"),
        (r"\fbox{7}", "7", "boxed"),
        (r"first \boxed{3}, then \boxed{4", "3", "boxed"),
        ("Answer: $x=1$ or $x=2$", "x=1, x=2", "answer-colon"),
        (r"Answer: $\frac12$ for all of them", r"\frac12", "answer-colon"),
        (r"Answer: \(3\sqrt{2}\)", r"3\sqrt{2}", "answer-colon"),
        ("Answer: (1, 2)", "(1, 2)", "answer-colon"),
        ("Thus the value is $x = 3$.", "3", "last-formula"),
        (r"**Answer:** $\boxed{5^{5^{5^{5}}}}$", "5^{5^{5^{5}}}", "boxed"),
        ("It must be 12", "12", "last-number"),
    ],
)
def test_expressions(reply: str, answer: str, rule: str) -> None:
    found = extract.expression(reply)
    assert (found.answer, found.rule) == (answer, rule)


@pytest.mark.parametrize(
    ("reply", "answer", "rule"),
    [
        ("Answer: B", "B", "answer-colon"),
        ("Answer: A. No.\n**Answer: C**", "C", "answer-colon"),
        ("The answer is (D).", "D", "answer-is"),
        ("answer: b", "B", "answer-colon"),
        (r"\boxed{\text{(B)}}", "B", "boxed"),
        ("Answer: London", "B", "answer-colon-text"),
        ("The answer is **Rome**.", "C", "answer-is-text"),
        ("Answer: B) London", "B", "answer-colon"),
        ("Answer: A and B", None, "answer-colon-two"),
        ("Answer: A or B.", None, "answer-colon-two"),
        ("The answer is A, I believe.", "A", "answer-is"),
        ("Answer: I think it is C", "C", "last-letter"),
        ("The correct option is **C**.", "C", "choice-is"),
        ("(B) is the correct one, (A) is not", "B", "letter-is-correct"),
        ("I choose option D", "D", "choose"),
        ("B", "B", "last-line"),
        ("as I said\nB) London", "B", "last-line"),
        ("It could be (A) but (C)", "C", "last-bracketed"),
        ("I think A is a nice letter and I am done", None, ""),
        ("None of these", None, ""),
        ("The answer is B\n\nQuestion: next?\nAnswer: C", "B", "answer-is"),
    ],
)
def test_letters(reply: str, answer: str | None, rule: str) -> None:
    found = extract.letter(reply, "ABCDEFGHIJ", OPTIONS)
    assert (found.answer, found.rule) == (answer, rule)


def test_an_option_that_is_a_letter_does_not_hide_the_letters() -> None:
    assert extract.letter("Answer: B", "ABCD", ("D", "A", "C", "B")).answer == "B"


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "unit",
    ["a", "1", "1,", ",", "\\boxed{", "{", "}", "answer ", "Answer: ", "answer" + " " * 1000, "####", "$", "\\(", "A ",
     "\\", "Question ", "-", "answer to ", "\n", "(A) ", "*", "#### a\n", "\\frac{1}{", "answer is ", "Q", "1/", "1.",
     "Final Answer: The final answer is ", "`", "answer is A and "],
)  # fmt: skip
def test_ten_megabytes_take_no_time(unit: str) -> None:
    reply = unit * (10 * MEGABYTE // len(unit))
    started = time.process_time()
    extract.number(reply)
    extract.expression(reply)
    extract.letter(reply, "ABCDEFGHIJ", OPTIONS)
    # A square of the length would take hours.
    assert time.process_time() - started < 5


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="$\\{}boxed#answer:is 0123456789.,-/()*\nABCI", max_size=200))
def test_no_reply_is_a_fault(reply: str) -> None:
    for found in (extract.number(reply), extract.expression(reply), extract.letter(reply, "ABCD", OPTIONS)):
        assert found.answer is None or found.rule
    assert (extract.letter(reply, "ABCD").answer or "A") in "ABCD"


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**9), 10**9), st.sampled_from(["#### {:,}", "Answer: {}", "so\n{:,}.", r"\boxed{{{}}}"]))
def test_a_number_is_found_however_it_is_written(value: int, frame: str) -> None:
    assert extract.number("We add 3 and 4.\n" + frame.format(value)).answer == str(value)
