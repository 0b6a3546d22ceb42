"""MMLU-Pro (Wang et al. 2024): 14 subjects, up to ten options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals import choices, compat, compat_forms
from phial.evals.answers import letter_grade
from phial.evals.choices import last_line_letter, letter_gold, lettered
from phial.evals.files import rows
from phial.evals.items import checked, field, protocol_of, spread
from phial.evals.presets import GREEDY, PHI_4_REASONING
from phial.evals.task import Item, Messages, Protocol, Task

TEST = ("test.jsonl*", "data/test-*.parquet", "test-*.parquet", "test.json")
EXAMPLES = ("validation.jsonl*", "data/validation-*.parquet", "validation-*.parquet", "dev.jsonl*", "validation.json")
_SHOTS = 5

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat with reasoning, 'Answer: LETTER' asked for", GREEDY),
    "phi-4": Protocol(
        "phi-4", "zero-shot chain of thought at temperature 0, as the Phi-4-reasoning report measured it", GREEDY
    ),
    "phi-4-mini": Protocol("phi-4-mini", "zero-shot chain of thought at temperature 0", GREEDY),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning", "zero-shot, 'Answer: LETTER' asked for, sampled as on the model card", PHI_4_REASONING
    ),
    "mmlu-pro": Protocol(
        "mmlu-pro",
        "5-shot chain of thought in one chat message, temperature 0, the official three rules without its guess",
        GREEDY,
        extractor="compat:mmlu-pro",
    ),
    "lm-eval": Protocol(
        "lm-eval",
        "5-shot chain of thought, continued text, greedy, first 'answer is (X)'",
        replace(GREEDY, max_tokens=2048),
        stop=("Question:",),
        extractor="compat:lm-eval",
    ),
}
EXTRACTORS = {
    "phial": choices.letter,
    "compat:mmlu-pro": compat.mmlu_pro,
    "compat:lm-eval": compat.lm_eval_mmlu_pro,
}


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """The test split, split by category.

    Args:
        folder: with `data/test-*.parquet` of the Hub's TIGER-Lab/MMLU-Pro, or its rows as `test.jsonl`; columns
            question_id, question, options, answer (a letter), category. Protocols with examples also read
            `data/validation-*.parquet` or `validation.jsonl` (cot_content has the examples' reasoning).
        protocol: one of `PROTOCOLS`.
        limit: so many items, at even distances, so that all categories are in.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "mmlu_pro")
    found, sha256 = rows(folder, TEST, ("question_id", "question", "options", "answer", "category"))
    introductions = _introductions(folder) if protocol in ("mmlu-pro", "lm-eval") else {}
    items = []
    for row in spread(found, limit):
        options = _options(row)
        category = str(row["category"])
        if introductions and category not in introductions:
            raise PhialError(f"no examples of category {category!r}", where=str(folder), do="give the whole validation")
        items.append(
            Item(
                str(row["question_id"]),
                _prompt(str(field(row, "question")), options, protocol, introductions.get(category, "")),
                letter_gold(field(row, "answer"), len(options), row),
                {"category": category},
                data={"options": options},
            )
        )
    grade = compat_forms.letter_grade if protocol == "lm-eval" else letter_grade
    return Task("mmlu_pro", chosen, checked(items, folder), EXTRACTORS, grade, sha256)


def _options(row: Mapping[str, Any]) -> list[str]:
    """Without the "N/A" that fill up some lists."""
    options = [str(option) for option in field(row, "options")]
    while options and options[-1] == "N/A":
        options.pop()
    return options


def _prompt(question: str, options: Sequence[str], protocol: str, introduction: str) -> Messages | str:
    if not introduction:
        return (("user", last_line_letter(question, options)),)
    text = f"{introduction}{_question(question, options)}Answer: Let's think step by step."
    return text if protocol == "lm-eval" else (("user", text),)


def _introductions(folder: Path) -> dict[str, str]:
    """The instruction and five worked examples of each category."""
    found, _ = rows(folder, EXAMPLES, ("question", "options", "cot_content", "category"))
    by_category: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_category.setdefault(str(row["category"]), []).append(row)
    return {
        category: (
            f"The following are multiple choice questions (with answers) about {category}. Think step by step and then "
            'finish your answer with "the answer is (X)" where X is the correct letter choice.\n\n'
            + "".join(_example(row) for row in examples[:_SHOTS])
        )
        for category, examples in by_category.items()
    }


def _example(row: Mapping[str, Any]) -> str:
    reasoning = str(row["cot_content"]).removeprefix("A: Let's think step by step.").strip()
    return f"{_question(str(row['question']), _options(row))}Answer: Let's think step by step. {reasoning}\n\n"


def _question(question: str, options: Sequence[str]) -> str:
    return (
        f"Question:\n{question}\nOptions:\n{lettered([option.strip() for option in options], '{letter}. {option}')}\n"
    )
