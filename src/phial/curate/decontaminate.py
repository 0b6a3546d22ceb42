"""Decontamination by the rule of the Phi-4 report (arXiv 2412.08905, appendix B, algorithm 1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phial.curate.funnel import Dropped
from phial.curate.ngrams import HashSet, ItemGrams, Texts, WordHashes, expand, hash_texts, hits, item_grams, words_of
from phial.errors import PhialError
from phial.record import Lineage, Record, Verdict

GATE = "decontaminate"
SCORE = "decontamination_7gram_ratio"
LONG = 13  # words
SHORT = 7

_SENTENCE_END = re.compile(r"[.?!:;]+(?=\s|$)|\n")
_WORDS_SHOWN = 40
_CLEAN = Verdict(GATE, True, "clean")


@dataclass(frozen=True, slots=True)
class DecontaminationConfig:
    """The thresholds; the report does not publish its own.

    Attributes:
        common_records: an n-gram found in more than this many records of different text is common: house style
            or a template, not a benchmark's.
        info_ratio: from this share of 7-grams on a record is partial: kept and flagged.
        contaminated_ratio: from this share of 7-grams on a record is contaminated: dropped.
        allowed_texts: boilerplate that may be shared whatever its count, such as a task's fixed instruction.
    """

    common_records: int = 10
    info_ratio: float = 0.25
    contaminated_ratio: float = 0.5
    allowed_texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.common_records < 1 or not 0 < self.info_ratio <= self.contaminated_ratio <= 1:
            raise PhialError(
                f"bad decontamination thresholds {self}",
                where="decontaminate",
                do="keep common_records >= 1 and 0 < info_ratio <= contaminated_ratio <= 1",
            )


@dataclass(frozen=True, slots=True)
class Item:
    """One held-out question."""

    id: str
    benchmark: str
    text: str


@dataclass(frozen=True)
class Index:
    """Held-out items, ready to be looked for."""

    items: tuple[Item, ...]
    texts: Texts
    long_grams: ItemGrams
    short_grams: ItemGrams


@dataclass(frozen=True, slots=True)
class Decontaminated:
    """The outcome for every record.

    Attributes:
        kept: clean and partial records, in order, each with its verdict and its score `SCORE`.
        dropped: contaminated ones, in order, by reason "13-gram", "whole text" or "7-gram".
        partial: how many of the kept are partial.
        common_long_grams: how many of the items' 13-grams were common, so allowed.
        common_short_grams: how many of the items' 7-grams were common, so left out of the ratios.
    """

    kept: list[Record]
    dropped: list[Dropped]
    partial: int
    common_long_grams: int
    common_short_grams: int


@dataclass(frozen=True, slots=True)
class _Match:
    clause: str
    item: int
    shared: int = 0
    ratio: float = 0.0


def build_index(items: Iterable[tuple[str, str, str]]) -> Index:
    """Index held-out items by their 13-grams and 7-grams.

    Args:
        items: (item id, benchmark, text) of each; the text is what must not be trained on, in general the question.

    Raises:
        PhialError: there are no items, or one has no words and so could not be found.
    """
    listed = tuple(Item(*item) for item in items)
    if not listed:
        raise PhialError("no held-out items", where="decontaminate", do="name a benchmark, or leave the stage out")
    texts = hash_texts((item.text for item in listed), WordHashes())
    for number in np.flatnonzero(texts.lengths == 0):
        item = listed[number]
        raise PhialError(
            f"item {item.id!r} has no words: {item.text[:80]!r}", where=item.benchmark, do="leave it out or mend it"
        )
    return Index(listed, texts, item_grams(texts, LONG), item_grams(texts, SHORT))


def decontaminate(records: Sequence[Record], index: Index, config: DecontaminationConfig) -> Decontaminated:
    """Drop the records that hold a held-out item, and flag those that come near one.

    Words are compared, lowercased and without punctuation. A record is contaminated when

    - "13-gram": it shares a 13-gram with an item that is not allowed. Allowed are the 13-grams found in more than
      `common_records` records and those of `allowed_texts`; the report mines its list from Wikipedia and the training
      set, here the training set is what there is.
    - "whole text": it holds an item from its first word to its last. This is no clause of the report: it catches an
      item that was copied into so many records that its own 13-grams became common, and it is what items too short
      for the other clauses get. Items of less than 7 words must also begin and end where a line or sentence does,
      because "what is the time" within another sentence is no evidence.
    - "7-gram": for one item, |shared 7-grams| / min(|the record's 7-grams|, |the item's 7-grams|) reaches
      `contaminated_ratio`. All three counts are of distinct 7-grams and leave out the common ones: those found in
      more than `common_records` records and those of `allowed_texts`. Otherwise two problems of one template would
      always come out alike. (The 7-grams inside a common 13-gram need no rule: they are in at least as many records.)

    From `info_ratio` on it is partial: kept, with the evidence in its verdict. The outcome for a record depends on the
    set of all records' texts, not on their order, and equal texts count as one record.

    Memory: about 60 bytes a word of all records together.

    Args:
        records: all records that will be trained on; the common n-grams are counted over them.
        index: the held-out items.
        config: the thresholds.
    """
    numbers: dict[str, int] = {}
    text_of_record = [numbers.setdefault(record.content, len(numbers)) for record in records]
    contents = list(numbers)
    matches, common_long, common_short = _match(contents, index, config)
    kept: list[Record] = []
    dropped: list[Dropped] = []
    partial = 0
    for record, number in zip(records, text_of_record, strict=True):
        match = matches.get(number)
        if match is None:
            kept.append(_judged(record, _CLEAN, 0.0))
            continue
        contaminated = match.clause != "7-gram" or match.ratio >= config.contaminated_ratio
        if not contaminated and match.ratio < config.info_ratio:
            kept.append(_judged(record, _CLEAN, match.ratio))
            continue
        evidence = _evidence(match, index, contents[number])
        if contaminated:
            judged = _judged(record, Verdict(GATE, False, f"contaminated, {evidence}"), match.ratio)
            dropped.append(Dropped(judged, match.clause, evidence))
        else:
            kept.append(_judged(record, Verdict(GATE, True, f"partial, {evidence}"), match.ratio))
            partial += 1
    return Decontaminated(kept, dropped, partial, common_long, common_short)


def _judged(record: Record, verdict: Verdict, ratio: float) -> Record:
    # Written out because dataclasses.replace took a third of the whole gate's time.
    before = record.lineage
    lineage = Lineage(
        flow=before.flow,
        version=before.version,
        parents=before.parents,
        request_keys=before.request_keys,
        verdicts=(*before.verdicts, verdict),
        params=before.params,
    )
    return Record(
        kind=record.kind,
        source=record.source,
        license=record.license,
        lineage=lineage,
        text=record.text,
        messages=record.messages,
        scores={**record.scores, SCORE: ratio},
    )


def _match(contents: list[str], index: Index, config: DecontaminationConfig) -> tuple[dict[int, _Match], int, int]:
    """The weightiest match of each text that has any, and how many of the items' 13- and 7-grams are common."""
    hashes = WordHashes()
    texts = hash_texts(contents, hashes)
    allowed = hash_texts(config.allowed_texts, hashes)
    found: dict[int, _Match] = {}
    # Later clauses are written over by earlier ones, so the order of the steps is the reverse of their weight.
    common_short = _short_gram_clause(texts, index, allowed, config, found)
    common_long = _allowed_long_grams(texts, index, allowed, config)
    for text, item in _whole_texts(texts, contents, index, common_long):
        previous = found.get(text)
        if previous is None or previous.clause != "whole text" or item < previous.item:
            found[text] = replace(previous, clause="whole text", item=item) if previous else _Match("whole text", item)
    starts, grams = hits(texts, index.long_grams, LONG)
    counted = ~common_long[grams]
    holders, first = np.unique(texts.text_of[starts[counted]], return_index=True)
    owners = index.long_grams.items[index.long_grams.pointers[grams[counted][first]]]
    for text, item in zip(holders.tolist(), owners.tolist(), strict=True):
        previous = found.get(text)
        found[text] = replace(previous, clause="13-gram", item=item) if previous else _Match("13-gram", item)
    return found, int(common_long.sum()), common_short


def _allowed_long_grams(texts: Texts, index: Index, allowed: Texts, config: DecontaminationConfig) -> NDArray[np.bool_]:
    """Which of the items' 13-grams are allowed  # [grams]"""
    starts, grams = hits(texts, index.long_grams, LONG)
    pairs = np.unique(grams * len(texts) + texts.text_of[starts])
    records = np.bincount(pairs // max(1, len(texts)), minlength=len(index.long_grams.keys.keys))
    common = records > config.common_records
    common[hits(allowed, index.long_grams, LONG)[1]] = True
    return common


def _short_gram_clause(
    texts: Texts, index: Index, allowed: Texts, config: DecontaminationConfig, found: dict[int, _Match]
) -> int:
    """Put the item with the highest ratio of shared 7-grams into `found` for each text that shares any."""
    starts, hashes = texts.ngrams(SHORT)
    holders = texts.text_of[starts]
    # One occurrence of each 7-gram per text is counted.
    mixed = hashes + holders.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    ordered = np.sort(mixed)
    repeated = np.flatnonzero(np.isin(mixed, np.unique(ordered[1:][ordered[1:] == ordered[:-1]])))
    again = np.ones(len(repeated), bool)
    again[np.unique(mixed[repeated], return_index=True)[1]] = False
    once = np.ones(len(hashes), bool)
    once[repeated[again]] = False
    hashes, holders = hashes[once], holders[once]

    distinct, records = np.unique(hashes, return_counts=True)
    common_hashes = distinct[records > config.common_records]
    common = HashSet(np.concatenate((common_hashes, allowed.ngrams(SHORT)[1])))
    rare = np.ones(len(hashes), bool)
    rare[common.find(hashes)[0]] = False
    hashes, holders = hashes[rare], holders[rare]
    of_text = np.bincount(holders, minlength=len(texts))  # rare distinct 7-grams of each text

    short_grams = index.short_grams
    common_grams = np.zeros(len(short_grams.keys.keys), bool)
    common_grams[common.find(short_grams.keys.keys)[0]] = True
    of_item = np.bincount(short_grams.items[~common_grams[short_grams.grams]], minlength=len(index.items))

    places, grams = short_grams.keys.find(hashes)
    hit, pair = short_grams.pairs_of(grams)
    keys, shared = np.unique(holders[places[hit]] * len(index.items) + short_grams.items[pair], return_counts=True)
    text, item = np.divmod(keys, len(index.items))
    ratio = shared / np.minimum(of_text[text], of_item[item])
    order = np.lexsort((item, -ratio, text))
    first = order[np.unique(text[order], return_index=True)[1]]
    for number in first.tolist():
        found[int(text[number])] = _Match("7-gram", int(item[number]), int(shared[number]), float(ratio[number]))
    return int(common_grams.sum())


def _whole_texts(
    texts: Texts, contents: list[str], index: Index, common_long: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Pairs (text, item) where the text holds the whole item; long items with a gram that is not common are left out,
    since the 13-gram clause has them."""
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


def _evidence(match: _Match, index: Index, content: str) -> str:
    """Clause, item, ratio and the longest run of words that both have, on one line."""
    item = index.items[match.item]
    record_words, item_words = words_of(content), words_of(item.text)
    length = min(len(item_words), LONG if match.clause == "13-gram" else SHORT)
    grams = {tuple(item_words[at : at + length]) for at in range(len(item_words) - length + 1)}
    best, run = (0, 0), 0
    for at in range(len(record_words) - length + 1):
        run = run + 1 if tuple(record_words[at : at + length]) in grams else 0
        if run > best[0]:
            best = (run, at + length)
    words = record_words[best[1] - best[0] - length + 1 : best[1]]
    shown = " ".join(words[:_WORDS_SHOWN]) + (" ..." if len(words) > _WORDS_SHOWN else "")
    ratio = f", 7-gram ratio {match.ratio:.3f} ({match.shared} shared)" if match.clause == "7-gram" else ""
    return f"{match.clause}: item {item.id} of {item.benchmark}{ratio}, shared words: {shown}"
