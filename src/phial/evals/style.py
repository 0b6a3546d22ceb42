"""How an answer looks, apart from what it says: length and Markdown, as Arena-Hard's style control counts them."""

from __future__ import annotations

import re

ELEMENTS = ("length", "headers", "lists", "bold")

_BLOCK = re.compile("```[^`]*```")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_HEADER = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)
_LIST = re.compile(r"^[ \t]*(?:\d{1,9}\.|[-*+])[ \t]", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")


def style(text: str) -> tuple[int, int, int, int]:
    """Words and marks of the whole text, and headers, entries of lists and bold stretches outside of code blocks.

    Arena-Hard counts tokens of GPT-4o's tokenizer instead of words and marks; the relative difference of two texts,
    which is all that is used, hardly depends on it.
    """
    prose = _BLOCK.sub("", text)
    return (
        sum(1 for _ in _TOKEN.finditer(text)),
        len(_HEADER.findall(prose)),
        len(_LIST.findall(prose)),
        len(_BOLD.findall(prose)),
    )
