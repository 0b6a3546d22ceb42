"""Pieces with their middle taken out, and put back."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from random import Random

from phial.synth.python_functions import find_function

_UNIT = re.compile(r"[^\n]*?[.!?](?=\s|$)\s*|[^\n]+\n*|\n+")  # a sentence, or a line without one
_LEAST_CODE, _LEAST_TEXT = 12, 30  # characters of a middle
_MOST_STATEMENTS, _MOST_SENTENCES = 3, 2


@dataclass(frozen=True, slots=True)
class Gap:
    """A piece in three parts; joined they are the piece."""

    before: str
    middle: str
    after: str

    def shown(self, mark: str) -> str:
        """The piece with a mark in place of the middle, indented as the middle is."""
        indent = self.middle[: len(self.middle) - len(self.middle.lstrip())]
        end = "\n" if self.middle.endswith("\n") else " " if self.middle[-1:].isspace() else ""
        return f"{self.before}{indent}{mark}{end}{self.after}"

    def filled(self, middle: str) -> str:
        """The piece with other lines as its middle, indented as the middle is."""
        first = self.middle.lstrip("\n").split("\n", 1)[0]
        indent = first[: len(first) - len(first.lstrip())]
        lines = textwrap.indent(textwrap.dedent(middle).strip("\n"), indent)
        return f"{self.before}{lines}\n{self.after}"


def cut_code(source: str, random: Random) -> Gap | None:
    """Take one to three statements out of a source's first function, at most half of its lines.

    Returns:
        A gap of whole lines; None where the function is too short.
    """
    function = find_function(source)
    if function is None:
        return None
    lines = source.splitlines(keepends=True)
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    first = (docstring.end_lineno or 0) + 1 if docstring else function.body[0].lineno
    body_lines = (function.end_lineno or first) - first + 1
    gaps = []
    for node in ast.walk(function):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list) or (field == "body" and isinstance(node, ast.Lambda)):
                continue
            for start in range(len(block)):
                for end in range(start + 1, min(len(block), start + _MOST_STATEMENTS) + 1):
                    begin, stop = block[start].lineno - 1, block[end - 1].end_lineno or 0
                    middle = "".join(lines[begin:stop])
                    whole = block[start].col_offset == len(lines[begin]) - len(lines[begin].lstrip())
                    if (
                        docstring in block[start:end]
                        or not whole
                        or len(middle.strip()) < _LEAST_CODE
                        or 2 * (stop - begin) > body_lines
                    ):
                        continue
                    gaps.append(Gap("".join(lines[:begin]), middle, "".join(lines[stop:])))
    return random.choice(gaps) if gaps else None


def cut_text(text: str, random: Random) -> Gap | None:
    """Take one or two sentences, or lines, out of a text of at least four, neither its first nor its last.

    Returns:
        A gap; None where the text is too short.
    """
    units = _UNIT.findall(text)
    inner = range(1, len(units) - 1)
    gaps = [
        Gap("".join(units[:start]), middle, "".join(units[end:]))
        for start in inner
        for end in range(start + 1, min(start + _MOST_SENTENCES, len(units) - 1) + 1)
        if len((middle := "".join(units[start:end])).strip()) >= _LEAST_TEXT and 3 * len(middle) <= len(text)
    ]
    return random.choice(gaps) if len(units) >= 4 and gaps else None
