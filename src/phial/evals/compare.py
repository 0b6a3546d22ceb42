"""Two logs of one task, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phial.evals.log import Log
from phial.evals.statistics import Estimate


@dataclass(frozen=True)
class Difference:
    """Something that two runs do not have in common, so that their scores may differ for other reasons than the model.

    Attributes:
        name: "data", "protocol", "repeats", "sampling.temperature", "system message", "extractor", "prompt", "gold" …
        first: of the first run.
        second: of the second.
        grave: whether the scores do not answer the same questions (data, prompts, right answers, unfinished logs).
    """

    name: str
    first: str
    second: str
    grave: bool


@dataclass(frozen=True)
class Marks:
    """Items by who is wholly right; for several replies an item, whose mean score is higher.

    Attributes:
        both: equal, and right.
        first: only the first, or the first more often.
        second: only the second, or the second more often.
        neither: equal, and not right.
    """

    both: int
    first: int
    second: int
    neither: int


@dataclass(frozen=True)
class Comparison:
    """Two logs over the items that both have.

    Attributes:
        task: its name.
        names: of the two models, told apart.
        first: its score on the shared items.
        second: its score on the shared items.
        gap: first - second, with an interval for pairs.
        p: probability of a gap at least this large if the models were equal.
        adjusted: p after Holm's correction over all comparisons made together; p for a single one.
        test: "exact McNemar" or "paired t over items".
        marks: items by outcome.
        detectable: the smallest true gap that would be found with 80 % probability at this number of items.
        only_first: ids of items that the second log lacks.
        only_second: ids of items that the first log lacks.
        differences: what else the runs do not share, the grave ones first.
    """

    task: str
    names: tuple[str, str]
    first: Estimate
    second: Estimate
    gap: Estimate
    p: float
    adjusted: float
    test: str
    marks: Marks
    detectable: float
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare(first: Log, second: Log) -> Comparison:
    """Compare two logs of one task.

    Raises:
        PhialError: the logs are of different tasks, or share no item.
    """
    raise NotImplementedError


def compare_all(pairs: Sequence[tuple[Log, Log]]) -> tuple[Comparison, ...]:
    """Compare several pairs of logs, their p values adjusted for it."""
    raise NotImplementedError
