"""One run's replies under several extractors: which rule fired, what was missed, and what that does to the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phial.evals.log import Log
from phial.evals.statistics import Estimate


@dataclass(frozen=True)
class Reading:
    """One extractor's work.

    Attributes:
        extractor: its name.
        score: under it.
        none: share of replies in which it found no answer.
        truncated: replies that ended before their answer.
        rules: replies by the rule that fired, the most frequent first; "" where none did.
    """

    extractor: str
    score: Estimate
    none: Estimate
    truncated: int
    rules: Mapping[str, int]


@dataclass(frozen=True)
class Disagreement:
    """Two extractors over the same replies.

    Attributes:
        first: an extractor.
        second: another one.
        answers: replies in which they read different answers.
        grades: (item, repeat) of the replies whose score they change.
        gap: first's score - second's, paired.
    """

    first: str
    second: str
    answers: int
    grades: tuple[tuple[str, int], ...]
    gap: Estimate


@dataclass(frozen=True)
class ExtractionTable:
    """All extractors over one log; `disagreements` has every pair in order."""

    readings: tuple[Reading, ...]
    disagreements: tuple[Disagreement, ...]


def extraction_table(logs: Mapping[str, Log]) -> ExtractionTable:
    """Compare extractors.

    Args:
        logs: the same replies graded under each extractor, by its name.

    Raises:
        PhialError: the logs are not of the same replies.
    """
    raise NotImplementedError
