"""GSM8K (Cobbe et al. 2021): grade-school word problems, integer answers after "####"."""

from __future__ import annotations

from pathlib import Path

from phial.artifact import file_sha256
from phial.evals.task import Item, Task
from phial.evals.tasks.jsonl import read_lines
from phial.verify.answer import equal, extract


def gsm8k_task(folder: Path, limit: int) -> Task:
    """GSM8K test set from `test.jsonl` (columns question, answer), as published in openai/grade-school-math.

    Protocol: zero-shot chat, the question alone; the answer after the last "The answer is" must equal the number after
    "####".
    """
    path = folder / "test.jsonl"
    items = tuple(
        Item(str(i), line["question"], line["answer"].rpartition("####")[2].strip().replace(",", ""))
        for i, line in enumerate(read_lines(path, ("question", "answer"), limit))
    )
    return Task("gsm8k", "zero-shot chat, exact match", items, extract, equal, file_sha256(path))
