"""The executed maths problem: two programs that never saw each other come to one number, or nothing is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.fences import fenced
from phial.synth.flows.tinygsm import constraints, numbers, question_fault, tinygsm
from phial.synth.request import TeacherRequest

QUESTION = (
    "Noah bakes 4 trays of 12 rolls for his guests, who eat 30 of the rolls. How many rolls does he have left over?"
)
EXAMPLE = "The example of the prompt, in which there are 2 numbers or more, as in 12 of it?"
RIGHT = "def solution():\n    rolls = 4 * 12  # all trays\n    return rolls - 30"
OTHER = "def solution():\n    left = 4 * 12 - 30\n    return float(left)"
WRONG = "def solution():\n    return 4 + 12 + 30"


def answers(*programs: str, question: str = QUESTION) -> dict:
    written: Iterator[str] = iter(programs)

    def program(request: TeacherRequest) -> str:
        return fenced(next(written), "python")

    return {"tinygsm-problem": question, "tinygsm": program}


def test_two_programs_that_agree_make_a_record(tmp_path: Path) -> None:
    [record], drops = make(tinygsm, seed(), scripted(answers(RIGHT, OTHER)), tmp_path)
    assert not drops and record.kind == "code"
    assert record.text == f'def solution():\n    """{QUESTION}"""\n' + RIGHT.partition("\n")[2] + "\n"
    namespace: dict = {}
    exec(record.text, namespace)
    assert namespace["solution"]() == 18 and record.lineage.params == {"question": QUESTION, "answer": "18"}
    assert len(record.lineage.request_keys) == 3


def test_a_third_program_decides(tmp_path: Path) -> None:
    [record], _ = make(tinygsm, seed(), scripted(answers(RIGHT, WRONG, OTHER)), tmp_path / "a")
    assert record.lineage.params["answer"] == "18" and len(record.lineage.request_keys) == 4
    made, [drop] = make(tinygsm, seed(), scripted(answers(RIGHT, WRONG, "def no():\n  return 4 * 2")), tmp_path / "b")
    assert not made and (drop.reason, drop.detail) == ("programs differ", "18, 46; no program")


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Mia packs 4 boxes with 12 candles each and sells 30 of the candles at the market.", "no question"),
        ("Mia packs a few boxes with 12 candles each. How many candles does she have left?", "too few numbers"),
        (f"{QUESTION} Solution: 4 * 12 - 30 = 18", "holds its solution"),
        ("How many?", "too short"),
        (EXAMPLE, "copies its prompt"),
        ("Mia hat 4 Kisten mit je 12 Kerzen und verkauft 30 Kerzen. Wie viele Kerzen bleiben?", "no English prose"),
    ],
)
def test_what_is_no_word_problem_is_turned_away(tmp_path: Path, question: str, reason: str) -> None:
    def written(request: TeacherRequest) -> str:  # one of the prompt's own examples, whichever it shows
        return (
            request.messages[-1][1].split("another problem:\n")[1].splitlines()[0] if question == EXAMPLE else question
        )

    source = scripted(answers(RIGHT, RIGHT) | {"tinygsm-problem": written})
    made, [drop] = make(tinygsm, seed(), source, tmp_path)
    assert not made and drop.reason == reason
    assert question_fault(question) == (reason if question != EXAMPLE else "")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def solution():\n    return 18", "calculates nothing"),
        ("def solution():\n    return 9 + 9", "calculates nothing"),
        ("def solution(boxes):\n    return boxes * 12", "no program"),
        ("print(4 * 12 - 30)", "no program"),
        ("def solution():\n    return 4 / 0", "program fails"),
        ("def solution():\n    print(4 * 12)", "no plausible number"),
        ("def solution():\n    return str(4 * 12 - 30)", "no plausible number"),
        ("def solution():\n    return 4 - 30", "no plausible number"),
        ("def solution():\n    return 12 ** 30", "no plausible number"),
        ("def solution():\n    return 4 * 1e308 * 12", "no plausible number"),
        ("def solution():\n    return 4 / 30", "no round number"),
        ("def solution():\n    return (4 > 1) and (4 + 12 > 2)", "no plausible number"),
    ],
)
def test_a_program_that_says_nothing_counts_for_nothing(tmp_path: Path, program: str, reason: str) -> None:
    made, [drop] = make(tinygsm, seed(), scripted(answers(program, program, program)), tmp_path)
    assert not made and drop.reason == reason


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str) -> None:
    for task in ("tinygsm-problem", "tinygsm"):
        source = scripted(answers(RIGHT, RIGHT) | {task: HOSTILE[attack]})
        made, drops = make(tinygsm, seed(), source, tmp_path / task)
        assert not made and len(drops) == 1


def test_what_a_problem_is_about_is_drawn(tmp_path: Path) -> None:
    from random import Random

    drawn = [constraints("The lantern of Ada was heavier than a feather.", Random(i)) for i in range(40)]
    assert len({str(one) for one in drawn}) > 35
    words = {word for one in drawn for word in one["words"]}  # type: ignore[union-attr]
    assert words == {"lantern", "heavier", "than", "feather"}
    assert constraints("", Random(0))["words"] == ["morning"]


def test_numbers_are_read_as_they_are_written() -> None:
    assert numbers("1,250 at 3.50 each, 7 of 12.") == {1250.0, 3.5, 7.0, 12.0}
