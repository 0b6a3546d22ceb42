r"""MATH (Hendrycks et al. 2021): competition problems whose answers are expressions in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from phial.evals import compat, compat_forms, extract
from phial.evals.answers import expression_gold, maths_grade
from phial.evals.files import rows
from phial.evals.items import checked, field, place, protocol_of, spread
from phial.evals.presets import GREEDY, PHI_4, PHI_4_MINI_REASONING, PHI_4_REASONING
from phial.evals.task import Extract, Item, Messages, Protocol, Task

# simple-evals' wording, which the Phi-4 report uses.
ANSWER_LINE = (
    "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
    "$ANSWER (without quotes) where $ANSWER is the answer to the problem.\n\n{problem}\n\nRemember to put your answer "
    'on its own line after "Answer:", and you do not need to use a \\boxed command.'
)
BOXED = "{problem}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}."

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, \\boxed answer asked for, compared by math-verify", GREEDY),
    "phi-3": Protocol("phi-3", "zero-shot chain of thought at temperature 0, \\boxed answer, math-verify", GREEDY),
    "phi-4": Protocol(
        "phi-4",
        "simple-evals' wording, zero-shot at temperature 0.5; equality is math-verify's, not another model's",
        PHI_4,
    ),
    "phi-4-mini-reasoning": Protocol(
        "phi-4-mini-reasoning", "zero-shot, sampled as on the model card, \\boxed answer, math-verify",
        PHI_4_MINI_REASONING,
    ),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning", "zero-shot, sampled as on the model card, \\boxed answer, math-verify", PHI_4_REASONING
    ),
    "simple-evals": Protocol(
        "simple-evals", "zero-shot at temperature 0.5, first 'Answer:'; equality is math-verify's, not another model's",
        PHI_4, extractor="compat:simple-evals",
    ),
    "lm-eval": Protocol(
        "lm-eval", "hendrycks_math: zero-shot, continued text, between the first and the last $, compared as strings",
        replace(GREEDY, max_tokens=256), stop=("Problem:",), extractor="compat:lm-eval",
    ),
    "minerva": Protocol(
        "minerva", "lm-eval's minerva_math: 'Final Answer: The final answer is', zero-shot, Minerva's normal form",
        replace(GREEDY, max_tokens=256), stop=("Problem:",), extractor="compat:minerva",
    ),
}  # fmt: skip
EXTRACTORS: Mapping[str, Extract] = {
    "phial": lambda reply, item: extract.expression(reply),
    "compat:simple-evals": compat.simple_evals_math,
    "compat:lm-eval": compat.lm_eval_hendrycks_math,
    "compat:minerva": compat.lm_eval_minerva_math,
}
GRADES = {"lm-eval": compat_forms.hendrycks_grade, "minerva": compat_forms.minerva_grade}

TEST = (
    "test/*/*.json",
    "MATH/test/*/*.json",
    "MATH.tar::MATH/test/*/*.json",
    "MATH.zip::MATH/test/*/*.json",
    "test.jsonl*",
    "math_test.csv",
    "*/test-*.parquet",
    "test-*.parquet",
)


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    r"""The test split of 5,000 problems, split by subject and level.

    Args:
        folder: with `test/SUBJECT/N.json` of hendrycks/math (or its `MATH.tar`), `SUBJECT/test-*.parquet` of the
            Hub's EleutherAI/hendrycks_math (columns problem, level, type, solution), `test.jsonl` with the same
            columns, or simple-evals' `math_test.csv` (columns Question, Answer). The right answer is a column
            `answer`, or what the last \boxed of the solution holds.
        protocol: one of `PROTOCOLS`.
        limit: so many items, at even distances, so that all subjects are in.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "math")
    found, sha256 = rows(folder, TEST, ())
    items = checked(problems(spread(list(enumerate(found)), limit), protocol), folder)
    return Task("math", chosen, items, EXTRACTORS, GRADES.get(protocol, maths_grade), sha256)


def problems(found: Sequence[tuple[int, Mapping[str, Any]]], protocol: str) -> list[Item]:
    """Numbered rows of MATH in any of its forms as items."""
    return [
        Item(
            str(row.get("unique_id") or f"math-{index}"),
            _prompt(str(field(row, "problem", "Question")), protocol),
            expression_gold(field(row, "answer", "Answer", "solution"), place(row)),
            {
                name: str(value)
                for name, value in (("subject", row.get("subject") or row.get("type")), ("level", row.get("level")))
                if value
            },
        )
        for index, row in found
    ]


def _prompt(problem: str, protocol: str) -> Messages | str:
    if protocol == "lm-eval":
        return f"Problem: {problem}\nAnswer:"
    if protocol == "minerva":
        return f"Problem:\n{problem}\n\nSolution:"
    wording = ANSWER_LINE if protocol in ("phi-4", "simple-evals") else BOXED
    return (("user", wording.format(problem=problem)),)
