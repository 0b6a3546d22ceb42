"""SimpleQA (Wei et al. 2024): short questions of fact, of which a model should know when it does not know the answer.

Published figures have another model as a judge. Here a reply is graded by rules, which are strict: words that mean the
same do not count. `phial eval judge` has another model read a finished log (`evals/correctness.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from phial.evals import extract
from phial.evals.answers import plain_words
from phial.evals.files import rows
from phial.evals.items import checked, field, protocol_of
from phial.evals.presets import GREEDY, PHI_4
from phial.evals.task import Extraction, Grade, Item, Protocol, Task

RIGHT, WRONG, NOT_ATTEMPTED = "CORRECT", "INCORRECT", "NOT_ATTEMPTED"

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, the question alone; graded by rules, not by a judge", GREEDY),
    "phi-4": Protocol(
        "phi-4",
        "simple-evals' question at temperature 0.5; graded by rules, for published figures see the judge",
        PHI_4,
    ),
}
_REFUSALS = re.compile(
    r"\b(?:I|we)(?: am|'m| do|'m| can| could)?(?: really| currently| unfortunately)?"
    r"(?: not|n't|not) (?:know|sure|certain|aware|have|able|find|recall|provide|determine|verify|confirm|answer)\b"
    r"|\bI(?:'m| am) (?:unable|unsure|uncertain)\b|\bno (?:reliable |specific )?information\b"
    r"|\bI have no (?:idea|record)\b"
    r"|\bas of my (?:last|latest) (?:update|knowledge)\b|\bcannot (?:be determined|answer|provide|find|verify)\b",
    re.IGNORECASE,
)


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """All questions, split by topic; figures are "f1", "attempted" and "right of attempted" beside accuracy.

    Args:
        folder: with simple-evals' `simple_qa_test_set.csv` (also the Hub's basicv8vc/SimpleQA); columns metadata,
            problem, answer.
        protocol: one of `PROTOCOLS`.
        limit: the first so many items.
    """
    names = ("simple_qa_test_set.csv", "test.csv", "*.csv", "*.parquet", "*.jsonl")
    found, sha256 = rows(folder, names, ("problem", "answer"), limit)
    items = (
        Item(
            f"simpleqa-{index}",
            (("user", str(field(row, "problem"))),),
            str(field(row, "answer")).strip(),
            {"topic": topic} if (topic := _topic(row.get("metadata"))) else {},
        )
        for index, row in enumerate(found)
    )
    chosen = protocol_of(PROTOCOLS, protocol, "simpleqa")
    return Task("simpleqa", chosen, checked(items, folder), {"phial": read}, grade, sha256, blank=_unanswered)


def read(reply: str, item: Item) -> Extraction:
    """What the reply states as its answer, or else all of it; a reply that declines is not attempted."""
    text = reply.strip()[-4_000:]
    if statement := extract.stated(text):
        declined = _REFUSALS.search(statement[0])
        return Extraction(NOT_ATTEMPTED, "declined") if declined else Extraction(*statement)
    if _REFUSALS.search(text):
        return Extraction(NOT_ATTEMPTED, "declined")
    return Extraction(text, "whole-reply") if text else Extraction(None)


def grade(answer: str, item: Item) -> Grade:
    """Right where the words of the right answer stand in the answer in one piece.

    A reply that names several candidates is right if one of them is, which a judge would not let pass.
    """
    if answer == NOT_ATTEMPTED:
        return verdict(NOT_ATTEMPTED)
    given, right = _words(answer), _words(str(item.gold))
    found = bool(right) and f" {right} " in f" {given} "
    return verdict(RIGHT if found else WRONG)


def verdict(name: str) -> Grade:
    """One of the three grades, with what the benchmark's own figures are made of.

    F1 is the harmonic mean of the share right of all and of those attempted: twice the right by all and attempted.
    """
    right, attempted = float(name == RIGHT), float(name != NOT_ATTEMPTED)
    parts = {"f1": (2 * right, 1 + attempted), "attempted": (attempted, 1.0), "right of attempted": (right, attempted)}
    return Grade(right, name, parts)


def _unanswered(item: Item) -> Grade:
    return verdict(NOT_ATTEMPTED)


def _words(text: str) -> str:
    return plain_words(re.sub(r"(?<=\d),(?=\d{3})", "", text))


def _topic(metadata: object) -> str:
    """The topic that a row's metadata tell, which are a Python dictionary in text."""
    match = re.search(r"'topic': '([^']{1,60})'", str(metadata or ""))
    return match[1] if match else ""
