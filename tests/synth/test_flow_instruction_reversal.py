"""Instruction reversal: what the instruction leads back to has to do what the original does."""

from pathlib import Path

import pytest
from scripted_flow import HOSTILE, make, scripted, seed

from phial.sandbox import level
from phial.synth.calls import read_calls
from phial.synth.fences import fenced
from phial.synth.flows.instruction_reversal import instruction_fault, instruction_reversal

ORIGINAL = '''def clamp(value, low, high):
    """Keep a value within bounds."""
    if value < low:
        return low
    if value > high:
        return high
    return value
'''
INSTRUCTION = (
    "Write a function that keeps a number between a lower and an upper bound: below the lower bound it returns that "
    "bound, above the upper bound it returns that one, and any other number is returned as it is."
)
SAME = "def clamp(value, low, high):\n    return max(low, min(high, value))"
ALMOST = "def clamp(value, low, high):\n    return min(high, value)"
CALLS = "clamp(5, 0, 3)\nclamp(-2, 0, 3)\nclamp(1, 0, 3)\nclamp(2.5, 0, 3)"
SETTING_UP = """def register(name, handler):
    name = name.lower()
    table = {}
    table[name] = handler
    return table
"""


def answers(regenerated: str = SAME, calls: str = CALLS, instruction: str = INSTRUCTION) -> dict:
    return {
        "instruction-reversal": instruction,
        "calls": fenced(calls, "python"),
        "regenerate": fenced(regenerated, "python"),
    }


def test_a_faithful_pair_is_kept_with_the_original_code(tmp_path: Path) -> None:
    asked: list = []
    [record], drops = make(instruction_reversal, seed(ORIGINAL), scripted(answers(), asked), tmp_path)
    assert not drops and record.scores == {"fidelity": 1.0}
    (_, instruction), (_, solution) = record.messages or ()
    assert instruction == f"{INSTRUCTION}\n\nThe function is called as clamp(value, low, high)."
    assert solution == fenced(ORIGINAL, "python")
    [verdict] = record.lineage.verdicts
    assert (verdict.gate, verdict.detail) == ("fidelity", f"behaviour: 4 of 4 calls agree, sandbox {level()}")
    again = next(request for request in asked if request.task == "regenerate")
    assert "return low" not in str(again.messages) and len(record.lineage.request_keys) == 3


def test_the_tests_of_a_record_are_used_where_it_has_some(tmp_path: Path) -> None:
    record = seed(ORIGINAL, tests=["assert clamp(5, 0, 3) == 3", "assert clamp(-2, 0, 3) == 0"])
    asked: list = []
    [made], _ = make(instruction_reversal, record, scripted(answers(), asked), tmp_path / "a")
    assert "calls" not in [request.task for request in asked] and made.lineage.params["tests"]
    nothing, [drop] = make(instruction_reversal, record, scripted(answers(ALMOST)), tmp_path / "b")
    assert not nothing and drop.reason == "not faithful" and "test 2" in drop.detail


def test_syntax_decides_where_calls_say_nothing(tmp_path: Path) -> None:
    calls = "register('A', 1)\nregister('a', 1)"
    renamed = SETTING_UP.replace("table", "found").replace("handler", "what")
    source = scripted(answers(renamed, calls))
    [record], _ = make(instruction_reversal, seed(SETTING_UP), source, tmp_path / "a")
    assert record.lineage.params["measure"] == "syntax" and record.scores["fidelity"] == 1.0
    other = "def register(name, handler):\n    return dict([(name.lower(), handler)])"
    _, [drop] = make(instruction_reversal, seed(SETTING_UP), scripted(answers(other, calls)), tmp_path / "b")
    assert drop.reason == "not faithful" and drop.detail.startswith("syntax 0.")


@pytest.mark.parametrize(
    ("regenerated", "detail"),
    [
        (ALMOST, f"behaviour 0.75 < 1.0: 3 of 4 calls agree, sandbox {level()}; clamp(-2, 0, 3) is 0, not -2"),
        ("def clamp(value, low, high):\n    import os\n    return os.fork()", "behaviour 0.00"),
        ("def clamp(value, low, high):\n    while value:\n        pass", "behaviour 0.00"),
        ("def clamp(value, low, high):\n    return open('/etc/passwd').read()", "behaviour 0.00"),
        ("def limit(value, low, high):\n    return value", "behaviour 0.00"),
        ("class Equal:\n    __eq__ = lambda *_: True\n\ndef clamp(*_):\n    return Equal()", "behaviour 0.00"),
    ],
)
def test_code_that_does_something_else_is_turned_away(tmp_path: Path, regenerated: str, detail: str) -> None:
    source = scripted(answers(regenerated))
    made, [drop] = make(instruction_reversal, seed(ORIGINAL), source, tmp_path, {"attempts": 1})
    assert not made and drop.reason == "not faithful" and drop.detail.startswith(detail)


def test_a_second_attempt_may_be_faithful(tmp_path: Path) -> None:
    written = iter([ALMOST, SAME])
    source = scripted(answers() | {"regenerate": lambda _: fenced(next(written), "python")})
    [record], drops = make(instruction_reversal, seed(ORIGINAL), source, tmp_path)
    assert len(record.lineage.request_keys) == 4 and not drops


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("Clamp a value.", "too short"),
        (INSTRUCTION + " In short: if value < low: return low", "gives the code away"),
        ("I'm sorry, but as an AI language model I cannot see the function that you mean.", "no answer"),
    ],
)
def test_an_instruction_has_to_be_one(tmp_path: Path, instruction: str, reason: str) -> None:
    original = ORIGINAL.replace("    if value < low:\n        return low\n", "    value = max(value, low)\n")
    told = instruction.replace("if value < low: return low", "value = max(value, low)")
    assert instruction_fault(told, original) == reason
    made, [drop] = make(instruction_reversal, seed(original), scripted(answers(instruction=told)), tmp_path)
    assert not made and drop.reason == reason


def test_a_record_without_a_function_that_stands_alone_is_dropped(tmp_path: Path) -> None:
    for text in (
        "No code.",
        "class A:\n    def f(self):\n        return 1\n",
        "def f(x):\n    return unknown(x)\n" * 3,
    ):
        made, [drop] = make(instruction_reversal, seed(text), scripted({}), tmp_path)
        assert not made and drop.reason == "no function"


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answers_are_dropped(tmp_path: Path, attack: str) -> None:
    for task in ("instruction-reversal", "regenerate"):
        source = scripted(answers() | {task: HOSTILE[attack]})
        made, drops = make(instruction_reversal, seed(ORIGINAL), source, tmp_path / task)
        if not (task == "instruction-reversal" and attack in ("forks", "reads", "leaves")):
            assert not made and len(drops) == 1
    source = scripted(answers() | {"calls": HOSTILE[attack]})  # syntax is compared instead, and differs
    made, [drop] = make(instruction_reversal, seed(ORIGINAL), source, tmp_path)
    assert not made and drop.detail.startswith("syntax")


def test_calls_are_of_the_function_with_literals() -> None:
    reply = fenced(
        "f(1)\nf(1)\ng(1)\nf(x)\nf([1, {'a': (2,)}], key=-1)\nprint(f(2))\nf(open('x'))\nf(3) == 3", "python"
    )
    assert read_calls(reply, "f") == ["f(1)", "f([1, {'a': (2,)}], key=-1)"]
