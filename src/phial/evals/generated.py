"""What generated tasks share: random streams, the identity of what they made, and sizes without a tokenizer."""

from __future__ import annotations

import hashlib
import json
import random

from phial.errors import PhialError

# Of the sentences of `prose`, with the tokenizer of Qwen2.5 (152,000 tokens).
CHARACTERS_A_TOKEN = 4.36


def stream(name: str, version: int, seed: int, *place: int | str) -> random.Random:
    """A random stream of an item's own, so that fewer items are the first of more."""
    return random.Random("/".join(map(str, (name, version, seed, *place))))


def identity(name: str, version: int, **arguments: object) -> str:
    """The sha256 that tells what a generator made: its name, version and arguments."""
    return hashlib.sha256(json.dumps([name, version, arguments], sort_keys=True).encode()).hexdigest()


def characters(tokens: int) -> int:
    """About how many characters of prose so many tokens are."""
    return round(tokens * CHARACTERS_A_TOKEN)


def require(valid: bool, what: str, where: str, do: str) -> None:
    """Refuse an argument of a generator."""
    if not valid:
        raise PhialError(what, where=where, do=do)
