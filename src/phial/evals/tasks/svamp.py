"""SVAMP (Patel et al. 2021): one-step problems with varied wording, a floor for very small models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phial.evals import compat, extract
from phial.evals.answers import maths_grade, number_gold
from phial.evals.files import rows
from phial.evals.items import checked, field, place, protocol_of
from phial.evals.presets import GREEDY
from phial.evals.task import Item, Protocol, Task

PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", "zero-shot chat, 'Answer: NUMBER' asked for, exact number compared", GREEDY),
    "plain": Protocol("plain", "zero-shot chat, body and question alone, exact number compared", GREEDY),
}
EXTRACTORS = {
    "phial": lambda reply, item: extract.number(reply),
    "compat:lm-eval": compat.lm_eval_gsm8k_flexible,
}


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """The test split, split by the operation that solves the problem.

    Args:
        folder: with `SVAMP.json` of arkilpatel/SVAMP, `test.jsonl`, or `test.json` or `data/test-*.parquet` of the
            Hub's ChilleD/SVAMP; columns Body, Question, Answer, Type, ID. The first has all 1,000 problems, the
            Hub's test split 300.
        protocol: one of `PROTOCOLS`.
        limit: the first so many items.
    """
    names = ("SVAMP.json", "test.jsonl*", "test.json", "data/test-*.parquet", "test-*.parquet")
    found, sha256 = rows(folder, names, ("Body", "Question", "Answer"), limit)
    ask = "\n\nReason step by step. End with a line of the form 'Answer: NUMBER', with the number alone."
    items = (
        Item(
            str(row.get("ID") or f"svamp-{index}"),
            (("user", _question(row) + (ask if protocol == "phial" else "")),),
            number_gold(field(row, "Answer"), place(row)),
            {"type": str(row.get("Type") or "")},
        )
        for index, row in enumerate(found)
    )
    chosen = protocol_of(PROTOCOLS, protocol, "svamp")
    return Task("svamp", chosen, checked(items, folder), EXTRACTORS, maths_grade, sha256)


def _question(row: Mapping[str, str]) -> str:
    body = row["Body"].strip()
    return f"{body}{'' if body.endswith(('.', '?', '!', ',')) else '.'} {row['Question'].strip()}"
