"""Dialogue: two agents in turn, each turn revised, and what spoils a conversation ends it."""

from itertools import count
from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.flows.dialogue import dialogue, spoken
from phial.synth.request import TeacherRequest
from phial.synth.scripted import Written

STUDENT = [
    "Why does a queue serve the people who came first before all the others?",
    "So if a fast customer comes last, must she still wait behind everyone?",
    "And a pile of plates, is that a queue as well or something different?",
]
TUTOR = [
    "Because the order of arrival decides. At a bakery the newest person stands at the end, and the first one leaves.",
    "Yes, a queue never looks at how quick somebody is. With Ann, Ben and Cem in line, Cem waits for two others.",
    "A pile is a stack: the plate that you put on top last is the first one that you take away again.",
]


def role_of(request: TeacherRequest) -> str:
    words = request.messages[-1][1]
    return "tutor" if "Write what the tutor says" in words or "what a tutor is about" in words else "student"


def said(request: TeacherRequest, words: str) -> Written:
    return {next(iter(request.schema.model_fields)): words} if request.schema else words


def answers(change: dict[tuple[str, int], str] | None = None, asked: list[TeacherRequest] | None = None):
    """Turn by turn; `change` replaces a revision by role and number."""
    numbers = {"student": count(), "tutor": count()}

    def revised(request: TeacherRequest) -> Written:
        role = role_of(request)
        number = next(numbers[role])
        words = (change or {}).get((role, number), (STUDENT if role == "student" else TUTOR)[number])
        return {"faults": ["it breaks off"], "words": words}

    def draft(request: TeacherRequest) -> Written:
        return said(request, f"{role_of(request).title()}: a draft of a few words that is too poor")

    return scripted(
        {
            "dialogue-turn": draft,
            "dialogue-revision": revised,
            "dialogue-summary": "The student knows what a queue is.",
        },
        asked,
    )


def test_a_conversation_of_three_exchanges(tmp_path: Path) -> None:
    asked: list[TeacherRequest] = []
    [record], drops = make(dialogue, seed(), answers(asked=asked), tmp_path)
    assert not drops and record.kind == "chat"
    expected = [turn for pair in zip(STUDENT, TUTOR, strict=True) for turn in pair]
    assert [content for _, content in record.messages or ()] == expected
    assert [role for role, _ in record.messages or ()] == ["user", "assistant"] * 3
    assert len(record.lineage.params["summaries"]) == 2 and record.scores == {"turns": 6.0, "revised": 6.0}
    assert [verdict.passed for verdict in record.lineage.verdicts] == [True, True]
    tasks = [request.task for request in asked]
    assert (
        tasks.count("dialogue-turn") == tasks.count("dialogue-revision") == 6 and tasks.count("dialogue-summary") == 2
    )
    # The second agent hears what the first one said, and later exchanges hear the summary.
    turns = [request.messages[-1][1] for request in asked if request.task == "dialogue-turn"]
    assert STUDENT[0] in turns[1] and "The student knows what a queue is." in turns[2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({("student", 1): STUDENT[0]}, "repeats a turn"),
        ({("tutor", 0): "Tutor: It does.\nStudent: Why is that so, and what happens then to me?"}, "speaks for both"),
        ({("tutor", 1): "Yes."}, "too short"),
        ({("tutor", 0): "Granite mountains erode slowly because glaciers grind minerals during long winters."}, "off"),
        ({("student", 0): "A queue serves the people who came first before all others."}, "asks nothing"),
        ({("student", 0): "Why is a tuple a key of a dictionary, when a list is none?"}, "off the subject"),
        ({("tutor", 0): "Because the text says that a queue serves those who came first."}, "refers to its text"),
        ({("student", 0): "A queue, you say. How can the same water take more room in it?"}, "copies the example"),
        ({("student", 1): "The student understands why it is so and asks what comes next."}, "speaks about"),
        ({("student", 0): "I am sorry, but as an AI language model I have no questions."}, "speaks as an assistant"),
    ],
)
def test_a_spoilt_turn_ends_the_conversation(change: dict, reason: str, tmp_path: Path) -> None:
    made, [drop] = make(dialogue, seed(), answers(change), tmp_path)
    assert not made and drop.reason.startswith(reason)  # the draft, which breaks off, can't replace the revision
    assert drop.detail.startswith("turn ")


def test_a_spoilt_revision_falls_back_to_the_draft(tmp_path: Path) -> None:
    drafts = {"student": iter(STUDENT), "tutor": iter(TUTOR)}

    def turn(request: TeacherRequest) -> Written:
        return said(request, next(drafts[role_of(request)]))

    spoilt = {"faults": [], "words": "{{ 7 * 7 }}"}
    source = scripted({"dialogue-turn": turn, "dialogue-revision": spoilt, "dialogue-summary": "Fine."})
    [record], _ = make(dialogue, seed(), source, tmp_path)
    assert record.scores["revised"] == 0.0
    assert [content for _, content in record.messages or ()][:2] == [STUDENT[0], TUTOR[0]]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_agents_make_nothing(name: str, tmp_path: Path) -> None:
    hostile = HOSTILE[name]
    source = scripted({"dialogue-turn": hostile, "dialogue-revision": hostile, "dialogue-summary": hostile})
    made, drops = make(dialogue, seed(), source, tmp_path)
    assert not made and len(drops) == 1


def test_the_number_of_exchanges_is_a_setting(tmp_path: Path) -> None:
    [record], _ = make(dialogue, seed(), answers(), tmp_path, {"exchanges": 1})
    assert len(record.messages or ()) == 2 and not record.lineage.params["summaries"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("Student: Why?", "Why?"),
        ("**Tutor:** Because.", "Because."),
        ('"Why is that?"', "Why is that?"),
        ('He said "no" and "yes"', 'He said "no" and "yes"'),
        ("Students: they are many.", "Students: they are many."),
        ("Tutor: Certainly! the order decides.", "The order decides."),
        ("Surely it does.", "Surely it does."),
    ],
)
def test_names_and_quotes_are_taken_off(reply: str, words: str) -> None:
    assert spoken(reply) == words
