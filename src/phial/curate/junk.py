"""Junk found by plain statistics of a text: how well it compresses, what repeats in it, and what it is made of."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phial.curate.funnel import Dropped
from phial.curate.ngrams import Texts, hash_texts, repeats
from phial.curate.stage import Outcome, judged, turned_away
from phial.record import Record

_LETTERS = string.ascii_letters.encode() + bytes(range(128, 256))
_NO_SYMBOLS = _LETTERS + string.digits.encode() + string.whitespace.encode()


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of every text of a shard; an array each  # [texts]

    Attributes:
        words: runs of letters and digits.
        word_length: mean, in bytes of letters.
        symbols: share of bytes that are neither letters, digits nor whitespace.
        compression: size under zstd, level 1, by size. Natural text of some length has 0.35 to 0.6.
        repeated_lines: share of the characters that are in lines seen before in the text.
        repeated_runs: share of the words that are in a run of 10 words seen before in the text.
        commonest_triple: share of the words taken by the commonest 3 words in a row, if it comes more than once.
    """

    words: NDArray[np.int64]
    word_length: NDArray[np.float64]
    symbols: NDArray[np.float64]
    compression: NDArray[np.float64]
    repeated_lines: NDArray[np.float64]
    repeated_runs: NDArray[np.float64]
    commonest_triple: NDArray[np.float64]


def statistics(contents: Sequence[str]) -> Statistics:
    """The statistics of each text."""
    from pyarrow import Codec

    codec = Codec("zstd", 1)
    count = len(contents)
    letters, symbols, sizes, packed = (np.zeros(count) for _ in range(4))
    repeated = np.zeros(count)
    for number, content in enumerate(contents):
        encoded = content.encode("utf-8", "surrogatepass")
        sizes[number] = len(encoded)
        letters[number] = len(encoded) - len(encoded.translate(None, _LETTERS))
        symbols[number] = len(encoded.translate(None, _NO_SYMBOLS))
        packed[number] = len(codec.compress(encoded, asbytes=True))
        repeated[number] = _repeated_lines(content)
    texts = hash_texts(contents)
    words = np.maximum(texts.lengths, 1)
    sizes = np.maximum(sizes, 1)
    return Statistics(
        words=texts.lengths,
        word_length=letters / words,
        symbols=symbols / sizes,
        compression=packed / sizes,
        repeated_lines=repeated,
        repeated_runs=_repeated_runs(texts, 10) / words,
        commonest_triple=_commonest(texts, 3) / words,
    )


def _repeated_lines(content: str) -> float:
    lines = [stripped for line in content.split("\n") if (stripped := line.strip())]
    distinct = set(lines)
    if len(distinct) == len(lines):
        return 0.0
    total = sum(map(len, lines))
    return (total - sum(map(len, distinct))) / total


def _occurrences(texts: Texts, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Of the n-grams that a text has more than once, equal ones together: starts, texts, and which came before."""
    starts, hashes = texts.ngrams(n)
    owners = texts.text_of[starts]
    mixed = hashes ^ (owners.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    places, again = repeats(mixed)
    return starts[places], owners[places], again


def _repeated_runs(texts: Texts, n: int) -> NDArray[np.int64]:
    """Words of each text within an n-gram that has come before."""
    starts, _, again = _occurrences(texts, n)
    edges = np.zeros(len(texts.text_of) + 1, np.int64)
    np.add.at(edges, starts[again], 1)
    np.add.at(edges, starts[again] + n, -1)
    covered = np.cumsum(edges)[:-1] > 0
    return np.bincount(texts.text_of[covered], minlength=len(texts))


def _commonest(texts: Texts, n: int) -> NDArray[np.int64]:
    """Words that the most frequent n-gram of each text takes up; 0 where none repeats."""
    _, owners, again = _occurrences(texts, n)
    most = np.zeros(len(texts), np.int64)
    firsts = np.flatnonzero(~again)
    lengths = np.diff(np.append(firsts, len(again)))
    np.maximum.at(most, owners[firsts], lengths * n)
    return most


@dataclass(frozen=True)
class Junk:
    """Drop a text by the first of these rules that it breaks.

    Attributes:
        fewest_words: below it "too short".
        word_length: mean letters a word outside of it: "odd words". Texts without spaces between words have one of
            hundreds: widen it for them.
        most_symbols: share above it: "symbols".
        compression: outside of it "repetitive" or "incompressible"; for texts of at least `compression_bytes`.
        most_repeated_lines, most_repeated_runs, most_commonest_triple: above it "repeated lines", "repeated runs",
            "one phrase".
        exempt: kinds to which the rules on words, symbols and phrases do not apply; program text repeats itself.
    """

    fewest_words: int = 20
    word_length: tuple[float, float] = (2.5, 10.0)
    most_symbols: float = 0.25
    compression: tuple[float, float] = (0.2, 0.75)
    compression_bytes: int = 1_000
    most_repeated_lines: float = 0.3
    most_repeated_runs: float = 0.3
    most_commonest_triple: float = 0.15
    exempt: tuple[str, ...] = ("code",)
    name: str = "junk"
    version: int = 1

    def config(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Drop for a rule; score "compression"."""
        found = statistics([record.content for record in records])
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for number, record in enumerate(records):
            scores = {"compression": float(found.compression[number])}
            broken = self._broken(found, number, len(record.content.encode("utf-8", "surrogatepass")), record.kind)
            if broken:
                dropped.append(turned_away(record, self.name, *broken, scores=scores))
            else:
                kept.append(judged(record, self.name, True, scores=scores))
        return Outcome(kept, dropped)

    def _broken(self, found: Statistics, number: int, size: int, kind: str) -> tuple[str, str] | None:
        words, ratio = int(found.words[number]), float(found.compression[number])
        if words < self.fewest_words:
            return "too short", f"{words} words"
        if size >= self.compression_bytes and ratio < self.compression[0]:
            return "repetitive", f"compresses to {ratio:.2f}"
        if size >= self.compression_bytes and ratio > self.compression[1]:
            return "incompressible", f"compresses to {ratio:.2f}"
        if kind in self.exempt:
            return None
        length = float(found.word_length[number])
        if not self.word_length[0] <= length <= self.word_length[1]:
            return "odd words", f"{length:.1f} letters a word"
        for reason, values, most in (
            ("symbols", found.symbols, self.most_symbols),
            ("repeated lines", found.repeated_lines, self.most_repeated_lines),
            ("repeated runs", found.repeated_runs, self.most_repeated_runs),
            ("one phrase", found.commonest_triple, self.most_commonest_triple),
        ):
            if values[number] > most:
                return reason, f"{values[number]:.2f}"
        return None
