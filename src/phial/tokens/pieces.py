"""Pieces of a conversation to ids: control tokens from phial's own strings alone, words always as ordinary text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from phial.errors import PhialError
from phial.tokens.tokenizer import Tokenizer

# What a token with rstrip swallows: Unicode's White_Space, which is not quite what str.strip() takes.
WHITESPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@dataclass(frozen=True)
class Piece:
    """A part of a conversation.

    Attributes:
        text: what it says.
        words: it comes from outside, so it is ordinary text whatever it says; other pieces may hold control tokens.
        scored: the assistant learns it.
        instead_of: what a template writes for it, for an image; it must be a control token then.
    """

    text: str
    words: bool = False
    scored: bool = False
    instead_of: str = ""

    def scored_as(self, scored: bool) -> Piece:
        """The same piece, learned or not."""
        return replace(self, scored=scored)


def encode_pieces(
    tokenizer: Tokenizer, pieces: Sequence[Piece], joined: bool
) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Encode pieces one after another.

    Args:
        tokenizer: its special tokens are the control tokens.
        pieces: of a conversation.
        joined: neighbouring texts are encoded as one, unless one is scored and the other not.

    Returns:
        ids, and the [start, end) spans of the scored ones.

    Raises:
        PhialError: an image for a tokenizer that has no token for it, or text that cannot be encoded.
    """
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    pending, pending_scored = "", False

    def flush() -> None:
        nonlocal pending
        text, pending = pending, ""
        if ids and ids[-1] in tokenizer.strips_after:
            text = text.lstrip(WHITESPACE)
        if text:
            add(tokenizer.encode(text), pending_scored)

    def add(new: list[int], scored: bool) -> None:
        start = len(ids)
        ids.extend(new)
        if scored and spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], len(ids))
        elif scored:
            spans.append((start, len(ids)))

    for piece in pieces:
        if piece.instead_of and piece.text not in tokenizer.special:
            raise PhialError(
                f"the tokenizer lacks {piece.text!r} for images", where="chat messages", do="send text only"
            )
        for text, control in _split(tokenizer, piece):
            if control or not joined or piece.scored != pending_scored:
                flush()
            if control:
                add([tokenizer.special[text]], piece.scored)
            else:
                pending, pending_scored = pending + text, piece.scored
        if not joined:
            flush()
    flush()
    return ids, tuple(spans)


def _split(tokenizer: Tokenizer, piece: Piece) -> list[tuple[str, bool]]:
    """A piece's texts, each with whether it is a control token."""
    if piece.words or not piece.text:
        return [(piece.text, False)] if piece.text else []
    cut = _finder(tuple(tokenizer.special)).split(piece.text)
    return [(text, index % 2 == 1) for index, text in enumerate(cut) if text]


@lru_cache(maxsize=16)
def _finder(tokens: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("(" + "|".join(re.escape(token) for token in longest_first) + ")")
