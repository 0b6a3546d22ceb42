"""Which items of a task stand in one's own training data, and what the score is with and without them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phial.curate.benchmarks import LONG, SHORT, Index, build_index
from phial.curate.decontaminate import Counts, DecontaminationConfig, Match, count_grams, matches, shared_words
from phial.curate.ngrams import hash_texts, item_grams, words_of
from phial.errors import PhialError
from phial.evals.log import Log
from phial.evals.scores import grouped
from phial.evals.statistics import Estimate, gap, mean
from phial.evals.training_texts import Sources, TrainingText, find_sources, read_sources
from phial.tokens.tokenizer import Tokenizer

RULE = DecontaminationConfig(templates=True)

_BATCH_CHARACTERS = 8_000_000
_WORDING = 5  # items; what more of them have in common is the prompt's wording, not any item's own
_CLAUSES = ("13-gram", "whole text", "7-gram")  # the weightiest first


@dataclass(frozen=True)
class Evidence:
    """The training text that is most like one item.

    Attributes:
        item: its id.
        level: "dirty", or "partial" where the overlap is large but no proof.
        clause: of the rule: "13-gram", "whole text" or "7-gram".
        ratio: of shared 7-grams to those of the text that has fewer.
        file: of the training text.
        record: its id there.
        first: the place of the first shared word in the training text, counted in words from 0.
        end: the place after the last.
        words: the longest run of words that both have.
        texts: different training texts that match the item, this one included.
    """

    item: str
    level: str
    clause: str
    ratio: float
    file: str
    record: str
    first: int
    end: int
    words: str
    texts: int


@dataclass(frozen=True)
class Contamination:
    """A log split by what its model was trained on.

    Attributes:
        clean: score of the items that no training text resembles.
        partial: of those that one resembles.
        dirty: of those that one holds.
        unjudged: items without words of their own, so that they can't be looked for; in none of the three.
        gap: dirty - clean, over different items; None where either is empty.
        evidence: for every dirty or partial item, the dirty ones first.
        searched: different training texts searched.
        skipped: files below the folders that were passed over, with the reason.
        rule: the thresholds in a line.
    """

    clean: Estimate
    partial: Estimate
    dirty: Estimate
    unjudged: tuple[str, ...]
    gap: Estimate | None
    evidence: tuple[Evidence, ...]
    searched: int
    skipped: tuple[str, ...]
    rule: str


def contamination(
    log: Log, folders: Sequence[Path], tokenizer: Tokenizer | None = None, config: DecontaminationConfig = RULE
) -> Contamination:
    """Look for a log's items in training data, by the rule that decontaminates it (Phi-4 report, appendix B).

    Args:
        log: its prompts are what is looked for, without the wording that many of them share.
        folders: of training data: a recipe's workspace or artifacts, curations, Parquet records, token shards, .jsonl
            or plain text.
        tokenizer: of token shards whose artifact does not lead to it.
        config: when an item counts as found.

    Raises:
        PhialError: a folder has no training data, a token shard's tokenizer is not known, or no item has words.
    """
    items = grouped(log.samples)
    sources = [find_sources(folder) for folder in folders]
    ids, index, unjudged = _index({item: samples[0].prompt for item, samples in items.items()}, log.run.task)
    counts, searched = None, 0
    for batch in _batches(sources, tokenizer):
        counted = count_grams([text.text for text in batch], index)
        counts, searched = (counted if counts is None else counts + counted), searched + len(batch)
    if counts is None:
        raise PhialError("no texts in the training data", where=", ".join(map(str, folders)), do="name other folders")
    evidence = _evidence(index, ids, counts, config, _batches(sources, tokenizer))
    levels = {one.item: one.level for one in evidence}
    scores = {item: [sample.score for sample in samples] for item, samples in items.items()}
    judged = {item: levels.get(item, "clean") for item in items if item not in unjudged}
    clean, partial, dirty = (
        mean([scores[item] for item, level in judged.items() if level == wanted])
        for wanted in ("clean", "partial", "dirty")
    )
    return Contamination(
        clean,
        partial,
        dirty,
        tuple(unjudged),
        gap(dirty, clean) if dirty.items and clean.items else None,
        evidence,
        searched,
        tuple(reason for found in sources for reason in found.skipped),
        _told(config),
    )


def own_words(prompts: Mapping[str, object]) -> dict[str, str]:
    """Each prompt's words without those that many prompts have in common: examples, instructions, forms.

    Common is what every prompt begins or ends with, and every 7-gram of more than 5 of them.

    Args:
        prompts: by item, as logs have them: messages or a text.
    """
    words = {item: words_of(_text(prompt)) for item, prompt in prompts.items()}
    rows = list(words.values())
    if len(rows) < 2:
        return {item: " ".join(row) for item, row in words.items()}
    begin, end = _alike(rows), _alike([row[::-1] for row in rows])
    texts = hash_texts([" ".join(row) for row in rows])
    grams = item_grams(texts, SHORT)
    holders = np.diff(grams.pointers)
    starts, hashes = texts.ngrams(SHORT)
    common = np.zeros(len(texts.text_of) + SHORT, bool)
    _, found = grams.keys.find(hashes)
    for place in starts[holders[found] > min(_WORDING, len(rows) - 1)].tolist():
        common[place : place + SHORT] = True
    own = {}
    for number, (item, row) in enumerate(words.items()):
        first = int(texts.offsets[number])
        kept = range(begin, max(begin, len(row) - end))
        own[item] = " ".join(row[place] for place in kept if not common[first + place])
    return own


def _alike(rows: Sequence[list[str]]) -> int:
    """How many words all rows begin with."""
    least, most = min(rows), max(rows)
    return next((place for place, word in enumerate(least) if word != most[place]), len(least))


def _text(prompt: object) -> str:
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, (list, tuple)) and all(isinstance(turn, (list, tuple)) and len(turn) == 2 for turn in prompt):
        return "\n".join(str(content) for _, content in prompt)
    raise PhialError(f"no prompt: {json.dumps(prompt, default=str)[:80]}", do="evaluate again")


def _index(prompts: Mapping[str, object], task: str) -> tuple[list[list[str]], Index, list[str]]:
    """The distinct texts to look for, the items of each, and the items that have none."""
    by_text: dict[str, list[str]] = {}
    unjudged = []
    for item, text in own_words(prompts).items():
        if text:
            by_text.setdefault(text, []).append(item)
        else:
            unjudged.append(item)
    if not by_text:
        raise PhialError(f"no item of {task} has words of its own to look for")
    return list(by_text.values()), build_index((held[0], task, text) for text, held in by_text.items()), unjudged


def _batches(sources: Sequence[Sources], tokenizer: Tokenizer | None) -> Iterator[list[TrainingText]]:
    """Different texts in batches that need some 100 MB of hashes each."""
    seen: set[int] = set()
    batch: list[TrainingText] = []
    size = 0
    for found in sources:
        for text in read_sources(found, tokenizer):
            if (fingerprint := hash(text.text)) in seen:
                continue
            seen.add(fingerprint)
            batch.append(text)
            size += len(text.text)
            if size >= _BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _evidence(
    index: Index,
    ids: Sequence[Sequence[str]],
    counts: Counts,
    config: DecontaminationConfig,
    batches: Iterator[list[TrainingText]],
) -> tuple[Evidence, ...]:
    best: dict[int, tuple[Match, TrainingText]] = {}
    holders: dict[int, int] = {}
    for batch in batches:
        found = matches([text.text for text in batch], index, counts, config)
        for (text, item), match in sorted(found.items(), key=lambda pair: pair[0]):
            holders[item] = holders.get(item, 0) + 1
            if item not in best or _weight(match) > _weight(best[item][0]):
                best[item] = match, batch[text]
    evidence = []
    for item, (match, text) in best.items():
        dirty = match.clause != "7-gram" or match.ratio >= config.contaminated_ratio
        for held in ids[item]:
            evidence.append(
                Evidence(
                    held,
                    "dirty" if dirty else "partial",
                    match.clause,
                    match.ratio,
                    text.file,
                    text.record,
                    *shared_words(match, index, text.text),
                    holders[item],
                )
            )
    return tuple(sorted(evidence, key=lambda one: (one.level != "dirty", _CLAUSES.index(one.clause), -one.ratio)))


def _told(config: DecontaminationConfig) -> str:
    whole = ", or the whole item" if config.templates else ""
    return (
        f"a {LONG}-gram that no more than {config.common_records} training texts have{whole}, or "
        f"{config.contaminated_ratio:g} of the {SHORT}-grams (partial: {config.info_ratio:g})"
    )


def _weight(match: Match) -> tuple[int, float]:
    return -_CLAUSES.index(match.clause), match.ratio
