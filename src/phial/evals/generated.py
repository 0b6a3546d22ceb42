"""What generated tasks share: random streams, identities, sizes without a tokenizer, answers of several lines."""

from __future__ import annotations

import hashlib
import json
import random
import re

from phial.errors import PhialError
from phial.evals.extract import stated

# Of the sentences of `prose`, with the tokenizer of Qwen2.5 (152,000 tokens).
CHARACTERS_A_TOKEN = 4.36

_ANSWER = re.compile(r"\banswers?\b[ \t*_`]{0,4}:[ \t*_`]{0,4}(\n|$)?", re.IGNORECASE)


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


def stated_list(reply: str) -> tuple[str, str] | None:
    """What a reply says to be the answer, as `extract.stated`, but all lines of a list that begins below "Answer:"."""
    found = list(_ANSWER.finditer(reply))
    if found and found[-1][1] is not None:
        below = reply[found[-1].end() :].strip().split("\n\n")[0]
        if below:
            return below, "answer-list"
    return stated(reply)


def tagged(reply: str) -> str | None:
    """What the last <final_answer> that is closed holds, up to the first closing tag behind it."""
    opening, closing = "<final_answer>", "</final_answer>"
    found, start = None, reply.find(opening)
    while start >= 0 and (end := reply.find(closing, start)) >= 0:
        found = reply[start + len(opening) : end]
        start = reply.find(opening, end)
    return found
