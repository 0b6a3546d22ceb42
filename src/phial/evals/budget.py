"""What a score would have been with less: with fewer tokens a reply, or fewer replies an item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phial.evals.log import Log
from phial.evals.majority import majorities
from phial.evals.scores import grouped, pass_at
from phial.evals.statistics import Estimate, mean

_POINTS = 24


@dataclass(frozen=True)
class Point:
    """The score at a budget."""

    budget: int
    score: Estimate


@dataclass(frozen=True)
class SampleCurves:
    """Scores by the number of replies an item, for 1, 2, 4 … and all that every item has.

    Attributes:
        passed: pass@k.
        majority: maj@k.
    """

    passed: tuple[Point, ...]
    majority: tuple[Point, ...]


def by_tokens(log: Log, budgets: Sequence[int] | None = None) -> tuple[Point, ...]:
    """The score if every reply had been cut after so many tokens: a longer one counts as wrong.

    A lower bound for tasks whose answers may come first.

    Args:
        log: if any of its samples lacks a token count the curve is empty.
        budgets: tokens of a reply, thinking included; at most 24, from the shortest reply to the longest in equal
            ratios, by default.
    """
    lengths = [sample.tokens for sample in log.samples]
    known = [length for length in lengths if length is not None]
    if not known or len(known) < len(lengths):
        return ()
    items = grouped(log.samples).values()
    return tuple(
        Point(budget, mean([[s.score if (s.tokens or 0) <= budget else 0.0 for s in item] for item in items]))
        for budget in (budgets if budgets is not None else _steps(max(1, min(known)), max(1, *known)))
    )


def by_samples(log: Log, same: Callable[[str, str], bool] | None = None) -> SampleCurves:
    """pass@k and maj@k by k, as far as every item of the log has replies.

    Args:
        log: an unfinished item ends the curves early for all, so that every point is of the same items.
        same: whether two answers are equal, for the votes; `majority.same_answer` by default.
    """
    fewest = min((len(item) for item in grouped(log.samples).values()), default=0)
    if not fewest:
        return SampleCurves((), ())
    ks = [k for power in range(fewest.bit_length()) if (k := 1 << power) < fewest] + [fewest]
    votes = majorities(log, ks, same)
    return SampleCurves(
        tuple(Point(k, pass_at(log, k)) for k in ks),
        tuple(Point(k, vote) for k, vote in zip(ks, votes, strict=True)),
    )


def _steps(least: int, most: int) -> list[int]:
    """Whole numbers between two, in equal ratios as far as that goes."""
    return sorted({round(least * (most / least) ** (step / (_POINTS - 1))) for step in range(_POINTS)})
