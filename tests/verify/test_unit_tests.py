"""Unit-test verdicts: honest code passes, wrong code fails, and no forgery passes."""

from __future__ import annotations

import pytest

from phial import sandbox
from phial.verify.unit_tests import check

pytestmark = pytest.mark.skipif(
    sandbox.level() == "none", reason="no sandbox level holds on this machine, so untrusted code may not run"
)

DOUBLE = "def double(number):\n    return number * 2\n"
TESTS = ("assert double(2) == 4", "assert double(-3) == -6")
CLOSE = ("assert abs(double(1.25) - 2.5) < 1e-9",)

FORGERIES = {
    "prints passed": "print('passed')\nprint('value None\\nvalue 4\\nvalue -6')\ndef double(number):\n    return 0\n",
    "exits at import": "import sys\nsys.exit(0)\n",
    "exits hard": "import os\nos._exit(0)\n",
    "raises SystemExit when called": "def double(number):\n    raise SystemExit(0)\n",
    "exits hard when called": "import os\ndef double(number):\n    os._exit(0)\n",
    "equals everything": (
        "class Everything:\n"
        "    def __eq__(self, other):\n        return True\n"
        "    def __sub__(self, other):\n        return self\n"
        "    def __abs__(self):\n        return self\n"
        "    def __lt__(self, other):\n        return True\n"
        "def double(number):\n    return Everything()\n"
    ),
    "an int that equals everything": (
        "class Everything(int):\n    def __eq__(self, other):\n        return True\n"
        "def double(number):\n    return Everything(0)\n"
    ),
    "patches builtins": (
        "import builtins\nbuiltins.abs = lambda number: 0\nbuiltins.bool = lambda value: True\n"
        "def double(number):\n    return 0\n"
    ),
    "steals the token": (
        "import os, sys\n"
        "frame = sys._getframe()\n"
        "while frame:\n"
        "    token = frame.f_locals.get('token')\n"
        "    if token:\n"
        "        for channel in range(1, 32):\n"
        "            try:\n"
        "                os.write(channel, (token + ' value None\\n' + (token + ' value True\\n') * 2).encode())\n"
        "            except OSError:\n"
        "                pass\n"
        "        os._exit(0)\n"
        "    frame = frame.f_back\n"
    ),
    "rewrites the harness": "import sys\nsys.modules['__main__'].plain = lambda value: '4'\ndef double(number): pass\n",
    "closes the pipes": "import os\nos.closerange(0, 32)\ndef double(number):\n    return 4\n",
    "defines nothing": "",
    "is no Python": "def double(number)\n    return",
}


@pytest.mark.parametrize("tests", [TESTS, CLOSE, ("assert not double(0)", *TESTS)])
def test_a_right_solution_passes(tests: tuple[str, ...]) -> None:
    verdict = check(DOUBLE, tests)
    assert verdict.passed, verdict.reason
    assert verdict.reason == ""
    assert verdict.level == sandbox.level()
    assert (verdict.verdict().passed, verdict.verdict().detail) == (True, sandbox.level())


def test_a_wrong_solution_fails_and_the_reason_names_the_test() -> None:
    verdict = check("def double(number):\n    return number + 2\n", TESTS)
    assert not verdict.passed
    assert "double(-3)" in verdict.reason
    assert "-1" in verdict.reason
    assert verdict.verdict("tests").detail == f"{sandbox.level()}: {verdict.reason}"
    assert check(DOUBLE, ()).verdict().detail == "not run: there are no tests"


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("tests", [TESTS, CLOSE], ids=["equality", "tolerance"])
def test_a_forgery_fails(name: str, tests: tuple[str, ...]) -> None:
    assert not check(FORGERIES[name], tests).passed


def test_a_solution_that_takes_too_long_fails() -> None:
    verdict = check("def double(number):\n    while True: pass\n", TESTS, sandbox.Limits(seconds=0.3))
    assert not verdict.passed
    assert "timeout" in verdict.reason


def test_prints_do_not_disturb_a_right_solution() -> None:
    assert check("def double(number):\n    print('x' * 200_000)\n    return number * 2\n", TESTS).passed


@pytest.mark.parametrize(
    ("solution", "test"),
    [
        (
            "def f(x): return x",
            "assert f([1, (2.5, 'ü\\n'), {3}, {None: b'x'}]) == [1, (2.5, 'ü\\n'), {3}, {None: b'x'}]",
        ),
        ("def f(x): return x", "assert f(float('-inf')) == float('-inf')"),
        ("def f(x): return x > 1", "assert f(2) is True and not f(0)"),
        ("def f(x): return [x] * 3", "assert len(f(2)) == 3"),
        ("def f(x): return x * x", "assert all(f(n) == n ** 2 for n in range(5))"),
        ("def f(x): return x", "assert sorted(f([3, 1]), key=lambda n: -n) == [3, 1]"),
        ("class A:\n    def get(self): return [4]", "assert A().get()[0] in (3, 4)"),
        ("def max(a, b): return 7", "assert max(1, 2) == 7"),
        ("from collections import Counter\ndef f(x): return Counter(x)", "assert f('aab') == {'a': 2, 'b': 1}"),
        (
            "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n",
            "assert P(3).x == 3",
        ),
    ],
)
def test_shapes_of_tests_and_values(solution: str, test: str) -> None:
    verdict = check(solution, [test])
    assert verdict.passed, verdict.reason


def test_imports_serve_all_tests() -> None:
    assert check("def f(x): return x / 3", ["import math", "assert math.isclose(f(1), 0.333333333333)"]).passed


@pytest.mark.parametrize("tests", [(), ("import math",), ("assert",), ("x = 1",), ("assert f(1); assert f(2)",)])
def test_tests_that_are_no_tests_pass_nothing(tests: tuple[str, ...]) -> None:
    assert not check("def f(x): return x", tests).passed


def test_nothing_runs_without_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIAL_SANDBOX", "off")
    with pytest.raises(sandbox.SandboxUnavailable):
        check(DOUBLE, TESTS)
