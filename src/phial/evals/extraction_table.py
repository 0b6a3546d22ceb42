"""One run's replies under several extractors: which rule fired, what was missed, and what that does to the score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from phial.errors import PhialError
from phial.evals.compare import compare
from phial.evals.log import Log, Sample
from phial.evals.scores import mean_at, none_rate
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
        answers: (item, repeat) of the replies in which they read different answers.
        grades: of those whose score they change.
        gap: first's score - second's, paired.
    """

    first: str
    second: str
    answers: tuple[tuple[str, int], ...]
    grades: tuple[tuple[str, int], ...]
    gap: Estimate


@dataclass(frozen=True)
class ExtractionTable:
    """All extractors over one log; `disagreements` has every pair, in the order of the logs."""

    readings: tuple[Reading, ...]
    disagreements: tuple[Disagreement, ...]


def extraction_table(logs: Mapping[str, Log]) -> ExtractionTable:
    """Compare extractors.

    Args:
        logs: the same replies graded under each extractor, by its name.

    Raises:
        PhialError: the logs are not of the same replies.
    """
    replies = {name: {(s.item, s.repeat): s for s in log.samples} for name, log in logs.items()}
    texts = {name: {key: (s.reply, s.reasoning) for key, s in by_key.items()} for name, by_key in replies.items()}
    for name in texts:
        if texts[name] != texts[next(iter(texts))]:
            raise PhialError(
                f"the logs of {next(iter(texts))!r} and {name!r} are not of the same replies",
                do="rescore one log under each extractor",
            )
    return ExtractionTable(
        tuple(_reading(name, log) for name, log in logs.items()),
        tuple(
            _disagreement(first, second, logs, replies[first], replies[second])
            for first, second in combinations(logs, 2)
        ),
    )


def _reading(name: str, log: Log) -> Reading:
    rules = Counter(sample.rule for sample in log.samples)
    truncated = sum(sample.truncated for sample in log.samples)
    return Reading(name, mean_at(log), none_rate(log), truncated, dict(rules.most_common()))


def _disagreement(
    first: str,
    second: str,
    logs: Mapping[str, Log],
    ones: Mapping[tuple[str, int], Sample],
    others: Mapping[tuple[str, int], Sample],
) -> Disagreement:
    return Disagreement(
        first,
        second,
        tuple(key for key, sample in ones.items() if sample.answer != others[key].answer),
        tuple(key for key, sample in ones.items() if sample.score != others[key].score),
        compare(logs[first], logs[second]).gap,
    )
