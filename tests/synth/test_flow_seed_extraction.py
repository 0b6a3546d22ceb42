"""Seed extraction: pages that teach, cut into passages whose tags hold."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.seed_extraction import Passage, numbered_lines, seed_extraction, whole_lines

PAGE = """Queues and stacks

A queue serves those who came first. New ones are put at its end, and the next one is taken from its front.
If nobody is taken, the queue only grows. So a queue that is filled faster than it is served needs a limit.

A stack serves those who came last. New ones are put on its top, and the next one is taken from its top.
Undo in an editor is a stack, since the last change is the first to be taken back.
"""
QUEUE = {
    "first_line": 3,
    "last_line": 4,
    "information_type": "explanation",
    "description": "How a queue is served, and why a queue that is filled faster than it is served needs a limit.",
    "complexity": "B",
    "factual_obscurity": "A",
    "chain_of_reasoning": True,
    "steps": [
        {
            "assumption": "Nobody is taken.",
            "conclusion": "The queue grows.",
            "description": "What goes in stays.",
            "depends_on": [],
        },
        {
            "assumption": "It is filled faster than it is served.",
            "conclusion": "It needs a limit.",
            "description": "It would grow without end.",
            "depends_on": [1],
        },
    ],
}
STACK = QUEUE | {
    "first_line": 6,
    "last_line": 7,
    "description": "What a stack serves first, with undo in an editor.",
    "chain_of_reasoning": False,
    "steps": [],
}


def answers(*passages: dict, value: int = 4) -> dict:
    return {
        "seed-page": {"topic": "queues and stacks", "educational_value": value},
        "seed-passages": {"passages": list(passages)},
    }


def test_passages_are_cut_out_with_their_tags(tmp_path: Path) -> None:
    records, drops = make(seed_extraction, seed(PAGE), scripted(answers(QUEUE, STACK)), tmp_path)
    lines = PAGE.splitlines()
    assert [record.text for record in records] == [f"{lines[2]}\n{lines[3]}\n", f"{lines[5]}\n{lines[6]}\n"]
    first = records[0]
    assert not drops and first.kind == "organic" and first.source == "test" and first.license == "CC0-1.0"
    assert (
        first.lineage.params["steps"][1]["depends_on"] == [1] and first.lineage.params["topic"] == "queues and stacks"
    )
    assert first.scores == {"educational_value": 4.0} and len(first.lineage.request_keys) == 2


WRAPPED = """A queue serves those who came first, and new ones are put at
its end. The next one is taken from its front, so that nobody in
the queue waits for ever. A stack serves those who came
last. The change that an editor undoes first is the last one.

The heap serves those who are most urgent, whenever they came.
"""


def test_a_passage_goes_on_to_the_end_of_its_sentence(tmp_path: Path) -> None:
    lines = WRAPPED.splitlines()
    words = "A queue serves those who came first; the next one is taken from its front."
    first = QUEUE | {"first_line": 1, "last_line": 2, "description": words}
    second = STACK | {"first_line": 3, "last_line": 3, "description": "A queue waits, a stack serves those who came."}
    both = scripted(answers(first, second))
    made, drops = make(seed_extraction, seed(WRAPPED), both, tmp_path, {"least_characters": 40})
    # The first one takes what the second began with, up to the end of the paragraph's last sentence.
    assert made[0].text == "\n".join(lines[:4]) + "\n" and made[0].lineage.params["last_line"] == 4
    assert [drop.reason for drop in drops] == ["short passage"] and len(made) == 1


@given(
    st.lists(
        st.sampled_from(["", "It ends here.", "It goes", "on and on", '"Said so."', "x = 1"]), min_size=1, max_size=9
    ),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=3),
)
def test_whole_passages_share_no_line_and_end_where_they_may(lines: list[str], spans: list[tuple[int, int]]) -> None:
    used: set[int] = set()
    for first, more in spans:
        if first + more > len(lines) or set(range(first, first + more + 1)) & used:
            continue
        span = whole_lines(
            Passage.model_validate(STACK | {"first_line": first, "last_line": first + more}), lines, used
        )
        assert not used & set(span) and {first, first + more} <= set(span)
        last = lines[span[-1] - 1]
        following = lines[span[-1]] if span[-1] < len(lines) and span[-1] + 1 not in used else ""
        assert not following or not last or last.endswith((".", '."'))
        used.update(span)


def test_a_page_without_value_is_not_cut(tmp_path: Path) -> None:
    asked: list = []
    made, [drop] = make(seed_extraction, seed(PAGE), scripted(answers(QUEUE, value=2), asked), tmp_path)
    assert not made and drop.reason == "low educational value" and len(asked) == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"first_line": 0}, "no such lines"),
        ({"last_line": 99}, "no such lines"),
        ({"first_line": 4, "last_line": 3}, "no such lines"),
        ({"first_line": -2, "last_line": -1}, "no such lines"),
        ({"first_line": 1, "last_line": 2}, "short passage"),
        ({"first_line": 5, "last_line": 7}, "description of something else"),
        ({"description": "The history of the steam engine in Wales."}, "description of something else"),
        ({"steps": []}, "steps do not hold together"),
        ({"chain_of_reasoning": False}, "steps do not hold together"),
        ({"steps": [QUEUE["steps"][1]]}, "steps do not hold together"),  # type: ignore[index]
        ({"complexity": "F"}, "wrong form"),
        ({"first_line": "three"}, "wrong form"),
    ],
)
def test_each_gate_turns_away(tmp_path: Path, changed: dict, reason: str) -> None:
    made, [drop] = make(seed_extraction, seed(PAGE), scripted(answers(QUEUE | changed)), tmp_path)
    assert not made and drop.reason == reason


def test_a_passage_is_given_once(tmp_path: Path) -> None:
    made, [drop] = make(seed_extraction, seed(PAGE), scripted(answers(QUEUE, QUEUE)), tmp_path)
    assert len(made) == 1 and drop.reason == "overlapping passages"


def test_no_passages_are_counted(tmp_path: Path) -> None:
    made, [drop] = make(seed_extraction, seed(PAGE), scripted(answers()), tmp_path)
    assert not made and drop.reason == "no passage"


def test_a_long_page_is_shown_in_windows_and_lines_are_those_of_the_page(tmp_path: Path) -> None:
    asked: list = []
    page = PAGE + "\n" + PAGE
    source = scripted(answers(QUEUE), asked)
    records, _ = make(seed_extraction, seed(page), source, tmp_path, {"lines": 8})
    assert [record.lineage.params["first_line"] for record in records] == [3, 11]
    assert len(asked) == 3


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str) -> None:
    for task in ("seed-page", "seed-passages"):
        source = scripted(answers(QUEUE) | {task: HOSTILE[attack]})
        made, drops = make(seed_extraction, seed(PAGE), source, tmp_path / task)
        assert not made and [drop.reason for drop in drops] == ["wrong form"]


@given(st.text(st.sampled_from("aB.! \n"), max_size=700))
def test_numbered_lines_are_the_text(text: str) -> None:
    assert "".join(numbered_lines(text)) == text


def test_a_paragraph_on_one_line_is_cut_into_sentences() -> None:
    paragraph = " ".join(f"Sentence number {i} says something of its own." for i in range(20))
    assert len(numbered_lines(paragraph)) == 20
