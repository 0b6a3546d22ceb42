"""How diverse a set of records is: by its n-grams alone, and by what it was drawn from; no embedding, no model.

Measures that grow with the size of a set are taken over samples of equal size, so that two sets can be compared.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

import numpy as np

from phial.record import Record

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_SAMPLE_WORDS = 5_000
_WINDOW = 500
_PAIRED = 400  # documents that are compared pair by pair
_SHINGLE = 3
_OPENING = 4
_LONG = 8


@dataclass(frozen=True)
class Coverage:
    """How evenly a set covers what it was drawn from.

    Attributes:
        possible: values there are, where that is known.
        covered: values that occur.
        evenness: entropy of their counts over the highest possible; 1 where all occur equally often.
        most: the commonest values with their counts.
        missing: some of those that never occur.
    """

    possible: int
    covered: int
    evenness: float
    most: tuple[tuple[str, int], ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diversity:
    """The report.

    Attributes:
        documents: of the set.
        words: of the set.
        distinct: share of n-grams that are different, in 5,000 words, by n.
        type_token: different words in a moving window of 500.
        compression: written over compressed size of 5,000 words; a higher one means more repetition.
        self_repetition: share of documents with an eight-word phrase that another document has, too.
        openings: share of documents that begin with one of the ten commonest openings of four words.
        nearest: mean over documents of the Jaccard similarity (three-word shingles) to the nearest other one.
        effective: how many entirely different documents would be as diverse as the compared ones (Vendi score over the
            same similarity), as a share of those compared.
        coverage: by what records were drawn from.
    """

    documents: int
    words: int
    distinct: dict[int, float]
    type_token: float
    compression: float
    self_repetition: float
    openings: float
    nearest: float
    effective: float
    coverage: dict[str, Coverage] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        distinct = ", ".join(f"{n}-grams {share:.2f}" for n, share in self.distinct.items())
        made = [
            f"{self.documents:,} documents, {self.words:,} words",
            f"different in 5,000 words: {distinct}; words in a window of 500: {self.type_token:.2f}",
            f"compression {self.compression:.2f}; effective share of documents {self.effective:.2f}",
            f"documents that share an 8-word phrase {self.self_repetition:.0%}; in the ten commonest openings "
            f"{self.openings:.0%}; similarity to the nearest {self.nearest:.2f}",
        ]
        for name, coverage in self.coverage.items():
            most = ", ".join(f"{value} {count}" for value, count in coverage.most[:3])
            share = f"{coverage.covered} of {coverage.possible} covered"
            made.append(f"{name}: {share}, evenness {coverage.evenness:.2f}; most: {most}")
        return made


def measure(
    records: Iterable[Record],
    drawn_from: Mapping[str, Sequence[str]] | None = None,
    topics: Iterable[Record] = (),
    seed: int = 0,
) -> Diversity:
    """Measure a set of records.

    Args:
        records: the set.
        drawn_from: all possible values by name, such as {"name": FUNCTION_NAMES}; a record's own are in its
            params["diversity"]. Names that records have and that are not given here are measured against the values
            that occur.
        topics: leaves of a topic tree; a record covers those that it was made from.
        seed: of the samples.
    """
    kept = list(records)
    texts = [[word.lower() for word in _WORD.findall(record.content)] for record in kept]
    kept = [record for record, words in zip(kept, texts, strict=True) if words]
    texts = [words for words in texts if words]
    random = Random(seed)
    order = random.sample(range(len(texts)), len(texts))
    sample = [word for place in order for word in texts[place]][:_SAMPLE_WORDS]
    raw = " ".join(sample).encode()
    similarity = _similarity([texts[place] for place in order[:_PAIRED]])
    return Diversity(
        documents=len(texts),
        words=sum(map(len, texts)),
        distinct={n: _distinct(sample, n) for n in (1, 2, 3, 4)},
        type_token=_type_token(sample),
        compression=len(raw) / max(1, len(zlib.compress(raw))),
        self_repetition=_repeating(texts),
        openings=_openings(texts),
        nearest=float(np.mean((similarity - np.eye(len(similarity))).max(1))) if len(similarity) > 1 else 0.0,
        effective=_effective(similarity),
        coverage=_coverage(kept, drawn_from or {}, list(topics)),
    )


def coverage(values: Iterable[str], possible: Sequence[str] = ()) -> Coverage:
    """How evenly values cover all that are possible; where those are not known, the values that occur.

    Args:
        values: as often as they occur.
        possible: all of them.
    """
    counts = Counter(values)
    everything = dict.fromkeys([*possible, *counts])
    missing = [value for value in everything if not counts[value]]
    total = sum(counts.values())
    shares = [count / total for count in counts.values()]
    entropy = -sum(share * math.log(share) for share in shares)
    evenness = entropy / math.log(len(everything)) if len(everything) > 1 else float(total > 0)
    return Coverage(len(everything), len(counts), evenness, tuple(counts.most_common(10)), tuple(missing[:20]))


def _coverage(
    records: Sequence[Record], drawn_from: Mapping[str, Sequence[str]], topics: Sequence[Record]
) -> dict[str, Coverage]:
    found: dict[str, list[str]] = {name: [] for name in drawn_from}
    for record in records:
        for name, value in dict(record.lineage.params.get("diversity") or {}).items():
            found.setdefault(name, []).append(str(value))
    made = {name: coverage(values, drawn_from.get(name, ())) for name, values in found.items()}
    if topics:
        leaves = {topic.id: topic.content for topic in topics}
        parents = (parent for record in records for parent in record.lineage.parents)
        made["topic"] = coverage([leaves[parent] for parent in parents if parent in leaves], list(leaves.values()))
    return made


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + n]) for place in range(len(words) - n + 1)]


def _distinct(words: Sequence[str], n: int) -> float:
    grams = _grams(words, n)
    return len(set(grams)) / len(grams) if grams else 0.0


def _type_token(words: Sequence[str]) -> float:
    """Different words in each window, on average (moving-average type-token ratio, Covington and McFall 2010)."""
    width = min(_WINDOW, len(words))
    if not width:
        return 0.0
    counts = Counter(words[:width])
    total = len(counts)
    for place in range(width, len(words)):
        counts[words[place]] += 1
        counts[words[place - width]] -= 1
        if not counts[words[place - width]]:
            del counts[words[place - width]]
        total += len(counts)
    return total / (len(words) - width + 1) / width


def _repeating(texts: Sequence[Sequence[str]]) -> float:
    owners: Counter[tuple[str, ...]] = Counter(gram for words in texts for gram in set(_grams(words, _LONG)))
    sharing = sum(any(owners[gram] > 1 for gram in _grams(words, _LONG)) for words in texts)
    return sharing / len(texts) if texts else 0.0


def _openings(texts: Sequence[Sequence[str]]) -> float:
    counts = Counter(tuple(words[:_OPENING]) for words in texts)
    return sum(count for _, count in counts.most_common(10) if count > 1) / len(texts) if texts else 0.0


def _similarity(texts: Sequence[Sequence[str]]) -> np.ndarray:
    """Jaccard similarity of all pairs of documents by their shingles  # [documents, documents]"""
    sets = [frozenset(_grams(words, _SHINGLE) or [tuple(words)]) for words in texts]
    made = np.eye(len(sets))
    for one in range(len(sets)):
        for other in range(one):
            common = len(sets[one] & sets[other])
            made[one, other] = made[other, one] = common / (len(sets[one]) + len(sets[other]) - common)
    return made


def _effective(similarity: np.ndarray) -> float:
    """Vendi score (Friedman and Dieng 2023): exp of the entropy of the eigenvalues of similarity / n, over n."""
    if not len(similarity):
        return 0.0
    values = np.linalg.eigvalsh(similarity / len(similarity))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()) / len(similarity))
