"""Grades of answers that are numbers, expressions, letters or short texts."""

from __future__ import annotations

import re
import string
from typing import Any

from phial.errors import PhialError
from phial.evals.extract import boxed, numbers
from phial.evals.task import Grade, Item
from phial.verify import maths

_DRESSING = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree|\u00b0|\\!|\\ |[\\$\u20ac\u00a3]?\$|\{,\}")


def maths_grade(answer: str, item: Item) -> Grade:
    """Right if `phial.verify.maths` says so: exact numbers, then algebra in a process that can be killed."""
    made = maths.compare(answer, str(item.gold))
    return Grade(float(made.equal), made.verdict().detail)


def letter_grade(answer: str, item: Item) -> Grade:
    """Right if it is the letter, in the case that it is asked for."""
    return Grade(float(answer == item.gold), "" if answer == item.gold else f"{answer[:20]} is not {item.gold}")


def number_gold(value: Any, where: str) -> str:
    r"""A right answer that is a number, without what dresses it: 336^\circ, 1{,}234, $29.00 and 145.0 are numbers.

    Raises:
        PhialError: it is no number.
    """
    text = _DRESSING.sub("", str(value).strip())
    text = boxed(text) or text
    found = numbers(text)
    if len(found) != 1 or not re.fullmatch(r"[\s()]*-?[\d.,{}\\!]+[\s().]*", text):
        raise PhialError(f"right answer {str(value)[:60]!r} is no number", where=where, do="give the published file")
    number = found[0]
    return number.rstrip("0").rstrip(".") if "." in number else number


def expression_gold(value: Any, where: str) -> str:
    r"""A right answer as an expression: of a whole solution, what its last \boxed{} holds; degrees and \! are dropped.

    Raises:
        PhialError: a solution has no box.
    """
    text = str(value).strip()
    if "boxed" in text or "fbox" in text:
        content = boxed(text)
        if content is None:
            raise PhialError("a solution without its answer in a box", where=where, do="give the published file")
        text = content
    return re.sub(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\!", "", text).strip()


def plain_words(text: str) -> str:
    """A text in lower case without articles and punctuation, as reading tests compare them."""
    text = "".join(character for character in text.casefold() if character not in string.punctuation)
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))
