"""GSM8K (Cobbe et al. 2021): grade-school word problems whose answers are integers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from phial.evals import compat, compat_forms, extract
from phial.evals.answers import maths_grade, number_gold
from phial.evals.files import rows
from phial.evals.items import checked, field, place, protocol_of, shots
from phial.evals.presets import GREEDY
from phial.evals.task import Item, Messages, Protocol, Task

TEST = ("test.jsonl*", "main/test-*.parquet", "data/test-*.parquet", "test-*.parquet")
TRAIN = ("train.jsonl*", "main/train-*.parquet", "data/train-*.parquet", "train-*.parquet")
LM_EVAL_SEED = 1234  # lm-eval draws its examples for one question after the other with it

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, 'Answer: NUMBER' asked for, exact number compared", GREEDY),
    "plain": Protocol("plain", "zero-shot chat, the question alone, exact number compared", GREEDY),
    "phi-3": Protocol(
        "phi-3",
        "8-shot chain of thought at temperature 0, as turns; the examples are the first of the train split, for the "
        "report does not name its own",
        GREEDY,
    ),
    "lm-eval": Protocol(
        "lm-eval",
        "5-shot, continued text, the examples that lm-eval draws, first '#### NUMBER', compared as strings",
        replace(GREEDY, max_tokens=256),
        stop=("Question:", "</s>", "<|im_end|>"),
        extractor="compat:lm-eval-strict",
    ),
    "lm-eval-chat": Protocol(
        "lm-eval-chat",
        "as lm-eval, but the examples are turns of a chat, as with --apply_chat_template",
        replace(GREEDY, max_tokens=256),
        stop=("Question:", "</s>", "<|im_end|>"),
        extractor="compat:lm-eval-strict",
    ),
    "eureka": Protocol(
        "eureka", "zero-shot, number after '####', compared as floats", GREEDY, extractor="compat:eureka"
    ),
}
EXTRACTORS = {
    "phial": lambda reply, item: extract.number(reply),
    "compat:lm-eval-strict": compat.lm_eval_gsm8k_strict,
    "compat:lm-eval-flexible": compat.lm_eval_gsm8k_flexible,
    "compat:eureka": compat.eureka_gsm8k,
}


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """The test split; GSM8K-Platinum has the same columns.

    Args:
        folder: with `test.jsonl` of openai/grade-school-math, or `main/test-00000-of-00001.parquet` of the Hub's
            openai/gsm8k; columns question, answer (a solution that ends in "#### 18"). Protocols with examples also
            read `train.jsonl` or `main/train-*.parquet`.
        protocol: one of `PROTOCOLS`.
        limit: the first so many items.
    """
    chosen = protocol_of(PROTOCOLS, protocol, "gsm8k")
    found, sha256 = rows(folder, TEST, ("question", "answer"), limit)
    prompts = _prompts(found, folder, protocol)
    items = (
        Item(f"gsm8k-{index}", prompt, _gold(row))
        for index, (row, prompt) in enumerate(zip(found, prompts, strict=True))
    )
    grade = compat_forms.gsm8k_grade if protocol.startswith("lm-eval") else maths_grade
    return Task("gsm8k", chosen, checked(items, folder), EXTRACTORS, grade, sha256)


def _gold(row: Mapping[str, Any]) -> str:
    return number_gold(str(field(row, "answer")).rpartition("####")[2], place(row))


def _prompts(found: Sequence[Mapping[str, Any]], folder: Path, protocol: str) -> Sequence[Messages | str]:
    questions = [str(row["question"]) for row in found]
    if protocol == "plain":
        return [(("user", question),) for question in questions]
    if protocol == "phial":
        ask = "{}\n\nReason step by step. End with a line of the form 'Answer: NUMBER', with the number alone."
        return [(("user", ask.format(question)),) for question in questions]
    if protocol == "eureka":
        ask = (
            "As an expert problem solver, solve step by step the following mathematical questions.\n"
            "At the end, you MUST write the final numerical answer after '####'.\nQuestion: {}\nAnswer: "
        )
        return [(("user", ask.format(question)),) for question in questions]
    if protocol == "phi-3":
        examples = shots(folder, TRAIN, ("question", "answer"), 8)
        return [(*_turns(examples), ("user", f"Question: {question}\nAnswer:")) for question in questions]
    draw = random.Random(LM_EVAL_SEED)
    train, _ = rows(folder, TRAIN, ("question", "answer"))
    drawn = [draw.sample(train, 5) for _ in questions]
    if protocol == "lm-eval-chat":
        return [
            (*_turns(examples), ("user", f"Question: {question}\nAnswer:"))
            for examples, question in zip(drawn, questions, strict=True)
        ]
    return [
        "".join(f"Question: {row['question']}\nAnswer: {row['answer']}\n\n" for row in examples)
        + f"Question: {question}\nAnswer:"
        for examples, question in zip(drawn, questions, strict=True)
    ]


def _turns(examples: Sequence[Mapping[str, Any]]) -> Messages:
    return tuple(
        turn
        for row in examples
        for turn in (("user", f"Question: {row['question']}\nAnswer:"), ("assistant", str(row["answer"])))
    )
