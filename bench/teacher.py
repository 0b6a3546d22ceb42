"""Claim: the procedural teacher makes and independently checks at least 5,000 problems a second on one core.

    python bench/teacher.py

Every training family in turn, CPU seconds of one process; the last line is JSON.
"""

from __future__ import annotations

import json
import time

from phial.synth.problems import FAMILIES
from phial.synth.problems.check import verify
from phial.synth.problems.lang import generate

COUNT = 40_000


def main() -> None:
    """Measure generation alone and with the check."""
    families = list(FAMILIES.values())
    for family in families:  # templates are compiled on first use
        verify(generate(family, 0, 0), family)
    started = time.process_time()
    problems = [(generate(families[i % len(families)], i, 1), families[i % len(families)]) for i in range(COUNT)]
    made = time.process_time()
    wrong = sum(verify(problem, family) is not None for problem, family in problems)
    checked = time.process_time()
    rate = COUNT / (checked - started)
    print(f"{len(families)} families, {COUNT:,} problems, {wrong} refused")
    print(f"generate           {COUNT / (made - started):>9,.0f} /s")
    print(f"verify             {COUNT / (checked - made):>9,.0f} /s")
    print(f"generate + verify  {rate:>9,.0f} /s on one core")
    print(json.dumps({"claim": "checked problems per second", "rate": round(rate), "wrong": wrong, "must": 5000}))


if __name__ == "__main__":
    main()
