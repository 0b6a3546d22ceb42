"""Code fences in prompts and replies."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"^[ \t]*(`{3,})[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1`*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_TICKS = re.compile(r"`{3,}")


def fenced(text: str, language: str = "") -> str:
    """Text as a code block whose fence is longer than any inside, so that nothing in it ends the block."""
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    body = text.rstrip("\n")
    return f"{fence}{language}\n{body}\n{fence}"


def blocks(text: str) -> list[str]:
    """The contents of a reply's code blocks, in order; a last one may lack its end."""
    return [match.group(3).strip("\n") for match in _BLOCK.finditer(text) if match.group(3).strip()]


def code(text: str) -> str:
    """The code that a reply is meant to hold: its longest code block, or all of it where there is none."""
    return max(blocks(text), key=len, default=text.strip("\n"))
