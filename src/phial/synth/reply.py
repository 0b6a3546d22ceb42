"""What comes back from a teacher: `Answer` from whoever computes it, `Reply` to the flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_OPEN, _CLOSE = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as its source gave it.

    Attributes:
        text: the answer.
        reasoning: what the teacher thought before, where it shows that.
        finish_reason: "stop", "length", "filter", or the server's own word.
        prompt_tokens: as the source counts; None where it does not say.
        completion_tokens: as the source counts, reasoning included; None where it does not say.
        url: who answered, without query and credentials.
    """

    text: str
    reasoning: str = ""
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A teacher's reply.

    Attributes:
        text: the answer.
        parsed: an object of the schema that was asked for, or None.
        reasoning: what the teacher thought before, where it shows that.
        finish_reason: "stop", "length" (cut by max_tokens), "filter", or the server's own word.
        prompt_tokens: of all requests behind this reply.
        completion_tokens: of all requests behind this reply, reasoning included.
        cost: of all requests behind this reply when they were paid, in the price's currency.
        request_keys: ledger keys of the requests behind this reply, for `Lineage.request_keys`: one, or two where the
            first answer was repaired; the last is that of `text`.
        recorded: whether every request was answered from the ledger, so that nothing was paid now.
    """

    text: str
    parsed: Any
    reasoning: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost: float
    request_keys: tuple[str, ...]
    recorded: bool


def keys_of(replies: Iterable[Reply]) -> list[str]:
    """The requests behind replies, repair turns included, in the order in which they were asked."""
    return [key for reply in replies for key in reply.request_keys]


def split_reasoning(text: str) -> tuple[str, str]:
    """Part what a model thought aloud in a leading <think> block from its answer.

    Returns:
        Reasoning and answer; a block that never closes is all reasoning.
    """
    body = text.lstrip()
    if not body.startswith(_OPEN):
        return "", text
    reasoning, _, answer = body.removeprefix(_OPEN).partition(_CLOSE)
    return reasoning.strip(), answer.strip()
