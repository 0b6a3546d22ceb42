"""The figures of a log: how right its replies are, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from phial.errors import PhialError
from phial.evals.log import Log, Sample
from phial.evals.statistics import Estimate, amount, mean, ratio


@dataclass(frozen=True)
class Summary:
    """One log in figures.

    Attributes:
        score: mean over items of the mean score of each item's replies.
        parts: further figures by name, such as IFEval's four or a contest score.
        none: share of replies without an answer.
        truncated: share of replies that ended before their answer.
        finishes: replies by how they ended.
        tokens: a reply's mean, thinking included; None where the server did not say.
        seconds: a reply's mean, from question to end.
        cpu_seconds: a reply's mean; None for a server elsewhere.
        complete: whether every reply that the run asks for is in the log.
    """

    score: Estimate
    parts: Mapping[str, Estimate]
    none: Estimate
    truncated: Estimate
    finishes: Mapping[str, int]
    tokens: Estimate | None
    seconds: Estimate
    cpu_seconds: Estimate | None
    complete: bool


def grouped(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples of each item, in the order of their repeats.

    Raises:
        PhialError: a repeat is there twice, or a score is none.
    """
    items: dict[str, dict[int, Sample]] = {}
    for sample in samples:
        repeats = items.setdefault(sample.item, {})
        if sample.repeat in repeats:
            raise PhialError(
                f"repeat {sample.repeat} of item {sample.item!r} is in the log twice", do="remove one of its lines"
            )
        if not 0 <= sample.score <= 1:
            raise PhialError(f"item {sample.item!r} has the score {sample.score}, not one of 0 to 1", do="grade again")
        repeats[sample.repeat] = sample
    return {item: [repeats[number] for number in sorted(repeats)] for item, repeats in items.items()}


def summary(log: Log) -> Summary:
    """All of a log's plain figures."""
    items = list(grouped(log.samples).values())
    finishes: dict[str, int] = {}
    for sample in log.samples:
        finishes[sample.finish] = finishes.get(sample.finish, 0) + 1
    return Summary(
        score=_scored(items),
        parts=parts(log),
        none=none_rate(log),
        truncated=mean([[float(sample.truncated) for sample in item] for item in items]),
        finishes=finishes,
        tokens=_amount([[sample.tokens for sample in item] for item in items]),
        seconds=amount([[sample.seconds for sample in item] for item in items]),
        cpu_seconds=_amount([[sample.cpu_seconds for sample in item] for item in items]),
        complete=len(log.samples) >= log.run.items * log.run.repeats,
    )


def mean_at(log: Log) -> Estimate:
    """mean@k: over items, of the mean score of each item's replies."""
    return _scored(list(grouped(log.samples).values()))


def none_rate(log: Log) -> Estimate:
    """The share of replies without an answer."""
    return mean([[float(sample.answer is None) for sample in item] for item in grouped(log.samples).values()])


def pass_at(log: Log, k: int) -> Estimate:
    """pass@k: how often at least one of k replies is wholly right, unbiased (Chen et al. 2021, arXiv 2107.03374).

    Args:
        log: items with fewer than k replies are left out; the estimate says how many were counted.
        k: replies drawn without replacement from those there are.
    """
    counted = with_at_least(log, k)
    return mean([[pass_share(len(item), sum(s.score >= 1 for s in item), k)] for item in counted], _replies(counted))


def pass_share(replies: int, right: int, k: int) -> float:
    """The probability that k of the replies, drawn without replacement, hold a right one."""
    return 1 - math.comb(replies - right, k) / math.comb(replies, k)


def best_of(log: Log, k: int, value: Callable[[Sample], float] | None = None) -> Estimate:
    """best-of-k: the mean score of the reply that is worth most among k.

    Args:
        log: items with fewer than k replies are left out.
        k: replies drawn without replacement.
        value: what a reply is worth to whoever chooses, equal worth choosing at random; its score by default, which
            is what a perfect chooser would reach.
    """
    worth = value or (lambda sample: sample.score)
    counted = with_at_least(log, k)
    return mean([[best_score([(worth(s), s.score) for s in item], k)] for item in counted], _replies(counted))


def best_score(replies: Sequence[tuple[float, float]], k: int) -> float:
    """The expected score of the most valuable of k replies (value, score), drawn without replacement."""
    ranked = sorted(replies)
    total, done, expected = math.comb(len(ranked), k), 0, 0.0
    for _, equals in groupby(ranked, key=lambda reply: reply[0]):
        scores = [score for _, score in equals]
        chosen = math.comb(done + len(scores), k) - math.comb(done, k)  # draws whose most valuable is among these
        expected += chosen / total * sum(scores) / len(scores)
        done += len(scores)
    return expected


def parts(log: Log) -> dict[str, Estimate]:
    """The further figures of the replies' grades, each a sum of shares by a sum of weights."""
    items = grouped(log.samples).values()
    names = dict.fromkeys(name for sample in log.samples for name in sample.parts)
    figures = {}
    for name in names:
        having = [found for item in items if (found := [s.parts[name] for s in item if name in s.parts])]
        sums = [(math.fsum(share for share, _ in item), math.fsum(weight for _, weight in item)) for item in having]
        figures[name] = ratio(sums, sum(map(len, having)))
    return figures


def tags(log: Log) -> tuple[str, ...]:
    """What the log's results can be split by, in the order of the log."""
    return tuple(dict.fromkeys(tag for sample in log.samples for tag in sample.tags))


def by_tag(log: Log, tag: str) -> dict[str, Estimate]:
    """The score of each value of a tag, in the order of the log; samples without the tag are left out."""
    values = dict.fromkeys(sample.tags[tag] for sample in log.samples if tag in sample.tags)
    return {
        value: _scored(list(grouped([s for s in log.samples if s.tags.get(tag) == value]).values())) for value in values
    }


def with_at_least(log: Log, k: int) -> list[list[Sample]]:
    """The samples of the items that have k of them or more."""
    if k < 1:
        raise PhialError(f"no figure of {k} replies", do="ask for one or more")
    return [item for item in grouped(log.samples).values() if len(item) >= k]


def _replies(items: Sequence[Sequence[Sample]]) -> int:
    return sum(map(len, items))


def _scored(items: Sequence[Sequence[Sample]]) -> Estimate:
    return mean([[sample.score for sample in item] for item in items])


def _amount(items: Sequence[Sequence[float | None]]) -> Estimate | None:
    known = [[value for value in item if value is not None] for item in items]
    return amount(known) if any(known) else None
