"""What a score would have been with less: with fewer tokens a reply, or fewer replies an item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phial.evals.log import Log
from phial.evals.statistics import Estimate


@dataclass(frozen=True)
class Point:
    """The score at a budget."""

    budget: int
    score: Estimate


def by_tokens(log: Log, budgets: Sequence[int] | None = None) -> tuple[Point, ...]:
    """The score if every reply had been cut after so many tokens: a reply that was longer counts as wrong.

    Args:
        log: of a task whose answers come last; samples without token counts make the curve empty.
        budgets: tokens of a reply, thinking included; 24 between the shortest and longest reply by default.
    """
    raise NotImplementedError


@dataclass(frozen=True)
class SampleCurves:
    """Scores by the number of replies an item, for 1, 2, 4 … and all that every item has."""

    passed: tuple[Point, ...]  # pass@k
    majority: tuple[Point, ...]  # maj@k


def by_samples(log: Log, same: Callable[[str, str], bool] | None = None) -> SampleCurves:
    """pass@k and maj@k."""
    raise NotImplementedError
