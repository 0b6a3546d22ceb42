"""EvalPlus' verdicts; run by `evalplus_agreement.py` in EvalPlus' Python.

Reads JSON lines {entry, reference, inputs, programs}, where inputs is Python source; writes one list of truth values a
line.
"""

import json
import sys

from evalplus.eval import PASS, untrusted_check


def main() -> None:
    """Answer the questions on stdin."""
    for line in sys.stdin:
        item = json.loads(line)
        namespace: dict = {}
        exec(item["reference"], namespace)
        inputs = eval(item["inputs"])
        expected = [namespace[item["entry"]](*eval(repr(arguments))) for arguments in inputs]
        verdicts = []
        for program in item["programs"]:
            status, _ = untrusted_check(
                "humaneval", program, eval(item["inputs"]), item["entry"], expected, 0, [0.1] * len(inputs), True, 3.0
            )
            verdicts.append(status == PASS)
        print(json.dumps(verdicts), flush=True)


if __name__ == "__main__":
    main()
