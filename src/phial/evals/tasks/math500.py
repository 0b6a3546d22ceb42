"""MATH-500 (Lightman et al. 2023): 500 problems of MATH's test split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phial.evals.answers import maths_grade
from phial.evals.files import rows
from phial.evals.items import checked, protocol_of
from phial.evals.task import Protocol, Task
from phial.evals.tasks import math

PROTOCOLS: Mapping[str, Protocol] = math.PROTOCOLS


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """All 500, split by subject and level; asked and graded as MATH.

    Args:
        folder: with `test.jsonl` of the Hub's HuggingFaceH4/MATH-500 or of openai/prm800k's `math_splits` (columns
            problem, answer, subject, level, unique_id), or simple-evals' `math_500_test.csv` (Question, Answer).
        protocol: one of MATH's.
        limit: the first so many items.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "math500")
    found, sha256 = rows(
        folder, ("test.jsonl*", "math_500_test.csv", "data/test-*.parquet", "test-*.parquet"), (), limit
    )
    items = checked(math.problems(list(enumerate(found)), protocol), folder)
    return Task("math500", chosen, items, math.EXTRACTORS, math.GRADES.get(protocol, maths_grade), sha256)
