"""Held-out problems of the procedural teacher, exact match by the verifier."""

from __future__ import annotations

from pathlib import Path

from phial.artifact import file_sha256
from phial.evals.task import Item, Task
from phial.evals.tasks.jsonl import read_lines
from phial.verify.answer import equal, extract


def problems_task(path: Path, limit: int) -> Task:
    """The first `limit` problems of one held-out file (one JSON object a line: id, question, answer, family, steps).

    Protocol: zero-shot chat, the question alone as user turn; the answer after the last "The answer is" must equal the
    gold answer as a number or word.
    """
    items = tuple(
        Item(line["id"], line["question"], line["answer"], {"family": line["family"], "steps": str(line["steps"])})
        for line in read_lines(path, ("id", "question", "answer", "family", "steps"), limit)
    )
    return Task(path.stem, "zero-shot chat, exact match", items, extract, equal, file_sha256(path))
