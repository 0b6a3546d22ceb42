"""Held-out problems of the procedural teacher."""

from __future__ import annotations

from pathlib import Path

from phial.engine.request import Sampling
from phial.evals.files import rows
from phial.evals.task import Extraction, Grade, Item, Protocol, Task
from phial.verify.answer import equal, extract

PROTOCOLS = {
    "phial": Protocol(
        "phial",
        'zero-shot chat, the question alone; what follows the last "The answer is", as a number or word',
        Sampling(max_tokens=200),
    )
}
_COLUMNS = ("id", "question", "answer", "family", "steps")


def load(folder: Path, protocol: str = "phial", limit: int | None = None, split: str = "in-range") -> Task:
    """One held-out split of a recipe's synth stage.

    Args:
        folder: with SPLIT.jsonl, one problem a line.
        protocol: "phial".
        limit: problems at most.
        split: "in-range", "unseen-range" or "unseen-family".
    """
    found, sha256 = rows(folder, [f"{split}.jsonl"], _COLUMNS, limit)
    items = tuple(
        Item(
            row["id"],
            (("user", row["question"]),),
            row["answer"],
            {"family": row["family"], "steps": str(row["steps"])},
        )
        for row in found
    )
    return Task(split, PROTOCOLS[protocol], items, {"phial": stated}, grade, sha256)


def stated(reply: str, item: Item) -> Extraction:
    """What a reply says its answer is."""
    answer = extract(reply)
    return Extraction(answer, "the-answer-is" if answer else "")


def grade(answer: str, item: Item) -> Grade:
    """Whether it is exactly the right one."""
    return Grade(float(equal(answer, item.gold)))
