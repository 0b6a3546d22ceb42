"""Decontamination by the rule of the Phi-4 report (arXiv 2412.08905, appendix B, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phial.artifact import file_sha256
from phial.curate.benchmarks import LONG, SHORT, Index, benchmark_files, build_index, read_benchmarks
from phial.curate.funnel import Dropped
from phial.curate.ngrams import Integers, ItemGrams, Texts, hash_texts, hits, repeats, words_of
from phial.curate.stage import Outcome, judged
from phial.curate.whole_texts import whole_texts
from phial.errors import PhialError
from phial.record import Record

GATE = "decontaminate"
SCORE = "decontamination_7gram_ratio"

_WORDS_SHOWN = 40
_BLOCK_CHARACTERS = 8_000_000


@dataclass(frozen=True, slots=True)
class DecontaminationConfig:
    """The thresholds, which the report does not publish, and two clauses that it does not have.

    Attributes:
        common_records: a 13-gram found in more than this many records of different text is common, so allowed: house
            style or a template, not a benchmark's.
        info_ratio: above this ratio of 7-grams a record is partial: kept and flagged.
        contaminated_ratio: from this ratio on it is contaminated: dropped.
        allowed_texts: boilerplate that may be shared whatever its count, such as a task's fixed instruction.
        templates: for templated data: an item's 7-grams in more than `common_records` records count for neither side
            of the ratio, and a record that holds an item from its first word to its last is dropped however common
            the item's 13-grams are, and however short it is.
    """

    common_records: int = 10
    info_ratio: float = 0.25
    contaminated_ratio: float = 0.5
    allowed_texts: tuple[str, ...] = ()
    templates: bool = False

    def __post_init__(self) -> None:
        if self.common_records < 1 or not 0 < self.info_ratio < self.contaminated_ratio <= 1:
            raise PhialError(
                f"bad decontamination thresholds {self}",
                where="decontaminate",
                do="keep common_records >= 1 and 0 < info_ratio < contaminated_ratio <= 1",
            )


@dataclass(frozen=True)
class Counts:
    """In how many records of different text each of the items' n-grams is; counts of shards add up.

    Attributes:
        long: of the 13-grams, in the order of `Index.long_grams`  # [13-grams]
        short: of the 7-grams  # [7-grams]
    """

    long: Integers
    short: Integers

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.long + other.long, self.short + other.short)


@dataclass(frozen=True, slots=True)
class Decontaminated:
    """The outcome for every record.

    Attributes:
        kept: clean and partial records, in order, each with its verdict and its score `SCORE`.
        dropped: contaminated ones, in order, by reason "13-gram", "whole text" or "7-gram".
        partial: how many of the kept are partial.
        common_long_grams: how many of the items' 13-grams were common, so allowed.
        common_short_grams: how many of the items' 7-grams were common.
    """

    kept: list[Record]
    dropped: list[Dropped]
    partial: int
    common_long_grams: int
    common_short_grams: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a text shares with an item of the index (by its number), under which clause of the rule."""

    clause: str
    item: int
    shared: int = 0
    ratio: float = 0.0


def count_grams(contents: Sequence[str], index: Index) -> Counts:
    """Count the texts that hold each of the items' n-grams; equal texts count once.

    Also what mines the allowed list from a reference corpus, as the report does from Wikipedia: its counts are added.
    """
    total = _no_counts(index)
    for block in _blocks(list(dict.fromkeys(contents))):
        texts = hash_texts(block)
        total += Counts(_holders(texts, index.long_grams, LONG), _holders(texts, index.short_grams, SHORT))
    return total


def judge(
    records: Sequence[Record], index: Index, counts: Counts, config: DecontaminationConfig
) -> tuple[list[Record], list[Dropped], int]:
    """Judge one shard of a corpus whose n-grams have been counted.

    Returns:
        The records kept, those dropped, and how many of the kept are partial.
    """
    common_long, common_short = _common(index, counts, config)
    kept: list[Record] = []
    dropped: list[Dropped] = []
    partial = start = 0
    for contents in _blocks([record.content for record in records]):
        matches = _match(contents, index, common_long, common_short, config.templates)
        for number, record in enumerate(records[start : start + len(contents)]):
            match = matches.get(number)
            ratio = match.ratio if match else 0.0
            scores = {SCORE: ratio}
            if match is None or (match.clause == "7-gram" and ratio <= config.info_ratio):
                kept.append(judged(record, GATE, True, "clean", scores=scores))
                continue
            evidence = _evidence(match, index, contents[number])
            if match.clause != "7-gram" or ratio >= config.contaminated_ratio:
                record = judged(record, GATE, False, f"contaminated, {evidence}", scores=scores)
                dropped.append(Dropped(record, match.clause, evidence))
            else:
                kept.append(judged(record, GATE, True, f"partial, {evidence}", scores=scores))
                partial += 1
        start += len(contents)
    return kept, dropped, partial


def decontaminate(records: Sequence[Record], index: Index, config: DecontaminationConfig) -> Decontaminated:
    """Drop the records that hold a held-out item, and flag those that come near one.

    Words are compared, lowercased and without punctuation. A record is contaminated when

    - "13-gram": it shares a 13-gram with an item that is not allowed. Allowed are the 13-grams found in more than
      `common_records` records and those of `allowed_texts`;
    - "7-gram": else, for the item for which it is largest, |shared 7-grams| / min(|the record's 7-grams|, |the item's
      7-grams|), all of distinct 7-grams, is above `info_ratio` and reaches `contaminated_ratio`. Where it is above
      `info_ratio` only the record is partial: kept, with the evidence in its verdict.

    That is the report's rule. `DecontaminationConfig.templates` adds the clause "whole text", which catches an item
    that was copied into so many records that its own 13-grams became common, and items too short for the others; and
    leaves common 7-grams out of the ratio, since otherwise two problems of one template always come out alike.

    The outcome for a record depends on the set of all records' texts, not on their order.

    Args:
        records: all records that will be trained on; the common n-grams are counted over them.
        index: the held-out items.
        config: the thresholds.
    """
    counts = count_grams([record.content for record in records], index)
    common_long, common_short = _common(index, counts, config)
    kept, dropped, partial = judge(records, index, counts, config)
    return Decontaminated(kept, dropped, partial, int(common_long.sum()), int(common_short.sum()))


@dataclass(frozen=True)
class Decontaminate:
    """The same as a corpus stage, against every benchmark file of a folder.

    Run it after deduplication: shards are counted apart, so a text in two shards counts twice.
    """

    benchmarks: Path
    thresholds: DecontaminationConfig = DecontaminationConfig()
    name: str = GATE
    version: int = 1

    def config(self) -> dict[str, Any]:
        """Thresholds, and the benchmarks by their content."""
        files = benchmark_files(self.benchmarks)
        hashes = {path.relative_to(self.benchmarks).as_posix(): file_sha256(path) for path in files}
        return {"thresholds": asdict(self.thresholds), "benchmarks": hashes}

    @cached_property
    def index(self) -> Index:
        """The benchmarks' n-grams, read once a process."""
        return build_index(read_benchmarks(self.benchmarks))

    def survey(self, records: Sequence[Record], folder: Path) -> None:
        """Write the shard's `Counts`."""
        counts = count_grams([record.content for record in records], self.index)
        np.savez(folder / "counts.npz", long=counts.long, short=counts.short)

    def conclude(self, surveys: Sequence[Path], folder: Path) -> None:
        """Write the sum of the counts."""
        total = _no_counts(self.index)
        for survey in surveys:
            total += _read_counts(survey)
        np.savez(folder / "counts.npz", long=total.long, short=total.short)

    def judge_shard(self, records: Sequence[Record], conclusion: Path, shard: int) -> Outcome:
        """Judge with the whole corpus' counts."""
        kept, dropped, _ = judge(records, self.index, _read_counts(conclusion), self.thresholds)
        return Outcome(kept, dropped)


def _read_counts(folder: Path) -> Counts:
    with np.load(folder / "counts.npz") as arrays:
        return Counts(arrays["long"], arrays["short"])


def _no_counts(index: Index) -> Counts:
    long, short = len(index.long_grams.keys.keys), len(index.short_grams.keys.keys)
    return Counts(np.zeros(long, np.int64), np.zeros(short, np.int64))


def _blocks(contents: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of texts that together need some 100 MB of hashes."""
    start = size = 0
    for at, content in enumerate(contents):
        size += len(content)
        if size >= _BLOCK_CHARACTERS:
            yield contents[start : at + 1]
            start, size = at + 1, 0
    if start < len(contents):
        yield contents[start:]


def _holders(texts: Texts, grams: ItemGrams, n: int) -> Integers:
    starts, found = hits(texts, grams, n)
    pairs = np.unique(found * len(texts) + texts.text_of[starts])
    return np.bincount(pairs // max(1, len(texts)), minlength=len(grams.keys.keys)).astype(np.int64)


def _common(index: Index, counts: Counts, config: DecontaminationConfig) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the items' 13-grams are allowed, and which 7-grams count for nothing."""
    allowed = hash_texts(config.allowed_texts)
    long = counts.long > config.common_records
    long[hits(allowed, index.long_grams, LONG)[1]] = True
    short = counts.short > config.common_records if config.templates else np.zeros(len(counts.short), bool)
    short[hits(allowed, index.short_grams, SHORT)[1]] = True
    return long, short


def matches(
    contents: Sequence[str], index: Index, counts: Counts, config: DecontaminationConfig
) -> dict[tuple[int, int], Match]:
    """Every (text, item) that the rule finds contaminated or partial, where `judge` tells only a text's weightiest.

    Args:
        contents: texts of a corpus whose n-grams have been counted.
        index: the held-out items.
        counts: the whole corpus'.
        config: the thresholds.
    """
    common_long, common_short = _common(index, counts, config)
    texts = hash_texts(contents)
    ratios = zip(*(column.tolist() for column in _ratios(texts, index, common_short)), strict=True)
    near = {(text, item): Match("7-gram", item, shared, ratio) for text, item, shared, ratio in ratios}
    found = {pair: match for pair, match in near.items() if match.ratio > config.info_ratio}
    for pair in whole_texts(texts, contents, index, common_long) if config.templates else ():
        found[pair] = replace(near.get(pair) or Match("", pair[1]), clause="whole text")
    starts, grams = hits(texts, index.long_grams, LONG)
    counted = ~common_long[grams]
    gram, place = index.long_grams.pairs_of(grams[counted])
    holders = texts.text_of[starts[counted]][gram].tolist()
    for pair in set(zip(holders, index.long_grams.items[place].tolist(), strict=True)):
        found[pair] = replace(near.get(pair) or Match("", pair[1]), clause="13-gram")
    return found


def _match(
    contents: Sequence[str],
    index: Index,
    common_long: NDArray[np.bool_],
    common_short: NDArray[np.bool_],
    templates: bool,
) -> dict[int, Match]:
    """The weightiest match of each text that has any."""
    texts = hash_texts(contents)
    # Later clauses are written over by earlier ones, so the order of the steps is the reverse of their weight.
    found = _largest_ratios(texts, index, common_short)
    for text, item in whole_texts(texts, contents, index, common_long) if templates else ():
        previous = found.get(text)
        if previous is None or previous.clause != "whole text" or item < previous.item:
            found[text] = replace(previous or Match("whole text", item), clause="whole text", item=item)
    starts, grams = hits(texts, index.long_grams, LONG)
    counted = ~common_long[grams]
    holders, first = np.unique(texts.text_of[starts[counted]], return_index=True)
    owners = index.long_grams.items[index.long_grams.pointers[grams[counted][first]]]
    for text, item in zip(holders.tolist(), owners.tolist(), strict=True):
        found[text] = replace(found.get(text) or Match("13-gram", item), clause="13-gram", item=item)
    return found


def _largest_ratios(texts: Texts, index: Index, common: NDArray[np.bool_]) -> dict[int, Match]:
    """The item with the highest ratio of shared 7-grams for each text that shares any."""
    text, item, shared, ratio = _ratios(texts, index, common)
    order = np.lexsort((item, -ratio, text))
    return {
        int(text[number]): Match("7-gram", int(item[number]), int(shared[number]), float(ratio[number]))
        for number in order[np.unique(text[order], return_index=True)[1]].tolist()
    }


def _ratios(
    texts: Texts, index: Index, common: NDArray[np.bool_]
) -> tuple[Integers, Integers, Integers, NDArray[np.float64]]:
    """Text, item, shared 7-grams and their ratio, of each pair that shares any."""
    grams_of_items = index.short_grams
    starts, grams = hits(texts, grams_of_items, SHORT)
    # Distinct 7-grams are counted for the texts that share any, for few do.
    holds = np.zeros(len(texts), bool)
    holds[texts.text_of[starts]] = True
    starts_of_holders, hashes = texts.ngrams(SHORT)
    mine = holds[texts.text_of[starts_of_holders]]
    holders = texts.text_of[starts_of_holders[mine]]
    mixed = hashes[mine] + holders.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    places, again = repeats(mixed)
    of_text = np.bincount(holders, minlength=len(texts)) - np.bincount(holders[places[again]], minlength=len(texts))

    pairs = np.unique(texts.text_of[starts] * len(grams_of_items.keys.keys) + grams)
    holders, grams = np.divmod(pairs, len(grams_of_items.keys.keys) or 1)
    rare = ~common[grams]
    of_text -= np.bincount(holders[~rare], minlength=len(texts))
    of_item = np.bincount(grams_of_items.items[~common[grams_of_items.grams]], minlength=len(index.items))

    hit, pair = grams_of_items.pairs_of(grams[rare])
    keys, shared = np.unique(holders[rare][hit] * len(index.items) + grams_of_items.items[pair], return_counts=True)
    text, item = np.divmod(keys, len(index.items))
    ratio = shared / np.minimum(of_text[text], of_item[item])
    return text, item, shared, ratio


def _evidence(match: Match, index: Index, content: str) -> str:
    """Clause, item, ratio and the longest run of words that both have, with its place in the record, on one line."""
    item = index.items[match.item]
    first, end, shown = shared_words(match, index, content)
    ratio = f", 7-gram ratio {match.ratio:.3f} ({match.shared} shared)" if match.clause == "7-gram" else ""
    return f"{match.clause}: item {item.id} of {item.benchmark}{ratio}, shared words {first + 1} to {end}: {shown}"


def shared_words(match: Match, index: Index, content: str) -> tuple[int, int, str]:
    """The longest run of words that a text has in common with an item: where it begins and ends, and the words."""
    record_words, item_words = words_of(content), words_of(index.items[match.item].text)
    length = min(len(item_words), LONG if match.clause == "13-gram" else SHORT)
    grams = {tuple(item_words[at : at + length]) for at in range(len(item_words) - length + 1)}
    firsts = {gram[0] for gram in grams}
    best, run = (0, 0), 0
    for at in range(len(record_words) - length + 1):
        run = run + 1 if record_words[at] in firsts and tuple(record_words[at : at + length]) in grams else 0
        if run > best[0]:
            best = (run, at + length)
    first, end = best[1] - best[0] - length + 1, best[1]
    shown = " ".join(record_words[first:end][:_WORDS_SHOWN]) + (" ..." if end - first > _WORDS_SHOWN else "")
    return first, end, shown
