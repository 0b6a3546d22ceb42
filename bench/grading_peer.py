"""The peers of bench/grading.py: a loop over replies that grades each, with math-verify alone or as lm-eval does.

    PYTHON bench/grading_peer.py math-verify|lm-eval < questions > answers

A question is a line of JSON [reply, right answer]; after a line "ready" follow the verdicts as one line of JSON, and
the seconds of the loop. It is the loop that those projects tell to write: parse the right answer, parse the reply,
compare, one after the other, with their own time limits.
"""

from __future__ import annotations

import json
import logging
import sys
import time


def math_verify(reply: str, gold: str) -> bool:
    """parse, parse, verify, as Math-Verify's own documentation has it."""
    from math_verify import parse, verify

    return bool(verify(parse(f"${gold}$"), parse(reply)))


def lm_eval(reply: str, gold: str) -> bool:
    """minerva_math of lm-eval, which also compares Minerva's form; its figure `math_verify`."""
    from lm_eval.tasks.minerva_math.utils import process_results

    return bool(process_results({"solution": f"${gold}$", "answer": gold}, [reply])["math_verify"])


def main() -> None:
    """Grade the replies on standard input."""
    logging.disable(logging.CRITICAL)
    grade = {"math-verify": math_verify, "lm-eval": lm_eval}[sys.argv[1]]
    questions = [json.loads(line) for line in sys.stdin]
    grade("\\boxed{1}", "1")  # imports
    started = time.perf_counter()
    verdicts = [grade(reply, gold) for reply, gold in questions]
    print(json.dumps({"seconds": time.perf_counter() - started, "verdicts": verdicts}))


if __name__ == "__main__":
    main()
