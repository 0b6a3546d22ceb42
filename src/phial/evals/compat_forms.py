r"""Equality of answers as other harnesses have it: strings that are rewritten, and then compared.

Each form has its faults: "x/2" stops Hendrycks' rewriting, so that it equals only itself; Minerva's cuts "cm" out of
any word that is no command. Longer texts than any answer are compared as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from phial.evals.task import Grade, Item
from phial.verify import maths

_LONGEST = 5_000

# lm-eval's gsm8k ignores these in both answers.
_GSM8K_IGNORED = (",", r"\$", r"(?s).*#### ", r"\.$")


def gsm8k_grade(answer: str, item: Item) -> Grade:
    """As lm-eval's gsm8k: equal as strings, without commas, dollar signs and a final period; 29.00 is not 29."""
    return _grade(_without(answer, _GSM8K_IGNORED), _without(str(item.gold), _GSM8K_IGNORED))


def letter_grade(answer: str, item: Item) -> Grade:
    """As lm-eval's letters: without punctuation, in any case."""
    return _grade(re.sub(r"[^\w\s]|_", "", answer).lower(), str(item.gold).lower())


def hendrycks_grade(answer: str, item: Item) -> Grade:
    """As lm-eval's hendrycks_math and aime: equal in Hendrycks' form, or, where that cannot be made, as they stand."""
    try:
        return _grade(hendrycks_form(answer), hendrycks_form(str(item.gold)))
    except (ValueError, IndexError):
        return _grade(answer, str(item.gold))


def minerva_grade(answer: str, item: Item) -> Grade:
    """As lm-eval's minerva_math: equal in Minerva's form; algebra is ours, where lm-eval asks SymPy's parser."""
    given, right = minerva_form(answer), minerva_form(str(item.gold))
    return Grade(1.0, "text") if given == right else Grade(*_algebra(given, right))


def hendrycks_form(text: str) -> str:
    r"""A LaTeX answer as Hendrycks et al. (2021) rewrite it before they compare.

    Raises:
        ValueError: two units, or a quotient of other things than integers.
        IndexError: nothing follows \frac or \sqrt.
    """
    if len(text) > _LONGEST:
        return text
    for old, new in _HENDRYCKS_FIRST:
        text = text.replace(old, new)
    number, *units = text.split(r"\text{ ")
    if len(units) > 1:
        raise ValueError("two units")
    for old, new in ((r"\%", ""), (" .", " 0."), ("{.", "{0.")):
        number = number.replace(old, new)
    if not number:
        return number
    if number[0] == ".":
        number = "0" + number
    sides = number.split("=")
    if len(sides) == 2 and len(sides[0]) <= 2:
        number = sides[1]
    head, *roots = number.split(r"\sqrt")
    number = head + "".join(r"\sqrt" + (root if root[0] == "{" else f"{{{root[0]}}}{root[1:]}") for root in roots)
    number = _fractions(number.replace(" ", ""))
    if number == "0.5":
        return r"\frac{1}{2}"
    parts = number.split("/")
    if len(parts) == 2:
        above, below = int(parts[0]), int(parts[1])
        if number == f"{above}/{below}":
            return rf"\frac{{{above}}}{{{below}}}"
    return number


def minerva_form(text: str) -> str:
    """An answer as Lewkowycz et al. (2022), appendix D, rewrite it, with lm-eval's repairs of 2026."""
    if len(text) > _LONGEST:
        return text
    text = text.split("=")[-1]
    words = [unit for unit in _MINERVA_REMOVED if unit.isalpha()]
    for word in words:
        text = re.sub(rf"(?<!\\)\b{word}\b", "", text)
    for old, new in _MINERVA_REPLACED:
        text = text.replace(old, new)
    for unit in _MINERVA_REMOVED:
        if unit.isalpha():
            # Not inside a command: "ft" is no part of "\left".
            pieces = re.split(r"(\\[a-zA-Z]+)", text)
            text = "".join(piece if index % 2 else piece.replace(unit, "") for index, piece in enumerate(pieces))
        else:
            text = text.replace(unit, "")
    text = "\n".join(f"${line.split('$')[1]}$" if line.count("$") > 1 else line for line in text.split("\n"))
    for command in ("text", "textbf", "overline"):
        text = re.sub(rf"\\{command}\{{([^}}\n]*)\}}", r"\1", text)
    text = re.sub(r"\\boxed\{([^\n]*)\}", r"\1", text)
    text = re.sub(r"frac([^{])([^\n])", r"frac{\1}{\2}", text)
    text = re.sub(r"sqrt(\[[^\]]*\])(\w)", r"sqrt\1{\2}", text)
    text = re.sub(r"sqrt([^{\[])", r"sqrt{\1}", text).replace("$", "")
    return text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+", text) else text


def _fractions(text: str) -> str:
    r"""Braces round the first two characters behind each \frac that has none; none at all if one is cut off."""
    head, *pieces = text.split(r"\frac")
    made = head
    for piece in pieces:
        if piece[0] == "{":
            made += r"\frac" + piece
        elif len(piece) < 2:
            return text
        else:
            below = piece[1:] if piece[1] == "{" else f"{{{piece[1]}}}{piece[2:]}"
            made += rf"\frac{{{piece[0]}}}{below}"
    return made


def _algebra(given: str, right: str) -> tuple[float, str]:
    made = maths.compare(given, right)
    return float(made.equal), made.verdict().detail


def _without(text: str, patterns: Sequence[str]) -> str:
    for pattern in patterns:
        text = re.sub(pattern, "", text[-_LONGEST:])
    return text.lower()


def _grade(given: str, right: str) -> Grade:
    return Grade(float(given == right), "text" if given == right else f"{given[:60]!r} is not {right[:60]!r}")


_HENDRYCKS_FIRST = (
    ("\n", ""),
    (r"\!", ""),
    ("\\\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    (r"\left", ""),
    (r"\right", ""),
    (r"^{\circ}", ""),
    (r"^\circ", ""),
    (r"\$", ""),
)
_MINERVA_REPLACED = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    (r"\$", ""),
    (r"\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (r",\text{and}", ","),
    (r"\text{and}", ","),
    (r"\text{m}", r"\text{}"),
)
_MINERVA_REMOVED = (
    *("square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours", "km", "units", r"\ldots", "sue"),
    *("points", "feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges"),
    *("students", "childrentickets", "multiples", r"\text{s}", r"\text{.}", "\\text{\ns}", r"\text{}^2"),
    *(r"\text{}^3", "\\text{\n}", r"\text{}", r"\mathrm{th}", r"^\circ", r"^{\circ}", r"\;", r",\!", "{,}", '"'),
    r"\dots",
)
