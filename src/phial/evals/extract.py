r"""Finds the answer that a reply states: rule chains that say which rule fired, in time linear in the reply.

The end of a reply is what counts: no rule looks at more than its last 100,000 characters. A reply that goes on to ask
itself the next question is cut there, if it has stated an answer before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from phial.evals.task import Extraction

_LOOKED_AT = 100_000  # characters at the end of a reply
_LONGEST_ANSWER = 2_000
_NONE = Extraction(None)

_COMMA = r"(?:,|\{,\}|\\,|\\!,|,\\!)"  # between thousands, plain or in LaTeX
_NUMBER = re.compile(
    rf"(?<![\w.])(?:(?<![)\]}}])-)?(?:(?:\d{{1,3}}(?:{_COMMA}\d{{2,3}})*{_COMMA}\d{{3}}(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
    r"(?:[eE][+-]?\d{1,3}(?!\w))?",
    re.ASCII,
)
_FRACTION = re.compile(r"(-?)\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(-?\d+)\s*\}|(-?)\b(\d+)\s*/\s*(\d+)\b", re.ASCII)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}(\{)|\\(?:boxed|fbox)\s{1,3}([^\s{}$]+)|\\.|[{}]", re.DOTALL)
_MARKUP = r"[ \t*_`]*"
_STATED = re.compile(
    rf"\banswers?\b{_MARKUP}(?:(?P<colon>[:\uff1a=])|(?:(?:to|for) [^\n:.?]{{1,200}} )?"
    rf"(?:is|are|was|(?:would|should|must) be)\b{_MARKUP}:?)"
    r"|^[#*][^\n]{0,40}?\banswers?\b[ \t*_:]*(?P<heading>$)",
    re.IGNORECASE | re.MULTILINE,
)
_NO_STATEMENT = re.compile(r"(?:not|then|now|therefore|thus|found|given by|obtained)\b", re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]*([^\n]+)")
_ANY_ANSWER = re.compile(rf"{_HASHES.pattern}|\\boxed|\banswers?\b{_MARKUP}(?:[:\uff1a]|is\b)", re.IGNORECASE)
_NEXT_QUESTION = re.compile(r"^[ \t*#]*(?:Question|Q|Problem|User|Human|Instruction)\b[^\n:]{0,20}:", re.MULTILINE)
_INLINE_MATH = re.compile(
    r"\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\(([^\\]*(?:\\[^)\\][^\\]*)*)\\\)|\\\[([^\\]*(?:\\[^\]\\][^\\]*)*)\\\]"
)


def ascii_digits(text: str) -> str:
    """The text with every decimal digit of any script, such as Bengali or full-width ones, as 0 to 9."""
    if text.isascii():
        return text
    return re.sub(r"\d", lambda match: str(unicodedata.decimal(match[0])), text)


def numbers(text: str) -> list[str]:
    """The numbers a text has, without what separates their thousands: "1{,}234.50" is "1234.50".

    A sign belongs to its number only where nothing is subtracted; a lone comma or period is none, nor are the digits
    of "x2".
    """
    return [_plain(match[0]) for match in _NUMBER.finditer(text)]


def boxed(text: str) -> str | None:
    r"""What the last closed \boxed{} or \fbox{} holds; braces are matched, and an escaped one is no brace."""
    text = text[-_LOOKED_AT:]
    open_boxes: list[int] = []  # where a box's content starts; -1 for any other brace
    found: str | None = None
    for match in _BOX.finditer(text):
        token = match[0]
        if match[1]:
            open_boxes.append(match.end())
        elif match[2]:
            found = match[2].rstrip(".,;")
        elif token == "{":
            open_boxes.append(-1)
        elif token == "}" and open_boxes and (start := open_boxes.pop()) >= 0:
            found = text[start : match.start()].strip()
    if found is None:
        return None
    inner = re.fullmatch(r"\\(?:boxed|fbox)\s*\{(.*)\}", found, re.DOTALL)
    return (inner[1] if inner else found) or None


def stated(text: str) -> tuple[str, str] | None:
    """What a reply says to be the answer, behind its last "Answer:" or "the answer is".

    Returns:
        The rest of that line without markup, or the next line if nothing follows on it, and the rule; None where there
        is no such statement.
    """
    for match in reversed(list(_STATED.finditer(text))):
        rest = text[match.end() : match.end() + _LONGEST_ANSWER]
        if (content := _first_line(rest)) and not _NO_STATEMENT.match(content):
            rule = (
                "answer-heading" if match["heading"] is not None else "answer-colon" if match["colon"] else "answer-is"
            )
            return content, rule
    return None


def number(reply: str) -> Extraction:
    """A number: behind "####", in a box, stated as the answer, or else the last one of the reply."""
    return _before_the_next_question(_number, ascii_digits(reply[-_LOOKED_AT:]))


def expression(reply: str) -> Extraction:
    """A mathematical expression: in a box, stated as the answer, the last formula of the last lines, or a number."""
    return _before_the_next_question(_expression, reply[-_LOOKED_AT:])


def letter(reply: str, letters: str, options: Sequence[str] = ()) -> Extraction:
    """The letter of a multiple-choice question.

    Two letters where one was asked for are no answer, whatever follows.

    Args:
        reply: what the model said.
        letters: those that there are, in capitals: "ABCD".
        options: their texts; where given, an answer in the words of exactly one option counts as its letter.
    """
    return _before_the_next_question(lambda text: _letter(text, letters, options), reply[-_LOOKED_AT:])


def _plain(number: str) -> str:
    return re.sub(r"[^\dEe.+-]", "", number)


def _before_the_next_question(rule: Callable[[str], Extraction], text: str) -> Extraction:
    """What a rule finds before the reply asks itself another question, if it states an answer there; else in all."""
    answer = _ANY_ANSWER.search(text)
    question = _NEXT_QUESTION.search(text, answer.end()) if answer else None
    return rule(text[: question.start()] if question else text)


def _first_line(text: str) -> str:
    """The first line of a text that says something, without markup."""
    for line in text.lstrip().splitlines():
        line = re.sub(r"\*\*|__|`", "", line).strip(" \t*_#")
        if line not in ("", "$$", r"\[", r"\(", "$"):
            return _without_period(line)
    return ""


def _without_period(line: str) -> str:
    return line[:-1].rstrip() if line.endswith(".") and not line.endswith("..") else line


def _number(text: str) -> Extraction:
    for content in reversed(_HASHES.findall(text)):
        if found := _value(content):
            return Extraction(found, "hashes")
    if (content := boxed(text)) is not None and (found := _value(content)):
        return Extraction(found, "boxed")
    if (statement := stated(text)) and (found := _value(statement[0])):
        return Extraction(found, statement[1])
    last = numbers(text)
    return Extraction(last[-1], "last-number") if last else _NONE


def _value(content: str) -> str | None:
    """The number that a statement names first, behind its last equals sign if it has any; a fraction as such."""
    for part in (content.rpartition("=")[2], content):
        if found := _NUMBER.search(part):
            fraction = _FRACTION.search(part)
            if fraction and fraction.start() <= found.start():
                sign, above, below = fraction.groups()[:3] if fraction[2] else fraction.groups()[3:]
                return f"{sign}{above}/{below}".replace("--", "")
            return _plain(found[0])
    return None


def _expression(text: str) -> Extraction:
    if (content := boxed(text)) is not None:
        return Extraction(content[:_LONGEST_ANSWER], "boxed")
    if statement := stated(text):
        content = statement[0]
        formulas = _formulas(content)
        # "Answer: $3x$ for all x" means its formula, "Answer: $1$ and $2$" both, "Answer: (1, 2)" has no dollars.
        if formulas and re.fullmatch(r"(?:and|or|[\s,;.])*", _INLINE_MATH.sub("", content)):
            return Extraction(", ".join(formulas), statement[1])
        return Extraction(formulas[0] if formulas else content.strip("$ "), statement[1])
    if hashes := _HASHES.findall(text):
        return Extraction(_without_period(hashes[-1].strip()), "hashes")
    last = "\n".join([line for line in text[-2 * _LONGEST_ANSWER :].splitlines() if line.strip()][-3:])
    if formulas := _formulas(last):
        return Extraction(formulas[-1].rpartition("=")[2].strip() or formulas[-1], "last-formula")
    found = numbers(text)
    return Extraction(found[-1], "last-number") if found else _NONE


def _formulas(text: str) -> list[str]:
    return ["".join(group or "" for group in match.groups()).strip() for match in _INLINE_MATH.finditer(text)]


def _letter(text: str, letters: str, options: Sequence[str]) -> Extraction:
    if (content := boxed(text)) is not None and (made := _leading(_bare(content), letters, options, "boxed")):
        return made
    if (statement := stated(text)) and (made := _leading(_bare(statement[0]), letters, options, statement[1])):
        return made
    either = f"[{letters}]"
    for rule, pattern in (
        ("letter-is-correct", rf"\(?\b({either})\b\)?[ \t*_`]*\bis[ \t]+(?:the[ \t]+)?(?:correct|right|best)\b"),
        ("choice-is", rf"\b(?:correct|right|best)[ \t]+(?:option|choice)[ \t]+is{_MARKUP}:?{_MARKUP}\(?({either})\b"),
        ("choose", rf"\b(?:[Cc]hoose|[Ss]elect|[Pp]ick)[ \t]+(?:option[ \t]+)?{_MARKUP}\(?({either})\b"),
    ):
        if found := re.findall(pattern, text):
            return Extraction(found[-1], rule)
    lines = [line for line in text[-2 * _LONGEST_ANSWER :].splitlines() if line.strip()]
    if lines and (match := re.fullmatch(rf"[\s*_`(\[$]*({either})(?:[\s*_`)\]$.]*|[).:]\s.*)", lines[-1])):
        return Extraction(match[1], "last-line")
    if found := re.findall(rf"\(({either})\)", text):
        return Extraction(found[-1], "last-bracketed")
    # "A" and "I" are words as well.
    if found := re.findall(rf"\b({either})\b(?!['\u2019])(?!(?<=[AI])[ \t]+[a-z])", text):
        return Extraction(found[-1], "last-letter")
    return _NONE


def _bare(content: str) -> str:
    """A statement without LaTeX around its letter."""
    content = re.sub(r"\\(?:text|textbf|mathrm|mathbf|boxed)\s*", "", content)
    return content.strip(" {}$()[]*_`\"'") if len(content) < 12 else content.lstrip(" {}$([*_`\"'")


def _leading(content: str, letters: str, options: Sequence[str], rule: str) -> Extraction | None:
    """The letter a statement begins with; no answer where it names two; None where it names none."""
    content = re.sub(r"^(?:[Oo]ption|[Cc]hoice|[Ll]etter)\b[\s*_`:({$]*", "", content)
    lone = re.fullmatch(rf"[{letters}{letters.lower()}]\W*", content)
    texts = [_words(option) for option in options]
    if not lone and (words := _words(content)) and texts.count(words) == 1:
        return Extraction(letters[texts.index(words)], f"{rule}-text")
    match = re.match(rf"[{letters}](?![\w'\u2019])|[{letters.lower()}](?=[).:,\s]*$|[).:])", content)
    if not match or re.match(r"I\s+(?:am|believe|can|choose|do|guess|have|pick|think|was|will|would)\b", content):
        return None
    if re.match(rf"[).\]\s*]*(?:and|or|&|/|,)[\s*(]*[{letters}](?![\w'\u2019]|\s+[a-z])", content[match.end() :]):
        return Extraction(None, f"{rule}-two")
    return Extraction(match[0].upper(), rule)


def _words(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s.%/+-]", " ", text.casefold()).split()).rstrip(".")
