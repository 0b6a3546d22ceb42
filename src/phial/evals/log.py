"""The sample log: one JSON line an answer; every score is a pure function of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from phial.errors import PhialError
from phial.evals.statistics import Score, wilson


@dataclass(frozen=True)
class Sample:
    """One graded reply.

    Attributes:
        task: its task's name.
        item: its item's id.
        repeat: 0 for the first or only answer.
        prompt: the user turn.
        reply: the model's text.
        answer: what was extracted, None if nothing.
        gold: the right answer.
        right: the grade.
        tokens: of the reply.
        finish: "stop" or "length".
        tags: of the item.
    """

    task: str
    item: str
    repeat: int
    prompt: str
    reply: str
    answer: str | None
    gold: str
    right: bool
    tokens: int
    finish: str
    tags: dict[str, str]


def append(path: Path, samples: Iterable[Sample]) -> None:
    """Add samples to a log."""
    with path.open("a", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(asdict(sample), ensure_ascii=False) + "\n")


def read(path: Path) -> Iterator[Sample]:
    """Read a log.

    Raises:
        PhialError: a line is damaged.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield Sample(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise PhialError(
                    f"damaged sample log: {error}", where=f"{path}, line {number}", do="cut the file before that line"
                ) from error


def score(samples: Sequence[Sample]) -> Score:
    """Share of right answers."""
    return wilson(sum(sample.right for sample in samples), len(samples))


def scores_by(samples: Iterable[Sample], key: Callable[[Sample], str]) -> dict[str, Score]:
    """Scores of groups of samples, by sorted group name."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[key(sample)].append(sample)
    return {name: score(groups[name]) for name in sorted(groups)}
