r"""What a closed expression in LaTeX is worth, as a complex number: cheap, and enough to tell most answers apart.

Letters that stand for variables get fixed values that no answer has by chance; two expressions whose values differ are
different, whatever the variables are (Schwartz 1980). Only what has one reading is read: no words, functions,
relations, lists or mixed numbers.
"""

from __future__ import annotations

import cmath
import math
import re

_TOKEN = re.compile(
    r"\s+|\\[ ,;:!]|\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|\\(?P<command>[dt]?frac|sqrt|pi|cdot|times|div|left|right)(?![a-zA-Z])\s*|(?P<letter>[a-zA-Z])|(?P<sign>[-+*/^(){}\[\]])",
    re.ASCII,
)
_LARGEST = 1e100


class _Unreadable(Exception):
    """An expression of another kind."""


def value(text: str) -> complex | None:
    """The value of an expression; None where it has none that is certain.

    Args:
        text: LaTeX without delimiters, of a size that was looked at.
    """
    try:
        parser = _Parser(_tokens(text))
        found = parser.sum()
        if parser.place != len(parser.tokens):
            return None
    except (_Unreadable, ZeroDivisionError, OverflowError, ValueError, RecursionError):
        return None
    return found if cmath.isfinite(found) and abs(found) < _LARGEST else None


def letters(text: str) -> set[str]:
    """The letters of an expression that stand for something, and not for a command."""
    return set(re.sub(r"\\[a-zA-Z]+", "", text)) & set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def values(text: str) -> tuple[str, str, list[complex]] | None:
    r"""The values between a pair of brackets: of a pair, a point, an interval, or, in \{ \}, a set.

    Returns:
        The opening and the closing bracket and the values; None where it is something else.
    """
    text = re.sub(r"\\(?:left|right)(?![a-zA-Z])\s*", "", text).strip()
    match = re.fullmatch(r"(\\\{|[(\[])([^()\[\]]*)(\\\}|[)\]])", text)
    if not match or "," not in match[2]:
        return None
    parts = [value(part) for part in match[2].split(",")]
    found = [part for part in parts if part is not None]
    return (match[1], match[3], found) if len(found) == len(parts) else None


def same(one: complex, other: complex) -> bool | None:
    """Whether two values are equal; None where rounding may be what parts them."""
    distance = abs(one - other) / max(1.0, abs(one), abs(other))
    return True if distance < 1e-12 else False if distance > 1e-4 else None


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise _Unreadable
        place = match.end()
        if match.lastgroup and match["command"] not in ("left", "right"):
            kind = match.lastgroup
            # Two letters in a row are a word, two numbers a mixed number or a list.
            if tokens and tokens[-1][0] == kind and kind in ("letter", "number"):
                raise _Unreadable
            tokens.append((kind, match[kind]))
    return tokens


class _Parser:
    """Recursive descent: sums of products of powers; a product may have no sign."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.place = tokens, 0

    def sum(self) -> complex:
        total = self.product()
        while self._next() in ("+", "-"):
            total += self.product() if self._take() == "+" else -self.product()
        return total

    def product(self) -> complex:
        if self._next() in ("+", "-"):
            return self.product() if self._take() == "+" else -self.product()
        result, behind_number = self._power(), self._last_kind() == "number"
        while True:
            sign = self._next()
            if sign in ("*", "cdot", "times"):
                self._take()
                result *= self._signed()
            elif sign in ("/", "div"):
                self._take()
                result /= self._signed()
                if self._next() == "(" or self._next_kind() in ("letter", "command"):
                    raise _Unreadable  # 1/2x
            elif sign in ("frac", "dfrac", "tfrac") and behind_number:
                raise _Unreadable  # a mixed number, or a product
            elif sign == "(" or self._next_kind() in ("letter", "command"):
                result *= self._power()
            else:
                return result
            behind_number = self._last_kind() == "number"

    def _signed(self) -> complex:
        return -self._power() if self._next() == "-" and self._take() else self._power()

    def _power(self) -> complex:
        base = self._atom()
        if self._next() != "^":
            return base
        self._take()
        exponent = self._group() if self._next() == "{" else self._atom()
        if abs(exponent) > 100:
            raise _Unreadable
        return base**exponent

    def _atom(self) -> complex:
        if self.place == len(self.tokens):
            raise _Unreadable
        kind, text = self.tokens[self.place]
        if text == "{":
            return self._group()
        self._take()
        if kind == "number":
            return complex(float(text))
        if kind == "letter":
            if text in "fgh" and self._next() == "(":
                raise _Unreadable  # a function
            return _letter(text)
        if text == "pi":
            return complex(math.pi)
        if text == "(":
            inner = self.sum()
            self._expect(")")
            return inner
        if text == "sqrt":
            degree = 2.0 + 0j
            if self._next() == "[":
                self._take()
                degree = self.sum()
                self._expect("]")
            inner = self._group() if self._next() == "{" else self._digit()
            if inner.imag or inner.real < 0:
                raise _Unreadable
            return inner ** (1 / degree)
        if text.endswith("frac"):
            above = self._group() if self._next() == "{" else self._digit()
            return above / (self._group() if self._next() == "{" else self._digit())
        raise _Unreadable

    def _group(self) -> complex:
        self._expect("{")
        inner = self.sum()
        self._expect("}")
        return inner

    def _digit(self) -> complex:
        r"""What stands without braces behind \frac or \sqrt: the next digit, or \pi."""
        if self.place == len(self.tokens):
            raise _Unreadable
        kind, text = self.tokens[self.place]
        if kind == "number" and text.isdecimal():
            rest = [("number", text[1:])] if text[1:] else []
            self.tokens[self.place : self.place + 1] = [("number", text[0]), *rest]
            self.place += 1
            return complex(int(text[0]))
        if kind == "letter" or text == "pi":
            return self._atom()
        raise _Unreadable

    def _next(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def _next_kind(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def _last_kind(self) -> str:
        return self.tokens[self.place - 1][0]

    def _take(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1][1]

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise _Unreadable
        self._take()


def _letter(text: str) -> complex:
    """i and e are themselves; another letter is a number between 1 and 2 that is no simple fraction or root."""
    if text == "i":
        return 1j
    return complex(math.e if text == "e" else 1 + math.sqrt(ord(text) * 1.2345678 + 0.1) % 1)
