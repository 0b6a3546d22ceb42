"""Rewrites: another form of the same content, in other words."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.rewrite_augment import FORMS, has_headings, rewrite_augment, rewrite_fault

TEXT = (
    "A queue serves those who came first. New ones are put at its end, and the next one is taken from its front. If "
    "nobody is taken, the queue only grows. So a queue that is filled faster than it is served needs a limit."
)
DISCUSSION = """**Student:** Why is the one who came first also the first to be served?
**Tutor:** Because in a queue you join at the end and leave from the front. Think of people at a bakery.
**Student:** And what happens when nobody leaves the front for a while?
**Tutor:** Then the queue only grows. With 3 people who join in a minute and 2 who leave, after ten minutes there are
ten more than before.
**Student:** So I should put a limit on it when it is filled faster than it can be served?
**Tutor:** That is right. Without a limit it takes up all the memory there is.
"""
REASONING = """Situation: A printer takes 4 pages in a minute from its queue, and 6 new pages are put into it.
Question: How many more pages wait after 5 minutes, and what is needed?
Reasoning:
1. In a minute the queue grows by 6 - 4 = 2 pages, since more are put at the end than are taken from the front.
2. After 5 minutes there are 5 * 2 = 10 more pages.
3. A queue that is filled faster than it is served grows without end, so it needs a limit.
Answer: 10 more pages wait, and the queue needs a limit.
"""
WHALES = (
    "Whales are mammals that live in the sea and come up for air. They feed their young with milk, and some are "
    "the largest animals that have ever been on this earth. Their songs are heard over many miles, and each group has "
    "songs of its own that it teaches to its young. Some of them dive for an hour and longer."
)


@pytest.mark.parametrize(
    ("form", "written"), [("discussion", DISCUSSION), ("reasoning", REASONING), ("lesson", DISCUSSION)]
)
def test_a_rewrite_is_kept_in_its_form(tmp_path: Path, form: str, written: str) -> None:
    source = scripted({"rewrite": written})
    [record], drops = make(rewrite_augment, seed(TEXT), source, tmp_path, {"forms": [form]})
    assert not drops and record.text == written and record.lineage.params == {"form": form}
    assert record.kind == ("passage" if form == "lesson" else "exercise")


def test_forms_are_drawn_without_repetition(tmp_path: Path) -> None:
    asked: list = []
    make(rewrite_augment, seed(TEXT), scripted({"rewrite": ""}, asked), tmp_path, {"rewrites": 9})
    assert len(asked) == len({request.messages for request in asked}) == len(FORMS)


@pytest.mark.parametrize(
    ("form", "written", "reason"),
    [
        ("exercises", DISCUSSION, "another form"),
        ("discussion", REASONING, "another form"),
        ("reasoning", REASONING.replace("6 - 4 = 2", "6 - 4 = 3"), "wrong arithmetic"),
        ("lesson", TEXT * 2, "copies its source"),
        ("lesson", DISCUSSION.replace("That is right.", "The text above says so."), "refers to its text"),
        ("lesson", WHALES, "has left its source"),
        ("lesson", "Too little.", "too short"),
    ],
)  # fmt: skip
def test_each_gate_turns_away(tmp_path: Path, form: str, written: str, reason: str) -> None:
    assert rewrite_fault(written, TEXT, form) == reason
    source = scripted({"rewrite": written})
    made, [drop] = make(rewrite_augment, seed(TEXT), source, tmp_path, {"forms": [form]})
    assert not made and (drop.reason, drop.detail) == (reason, form)


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str) -> None:
    made, [_] = make(rewrite_augment, seed(TEXT), scripted({"rewrite": HOSTILE[attack]}), tmp_path)
    assert not made


def test_headings_count_at_the_beginning_of_lines_and_in_order() -> None:
    assert has_headings("## Situation\n...\n**Question**: ?\n3. Reasoning\nAnswer 4", FORMS["reasoning"])
    assert not has_headings("Answer\nReasoning\nQuestion\nSituation", FORMS["reasoning"])
    assert not has_headings("The Situation, Question, Reasoning and Answer", FORMS["reasoning"])
