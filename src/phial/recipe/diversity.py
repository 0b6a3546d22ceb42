"""How little the texts of a set repeat each other."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_OPENING_WORDS = 4
_OPENINGS_SHOWN = 3


@dataclass(frozen=True)
class Diversity:
    """Of a sample of texts; the numbers of two samples compare only where their sizes are alike.

    Attributes:
        texts: that were looked at.
        words: in them.
        distinct: of their word n-grams, the share that is distinct, for n = 1, 2 and 4.
        compressed: bytes of all of them together after DEFLATE, as a share.
        openings: the commonest first four words, each with how many texts begin so, where more than one does.
    """

    texts: int
    words: int
    distinct: tuple[float, float, float]
    compressed: float
    openings: tuple[tuple[str, int], ...]


def diversity(texts: Sequence[str]) -> Diversity:
    """Measure a sample of texts."""
    worded = [text.lower().split() for text in texts]
    raw = "\n".join(texts).encode(errors="replace")
    openings = Counter(" ".join(words[:_OPENING_WORDS]) for words in worded if words)
    shown = tuple((opening, count) for opening, count in openings.most_common(_OPENINGS_SHOWN) if count > 1)
    distinct = (_distinct(worded, 1), _distinct(worded, 2), _distinct(worded, 4))
    return Diversity(len(texts), sum(map(len, worded)), distinct, len(zlib.compress(raw)) / max(1, len(raw)), shown)


def _distinct(worded: Sequence[Sequence[str]], n: int) -> float:
    grams = [tuple(words[at : at + n]) for words in worded for at in range(len(words) - n + 1)]
    return len(set(grams)) / max(1, len(grams))
