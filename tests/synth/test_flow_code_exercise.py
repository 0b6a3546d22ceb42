"""The code exercise: three writers agree, or nothing is kept."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.synth.fences import fenced
from phial.synth.flows.code_exercise import code_exercise, read_solution, read_tests
from phial.synth.reply import Reply
from phial.verify.unit_tests import check

HEADER = 'def count_vowels(text: str) -> int:\n    """Return how many vowels there are in text."""'
RIGHT = f'{HEADER}\n    # either case\n    return sum(letter in "aeiou" for letter in text.lower())\n'
WRONG = f'{HEADER}\n    return sum(letter in "aeio" for letter in text)\n'
EXAMPLE = '''def find_longest_run(text):
    """Return the length of the longest run of equal characters in text, 0 for an empty text."""
    longest = current = 0
    previous = ""
    for character in text:
        current = current + 1 if character == previous else 1
        previous = character
        longest = max(longest, current)
    return longest
'''
TESTS = [
    "assert count_vowels('') == 0",
    "assert count_vowels('tree') == 2",
    "assert count_vowels('Uhu') == 2",
    "assert count_vowels('xyz') == 0",
]


def answers(first: str = RIGHT, tests: list[str] = TESTS, second: str = "") -> dict:
    return {
        "code-exercise": fenced(first, "python"),
        "code-exercise-tests": fenced("\n".join(tests), "python"),
        "code-exercise-solve": fenced(second or first, "python"),
    }


def test_a_function_that_passes_another_writers_tests_is_kept_with_its_history(tmp_path: Path) -> None:
    asked: list = []
    [record], drops = make(code_exercise, seed(), scripted(answers(), asked), tmp_path)
    assert not drops and record.kind == "code" and record.license == "CC0-1.0" and record.source == "tester/small"
    assert record.text == RIGHT
    assert record.lineage.params["tests"] == TESTS and check(RIGHT, TESTS).passed
    assert len(record.lineage.request_keys) == len(asked) == 2 and record.lineage.parents == (seed().id,)
    [verdict] = record.lineage.verdicts
    assert verdict.gate == "execution" and "4 tests of another writer passed, sandbox landlock" in verdict.detail
    tests_asked = next(request for request in asked if request.task == "code-exercise-tests")
    assert "either case" not in str(tests_asked.messages)  # whoever writes the tests has not seen the solution


def test_a_second_solution_is_tried_against_the_same_tests(tmp_path: Path) -> None:
    asked: list = []
    [record], drops = make(code_exercise, seed(), scripted(answers(WRONG, second=RIGHT), asked), tmp_path)
    assert record.text == RIGHT and not drops
    assert len(record.lineage.request_keys) == len(asked) == 3


def test_a_test_that_two_different_solutions_contradict_alike_is_outvoted(tmp_path: Path) -> None:
    wrong = "assert count_vowels('apple') == 3"
    other = f"{HEADER}\n    return len([letter for letter in text if letter in 'aeiouAEIOU'])\n"
    [record], drops = make(code_exercise, seed(), scripted(answers(tests=[wrong, *TESTS], second=other)), tmp_path)
    assert not drops and record.text == RIGHT and record.lineage.params["tests"] == TESTS
    assert "4 tests of another writer passed, 1 outvoted" in record.lineage.verdicts[0].detail
    made, [drop] = make(code_exercise, seed(), scripted(answers(tests=[wrong, *TESTS])), tmp_path / "2")
    assert not made and drop.reason == "tests fail", "the same program twice is one reader"


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("no exercise", {"first": "def count_vowels(text):\n    return 1"}),
        ("no exercise", {"first": 'def count_vowels():\n    """No arguments."""'}),
        ("copies its prompt", {"first": EXAMPLE}),
        ("too few tests", {"tests": TESTS[:2]}),
        ("too few tests", {"tests": ["assert True", "assert 1 == 1", "assert len('a') == 1", "print(count_vowels)"]}),
        ("no solution", {"first": HEADER, "second": "def count_letters(text):\n    return 0"}),
        ("no solution", {"first": HEADER, "second": "def count_vowels(text, extra):\n    return 0"}),
        ("tests fail", {"first": WRONG}),
        ("tests fail", {"tests": [*TESTS[:2], "assert count_vowels('apple') == 3"]}),
        ("tests fail", {"tests": [*TESTS, "assert count_vowels('apple') > 3"]}),
        ("tests fail", {"first": f"{HEADER}\n    while True:\n        pass", "second": WRONG}),
        ("tests fail", {"first": f"import os\n\n{HEADER}\n    os.fork()\n    return os.getpid()"}),
        ("tests fail", {"first": f"{HEADER}\n    return len(open('/etc/passwd').read())"}),
        ("tests prove nothing", {"tests": [f"assert count_vowels('{word}') == 1" for word in ("a", "be", "is")]}),
        (
            "tests prove nothing",
            {
                "first": f"{HEADER}\n    return None",
                "tests": [f"assert count_vowels('{letter}') is None" for letter in "abc"],
            },
        ),
        (
            "tests prove nothing",
            {
                "first": f"{HEADER}\n    return text",
                "tests": [f"assert count_vowels('{letter}') == '{letter}'" for letter in "abc"],
            },
        ),
    ],
)
def test_each_gate_turns_away(tmp_path: Path, reason: str, changed: dict) -> None:
    made, [drop] = make(code_exercise, seed(), scripted(answers(**changed)), tmp_path)
    assert not made and drop.reason == reason and drop.request_keys


@pytest.mark.parametrize("attack", HOSTILE)
@pytest.mark.parametrize("task", ["code-exercise", "code-exercise-tests", "code-exercise-solve"])
def test_hostile_answers_are_dropped(tmp_path: Path, task: str, attack: str) -> None:
    made, drops = make(
        code_exercise, seed(), scripted(answers(f"{HEADER}\n    return 0") | {task: HOSTILE[attack]}), tmp_path
    )
    assert not made and len(drops) == 1


def test_tests_are_one_line_asserts_that_call_the_function() -> None:
    reply = fenced(
        "import os\nassert f(1) == 1, 'message'\nassert f(1) == 1\nassert g(1)\nassert f(\nx = f(2)", "python"
    )
    assert read_tests(reply, "f") == ["assert f(1) == 1"]


def test_a_solution_is_the_function_without_what_surrounds_it() -> None:
    head = 'def f(x: int) -> int:\n    """Return x."""'
    source = "import math\n\n@staticmethod\ndef f(x):\n    return x\n\nprint(f(1))\nif True:\n    f(2)"
    expected = f"import math\n\n\n{head}\n    return x\n"
    reply = Reply(fenced(source, "python"), None, "", "stop", 1, 1, 0.0, ("key",), False)
    assert read_solution(reply, head) == expected
    assert read_solution(Reply(fenced(source, "python"), None, "", "length", 1, 1, 0.0, (), False), head) == ""
