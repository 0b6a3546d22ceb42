"""Byte-pair merges from a vocabulary whose order, or whose scores, say what is joined first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LONGEST_TOKEN = 256  # bytes or characters; the longest of the published vocabularies has 128


def derive_merges(tokens: Iterable[str], ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """All pairs that make a token, for the tokens in the order in which they are joined.

    Both SentencePiece and tiktoken join whichever neighbours form the best token; a list of merges fixes the two
    parts as well. So every split of a token into two known tokens becomes a merge, and no text finds one missing.

    Args:
        tokens: what may be joined, best first; each at most LONGEST_TOKEN long.
        ids: every token that may be a part.

    Returns:
        (left, right) pairs, best first.
    """
    merges = []
    for token in tokens:
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(ids[left], ids[right], left, right) for left, right in pairs if left in ids and right in ids]
        merges += [(left, right) for _, _, left, right in sorted(known)]
    return merges
