"""AIME 2024 and 2025: 30 problems a year, answers 0 to 999."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals import compat, compat_forms, extract
from phial.evals.answers import maths_grade, number_gold
from phial.evals.extract import boxed
from phial.evals.files import FILE, rows
from phial.evals.items import checked, field, place, protocol_of
from phial.evals.presets import PHI_4_MINI_REASONING, PHI_4_REASONING
from phial.evals.task import Item, Messages, Protocol, Task

BOXED = "{problem}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}."
# Eureka's wording, with which Phi-4-reasoning was measured.
EUREKA = (
    "You are a genius math graduate student solving math problems from the AIME competition. Follow the following "
    "steps.\n\nStep 1: Reflect on what the problem is asking.\nStep 2: Think step by step and explain your reasoning "
    "in detail.\nStep 3: Provide your final answer in the format: 'Final Answer: [numeric value]'. Dont box it, just "
    "provide the answer directly at the end.\n\n{problem}"
)

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol(
        "phial", "zero-shot, 8 answers an item at temperature 0.6, \\boxed answer, exact number",
        replace(PHI_4_MINI_REASONING, temperature=0.6), repeats=8,
    ),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning", "Eureka's wording, sampled as on the model card, 50 answers an item (AIME 2025's number)",
        PHI_4_REASONING, repeats=50,
    ),
    "eureka": Protocol(
        "eureka", "as phi-4-reasoning, read by Eureka's own rule", PHI_4_REASONING, repeats=5,
        extractor="compat:eureka",
    ),
    "phi-4-mini-flash-reasoning": Protocol(
        "phi-4-mini-flash-reasoning", "zero-shot, 64 answers an item at temperature 0.6, \\boxed answer",
        replace(PHI_4_MINI_REASONING, temperature=0.6), repeats=64,
    ),
    "lm-eval": Protocol(
        "lm-eval", "zero-shot, greedy, continued text, \\boxed or between $, compared as strings",
        replace(PHI_4_MINI_REASONING, temperature=0.0), stop=("Question:", "</s>", "<|im_end|>", "<|eot_id|>"),
        extractor="compat:lm-eval",
    ),
}  # fmt: skip
EXTRACTORS = {
    "phial": lambda reply, item: extract.number(reply),
    "compat:lm-eval": compat.lm_eval_aime,
    "compat:eureka": compat.eureka_number,
}
FILES = (
    "*.jsonl",
    "data/train-*.parquet",
    "data/test-*.parquet",
    "*.parquet",
    "*.json",
    "*.csv",
)


def load(folder: Path, protocol: str = "phial", limit: int | None = None, year: int | None = None) -> Task:
    r"""The problems that lie in a folder, split by year.

    Args:
        folder: with any of the Hub's copies: HuggingFaceH4/aime_2024 and yentinglin/aime_2025 (`data/train-*.parquet`:
            id, problem, answer, year), Maxwell-Jia/AIME_2024 (`*.jsonl`, `*.parquet`: ID, Problem, Answer),
            math-ai/aime24 and aime25 (`test.jsonl`, `data/test-*.parquet`: id, problem, answer or a solution with
            \boxed), opencompass/AIME2025 (`aime2025-I.jsonl`, `aime2025-II.jsonl`: question, answer),
            AI-MO/aimo-validation-aime (id, problem, answer, url). Answers like 336^\circ and 033 are the number.
        protocol: one of `PROTOCOLS`.
        limit: the first so many items.
        year: only this year's; rows tell it in a column (year, url, id) or in their file's name.

    Raises:
        PhialError: a year is asked for and no row is of it.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "aime")
    found, sha256 = rows(folder, FILES, ())
    wording = EUREKA if protocol in ("phi-4-reasoning", "eureka") else BOXED
    items = []
    for index, row in enumerate(found):
        of = _year(row)
        if year in (None, of):
            problem = str(field(row, "problem", "Problem", "question", "Question"))
            prompt: Messages | str = (("user", wording.format(problem=problem)),)
            if protocol == "lm-eval":
                prompt = f"Question: {problem}\nAnswer:"
            items.append(Item(f"aime-{of or ''}-{index}", prompt, _gold(row), {"year": str(of)} if of else {}))
    if not items:
        raise PhialError(f"no problem of AIME {year}", where=str(folder), do="put that year's file there")
    name = f"aime{year % 100}" if year else "aime"
    grade = compat_forms.hendrycks_grade if protocol == "lm-eval" else maths_grade
    return Task(name, chosen, checked(items[:limit], folder), EXTRACTORS, grade, sha256)


def _gold(row: Mapping[str, Any]) -> str:
    value = str(field(row, "answer", "Answer", "solution", "Solution"))
    number = number_gold(boxed(value) or value, place(row))
    if not number.isdecimal() or int(number) > 999:
        raise PhialError(
            f"right answer {number!r} is not one of AIME's", where=place(row), do="give the published file"
        )
    return str(int(number))


def _year(row: Mapping[str, Any]) -> int | None:
    told = " ".join(str(row.get(name) or "") for name in ("year", "Year", "url", "id", "ID", FILE))
    return next((year for year in range(1983, 2100) if str(year) in told), None)
