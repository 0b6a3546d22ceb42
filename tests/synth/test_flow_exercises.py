"""Exercises: the answer is found again by somebody who has seen the question alone."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.sandbox import level
from phial.synth.fences import fenced
from phial.synth.flows.exercises import exercises, same_answer

GOOD = {
    "question": "A hall has 3 rows of 14 chairs, and 9 chairs are carried out. How many chairs does it still have?",
    "steps": ["There are 3 * 14 = 42 chairs.", "Then 42 - 9 = 33 chairs are left."],
    "answer": "33",
}
SEED = "A shelf in the shop holds 3 rows of 14 jars each, and 9 jars are sold. How many jars are left?"
WORDS = "First, 3 * 14 = 42. Then 42 - 9 = 33.\nThe answer is 33 chairs."
PROGRAM = fenced("def solution():\n    return 3 * 14 - 9", "python")


def test_an_exercise_whose_answer_is_found_again_is_kept(tmp_path: Path) -> None:
    asked: list = []
    [record], drops = make(exercises, seed(), scripted({"exercise": GOOD, "exercise-check": WORDS}, asked), tmp_path)
    assert not drops and record.kind == "exercise" and record.text is None
    assert record.messages == (
        ("user", GOOD["question"]),
        ("assistant", "\n".join([*GOOD["steps"], "The answer is 33."])),
    )
    assert [verdict.gate for verdict in record.lineage.verdicts] == ["answer check", "arithmetic"]
    assert len(record.lineage.request_keys) == 2
    check = asked[-1].messages[-1][1]
    assert GOOD["question"] in check and "42" not in check  # the second hand has not seen the solution


def test_maths_is_checked_by_a_program(tmp_path: Path) -> None:
    source = scripted({"exercise": GOOD, "exercise-check": PROGRAM})
    [record], _ = make(exercises, seed(), source, tmp_path, {"maths": True})
    assert record.lineage.verdicts[0].detail == f"found again by a program, sandbox {level()}"
    replies = iter([fenced("def solution():\n    return 3 + 14", "python"), PROGRAM])
    source = scripted({"exercise": GOOD, "exercise-check": lambda _: next(replies)})
    [record], _ = make(exercises, seed(), source, tmp_path / "other", {"maths": True})
    assert len(record.lineage.request_keys) == 3


def test_several_exercises_of_one_record_are_different_requests(tmp_path: Path) -> None:
    asked: list = []
    source = scripted({"exercise": GOOD, "exercise-check": WORDS}, asked)
    made, _ = make(exercises, seed(), source, tmp_path, {"count": 3})
    assert len(made) == 3 and len({request.sample for request in asked if request.task == "exercise"}) == 3


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"answer": "34"}, "steps lead elsewhere"),
        ({"answer": "34", "steps": ["There are 3 * 14 = 43 chairs.", "Then 43 - 9 = 34."]}, "wrong arithmetic"),
        ({"answer": "42", "steps": ["There are 3 * 14 = 42 chairs."]}, "answers differ"),
        ({"answer": "many"}, "answers differ"),
        ({"answer": " "}, "no answer"),
        ({"question": "What does the text say about chairs and rows in it?"}, "refers to its text"),
        ({"question": "Chairs?"}, "too short"),
        ({"question": SEED}, "copies its prompt"),
        ({"steps": []}, "wrong form"),
        ({"steps": "33"}, "wrong form"),
        ({"extra": 1}, "wrong form"),
    ],
)
def test_each_gate_turns_away(tmp_path: Path, changed: dict, reason: str) -> None:
    source = scripted({"exercise": GOOD | changed, "exercise-check": WORDS})
    made, [drop] = make(exercises, seed(SEED), source, tmp_path)
    assert not made and drop.reason == reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"answer": "many"}, "no answer"),
        ({"question": "What is a queue and how does it differ from a stack of 2 plates?"}, "too few numbers"),
    ],
)
def test_maths_needs_numbers(tmp_path: Path, changed: dict, reason: str) -> None:
    source = scripted({"exercise": GOOD | changed, "exercise-check": PROGRAM})
    made, [drop] = make(exercises, seed(), source, tmp_path, {"maths": True})
    assert not made and drop.reason == reason


@pytest.mark.parametrize("check", ["words", "program"])
@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str, check: str) -> None:
    for task in ("exercise", "exercise-check"):
        source = scripted({"exercise": GOOD, "exercise-check": WORDS} | {task: HOSTILE[attack]})
        made, drops = make(exercises, seed(), source, tmp_path / task, {"check": check})
        assert not made and len(drops) == 1


@pytest.mark.parametrize(
    ("found", "answer", "same"),
    [
        ("33 jars", "33", True),
        ("$1,250.00", "1250", True),
        ("-5", "5", False),
        ("-5 degrees", "-5", True),
        ("1/2", "0.5", True),
        ("3 of 4", "3", False),
        ("10-5", "5", False),
        ("a queue", "A queue", True),
        ("a queue", "a stack", False),
        ("", "", False),
    ],
)
def test_answers_are_compared_by_their_one_number(found: str, answer: str, same: bool) -> None:
    assert same_answer(found, answer) is same
