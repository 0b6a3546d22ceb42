"""GPQA (Rein et al. 2023): questions of graduate level in biology, physics and chemistry, four options."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from phial.evals import choices, compat
from phial.evals.answers import letter_grade
from phial.evals.choices import LETTERS, last_line_letter, lettered, shuffled
from phial.evals.files import rows
from phial.evals.items import checked, field, protocol_of
from phial.evals.presets import GREEDY, PHI_4, PHI_4_MINI_REASONING, PHI_4_REASONING
from phial.evals.task import Item, Messages, Protocol, Task

ORDER_SEED = 0  # the order of a question's options is `choices.shuffled` of this and its record id
SIMPLE_EVALS_SEED = 0  # simple-evals draws one order after the other
PASSWORD = b"deserted-untie-orchid"  # published beside the archive, which is locked against crawlers only

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat with reasoning, 'Answer: LETTER' asked for, own option order", GREEDY),
    "phi-4": Protocol(
        "phi-4", "simple-evals' wording and option order at temperature 0.5; the last 'Answer:' counts", PHI_4
    ),
    "phi-4-mini": Protocol("phi-4-mini", "zero-shot chain of thought at temperature 0, own option order", GREEDY),
    "phi-4-reasoning": Protocol(
        "phi-4-reasoning",
        "Eureka's chain-of-thought wording, sampled as on the model card, 5 answers an item, own option order; rules "
        "read the letter, no other model",
        PHI_4_REASONING,
        repeats=5,
    ),
    "phi-4-mini-reasoning": Protocol(
        "phi-4-mini-reasoning", "zero-shot, sampled as on the model card, own option order", PHI_4_MINI_REASONING
    ),
    "simple-evals": Protocol(
        "simple-evals",
        "temperature 0.5, 4 answers an item, first 'Answer:'; options in the order of its first repeat",
        PHI_4,
        repeats=4,
        extractor="compat:simple-evals",
    ),
    "eureka": Protocol(
        "eureka", "as phi-4-reasoning, read by Eureka's own rule", PHI_4_REASONING, 5, extractor="compat:eureka"
    ),
}
EXTRACTORS = {
    "phial": choices.letter,
    "compat:simple-evals": compat.simple_evals_letter,
    "compat:eureka": compat.eureka_letter,
    "compat:lm-eval": compat.lm_eval_gpqa_strict,
    "compat:lm-eval-flexible": compat.lm_eval_gpqa_flexible,
}
EUREKA = (
    "You are tasked with answering the following science question. \n\nQuestion: {question}\n{options}\n\nLet's think "
    "step by step. Think through and provide your answer in the following format. \nReasoning: <reasoning>\nFinal "
    "Answer: <single letter of your answer choice> Do not box the final answer, just provide the single letter of your "
    "choice. Do not provide any further information after this. This is important. If you do not provide a final "
    "answer in this format, your answer will not be scored as accurate."
)


def load(
    folder: Path,
    protocol: str = "phial",
    limit: int | None = None,
    subset: Literal["main", "diamond", "extended"] = "main",
) -> Task:
    """One of the three sets, split by domain.

    Args:
        folder: with `gpqa_main.csv`, `gpqa_diamond.csv` or `gpqa_extended.csv`, as in idavidrein/gpqa's `dataset.zip`
            (which may stay packed) and the Hub's Idavidrein/gpqa; columns Question, Correct Answer, Incorrect Answer 1
            to 3, Record ID, High-level domain. simple-evals' copies lack the last two.
        protocol: one of `PROTOCOLS`.
        limit: the first so many items.
        subset: 448, 198 or 546 questions.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "gpqa")
    name = f"gpqa_{subset}"
    columns = ("Question", "Correct Answer", *(f"Incorrect Answer {index}" for index in (1, 2, 3)))
    names = (f"{name}.csv", f"dataset.zip::dataset/{name}.csv", f"dataset.zip::{name}.csv", f"{name}*.parquet")
    found, sha256 = rows(folder, names, columns, limit, password=PASSWORD)
    draw = random.Random(SIMPLE_EVALS_SEED)
    items = []
    for index, row in enumerate(found):
        record = str(row.get("Record ID") or f"{subset}-{index}")
        drawn = draw.sample(range(4), 4)
        order = drawn if protocol in ("simple-evals", "phi-4") else shuffled(4, record, ORDER_SEED)
        options = [str(field(row, ("Correct Answer", *columns[2:])[place])).strip() for place in order]
        items.append(
            Item(
                record,
                _prompt(str(field(row, "Question")), options, protocol),
                LETTERS[order.index(0)],
                {"domain": str(row["High-level domain"])} if row.get("High-level domain") else {},
                data={"options": options},
            )
        )
    title = "gpqa" if subset == "main" else name
    return Task(title, chosen, checked(items, folder), EXTRACTORS, letter_grade, sha256)


def _prompt(question: str, options: Sequence[Any], protocol: str) -> Messages:
    if protocol in ("phi-4-reasoning", "eureka"):
        return (("user", EUREKA.format(question=question, options=lettered(options))),)
    return (("user", last_line_letter(question, options)),)
