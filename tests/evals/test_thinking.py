"""What is left of a reply without its thinking: the five cases that harnesses get wrong, and linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.evals.thinking import Visible, closes_unopened, left_open, visible

CASES = {
    "none": (("The answer is 5.",), ("The answer is 5.", False)),
    "normal": (("<think>It is 4, no, 5.</think>\n\nThe answer is 5.",), ("The answer is 5.", False)),
    "empty thinking": (("<think>\n\n</think>\n\n5",), ("5", False)),
    "several closing tags": (("<think>a</think> so 4? </think> no, 6 </think>\n5",), ("5", False)),
    "thinks again": (("<think>a</think><think>b</think>5",), ("5", False)),
    "prefilled opening tag": (("It is 5.</think>5", "", "stop", True), ("5", False)),
    "prefilled, not known": (("It is 5.</think>5",), ("5", False)),
    "prefilled and opened again": (("<think>It is 5.</think>5", "", "stop", True), ("5", False)),
    "prefilled and truncated": (("I think the answer is 4", "", "length", True), ("", True)),
    "truncated": (("<think>The answer is 4", "", "length"), ("", True)),
    "ended in its thinking": (("<think>The answer is 4", "", "stop"), ("", True)),
    "truncated when it thought again": (("<think>a</think>4\n<think>or b", "", "length"), ("", True)),
    "truncated behind its thinking": (("<think>a</think>The ans", "", "length"), ("The ans", True)),
    "truncated without thinking": (("The answer is 5. The", "", "length"), ("The answer is 5. The", True)),
    "quotes the tag in code": (
        ("<think>a</think>It ends with `</think>`. Answer: 5",),
        ("It ends with `</think>`. Answer: 5", False),
    ),
    "quotes the tag in marks": (
        ('<think>a</think>Split at "</think>" or \'\\n</think>\\n\'. Answer: 5',),
        ('Split at "</think>" or \'\\n</think>\\n\'. Answer: 5', False),
    ),
    "quotes both, never thinks": (("Write ``<think>…</think>``.\n5",), ("Write ``<think>…</think>``.\n5", False)),
    "quotes the tag in a block": (
        ("<think>a</think>So:\n```\n<think>\nx\n</think>\n```\n5",),
        ("So:\n```\n<think>\nx\n</think>\n```\n5", False),
    ),
    "quotes the tag while it thinks": (("<think>I write `</think>` then 4", "", "length"), ("", True)),
    "quotes while it thinks, then ends": (("<think>I write `</think>`.</think>5",), ("5", False)),
    "a fence that thinking leaves open": (("<think>```\nx\n</think>\n```\ny\n```",), ("```\ny\n```", False)),
    "speaks of the opening tag": (("The <think> tag opens. 5",), ("The <think> tag opens. 5", False)),
    "kept apart by the server": (("5", "It is 4, no, 5."), ("5", False)),
    "kept apart, prefilled": (("5", "It is 4, no, 5.", "stop", True), ("5", False)),
    "kept apart up to the first closing tag": (("so 4? </think>5", "a"), ("5", False)),
    "kept apart and truncated": (("", "It is 4", "length"), ("", True)),
    "kept apart, ended in its thinking": (("", "It is 4", "stop"), ("", True)),
    "empty": (("",), ("", False)),
    "other names": (("<Thinking>\n4</Thinking>5",), ("5", False)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_what_stands_behind_the_thinking(name: str) -> None:
    arguments, (text, truncated) = CASES[name]
    assert visible(*arguments) == Visible(text, truncated)


def test_how_prompts_and_replies_tell_of_a_prefilled_tag() -> None:
    assert left_open("<|im_start|>assistant<think>\n") and left_open("<think>" + " " * 20)
    assert not left_open("<think>a</think>\n") and not left_open("use <think> tags") and not left_open("")
    assert closes_unopened("a</think>b") and not closes_unopened("<think>a</think>b")
    assert not closes_unopened("`</think>` ends it") and not closes_unopened("5")


PIECES = ["<think>", "</think>", "`", '"', "\n", "```", "a", " "]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_what_is_visible_is_an_end_of_the_reply(reply: str) -> None:
    for opened in (False, True):
        found = visible(reply, opened=opened)
        assert reply.endswith(found.text)
        assert found.truncated is False or found.text == ""


HOSTILE = ["<think>", "</think>", "`", "``", '"', '"\\n', "`</think>", "```\n</think>\n", " ", "<", "\n ", "`a``"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_megabytes_of_anything_are_read(piece: str) -> None:
    """Were anything quadratic, this would take hours."""
    assert visible("<think>" + piece * (4_000_000 // len(piece)) + "\n</think>5", opened=True).text == "5"
