"""Multiple-choice questions: their words, the order of their options, and their letters out of a reply."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from phial.errors import PhialError
from phial.evals import extract
from phial.evals.items import place
from phial.evals.task import Extraction, Item

LETTERS = "ABCDEFGHIJ"

# simple-evals' wording, which the Phi-4 report uses; {letters} is ABCD.
LAST_LINE_LETTER = (
    "Answer the following multiple choice question. The last line of your response should be of the following format: "
    "'Answer: $LETTER' (without quotes) where LETTER is one of {letters}. Think step by step before answering."
    "\n\n{question}\n\n{options}"
)


def lettered(options: Sequence[str], form: str = "{letter}) {option}") -> str:
    """The options one a line, with their letters."""
    return "\n".join(
        form.format(letter=letter, option=option) for letter, option in zip(LETTERS, options, strict=False)
    )


def last_line_letter(question: str, options: Sequence[str]) -> str:
    """The question in simple-evals' words, which ask for "Answer: B" on the last line."""
    return LAST_LINE_LETTER.format(letters=LETTERS[: len(options)], question=question, options=lettered(options))


def letter(reply: str, item: Item) -> Extraction:
    """The letter a reply names, or that of the option in whose words it answers."""
    options = item.data["options"]
    return extract.letter(reply, LETTERS[: len(options)], options)


def shuffled(count: int, item: str, seed: int) -> list[int]:
    """An order of options that depends on the seed and the item's id alone, not on the file or what else is asked.

    Returns:
        Positions sorted by the sha256 of "seed/id/position".
    """
    return sorted(range(count), key=lambda index: hashlib.sha256(f"{seed}/{item}/{index}".encode()).digest())


def letter_gold(value: Any, count: int, row: dict[str, Any]) -> str:
    """The right letter, written as one or as a position from 0.

    Raises:
        PhialError: it is neither, or beyond the options.
    """
    text = str(value).strip().upper()
    position = int(text) if text.isdecimal() else LETTERS.find(text) if len(text) == 1 else -1
    if not 0 <= position < count:
        raise PhialError(
            f"right answer {str(value)[:40]!r} among {count} options", where=place(row), do="give the published file"
        )
    return LETTERS[position]
