"""How alike two programs are, by behaviour and by syntax; and values out of the sandbox."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phial.sandbox import level
from phial.verify.fidelity import alike, behaviour, syntax
from phial.verify.unit_tests import Value, values

LOOP = "def f(x, y):\n    '''Doc.'''\n    total = 0\n    for i in x:\n        total += i * y\n    return total"
RENAMED = (
    "def scaled(items: list[int], by: int = 0) -> int:\n    result: int = 0\n    for item in items:\n"
    "        result += item * by\n    return result"
)
SHORT = "def f(x, y):\n    return sum(i * y for i in x)"
OTHER = "def f(s):\n    return [c for c in s if c.isupper()]"
CALLS = ["f([1, 2], 3)", "f([], 1)", "f([5], 2)", "f('a', 2)", "f(1, 2)"]


def test_values_come_back_as_plain_data_or_faults() -> None:
    found = values("def f(x):\n    return [x, 1 / x]", ["f(2)", "f(0)", "g(1)", "(i for i in [])", "f(("])
    assert found[0] == Value([2, 0.5])
    assert [value.error for value in found[1:]] == ["ZeroDivisionError", "NameError", "TypeError", "SyntaxError"]
    assert all(value.fault for value in found[1:])
    [lost] = values("raise SystemExit", ["1"])
    assert lost.fault and not lost.error
    [lost] = values("1 / 0", ["1"])
    assert "fails to load" in lost.fault and not lost.error


def test_the_same_behaviour_is_found_in_another_form() -> None:
    found = behaviour(LOOP, SHORT, CALLS)
    assert found and found.share == 1.0 and found.detail == f"5 of 5 calls agree, sandbox {level()}"


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        "def f(x, y):\n    return 0",
        "import os\nos.fork()",
        "def f(x, y):\n    while True:\n        pass",
        "class Any:\n    __eq__ = lambda *_: True\ndef f(*_):\n    return Any()",
        "def f(*_):\n    raise SystemExit",
        "f = print",
        "def f(",
    ],
)
def test_other_behaviour_is_not_faithful(other: str) -> None:
    found = behaviour(LOOP, other, CALLS)
    assert found and found.share < 1.0


@pytest.mark.parametrize("calls", [[], ["f([1], 1)"], ["f(1, 2)"] * 5, ["f([], 1)", "f([], 2)", "f([0], 3)"]])
def test_too_few_or_equal_values_measure_nothing(calls: list[str]) -> None:
    assert behaviour(LOOP, LOOP, calls) is None


def test_syntax_does_not_see_names_docstrings_or_annotations() -> None:
    assert syntax(LOOP, LOOP).share == 1.0
    renamed = RENAMED.replace(" = 0) -> int", ") -> int").replace(": int = 0", " = 0")
    assert syntax(LOOP, renamed).share == 1.0
    assert syntax(LOOP, RENAMED).share > 0.85
    assert syntax(LOOP, SHORT).share < 0.7 and syntax(LOOP, OTHER).share < 0.3
    assert syntax(LOOP, "def (").share == syntax("(" * 5000, LOOP).share == syntax("", "").share == 0.0
    assert syntax(LOOP, LOOP.replace("i * y", "i + y")).share < 1.0
    assert syntax(LOOP, LOOP.replace("= 0", "= 1")).share < 1.0


@given(st.sampled_from([LOOP, RENAMED, SHORT, OTHER]), st.sampled_from([LOOP, RENAMED, SHORT, OTHER]))
def test_syntax_is_symmetric(first: str, second: str) -> None:
    assert syntax(first, second).share == syntax(second, first).share


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (0.1 + 0.2, 0.3, True),
        (1, 1.0, True),
        (1, True, False),
        ([1, (2.0,)], [1, (2,)], True),
        ([1], (1,), False),
        ({"a": 0.3}, {"a": 0.1 + 0.2}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ("a", "b", False),
        (None, 0, False),
    ],
)
def test_values_are_compared_as_data(first: object, second: object, same: bool) -> None:
    assert alike(Value(first), Value(second)) is same


def test_exceptions_are_alike_by_their_type() -> None:
    assert alike(Value(fault="ValueError: a", error="ValueError"), Value(fault="ValueError: b", error="ValueError"))
    assert not alike(Value(fault="ValueError: a", error="ValueError"), Value(fault="KeyError: b", error="KeyError"))
    assert not alike(Value(fault="the run was ended"), Value(fault="the run was ended"))
    assert not alike(Value(1), Value(fault="ValueError: a", error="ValueError"))
