"""Final answers: find the one a text states, and compare it with the right one exactly."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

_MARKER = "The answer is"
_MAXIMUM_LENGTH = 200
_MAXIMUM_EXPONENT = 50  # 1e999999 is short to write and slow to compute

_INTEGER = r"\d{1,3}(?:,\d{3})+|\d+"
_NUMBER = re.compile(rf"[+-]?(?:(?:{_INTEGER})(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?", re.ASCII)
_FRACTION = re.compile(rf"([+-]?(?:{_INTEGER}))\s*/\s*([+-]?(?:{_INTEGER}))", re.ASCII)
_NO_NUMBER = re.compile(r"[+-]?(?:nan|inf|infinity)", re.ASCII)


def extract(text: str) -> str | None:
    """The answer a text gives: what follows its last "The answer is" on that line, without one trailing period.

    Returns:
        None where those words are missing or nothing follows them; a number elsewhere is no answer.
    """
    _, marker, rest = text.rpartition(_MARKER)
    if not marker or not rest[:1].isspace():
        return None
    answer = rest.partition("\n")[0].strip().removesuffix(".").strip()
    return answer or None


def equal(answer: str, gold: str) -> bool:
    """Whether an answer is exactly the right one: the same words in any case, or the same exact number.

    Integers (also with commas between thousands), fractions and decimals are compared as fractions, so "0.50" equals
    "1/2". Never raises; a number that is not finite or not of reasonable size (nan, inf, 1/0, 1e999999, 300 digits)
    equals nothing, not even itself.

    Args:
        answer: the answer given.
        gold: the right answer.
    """
    given, right = _normalised(answer), _normalised(gold)
    if given is None or right is None:
        return False
    if given == right:
        return True
    given_value, right_value = _value(given), _value(right)
    return given_value is not None and given_value == right_value


def _normalised(text: str) -> str | None:
    """The text stripped and in lower case; None where it must not equal anything."""
    if len(text) > _MAXIMUM_LENGTH:
        return None
    text = text.strip().lower()
    looks_numeric = _NUMBER.fullmatch(text) or _FRACTION.fullmatch(text)
    if not text or _NO_NUMBER.fullmatch(text) or (looks_numeric and _value(text) is None):
        return None
    return text


def _value(text: str) -> Fraction | None:
    """The exact number a text writes; None where it is no number, not finite or too large."""
    if match := _FRACTION.fullmatch(text):
        numerator, denominator = (int(part.replace(",", "")) for part in match.groups())
        return Fraction(numerator, denominator) if denominator else None
    if match := _NUMBER.fullmatch(text):
        exponent = match.group(1)
        if exponent and (len(exponent) > 4 or abs(int(exponent)) > _MAXIMUM_EXPONENT):
            return None
        return Fraction(Decimal(text.replace(",", "")))
    return None
