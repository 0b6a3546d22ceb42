"""Where records hold a whole held-out item, however common its n-grams are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from phial.curate.benchmarks import LONG, SHORT, Index
from phial.curate.ngrams import HashSet, Texts, expand, hits, words_of

_SENTENCE_END = re.compile(r"[.?!:;]+(?=\s|$)|\n")


def whole_texts(
    texts: Texts, contents: Sequence[str], index: Index, common_long: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Pairs (text, item) where the text holds the whole item.

    Items of less than 7 words must begin and end where a line or sentence does. Items with a 13-gram that is not common
    are left out, since the 13-gram clause finds them.

    Args:
        texts: the hashed records.
        contents: the same records' texts.
        index: the held-out items.
        common_long: which of the items' 13-grams are allowed  # [grams]
    """
    lengths = index.texts.lengths
    starts_of_items = index.texts.offsets[:-1]
    wholes = index.texts.runs(starts_of_items, lengths)
    distinct = np.zeros(len(lengths), bool)
    distinct[np.unique(wholes, return_index=True)[1]] = True  # the first of equal items stands for them
    for n, grams_of_items in ((LONG, index.long_grams), (SHORT, index.short_grams)):
        if n == LONG:
            rare = np.bincount(grams_of_items.items[~common_long[grams_of_items.grams]], minlength=len(lengths)) > 0
            wanted = distinct & (lengths >= LONG) & ~rare
        else:
            wanted = distinct & (lengths >= SHORT) & (lengths < LONG)
        if not wanted.any():
            continue
        starts, grams = hits(texts, grams_of_items, n)
        # An item is looked for only where its rarest n-gram is, and not at all where that is nowhere.
        occurrences = np.bincount(grams, minlength=len(grams_of_items.keys.keys))
        pairs = np.flatnonzero(wanted[grams_of_items.items])
        order = pairs[np.lexsort((occurrences[grams_of_items.grams[pairs]], grams_of_items.items[pairs]))]
        anchors = order[np.unique(grams_of_items.items[order], return_index=True)[1]]
        by_gram = np.argsort(grams, kind="stable")
        low = np.searchsorted(grams, grams_of_items.grams[anchors], "left", sorter=by_gram)
        high = np.searchsorted(grams, grams_of_items.grams[anchors], "right", sorter=by_gram)
        anchor, place = expand(low, high)
        item = grams_of_items.items[anchors][anchor]
        hit = starts[by_gram[place]]
        text = texts.text_of[hit]
        start = hit - grams_of_items.positions[anchors][anchor]
        inside = (start >= texts.offsets[text]) & (start + lengths[item] <= texts.offsets[text + 1])
        start, text, item = start[inside], text[inside], item[inside]
        same = texts.runs(start, lengths[item]) == wholes[item]
        yield from zip(text[same].tolist(), item[same].tolist(), strict=True)
    for length in np.unique(lengths[lengths < SHORT]).tolist():
        candidates = np.flatnonzero(distinct & (lengths == length))
        short_items = HashSet(wholes[candidates])
        item_by_key = candidates[np.argsort(wholes[candidates])]
        starts, hashes = texts.ngrams(length)
        places, keys = short_items.find(hashes)
        for start, key in zip(starts[places].tolist(), keys.tolist(), strict=True):
            text = int(texts.text_of[start])
            word = start - int(texts.offsets[text])
            if {word, word + length} <= _sentence_edges(contents[text]):
                yield text, int(item_by_key[key])


def _sentence_edges(content: str) -> set[int]:
    """The word counts at which a line or a sentence of the content begins or ends."""
    edges, words = {0}, 0
    for sentence in _SENTENCE_END.split(content):
        words += len(words_of(sentence))
        edges.add(words)
    return edges
