"""Claim: canonical and mutated HumanEval solutions get EvalPlus' verdicts, on the same inputs.

    PHIAL_BENCHMARKS=… python bench/evalplus_agreement.py --peer PYTHON [--items 20]

PYTHON has evalplus. The inputs are those of HumanEval's own tests, recorded from a run of the canonical solution; both
judge by the canonical solution's values. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from code_mutations import mutants
from phial.evals.plus import differential_tests
from phial.evals.programs import judge
from phial.evals.tasks import humaneval


def recorded(reference: str, test: str, entry: str) -> list[list[Any]]:
    """The arguments of the calls that a published test makes of the canonical solution."""
    calls: list[str] = []
    namespace: dict[str, Any] = {}
    exec(reference, namespace)
    function = namespace[entry]

    def record(*arguments: Any) -> Any:
        calls.append(repr(list(arguments)))
        return function(*arguments)

    exec(test, namespace)
    namespace["check"](record)
    return [eval(call) for call in dict.fromkeys(calls)]


def main() -> None:
    """Print disagreements and the share that agrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--items", type=int)
    options = parser.parse_args()
    task = humaneval.load(Path(os.environ["PHIAL_BENCHMARKS"], "humaneval"), limit=options.items)
    asked = []
    for item in task.items:
        reference = item.data["prompt"] + item.gold
        entry = item.data["entry"]
        programs = {"canonical": reference, **mutants(reference, entry, item.id)}
        inputs = recorded(reference, item.data["tests"].removesuffix("check(candidate)\n"), entry)
        asked.append((item.id, entry, reference, inputs, programs))
    side = subprocess.run(
        [options.peer, str(Path(__file__).with_name("evalplus_side.py"))],
        input="".join(
            json.dumps({"entry": e, "reference": r, "inputs": repr(i), "programs": list(p.values())}) + "\n"
            for _, e, r, i, p in asked
        ),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    theirs = [json.loads(line) for line in side.stdout.splitlines() if line.startswith("[")]
    same = total = passed = 0
    for (name, entry, reference, inputs, programs), verdicts in zip(asked, theirs, strict=True):
        tests = differential_tests("humaneval", entry, inputs, 0.0)
        for (kind, program), verdict in zip(programs.items(), verdicts, strict=True):
            ours = judge(program, tests, {"candidate": entry}, reference)
            total, passed, same = total + 1, passed + verdict, same + (ours.passed == verdict)
            if ours.passed != verdict:
                print(f"{name} {kind}: EvalPlus {verdict}, ours {ours}")
    print(
        json.dumps({"claim": "evalplus_agreement", "programs": total, "evalplus_passed": passed, "agree": same / total})
    )


if __name__ == "__main__":
    main()
