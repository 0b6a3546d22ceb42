"""Tokens beyond a vocabulary file's own: control tokens, and CodeGen's runs of whitespace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import tokenizers
from tokenizers import AddedToken

from phial.errors import PhialError

MAX_ID = 1 << 24


def place(ids: Mapping[str, int], added: Mapping[str, int], where: str) -> dict[str, int]:
    """A vocabulary with further tokens, each at its own id.

    The library numbers added tokens one after another, but published ids have gaps. So they stand in the model's own
    vocabulary, which no merge leads to, and are declared afterwards.

    Args:
        ids: the vocabulary.
        added: tokens and ids.
        where: names the file in errors.

    Raises:
        PhialError: an id out of range, or one that belongs to another token.
    """
    placed = dict(ids)
    owners = {index: token for token, index in ids.items()}
    for token, index in added.items():
        if not 0 <= index < MAX_ID:
            raise PhialError(f"token {token!r} has the id {index}", where=where, do="get the files again")
        if owners.setdefault(index, token) != token or placed.setdefault(token, index) != index:
            advice = "use the tokenizer files of one and the same model"
            raise PhialError(f"{token!r} cannot have id {index}, which is another's", where=where, do=advice)
    return placed


def declare(backend: tokenizers.Tokenizer, added: Mapping[str, int], strips: Iterable[str]) -> tokenizers.Tokenizer:
    """Tell a backend which of its tokens are added ones.

    Args:
        backend: has them in its vocabulary.
        added: tokens and ids; those of whitespace alone stay ordinary text, the others become special.
        strips: those that swallow the whitespace after them.
    """
    swallowing = frozenset(strips)
    for token in sorted(added, key=added.__getitem__):
        control = not token.isspace()
        entry = AddedToken(token, special=control, normalized=False, rstrip=token in swallowing)
        (backend.add_special_tokens if control else backend.add_tokens)([entry])
    return backend


def guard(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """A backend whose every added token is special, except those of whitespace alone.

    Published files declare some control tokens (`<|tool_call|>`, `<think>`) as ordinary added tokens, which the
    library finds in any text; special ones it can be told to leave alone.
    """
    added = backend.get_added_tokens_decoder().values()
    if all(token.special or token.content.isspace() for token in added):
        return backend
    facts: dict[str, Any] = json.loads(backend.to_str())
    for token in facts["added_tokens"]:
        token["special"] = token["special"] or not token["content"].isspace()
    return tokenizers.Tokenizer.from_str(json.dumps(facts))
