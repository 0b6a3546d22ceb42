"""Named functions: the drawn name, tests of a writer who has not seen the body, and the sandbox."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial import sandbox
from phial.synth.fences import code, fenced
from phial.synth.flows.named_function import named_function, prompts
from phial.synth.request import TeacherRequest
from phial.synth.vocabulary import FUNCTION_NAMES

pytestmark = pytest.mark.skipif(sandbox.level() == "none", reason="no sandbox level holds on this machine")

BODY = '''def NAME(values: list[int]) -> int:
    """Return how many of the values are even, 0 for an empty list."""
    return sum(value % 2 == 0 for value in values)
'''
TESTS = "assert NAME([1, 2, 4]) == 2\nassert NAME([]) == 0\nassert NAME([3]) == 0\nassert NAME([0, 0]) == 2"

# The function that the prompt shows, with another word for "text".
SHOWN = code(prompts.render("write", name="NAME", setting="a zoo"))
RUNS = SHOWN.replace("longest_run", "NAME").replace("text", "zoo")


def named(text: str):
    """A text with the name that the request asks for."""

    def write(request: TeacherRequest) -> str:
        words = request.messages[-1][1]
        return text.replace("NAME", next(name for name in sorted(FUNCTION_NAMES, key=len)[::-1] if name in words))

    return write


def answers(body: str = fenced(BODY, "python"), tests: str = fenced(TESTS, "python"), asked=None):
    return scripted({"named-function": named(body), "named-function-tests": named(tests)}, asked)


def test_a_function_of_the_drawn_name_whose_tests_pass_is_kept(tmp_path: Path) -> None:
    asked: list[TeacherRequest] = []
    [record], drops = make(named_function, seed(), answers(asked=asked), tmp_path)
    name = record.lineage.params["function"]
    assert not drops and name in FUNCTION_NAMES and record.text == BODY.replace("NAME", name)
    assert record.lineage.params["diversity"]["name"] == name
    assert [verdict.detail for verdict in record.lineage.verdicts] == [sandbox.level()]
    assert "% 2" not in asked[1].messages[-1][1], "the tests' writer does not see the body"


def test_names_differ(tmp_path: Path) -> None:
    made, _ = make(named_function, seed(), answers(), tmp_path, {"count": 6})
    assert len({record.lineage.params["function"] for record in made}) >= 5


@pytest.mark.parametrize(
    ("body", "tests", "reason"),
    [
        (BODY.replace("NAME", "other"), TESTS, "another name"),
        ("return 3", TESTS, "no function"),
        (
            BODY.replace('    """Return how many of the values are even, 0 for an empty list."""\n', ""),
            TESTS,
            "no docstring",
        ),
        (BODY.replace("values: list[int]", ""), TESTS, "no arguments"),
        (BODY.replace("== 0", "== 1"), TESTS, "tests fail"),
        (RUNS, TESTS, "copies its prompt"),
        (BODY, TESTS.replace("NAME", "other"), "too few tests"),
        (BODY, "I would test it with care.", "too few tests"),
        (BODY, TESTS.replace("== 2", "== 3"), "tests fail"),
        (BODY.replace("return sum(value % 2 == 0 for value in values)", "while True: pass"), TESTS, "tests fail"),
        (BODY.replace("return sum", "import os; os._exit(0)\n    return sum"), TESTS, "tests fail"),
        (BODY, "assert NAME([2]) == 1\nassert NAME([2, 3]) == 1\nassert NAME([5, 8]) == 1", "tests prove nothing"),
        (
            BODY.replace("return sum(value % 2 == 0 for value in values)", "return None"),
            "assert NAME([1]) is None\nassert NAME([2]) is None\nassert NAME([3]) is None",
            "tests prove nothing",
        ),
    ],
)
def test_refusals(body: str, tests: str, reason: str, tmp_path: Path) -> None:
    made, [drop] = make(named_function, seed(), answers(fenced(body), fenced(tests)), tmp_path)
    assert not made and drop.reason == reason


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_and_tests_make_nothing(name: str, tmp_path: Path) -> None:
    made, [drop] = make(named_function, seed(), answers(body=HOSTILE[name]), tmp_path)
    assert not made and drop.reason in ("no function", "another name")
    made, [drop] = make(named_function, seed(), answers(tests=HOSTILE[name]), tmp_path / "tests")
    assert not made and drop.reason == "too few tests"
