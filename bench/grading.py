"""Claim: 10,000 maths replies are graded at least 3 times as fast as by lm-eval's and math-verify's own loop.

    python bench/grading.py [--replies 10000] [--peer LM_EVAL_PYTHON] [--rounds 3]

Replies are those of a model: some sentences with numbers and formulas in them, then an answer, in a box or behind
"Answer:"; numbers, fractions, roots, intervals, sets, matrices, words and units, three of ten wrong. Each side extracts
and grades all of them, by turns; nothing is remembered from one round to the next. Verdicts are compared one by one,
and those that differ are printed. math-verify's loop runs in this Python, lm-eval's in PEER (with its extra `math`),
on a part of the replies at even distances, for it takes long: its time is scaled up.
The limit beside the ratio: the time that extraction alone takes, without any comparison. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from phial.evals import extract
from phial.evals.answers import maths_grade
from phial.evals.task import Item
from phial.verify import algebra_workers
from replies import competition, numbers

LEAST_RATIO = 3.0
HERE = Path(__file__).parent
_FRAMES = ("So the answer is $\\boxed{{{0}}}$.", "$\\boxed{{{0}}}$", "Answer: ${0}$", "**Answer:** ${0}$",
           "The answer is ${0}$.")  # fmt: skip


def made(count: int) -> list[tuple[str, str]]:
    """Half of the replies to word problems, half to competition problems; each with its right answer."""
    half = count // 2
    return [*numbers(half, 1, _FRAMES), *competition(count - half, 1, _FRAMES)]


def graded(reply: str, gold: str) -> tuple[bool, str]:
    """As the benchmarks of mathematics are graded, and the tier that decided."""
    item = Item("one", (("user", "?"),), gold)
    answer = extract.expression(reply).answer
    if answer is None:
        return False, "none"
    grade = maths_grade(answer, item)
    return bool(grade.score), grade.detail.partition(":")[0]


def ours(pairs: list[tuple[str, str]], workers: int) -> tuple[float, list[bool], Counter[str]]:
    """Seconds, verdicts and tiers; processes of algebra are warm, as the peers' imports are, and remember nothing."""
    algebra_workers._workers.cache_clear()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda index: graded(f"\\boxed{{\\sin {index}}}", "2"), range(workers * 4)))
        started = time.perf_counter()
        made = list(pool.map(lambda pair: graded(*pair), pairs))
        seconds = time.perf_counter() - started
    return seconds, [right for right, _ in made], Counter(tier for _, tier in made)


def theirs(python: str, loop: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """A peer's loop in a process of its own."""
    questions = "".join(json.dumps(pair) + "\n" for pair in pairs)
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH" or python == sys.executable
    }
    done = subprocess.run(
        [python, str(HERE / "grading_peer.py"), loop],
        input=questions, text=True, stdout=subprocess.PIPE, check=True, env=environment,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure by turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--peer", help="a Python with lm-eval[math]")
    parser.add_argument("--peer-replies", type=int, default=500, help="of them, that lm-eval grades in a round")
    options = parser.parse_args()
    pairs = made(options.replies)
    sides = {"math-verify": sys.executable} | ({"lm-eval": options.peer} if options.peer else {})
    mine: list[float] = []
    other: dict[str, list[float]] = {name: [] for name in sides}
    differing: dict[str, list[tuple[str, str, bool]]] = {}
    tiers: Counter[str] = Counter()
    for round_ in range(options.rounds):
        seconds, verdicts, tiers = ours(pairs, options.workers)
        mine.append(seconds)
        for name, python in sides.items():
            part = pairs[:: max(1, len(pairs) // options.peer_replies)] if name == "lm-eval" else pairs
            answer = theirs(python, name, part)
            other[name].append(answer["seconds"] * len(pairs) / len(part))
            said = verdicts[:: max(1, len(pairs) // options.peer_replies)] if name == "lm-eval" else verdicts
            differing[name] = [
                (reply[-60:], gold, verdict)
                for (reply, gold), verdict, theirs_ in zip(part, said, answer["verdicts"], strict=True)
                if verdict != theirs_
            ]
        times = ", ".join(f"{name} {values[-1]:.1f} s" for name, values in other.items())
        print(f"round {round_ + 1}: phial {seconds:.1f} s, {times}", flush=True)
    started = time.perf_counter()
    for reply, _ in pairs:
        extract.expression(reply)
    limit = time.perf_counter() - started
    result: dict[str, Any] = {
        "replies": len(pairs),
        "workers": options.workers,
        "phial_seconds": round(statistics.median(mine), 2),
        "replies_a_second": round(len(pairs) / statistics.median(mine)),
        "extraction_alone_seconds": round(limit, 2),
        "tiers": dict(tiers),
    }
    for name, values in other.items():
        ratio = statistics.median(theirs_ / ours_ for theirs_, ours_ in zip(values, mine, strict=True))
        shown = Counter(differing[name])
        print(
            f"{name}: {ratio:.1f} times as long; {len(differing[name])} verdicts differ, {len(shown)} of them distinct"
        )
        for (reply, gold, verdict), count in shown.most_common(20):
            print(f"    {count} x {reply!r} against {gold!r}: phial says {verdict}")
        result[name] = {
            "seconds": round(statistics.median(values), 2),
            "ratio": round(ratio, 2),
            "differing": len(differing[name]),
            "claim": ratio >= LEAST_RATIO,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
