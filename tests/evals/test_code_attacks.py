"""No program passes tests but by giving the right values; none gets out of the sandbox."""

from pathlib import Path

import pytest
from code_attacks import FORGED

from phial import sandbox
from phial.evals.programs import judge, judge_output
from phial.sandbox import Limits
from phial.verify.unit_tests import check

pytestmark = pytest.mark.skipif(sandbox.level() == "none", reason="there is no sandbox here")

TESTS = """
SECRET = "SECRET"
def check(candidate):
    assert candidate(2) == 4
    assert candidate(3) == 9
check(candidate)
"""
LIMITS = Limits(seconds=5.0, memory_bytes=512 << 20)


def passes(program):
    return judge(program, TESTS, {"candidate": "square"}, call_seconds=0.4, limits=LIMITS)


def test_a_right_program_passes_and_a_wrong_one_does_not():
    verdict = passes("def square(x):\n    return x * x\n")
    assert verdict.passed and not verdict.reason
    verdict = passes("def square(x):\n    return x + 2\n")
    assert not verdict.passed and "square(3)" not in verdict.reason and "candidate(3) = 5" in verdict.reason


def test_solutions_may_use_numpy():
    assert passes("import numpy as np\ndef square(x):\n    return np.square(x)\n").passed
    verdict = passes("import numpy as np\ndef square(x):\n    return np.array([x * x])\n")
    assert "ndarray is not plain data" in verdict.reason
    program = "import numpy\nprint(numpy.sum(numpy.fromstring(input(), sep=' ')))"
    assert judge_output(program, [("1 2", "3")], LIMITS).passed


@pytest.mark.parametrize("attack", FORGED)
def test_no_attack_passes_a_check_function(attack):
    verdict = passes(FORGED[attack])
    assert not verdict.passed and verdict.reason
    assert not any(Path(folder, "phial-escaped").exists() for folder in ("/tmp", "/var/tmp", "/dev/shm"))


@pytest.mark.parametrize("attack", [name for name in FORGED if "sleep" not in name and "endless" not in name])
def test_no_attack_passes_assert_lines(attack):
    tests = ["assert square(2) == 4", "assert square(3) == 9", "assert 'SECRET' and square(4) == 16"]
    assert not check(FORGED[attack], tests, LIMITS).passed


@pytest.mark.parametrize(
    "program",
    [
        "print('passed')",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "import os\nfor fd in range(32):\n    try: os.write(fd, b'passed')\n    except OSError: pass",
        "import os\ntry:\n    os.fork()\n    print(9)\nexcept OSError: pass",
        "try:\n    print(9 if open('/etc/passwd').read() else 0)\nexcept OSError: print(0)",
        "import gc\nprint(9 if ''.join(['7', '9', '3']) in str(gc.get_objects()) else 0)",
        "import sys\nprint(9 if 'expected' in str(sys._getframe().f_back.f_locals) else 0)",
        "while True: pass",
    ],
)
def test_no_attack_passes_tests_of_output(program):
    assert not judge_output(program, [("3\n", "9\n"), ("793\n", "628849\n")], Limits(seconds=1.0)).passed


def test_programs_read_stdin_in_every_way_and_are_compared_as_numbers():
    for read in ("input()", "sys.stdin.read()", "sys.stdin.buffer.read()", "open(0).read()", "os.read(0, 99)"):
        verdict = judge_output(
            f"import os, sys\nprint(int({read}) ** 2)\n", [("3\n", "9\n"), ("-2\n", " 4.0 \n")], LIMITS
        )
        assert verdict.passed, (read, verdict)
    verdict = judge_output("if __name__ == '__main__':\n    print(1)\n    exit()", [("", "1")], LIMITS)
    assert verdict.passed
    wrong = judge_output("print(input(), end='')", [("a", "a"), ("b", "c")], LIMITS)
    assert not wrong.passed and wrong.reason.startswith("test 2: wrote 'b'")
    assert not judge_output("print(1)", [], LIMITS).passed


def test_a_large_input_and_a_large_output_go_through():
    text = "7 " * 1_500_000
    assert judge_output("print(input())", [(text, text)], Limits(seconds=10.0, memory_bytes=512 << 20)).passed


def test_values_keep_their_kinds_on_the_way():
    values = (
        "[None, True, 1, -1.5, 'é\\ud800', b'\\x00', (1,), [1], {1, 2}, frozenset({3}), {'a': (1, [2])}, {1: 2}, 3j, "
        "float('inf'), 10 ** 5000, {}, [], (), set(), '']"
    )
    tests = f"for value in {values}:\n    out = candidate(value, named=value)\n"
    tests += "    assert out == (value, value) and (type(out[0]) is type(value) or type(value) is frozenset), value\n"
    verdict = judge("def same(x, named):\n    return x, named\n", tests, {"candidate": "same"}, limits=LIMITS)
    assert verdict.passed, verdict


def test_calls_raise_what_the_program_raised_and_share_its_state():
    program = (
        "seen = []\ndef f(x):\n    seen.append(x)\n    if x < 0: raise ValueError('negative')\n    return len(seen)\n"
    )
    tests = "assert f(1) == 1\ntry:\n    f(-1)\n    assert False\n"
    tests += "except ValueError as error:\n    assert str(error) == 'negative'\n"
    assert judge(program, tests + "assert f(5) == 3\n", {"f": "f"}, limits=LIMITS).passed
    other = judge("def f(x):\n    raise KeyError\n", tests, {"f": "f"}, limits=LIMITS)
    assert not other.passed and "KeyError" in other.reason


def test_the_tests_own_faults_are_failures_with_a_reason():
    for tests, said in (
        ("def", "SyntaxError"),
        ("1/0", "ZeroDivisionError"),
        ("while True: pass", "took more than 1 s"),
    ):
        verdict = judge("x = 1", tests, {}, limits=Limits(seconds=1.0))
        assert not verdict.passed and said in verdict.reason, verdict


def test_a_pair_needs_a_sandbox(monkeypatch):
    monkeypatch.setenv("PHIAL_SANDBOX", "off")
    with pytest.raises(sandbox.SandboxUnavailable):
        passes("def square(x):\n    return x * x\n")
