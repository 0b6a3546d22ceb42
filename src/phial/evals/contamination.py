"""Which items of a task stand in one's own training data, and what the score is with and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phial.curate.decontaminate import DecontaminationConfig
from phial.evals.log import Log
from phial.evals.statistics import Estimate
from phial.tokens.tokenizer import Tokenizer

RULE = DecontaminationConfig(templates=True)


@dataclass(frozen=True)
class Evidence:
    """The training text that is most like one item.

    Attributes:
        item: its id.
        level: "dirty", or "partial" where the overlap is large but no proof.
        clause: of the rule: "13-gram", "whole text" or "7-gram".
        ratio: of shared 7-grams to the smaller text's.
        file: of the training text.
        record: its id there.
        words: what both have, as running words.
        texts: how many training texts match the item in this way or a weaker one.
    """

    item: str
    level: str
    clause: str
    ratio: float
    file: str
    record: str
    words: str
    texts: int


@dataclass(frozen=True)
class Contamination:
    """A log split by what its model was trained on.

    Attributes:
        clean: score of the items that no training text resembles.
        partial: of those that one resembles.
        dirty: of those that one holds.
        unjudged: items whose own words are too few to be looked for; in none of the three.
        gap: dirty - clean, independent groups; None where either is empty.
        evidence: for every dirty or partial item, the dirty ones first.
        searched: training texts searched.
        folders: where they lie.
        rule: the thresholds in a line.
    """

    clean: Estimate
    partial: Estimate
    dirty: Estimate
    unjudged: tuple[str, ...]
    gap: Estimate | None
    evidence: tuple[Evidence, ...]
    searched: int
    folders: tuple[str, ...]
    rule: str


def contamination(
    log: Log, folders: Sequence[Path], tokenizer: Tokenizer | None = None, config: DecontaminationConfig = RULE
) -> Contamination:
    """Look for a log's items in training data.

    Args:
        log: its prompts are what is looked for, without the wording that many of them share.
        folders: of training data: artifacts of a recipe's run, Parquet records, token shards, .jsonl or plain text.
        tokenizer: of token shards whose artifact does not lead to it.
        config: when an item counts as found.

    Raises:
        PhialError: a folder has no training data, or a token shard's tokenizer is not known.
    """
    raise NotImplementedError
