"""Task: items, how to ask them, how to read the reply and how to grade it, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        id: unique in its task.
        prompt: what the user turn says.
        gold: the right answer.
        tags: what results are split by ("family", "steps").
    """

    id: str
    prompt: str
    gold: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A benchmark.

    Attributes:
        name: as results print it.
        protocol: one line that says how the score is made.
        items: the questions.
        extract: reply to answer, or None when the reply states none.
        grade: (answer, gold) to right or wrong.
        sha256: of the data the items were read from.
    """

    name: str
    protocol: str
    items: tuple[Item, ...]
    extract: Callable[[str], str | None]
    grade: Callable[[str, str], bool]
    sha256: str
