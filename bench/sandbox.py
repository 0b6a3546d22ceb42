"""Claim: a sandboxed run of a program costs at most 40 ms, and none of ten standard attacks gets out.

    python bench/sandbox.py [--runs 100] [--attacks]

The program prints a number. Each round runs it once at every level that holds here and once unprotected, in turn, so
that a busy machine slows all of them alike; the physical limit is the unprotected interpreter's own start. What a
verdict costs (`check` of a function with three asserts, judged outside) stands beside it. With --attacks the attacks of
tests/sandbox/attacks.py follow: as this user and, where this is root, as nobody. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from phial.sandbox import Limits, bubblewrap
from phial.sandbox.launch import execute
from phial.sandbox.levels import LEVELS, probe
from phial.verify.unit_tests import check

MOST_MILLISECONDS = 40
NOBODY = 65534
ATTACKS = Path(__file__).parents[1] / "tests/sandbox/attacks.py"
PROGRAM = "print(sum(range(10)))"
SOLUTION = "def double(number):\n    return 2 * number\n"
TESTS = ("assert double(2) == 4", "assert double(-1) == -2", "assert double(0) == 0")


def milliseconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def unprotected() -> None:
    """The same program, in the same interpreter without any restriction."""
    command = [sys.executable, "-s", "-P", "-S", "-X", "utf8", "-c", PROGRAM]
    subprocess.run(command, capture_output=True, check=True, env={})


def attacked(level: str, user: int | None) -> list[str]:
    """The attacks that got through at a level."""
    path = os.pathsep.join([os.path.dirname(bubblewrap.program() or ""), os.environ["PATH"]])
    environment = {"PATH": path, "PYTHONPATH": str(ATTACKS.parents[2] / "src"), "SECRET": "the-secret-7391"}
    groups = None if user is None else []
    for interpreter in (sys.executable, "/usr/bin/python3"):  # nobody may not reach the first
        command = [interpreter, str(ATTACKS), level]
        try:
            made = subprocess.run(
                command, cwd="/", env=environment, capture_output=True, user=user, group=user, extra_groups=groups
            )
        except PermissionError:
            continue
        if made.returncode == 0:
            return json.loads(made.stdout)["escapes"]
    return ["the attacks could not be run"]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--attacks", action="store_true")
    arguments = parser.parse_args()
    levels = [level for level in LEVELS if not probe(level)]
    work: dict[str, Callable[[], object]] = {"unprotected": unprotected}
    for level in levels:
        work[level] = lambda level=level: execute(PROGRAM, Limits(), level)
    work["verdict"] = lambda: check(SOLUTION, TESTS)
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(arguments.runs + 3):
        for name, call in work.items():
            taken = milliseconds(call)
            if turn >= 3:  # warm
                times[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, taken in times.items():
        ratio = medians[name] / medians["unprotected"]
        print(f"{name:22} median {medians[name]:6.1f} ms   best {min(taken):6.1f} ms   {ratio:.2f} x unprotected")
    result: dict[str, object] = {
        "claim": "cost of a sandboxed run",
        "milliseconds": {name: round(median, 1) for name, median in medians.items()},
        "best": {name: round(min(taken), 1) for name, taken in times.items()},
        "must": MOST_MILLISECONDS,
    }
    reached = bool(levels) and medians[levels[0]] <= MOST_MILLISECONDS
    if arguments.attacks:
        users = [None, NOBODY] if os.getuid() == 0 else [None]
        escapes = {
            f"{level} as {'nobody' if user else 'self'}": attacked(level, user) for level in levels for user in users
        }
        for name, through in escapes.items():
            print(f"{name:36} escapes: {', '.join(through) or 'none'}")
        result["escapes"] = {name: len(through) for name, through in escapes.items()}
        reached = reached and not any(escapes.values())
    print(json.dumps(result))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
