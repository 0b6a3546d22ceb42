"""Prose: what failing teachers write is refused, textbook prose is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.synth.book import Book
from phial.verify.prose import check_prose

GOOD = (
    "A fraction names a part of a whole. The lower number says into how many equal parts the whole was cut, and the "
    "upper number says how many of them we take. If a cake is cut into eight slices and you eat three, you ate 3/8 of "
    "the cake. Two fractions can be equal although they look different: 1/2 and 4/8 take the same amount of cake."
)


def test_good_prose_passes() -> None:
    verdict = check_prose(GOOD, prompt="Write a short passage about fractions for a child of ten years.")
    assert verdict.passed, verdict.detail
    assert verdict.detail == f"{len(GOOD.split())} words"
    assert check_prose(f"{GOOD}\n\nHere's an example of how to add two of them:\n\n1/8 + 2/8 = 3/8.").passed


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "too short"),
        ("Fractions are parts.", "too short"),
        ("word " * 5000 + ".", "too long"),
        (f"As an AI language model, I cannot eat. {GOOD}", "speaks as an assistant"),
        (f"Sure! {GOOD}", "speaks as an assistant"),
        (f"Here is the passage about fractions:\n\n{GOOD}", "speaks as an assistant"),
        (f"{GOOD}\n\nHere is your passage:\n\n{GOOD}", "speaks as an assistant"),
        (f"I'm sorry, but I can't do that. {GOOD}", "speaks as an assistant"),
        (f"{GOOD} I hope this helps.", "speaks as an assistant"),
        (f"{GOOD} Ask [Your Name] for more.", "has a hole"),
        (f"{GOOD}\n# TODO: finish.", "has a hole"),
        (f"{GOOD} {{{{ topic }}}}.", "has a hole"),
        (f"{GOOD}<|im_end|>.", "control text"),
        (f"{GOOD} �.", "control text"),
        (GOOD[:-20] + " and then the", "cut off"),
        (f"{GOOD}\n```python\nprint(1)", "cut off"),
        (f"{GOOD} " + "\u5206\u6570\u662f" * 8, "another script"),
        (f"{GOOD} " + "And so on and on it goes for ever. " * 6, "repeats itself"),
        (
            "\n".join([GOOD, "The same line comes again.", "The same line comes again.", "A last line ends it."] * 2),
            "repeats",
        ),
    ],
)
def test_faults_are_found(text: str, fault: str) -> None:
    verdict = check_prose(text)
    assert not verdict.passed
    assert fault in verdict.detail


def test_an_echo_of_the_prompt_is_found() -> None:
    prompt = "Explain to a child of ten years why the lower number of a fraction says how many parts there are."
    assert not check_prose(f"{GOOD} {prompt}", prompt=prompt).passed
    assert check_prose(GOOD, prompt=prompt).passed


def test_checked_pages_pass() -> None:
    pages = Book().problems[:300]
    faults = [check_prose(f"{page.idea}\n\n{page.question}\n\n{page.work}", least_words=5) for page in pages]
    assert [verdict for verdict in faults if not verdict.passed] == []


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    check_prose(text, prompt=text, least_words=0)
