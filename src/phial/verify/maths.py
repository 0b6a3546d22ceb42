"""Is this the right mathematical answer: cheap exact tiers first, then algebra in processes that can be killed.

The tiers are text, integer, fraction, decimal, value, algebra; the first that can decide does. Exact numbers are never
handed on, so two of them are equal only if they are, with one exception: a fraction without a finite decimal expansion
equals its rounding to at least four digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from phial.record import Verdict
from phial.verify import algebra_workers, numeric
from phial.verify.answer import extract

Tier = Literal["guard", "text", "integer", "fraction", "decimal", "value", "algebra", ""]

_MAXIMUM_LENGTH = 400  # characters; far beyond any final answer
_MAXIMUM_DIGITS = 60  # in one number
_MAXIMUM_EXPONENT = 50  # of ten, in a decimal
_MAXIMUM_POWER = 1000  # a literal exponent that algebra may see
_MAXIMUM_DEPTH = 12  # of brackets
_ROUNDED_DIGITS = 4  # significant ones that a rounding must keep

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_FRACTION = re.compile(r"([+-]?\d+)\s*/\s*([+-]?\d+)", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+))?", re.ASCII)
_LATEX_FRACTION = re.compile(
    r"([+-]?)\\[dt]?frac\s*(?:\{\s*([+-]?\d+)\s*\}|(\d))\s*(?:\{\s*([+-]?\d+)\s*\}|(\d))", re.ASCII
)
_THOUSANDS = re.compile(r"(?<![\d.])(\d{1,3})((?:(?:,|\{,\}|\\,|\\!,|,\\!)\d{3})+)(?![\d])", re.ASCII)
_WRAPPINGS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"))
_NOT_A_NUMBER = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*")
_WORD = re.compile(r"[^\W\d_]{2}")  # "p - q" has none
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_NUMBER_NAME = re.compile(r"\b(?:pi|e|i|oo|infinity|infty|sqrt|sin|cos|tan|log|ln|exp)\b", re.IGNORECASE)
_TOWER = re.compile(r"(?:\^|\*\*)\s*[{(]*\s*[\d.]+\s*(?:\^|\*\*)", re.ASCII)
_POWER = re.compile(r"(?:\^|\*\*)\s*[{(]*\s*[+-]?(\d+)", re.ASCII)
_FACTORIAL = re.compile(r"(\d+)[\s)}]*!|!\s*!", re.ASCII)

_RELATION = re.compile(r"[<>≤≥]|\\(?:le|ge|leq|geq|lt|gt)(?![a-z])")
# math-verify takes the interval (1, 2) and the range 1 < x < 2 for the set {1, 2}.
_APART = [frozenset(pair) for pair in (("set", "ordered"), ("set", "relation"), ("list", "relation"))]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether an answer is the right one, and who said so.

    Attributes:
        equal: False also where nothing could decide.
        tier: that decided; "guard" where an answer was too large or too strange to be looked at; "" where algebra
            would have been needed and brought no decision.
        reason: why not; empty where equal.
    """

    equal: bool
    tier: Tier
    reason: str = ""

    def verdict(self, gate: str = "answer") -> Verdict:
        """For a record's lineage."""
        return Verdict(gate, self.equal, f"{self.tier or 'undecided'}{': ' if self.reason else ''}{self.reason}")


def compare(answer: str, gold: str) -> Comparison:
    """Whether an answer is the right one; never raises, whatever the two hold.

    Args:
        answer: the answer given: a number, an expression, LaTeX, or words.
        gold: the right answer. Algebra is not symmetric: an interval fits a right answer that is an inequality, and not
            the other way round.
    """
    for name, text in (("answer", answer), ("right answer", gold)):
        if fault := _fault(text):
            return Comparison(False, "guard", f"the {name} {fault}")
    given, right = normalised(answer), normalised(gold)
    one, other = _exact(given), _exact(right)
    for text, number in ((given, one), (right, other)):
        if number is None and (_FRACTION.fullmatch(text) or _DECIMAL.fullmatch(text)):
            return Comparison(False, "guard", f"{_short(text)} is not finite, or too large")
    if given.casefold() == right.casefold():
        return Comparison(True, "text")
    if one is not None and other is not None:
        tier: Tier = max(one.form, other.form, key=("integer", "fraction", "decimal").index)
        same = one.value == other.value or _rounded(one, other) or _rounded(other, one)
        return Comparison(same, tier, "" if same else f"{_short(given)} is not {_short(right)}")
    if _only_words(given) or _only_words(right):
        return Comparison(False, "text", f"{_short(given)} is not {_short(right)}")
    for text in (given, right):
        if fault := _too_much(text):
            return Comparison(False, "guard", f"{_short(text)} {fault}")
    if frozenset((_kind(given), _kind(right))) in _APART:
        return Comparison(False, "algebra", f"{_short(given)} is another kind of thing than {_short(right)}")
    latex, right_latex = _latex(given), _latex(right)
    if (equal := _by_value(latex, right_latex)) is not None:
        return Comparison(equal, "value", "" if equal else f"{_short(given)} is not {_short(right)}")
    decision = algebra_workers.decide(right_latex, latex)
    if decision.equal is None:
        return Comparison(False, "", decision.reason)
    return Comparison(decision.equal, "algebra", "" if decision.equal else f"{_short(given)} is not {_short(right)}")


def same(one: str, other: str) -> bool:
    """Whether two answers are equal in both directions, as votes need: `compare` alone is not symmetric."""
    return compare(one, other).equal and compare(other, one).equal


def stated(text: str) -> str | None:
    r"""The final answer that a text states: in its last `\boxed{}`, else after its last "The answer is"."""
    start = text.rfind(r"\boxed{")
    if start < 0:
        answer = extract(text)
        return None if answer is None else answer.strip("* ") or None
    depth = 0
    for place in range(start + 6, min(len(text), start + 6 + 2 * _MAXIMUM_LENGTH)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return text[start + 7 : place].strip() or None
    return None


def normalised(text: str) -> str:
    """An answer without what only dresses it: math delimiters, boxes, a currency sign, thousands, a final period."""
    text = " ".join(text.split())
    previous = ""
    while text != previous:
        previous = text
        text = text.strip().removesuffix(".").strip() if not text.endswith("..") else text
        for begin, end in _WRAPPINGS:
            inner = text[len(begin) : -len(end)]
            if text.startswith(begin) and text.endswith(end) and len(text) > len(begin + end) and begin not in inner:
                text = inner.strip()
        if text.startswith(r"\boxed{") and text.endswith("}"):
            text = text[7:-1]
        text = _TEXT_COMMAND.sub(r" \1 ", text).strip()
    text = re.sub(r"^(?:\\?\$|€|£)\s*(?=[\d.])", "", text)
    text = _THOUSANDS.sub(lambda match: match[1] + re.sub(r"\D", "", match[2]), text)
    text = text.replace("−", "-").replace("×", "*").replace("·", "*").replace("π", r"\pi ")  # noqa: RUF001
    text = re.sub(r"^\{(.*)\}$", r"\\{\1\\}", text)
    return re.sub(r"^\((\w)\)$", r"\1", text.strip())


def _fault(text: str) -> str:
    """Why an answer is not looked at at all."""
    if not text.strip("$. \n\t"):
        return "is empty"
    if len(text) > _MAXIMUM_LENGTH:
        return f"has {len(text):,} characters"
    if re.search(rf"\d{{{_MAXIMUM_DIGITS + 1}}}", text):
        return f"has a number of more than {_MAXIMUM_DIGITS} digits"
    if _NOT_A_NUMBER.fullmatch(text.strip().strip("$")):
        return "is not a number"
    return ""


def _too_much(text: str) -> str:
    """Why an expression is not handed to algebra, which would compute for ever or fill the memory."""
    if re.search(r"(?<![a-z])nan(?![a-z])", text, re.IGNORECASE):
        return "is not a number"
    if _TOWER.search(text) or any(int(power) > _MAXIMUM_POWER for power in _POWER.findall(text)):
        return "has a power that is too high"
    if any(not number or int(number) > _MAXIMUM_POWER for number in _FACTORIAL.findall(text)):
        return "has a factorial that is too large"
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return "is nested too deeply" if deepest > _MAXIMUM_DEPTH else ""


@dataclass(frozen=True, slots=True)
class _Number:
    """An exact number and how it is written; digits are the significant ones, places those after the point."""

    value: Fraction
    form: Literal["integer", "fraction", "decimal"]
    digits: int = 0
    places: int = 0


def _exact(text: str) -> _Number | None:
    if match := _LATEX_FRACTION.fullmatch(text):
        sign, *parts = match.groups()
        text = f"{parts[0] or parts[1]}/{parts[2] or parts[3]}"
        if sign == "-":
            text = text[1:] if text.startswith("-") else f"-{text}"
    if _INTEGER.fullmatch(text):
        return _Number(Fraction(int(text)), "integer")
    if match := _FRACTION.fullmatch(text):
        numerator, denominator = int(match[1]), int(match[2])
        return _Number(Fraction(numerator, denominator), "fraction") if denominator else None
    if match := _DECIMAL.fullmatch(text):
        if match[1] and (len(match[1]) > 4 or abs(int(match[1])) > _MAXIMUM_EXPONENT):
            return None
        value = Decimal(text)
        _, digits, exponent = value.as_tuple()
        return _Number(Fraction(value), "decimal", len(digits), -int(exponent))
    return None


def _rounded(one: _Number, other: _Number) -> bool:
    """Whether a decimal is the rounding of a fraction that no decimal can write."""
    if one.form != "decimal" or other.form != "fraction" or one.digits < _ROUNDED_DIGITS:
        return False
    rest = other.value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    # No fraction that passes the next line lies half-way between two decimals.
    return rest != 1 and abs(one.value - other.value) * 2 < Fraction(10) ** -one.places


def _only_words(text: str) -> bool:
    """Whether an answer is plain words of two letters and more, such as a name, which algebra can't read."""
    return bool(_WORDS.fullmatch(text)) and bool(_WORD.search(text)) and len(text) > 2 and not _NUMBER_NAME.search(text)


def _by_value(one: str, other: str) -> bool | None:
    """Whether two expressions, or two in the same brackets, have the same value; None where it is not certain."""
    if numeric.letters(one) != numeric.letters(other):
        return None  # a letter may be a unit
    first, second = numeric.value(one), numeric.value(other)
    if first is not None and second is not None:
        return numeric.same(first, second)
    many, others = numeric.values(one), numeric.values(other)
    if many is None or others is None or (many[0] == r"\{") != (others[0] == r"\{"):
        return None
    if many[0] == r"\{":
        found, right = ({round(part.real, 9) + round(part.imag, 9) * 1j for part in side[2]} for side in (many, others))
        return found == right if len(found) == len(right) else False
    if len(many[2]) != len(others[2]):
        return False
    equal = [numeric.same(part, against) for part, against in zip(many[2], others[2], strict=True)]
    if False in equal:
        return False
    # Algebra knows which brackets are those of intervals.
    return None if None in equal or many[:2] != others[:2] else True


def _kind(text: str) -> str:
    """What an expression is, as far as its brackets and signs tell."""
    if _RELATION.search(text):
        return "relation"
    if text.startswith(r"\{"):
        return "set"
    if text[0] in "([" and text[-1] in ")]" and "," in text:
        return "ordered"
    return "list" if "," in text else ""


def _latex(text: str) -> str:
    """An expression as LaTeX: what people type in plain text is put in its notation."""
    text = re.sub(r"\*\*\s*\(([^()]*)\)|\*\*\s*([\w.]+)", lambda match: f"^{{{match[1] or match[2]}}}", text)
    text = re.sub(r"\^\s*\(([^()]*)\)", r"^{\1}", text)
    text = re.sub(r"(?<!\\)\bsqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text)
    text = re.sub(r"(?<![\\a-zA-Z])(pi|sin|cos|tan|ln|log|exp)(?![a-zA-Z])", r"\\\1 ", text)
    text = re.sub(r"(?<![\\a-zA-Z])(?:oo|infinity)(?![a-zA-Z])", r"\\infty ", text)
    text = re.sub(r"(?<!\\)%", r"\%", text)
    return text.replace("*", r" \cdot ")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
