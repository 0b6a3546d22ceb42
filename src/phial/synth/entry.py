"""One line of the ledger: a request, what came back, and what it cost."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Any

from phial.synth.budget import Price, Spending, settled
from phial.synth.reply import Answer, split_reasoning


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded request.

    Attributes:
        key: of the request.
        request: its canonical form: body, teacher, model, revision, sample.
        task: what was asked for in a word.
        run: who paid.
        at: when, in seconds since 1970.
        answer: what came back; empty where it was refused.
        spent: what it cost.
        doubted: whether the server's token count was missing or impossible, and estimated instead.
        refused: why the teacher would not answer, as [reason, what]; None for an answer.
    """

    key: str
    request: str
    task: str
    run: str
    at: float
    answer: Answer
    spent: Spending
    doubted: bool = False
    refused: tuple[str, str] | None = None


def answered(
    key: str, canonical: str, task: str, run: str, answer: Answer, prompt_bytes: int, reserved: Spending, price: Price
) -> Entry:
    """The entry of an answer that came now.

    Args:
        key: of the request.
        canonical: the request.
        task: what was asked for in a word.
        run: who pays.
        answer: as its source gave it.
        prompt_bytes: of the messages.
        reserved: for the request.
        price: of the teacher.
    """
    spent, doubted = settled(answer, prompt_bytes, reserved, price)
    thought, text = split_reasoning(answer.text)
    kept = replace(answer, text=text, reasoning=answer.reasoning or thought)
    return Entry(key, canonical, task, run, time.time(), kept, spent, doubted)


def refused(key: str, canonical: str, task: str, run: str, reason: str, what: str) -> Entry:
    """The entry of a refusal that came now; it cost nothing."""
    return Entry(key, canonical, task, run, time.time(), Answer(""), Spending(), False, (reason, what))


def to_row(entry: Entry) -> dict[str, Any]:
    """By the names of the ledger's columns."""
    answer, spent = entry.answer, entry.spent
    return {
        "key": entry.key,
        "request": entry.request,
        "task": entry.task,
        "run": entry.run,
        "url": answer.url,
        "at": entry.at,
        "refused": None if entry.refused is None else json.dumps(entry.refused),
        "text": answer.text,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "requests": spent.requests,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cost": spent.cost,
        "doubted": int(entry.doubted),
    }


def from_row(row: Any) -> Entry:
    """What `to_row` gave, from anything that has the values by their names."""
    answer = Answer(
        row["text"],
        row["reasoning"],
        row["finish_reason"],
        row["prompt_tokens"],
        row["completion_tokens"],
        row["url"],
    )
    spent = Spending(row["requests"], row["prompt_tokens"], row["completion_tokens"], row["cost"])
    refused = None if row["refused"] is None else tuple(json.loads(row["refused"]))
    return Entry(
        row["key"], row["request"], row["task"], row["run"], row["at"], answer, spent, bool(row["doubted"]), refused
    )
