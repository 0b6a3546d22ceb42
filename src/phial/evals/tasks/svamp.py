"""SVAMP (Patel et al. 2021): one-step problems with varied wording, a floor for very small models."""

from __future__ import annotations

from pathlib import Path

from phial.artifact import file_sha256
from phial.evals.task import Item, Task
from phial.evals.tasks.jsonl import read_lines
from phial.verify.answer import equal, extract


def svamp_task(folder: Path, limit: int) -> Task:
    """SVAMP from `test.jsonl` (columns Body, Question, Answer).

    Protocol: zero-shot chat, body and question as one turn; the answer after the last "The answer is" must equal the
    gold number.
    """
    path = folder / "test.jsonl"
    items = tuple(
        Item(str(i), f"{line['Body'].strip()} {line['Question'].strip()}", str(line["Answer"]).removesuffix(".0"))
        for i, line in enumerate(read_lines(path, ("Body", "Question", "Answer"), limit))
    )
    return Task("svamp", "zero-shot chat, exact match", items, extract, equal, file_sha256(path))
