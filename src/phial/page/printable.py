"""Text of unknown origin in a form that cannot steer a terminal or reorder a page."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and line feed, the separators and the marks that turn the direction of text; surrogates.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with every character that steers instead of showing something replaced by its number, as in <1b>."""
    return _STEERING.sub(lambda found: f"<{ord(found[0]):02x}>", text.replace("\r\n", "\n"))


def cut(text: str, length: int) -> str:
    """The first characters of a text, with a mark where some are missing."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
