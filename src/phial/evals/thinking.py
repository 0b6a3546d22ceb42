"""Removing what a model thought aloud, so that only its answer is graded."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

_NAMES = "think|thinking|thought"
_TAG = re.compile(rf"<(/?)(?:{_NAMES})>", re.IGNORECASE)
_OPEN_AT_END = re.compile(rf"<(?:{_NAMES})>\s*\Z", re.IGNORECASE)
_LONGEST_TAG = len("<thinking>") + 64  # with the space behind it
# A tag that is spoken of: in a code span, or between quotation marks, with line feeds as code writes them. No pattern
# looks past its line or reads anything twice, so that replies of any size take linear time.
_CODE_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)[^`\n]+\1")
_MARK_BEHIND = re.compile(r"""(?:\\n)*["'»\u201d\u2019]""")
_MARKS_BEFORE = "\"'«\u201c\u2018"
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
    fences: list[int] | None = None
    begun = end = line_end = 0  # fences that stand before the answer; where the last thinking ended; the tag's line
    opening, spoken = -1, set[int]()
    for tag in _TAG.finditer(reply):
        if tag.start() >= line_end:
            line_start, line_end = reply.rfind("\n", 0, tag.start()) + 1, reply.find("\n", tag.end())
            line_end = len(reply) if line_end < 0 else line_end
            opening = tag.start() if not reply[line_start : tag.start()].strip() else -1
            spoken = _spoken(reply, line_start, line_end)
        if fences is None:
            fences = [fence.start() for fence in _FENCE.finditer(reply)] if "```" in reply else []
        before = bisect(fences, tag.start())
        # The fences of thinking need not be balanced, so they are not looked at.
        fenced = not thinks and (before - begun) % 2 == 1 and before < len(fences)
        if tag.start() in spoken or fenced or _quoted(reply, tag):
            continue
        if tag.group(1):
            thinks, begun, end = False, before, tag.end()
            yield tag
        elif tag.start() in (opening, end):
            thinks = True
            yield tag


def _spoken(reply: str, start: int, end: int) -> set[int]:
    """The tags of a line that are in a code span."""
    if reply.find("`", start, end) < 0:
        return set()
    spans = _CODE_SPAN.finditer(reply, start, end)
    return {tag.start() for span in spans for tag in _TAG.finditer(reply, span.start(), span.end())}


def _quoted(reply: str, tag: re.Match[str]) -> bool:
    """Whether a tag is between quotation marks."""
    before = tag.start()
    while reply[max(0, before - 2) : before] == "\\n":
        before -= 2
    return before > 0 and reply[before - 1] in _MARKS_BEFORE and _MARK_BEHIND.match(reply, tag.end()) is not None
