"""Stable 64-bit hashes of word n-grams over many texts at once, and a fast look-up of them."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from phial.kernels.text_library import text_kernel

Hashes = NDArray[np.uint64]
Integers = NDArray[np.int64]

# Odd, so that its powers have inverses modulo 2^64; 5 modulo 8, so that they repeat only after 2^62 words.
_BASE = np.uint64(6364136223846793005)
_BASE_INVERSE = np.uint64(pow(6364136223846793005, -1, 1 << 64))
_WORD = re.compile(r"[^\W_]+")
_ASCII_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum()}


def words_of(text: str) -> list[str]:
    """The words of a text: lowercased, with everything that is no letter or digit a separator ("1.8" is two words)."""
    if text.isascii():  # the same words at twice the speed
        return text.lower().translate(_ASCII_SEPARATORS).split()
    return _WORD.findall(text.lower())


class WordHashes(dict[str, tuple[int, int]]):
    """Hash and shape of a word as the compiled kernel makes them, remembered: FNV-1a of its UTF-8 bytes, mixed.

    The shape is the word itself up to 4 bytes, else its last 3: function words stay, the rest is left its ending.
    """

    def __missing__(self, word: str) -> tuple[int, int]:
        encoded = word.encode("utf-8", "surrogatepass")
        value = _fnv(encoded)
        self[word] = pair = (value, value if len(encoded) <= 4 else _fnv(b"~" + encoded[-3:]))
        return pair


def _fnv(encoded: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in encoded:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    value = (value ^ value >> 32) * 0x9E3779B97F4A7C15 % 2**64
    return value ^ value >> 29


@dataclass(frozen=True)
class Texts:
    """Texts as one row of word hashes.

    Attributes:
        offsets: text i is words [offsets[i], offsets[i + 1])  # [texts + 1]
        sums: sums[k] = sum of hash_j * base^j over words j < k, modulo 2^64  # [words + 1]
        inverses: base^-j modulo 2^64  # [words + 1]
        text_of: the text each word belongs to  # [words]
    """

    offsets: Integers
    sums: Hashes
    inverses: Hashes
    text_of: Integers

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Integers:
        """Words of each text."""
        return np.diff(self.offsets)

    def runs(self, starts: Integers, length: int | Integers) -> Hashes:
        """The polynomial hash, modulo 2^64, of the `length` words from each start: equal words give equal hashes."""
        return (self.sums[starts + length] - self.sums[starts]) * self.inverses[starts]

    def ngrams(self, n: int) -> tuple[Integers, Hashes]:
        """Start and hash of every run of n words that lies within one text, in order of start."""
        count = len(self.text_of) - n + 1
        if count <= 0:
            return np.empty(0, np.int64), np.empty(0, np.uint64)
        inside = self.text_of[:count] == self.text_of[n - 1 :]
        starts = np.flatnonzero(inside)
        if len(starts) == count:  # one text: no copy
            return starts, (self.sums[n:] - self.sums[:count]) * self.inverses[:count]
        return starts, ((self.sums[n:] - self.sums[:-n]) * self.inverses[:count])[inside]

    def shingles(self, n: int) -> tuple[Hashes, Integers]:
        """The n-grams of each text, one text after the other; a text of fewer words has its words as one.

        Returns:
            The hashes, and the offsets of each text's  # [texts + 1]
        """
        starts, hashes = self.ngrams(n)
        short = np.flatnonzero((self.lengths > 0) & (self.lengths < n))
        places = np.searchsorted(starts, self.offsets[short])
        hashes = np.insert(hashes, places, self.runs(self.offsets[short], self.lengths[short]))
        counts = np.maximum(self.lengths - n + 1, self.lengths > 0)
        return hashes, np.concatenate(([0], np.cumsum(counts)))


def hash_texts(texts: Sequence[str], *, shapes: bool = False) -> Texts:
    """Hash the words of texts, in order; or, with `shapes`, what `WordHashes` calls their shapes.

    Compiled where the kernel was built, 20 times faster than without; the hashes are the same.
    """
    library = text_kernel()
    values, lengths = _hash_in_python(texts, shapes) if library is None else _hash_compiled(library, texts, shapes)
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int64)
    return Texts(
        offsets=offsets,
        sums=np.concatenate((np.zeros(1, np.uint64), np.cumsum(values * _powers(_BASE, len(values)), dtype=np.uint64))),
        inverses=_powers(_BASE_INVERSE, len(values) + 1),
        text_of=np.repeat(np.arange(len(lengths), dtype=np.int64), lengths),
    )


def _hash_compiled(library: ctypes.CDLL, texts: Sequence[str], shapes: bool) -> tuple[Hashes, Integers]:
    # The kernel lowercases ASCII; any other text comes to it as its words.
    plain = [text if text.isascii() else " ".join(_WORD.findall(text.lower())) for text in texts]
    joined = b"".join(text.encode("utf-8", "surrogatepass") + b"\xff" for text in plain)
    outputs = np.empty((2, (len(joined) + 1) // 2), np.uint64)
    lengths = np.empty(len(plain), np.int64)
    words = library.hash_words(joined, len(joined), outputs[0].ctypes.data, outputs[1].ctypes.data, lengths.ctypes.data)
    return outputs[int(shapes), :words].copy(), lengths


def _hash_in_python(texts: Sequence[str], shapes: bool) -> tuple[Hashes, Integers]:
    table = WordHashes()
    words = [words_of(text) for text in texts]
    values = np.fromiter((table[word][shapes] for word in chain.from_iterable(words)), np.uint64)
    return values, np.fromiter(map(len, words), np.int64, len(words))


def _powers(base: np.uint64, count: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    if count:
        factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


class HashSet:
    """Sorted distinct hashes with a bit table in front of the binary search, since most look-ups miss.

    Attributes:
        keys: the hashes, ascending.
    """

    def __init__(self, hashes: Hashes) -> None:
        self.keys = np.unique(hashes)
        bits = min(24, max(10, len(self.keys).bit_length() + 4))
        self._shift = np.uint64(64 - bits)
        self._seen = np.zeros(1 << bits, bool)
        self._seen[self.keys >> self._shift] = True

    def find(self, hashes: Hashes) -> tuple[Integers, Integers]:
        """Where the given hashes are in the set.

        Returns:
            The indices into `hashes` of those that are in the set, ascending, and their indices into `keys`.
        """
        maybe = np.flatnonzero(self._seen[hashes >> self._shift])
        if len(self.keys) == 0 or len(maybe) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        wanted = hashes[maybe]
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        found = self.keys[places] == wanted
        return maybe[found], places[found]


def repeats(hashes: Hashes) -> tuple[Integers, NDArray[np.bool_]]:
    """The places of the hashes that come more than once, equal ones together, and which of them have come before.

    Most come once, and a sort of values alone is several times faster than one of places.
    """
    ordered = np.sort(hashes)
    several, _ = HashSet(ordered[1:][ordered[1:] == ordered[:-1]]).find(hashes)
    places = several[np.argsort(hashes[several], kind="stable")]
    again = np.zeros(len(places), bool)
    again[1:] = hashes[places[1:]] == hashes[places[:-1]]
    return places, again


@dataclass(frozen=True)
class ItemGrams:
    """The distinct n-grams of all items and which items hold them.

    Attributes:
        keys: the n-grams' hashes.
        pointers: gram g is in the pairs [pointers[g], pointers[g + 1])  # [grams + 1]
        grams: the gram of each (gram, item) pair, ascending  # [pairs]
        items: its item, ascending within a gram  # [pairs]
        positions: its first word within that item  # [pairs]
    """

    keys: HashSet
    pointers: Integers
    grams: Integers
    items: Integers
    positions: Integers

    def pairs_of(self, grams: Integers) -> tuple[Integers, Integers]:
        """All pairs of the given grams: the index into `grams` and the index of the pair."""
        return expand(self.pointers[grams], self.pointers[grams + 1])


def item_grams(texts: Texts, n: int) -> ItemGrams:
    """The distinct n-grams of the given items."""
    starts, hashes = texts.ngrams(n)
    keys = HashSet(hashes)
    _, grams = keys.find(hashes)
    pairs, first = np.unique(grams * len(texts) + texts.text_of[starts], return_index=True)
    grams, items = np.divmod(pairs, len(texts))
    pointers = np.concatenate(([0], np.cumsum(np.bincount(grams, minlength=len(keys.keys))))).astype(np.int64)
    return ItemGrams(keys, pointers, grams, items, starts[first] - texts.offsets[items])


def hits(texts: Texts, item_grams: ItemGrams, n: int) -> tuple[Integers, Integers]:
    """Where an item's n-gram begins in the texts, ascending, and which it is."""
    starts, hashes = texts.ngrams(n)
    places, grams = item_grams.keys.find(hashes)
    return starts[places], grams


def expand(low: Integers, high: Integers) -> tuple[Integers, Integers]:
    """Every integer of the ranges [low, high) one after the other, and the number of the range each is in."""
    counts = high - low
    ranges = np.repeat(np.arange(len(low)), counts)
    within = np.arange(len(ranges)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ranges, low[ranges] + within
