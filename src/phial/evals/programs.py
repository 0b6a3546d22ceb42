"""Grade programs: tests that call a candidate's functions, assert lines, and programs that read stdin.

The candidate runs in a sandbox that holds no expected value and no verdict; see `phial.evals.two_sides`.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from phial.evals import two_sides
from phial.sandbox import Limits, run_pair, run_python
from phial.verify.unit_tests import TestVerdict

# HumanEval's own harness gives all calls 3 s together, which some right programs miss on a busy machine.
CALL_SECONDS = 6.0  # of wall-clock time for one call
PACKAGES = ("numpy",)  # that solutions may import: harnesses that run them in their own process have it
LIMITS = Limits(seconds=60.0, memory_bytes=1 << 30, cpu_seconds=10.0)
_ROOM = 1 << 16  # bytes beyond what a test needs
_SHOWN = 200

_WITH_STDIN = """
import os, sys
def _stdin(text):
    with open("stdin", "wb") as stream:
        stream.write(text)
    descriptor = os.open("stdin", os.O_RDONLY)
    os.unlink("stdin")
    os.dup2(descriptor, 0)
    os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
_stdin({text!r})
exit = quit = sys.exit
del _stdin, os, sys
exec(compile({program!r}, "<solution>", "exec"), globals())
"""


def judge(
    program: str,
    tests: str,
    functions: Mapping[str, str],
    context: str = "",
    call_seconds: float = CALL_SECONDS,
    limits: Limits = LIMITS,
) -> TestVerdict:
    """Run tests that are any Python against a program that they see only as functions of plain data.

    Args:
        program: Python source, untrusted.
        tests: Python source that raises where a test fails; a function that is never called tests nothing.
        functions: name in the tests -> expression in the program, such as {"candidate": "add"}.
        context: source that the tests build on, run before them; not seen by the program.
        call_seconds: wall-clock time of the program's loading and of each call.
        limits: of each of the two sandboxes.

    Returns:
        Passed, where the tests ran to their end.

    Raises:
        SandboxUnavailable: there is no sandbox; nothing was run.
    """
    token = secrets.token_hex(16)
    judging = f"judge(CHANNEL, {token!r}, {context!r}, {tests!r}, {list(functions)!r}, {call_seconds!r})\n"
    answering = f"answer(CHANNEL, {program!r}, {dict(functions)!r})\n"
    outcome, _ = run_pair(_sides() + judging, _sides() + answering, limits, PACKAGES)
    for line in reversed(outcome.stdout.splitlines()):
        mark, _, verdict = line.partition(" ")
        if mark == token:
            word, _, reason = verdict.partition(" ")
            return TestVerdict(word == "passed", reason, outcome.level, outcome.seconds)
    reason = f"the tests ended without a verdict: {outcome.status}, {outcome.stderr.strip()[-_SHOWN:]}"
    if outcome.status == "timeout":
        reason = f"all tests together took more than {limits.seconds:g} s"
    return TestVerdict(False, reason, outcome.level, outcome.seconds)


@functools.cache
def _sides() -> str:
    return Path(two_sides.__file__).read_text(encoding="utf-8")


def judge_output(program: str, tests: Sequence[tuple[str, str]], limits: Limits) -> TestVerdict:
    """Run a program that reads stdin and writes stdout, once a test, up to the first that it fails.

    Lines are compared without the blanks around them, and where they differ, as numbers.

    Args:
        program: Python source, untrusted; it runs as `__main__`.
        tests: (input, expected output).
        limits: of each run.

    Raises:
        SandboxUnavailable: there is no sandbox; nothing was run.
    """
    seconds, level = 0.0, ""
    for number, (text, expected) in enumerate(tests, 1):
        data = text.encode("utf-8", "surrogatepass")
        here = replace(
            limits,
            output_bytes=max(limits.output_bytes, 4 * len(expected) + _ROOM),
            file_bytes=max(limits.file_bytes, len(data) + _ROOM),
        )
        outcome = run_python(_WITH_STDIN.format(text=data, program=program), here, PACKAGES)
        seconds, level = seconds + outcome.seconds, outcome.level
        reason = ""
        if outcome.status != "ok":
            reason = f"{outcome.status} {outcome.stderr.strip().rpartition(chr(10))[2][:_SHOWN]}".strip()
        elif not same_output(outcome.stdout, expected):
            reason = f"wrote {outcome.stdout[:_SHOWN]!r}, not {expected[:_SHOWN]!r}"
        if reason:
            return TestVerdict(False, f"test {number}: {reason}", level, seconds)
    return TestVerdict(bool(tests), "" if tests else "there are no tests", level, seconds)


def same_output(written: str, expected: str) -> bool:
    """Whether two outputs have the same lines; lines of numbers are compared exactly as numbers."""
    ours = [line.strip() for line in written.strip().split("\n")]
    theirs = [line.strip() for line in expected.strip().split("\n")]
    return len(ours) == len(theirs) and all(
        one == other or (_numbers(one) is not None and _numbers(one) == _numbers(other))
        for one, other in zip(ours, theirs, strict=True)
    )


def _numbers(line: str) -> list[Decimal] | None:
    try:
        return [Decimal(word) for word in line.split()]
    except InvalidOperation:
        return None
