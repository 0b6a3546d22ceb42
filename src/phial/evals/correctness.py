"""One answer against the right one: does a judge find it correct?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from phial.evals.items import protocol_of
from phial.evals.judge import JUDGING, LOOKED_AT, Judging, judged, place, question
from phial.evals.log import Log, Sample
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

_CORRECTNESS = """You are shown a question, its right answer, and the answer that an assistant gave. Decide whether \
the assistant was right.

CORRECT: the given answer states the right one, in whatever words, and nothing that contradicts it.
INCORRECT: it states something that contradicts the right answer, even if it hedges.
NOT_ATTEMPTED: it does not state the right answer and nothing that contradicts it; it declines, or stays vague.

Names may be spelled otherwise and numbers rounded as long as what is meant is the same. What the question does not \
ask for need not be there. Do not correct the right answer by what you know yourself.

End with a line "Verdict: CORRECT", "Verdict: INCORRECT" or "Verdict: NOT_ATTEMPTED"."""
_KNOWN = """Question:
{question}

Right answer:
{gold}

Given answer:
{answer}"""
CHECKING: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "judged against the right answer, own words to the judge", JUDGING, system=_CORRECTNESS)
}
_VERDICT = re.compile(r"\b(NOT_ATTEMPTED|INCORRECT|CORRECT)\b")
_STATED = re.compile(rf"\bverdict\W{{1,8}}{_VERDICT.pattern}", re.IGNORECASE)


def against_gold(log: Log, task: str, protocol: str = "phial") -> Task:
    """Every reply against the right answer of its item, as SimpleQA is scored.

    The mean score is the share of correct answers, where a reply without a verdict is none; "correct given attempted"
    leaves out the vague ones.
    """
    chosen = protocol_of(CHECKING, protocol, "judging against the right answer")

    def ask(sample: Sample, answer: str) -> Iterable[Item]:
        gold = sample.gold if isinstance(sample.gold, str) else json.dumps(sample.gold, ensure_ascii=False)
        prompt = _KNOWN.format(question=question(sample), gold=gold, answer=answer)
        yield Item(place(sample), (("user", prompt),), gold, sample.tags)

    return judged(log, Judging(task, chosen, ask, {"phial": extract_correctness}, grade_correctness))


def extract_correctness(reply: str, item: Item) -> Extraction:
    """The last "Verdict: …", or else the last of the three words in capitals."""
    reply = reply[-LOOKED_AT:]
    for rule, pattern in (("verdict", _STATED), ("last-word", _VERDICT)):
        if found := pattern.findall(reply):
            return Extraction(found[-1].upper(), rule)
    return Extraction(None)


def grade_correctness(answer: str, item: Item) -> Grade:
    """1 for a correct answer."""
    correct = float(answer == "CORRECT")
    parts = {"not attempted": (float(answer == "NOT_ATTEMPTED"), 1.0), "incorrect": (float(answer == "INCORRECT"), 1.0)}
    if answer != "NOT_ATTEMPTED":
        parts["correct given attempted"] = (correct, 1.0)
    return Grade(correct, answer.lower().replace("_", " "), parts)
