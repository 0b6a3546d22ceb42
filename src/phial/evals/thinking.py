"""Removing what a model thought aloud, so that only its answer is graded."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

_NAMES = "think|thinking|thought"
_TAG = re.compile(rf"<(/?)(?:{_NAMES})>", re.IGNORECASE)
_LINE_OPENS = re.compile(rf"^[ \t]*(<(?:{_NAMES})>)", re.IGNORECASE | re.MULTILINE)
_OPEN_AT_END = re.compile(rf"<(?:{_NAMES})>\s*\Z", re.IGNORECASE)
_LONGEST_TAG = len("<thinking>") + 64  # with the space behind it
# A tag that is spoken of: in a code span, or between quotation marks, with line feeds as code writes them. No pattern
# looks past its line or reads anything twice, so that replies of any size take linear time.
_CODE_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)[^`\n]+\1")
_QUOTED = re.compile(rf"""["'«\u201c\u2018](?:\\n)*</?(?:{_NAMES})>(?:\\n)*["'»\u201d\u2019]""", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]{0,3}```", re.MULTILINE)


@dataclass(frozen=True)
class Visible:
    """What a reply says behind its thinking.

    Attributes:
        text: without the thinking; empty where the thinking never ended.
        truncated: the reply ended before the answer began, or by its token limit.
    """

    text: str
    truncated: bool


def visible(reply: str, reasoning: str = "", finish: str = "stop", opened: bool = False) -> Visible:
    """The part of a reply that is its answer.

    Thinking ends at the last closing tag, for some models close it several times. Thinking that was opened, by the
    reply or by the prompt, and never closed leaves no answer, whatever stands in it. A tag in a code span, between
    quotation marks, or in a fenced block of the answer is spoken of: it opens and ends nothing. An opening tag counts
    where a line begins with it.

    Args:
        reply: the model's text.
        reasoning: thinking that the server kept apart.
        finish: how the reply ended; "length" is by its token limit.
        opened: the prompt ends with an opening tag, so that the reply begins inside of the thinking.
    """
    thinks, close = opened and not reasoning, 0
    for tag in _tags(reply, thinks):
        thinks = not tag.group(1)
        close = close if thinks else tag.end()
    if thinks:
        return Visible("", True)
    text = reply[close:].lstrip() if close else reply
    return Visible(text, finish == "length" or (bool(reasoning) and not text.strip()))


def left_open(prompt: str) -> bool:
    """Whether a prompt ends with an opening tag."""
    return _OPEN_AT_END.search(prompt[-_LONGEST_TAG:]) is not None


def closes_unopened(reply: str) -> bool:
    """Whether a reply ends thinking that it did not begin: its prompt must have ended with an opening tag."""
    first = next(_tags(reply, False), None)
    return first is not None and bool(first.group(1))


def _tags(reply: str, thinks: bool) -> Iterator[re.Match[str]]:
    """The tags that open or end thinking, in order."""
    tags = list(_TAG.finditer(reply))
    if not tags:
        return
    spans = [*_CODE_SPAN.finditer(reply), *_QUOTED.finditer(reply)]
    spoken = {tag.start() for span in spans for tag in _TAG.finditer(reply, span.start(), span.end())}
    opening = {found.start(1) for found in _LINE_OPENS.finditer(reply)}
    fences = [fence.start() for fence in _FENCE.finditer(reply)]
    begun = end = 0  # fences that stand before the answer; where the last thinking ended
    for tag in tags:
        before = bisect(fences, tag.start())
        # The fences of thinking need not be balanced, so they are not looked at.
        fenced = not thinks and (before - begun) % 2 == 1 and before < len(fences)
        if tag.start() in spoken or fenced:
            continue
        if tag.group(1):
            thinks, begun, end = False, before, tag.end()
            yield tag
        elif tag.start() in opening or tag.start() == end:
            thinks = True
            yield tag
