"""The Phi-3 chat format: ids with loss spans for training, the same ids for inference, the same text as Jinja."""

from __future__ import annotations

from collections.abc import Sequence

from phial.errors import PhialError
from phial.tokens.tokenizer import ASSISTANT, END, SYSTEM, USER, Tokenizer

ROLES = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}

# Phi-3's own layout, so that other engines that know Phi-3 talk to these models unchanged.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)


def encode_chat(
    tokenizer: Tokenizer, messages: Sequence[tuple[str, str]], *, generation_prompt: bool = False
) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Ids of a conversation and the token spans that the assistant wrote.

    Each message is encoded by itself, as ordinary text between control ids, so no text can become a control token.

    Args:
        tokenizer: its special tokens frame the messages.
        messages: (role, content) pairs.
        generation_prompt: end with the assistant's opening, for inference; otherwise with EOS, for training.

    Returns:
        ids, and the [start, end) spans of the assistant's content, each with its closing `<|end|>`.

    Raises:
        PhialError: an unknown role.
    """
    newline = tokenizer.encode("\n")
    ids = [tokenizer.bos_id]
    spans: list[tuple[int, int]] = []
    for role, content in messages:
        if role not in ROLES:
            raise PhialError(f"unknown role {role!r}", where="chat messages", do=f"use one of {', '.join(ROLES)}")
        ids += [tokenizer.special[ROLES[role]], *newline]
        start = len(ids)
        ids += [*tokenizer.encode(content), tokenizer.special[END]]
        if role == "assistant":
            spans.append((start, len(ids)))
        ids += newline
    if generation_prompt:
        ids += [tokenizer.special[ASSISTANT], *newline]
    else:
        ids.append(tokenizer.eos_id)
    return ids, tuple(spans)
