"""Seeds: the passages of a page that teach, with tags on what they hold.

After Phi-4 (arXiv 2412.08905, section 2.2, "Web and Code-based Seeds", and appendix D.1.1): a first stage picks pages
of educational value, a second cuts them into passages and tags each with its lines, information type, description,
complexity, factual obscurity, and the steps of its chain of reasoning where it has one.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Container, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import content_words, shared
from phial.synth.teacher import Teacher

Letter = Literal["A", "B", "C", "D", "E"]
Words = Annotated[str, Field(max_length=400)]
_LONG_LINE = 300  # characters; such a line is a paragraph, and cut into its sentences
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z])")
_SENTENCE_END = re.compile(r"[.!?:][\"')\]`]*$")
_LEAST_SHARED = 0.25
prompts = Prompts.beside(__file__)


class Page(BaseModel, extra="forbid"):
    """The first stage's judgement."""

    topic: Annotated[str, Field(max_length=120)]
    educational_value: Annotated[int, Field(ge=0, le=5)]


class Step(BaseModel, extra="forbid"):
    """One step of a chain of reasoning."""

    assumption: Words
    conclusion: Words
    description: Words
    depends_on: Annotated[list[int], Field(max_length=6)]


class Passage(BaseModel, extra="forbid"):
    """One passage and its tags."""

    first_line: int
    last_line: int
    information_type: Literal["definition", "explanation", "procedure", "example", "argument", "reference"]
    description: Words
    complexity: Letter
    factual_obscurity: Letter
    chain_of_reasoning: bool
    steps: Annotated[list[Step], Field(max_length=6)]


class Passages(BaseModel, extra="forbid"):
    """The second stage's cut."""

    passages: Annotated[list[Passage], Field(max_length=4)]


@flow("seed-extraction", prompts.version("2"))
async def seed_extraction(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Cut a page into passages that teach.

    Settings: pages below "educational_value" (3) are dropped; "lines" of a page are shown at a time (60), in "windows"
    at most (4); passages have "least_characters" (120).
    """
    settings = tools.settings
    lines = numbered_lines(record.content)
    size, most = settings.get("lines", 60), settings.get("passages", 3)
    shown = "".join(lines[:size])
    page = await teacher.ask(
        prompts.render("page", text=shown), schema=Page, temperature=0.0, max_tokens=100, task="seed-page"
    )
    value = page.parsed.educational_value
    if value < settings.get("educational_value", 3):
        tools.drop("low educational value", f"{value}: {page.parsed.topic}", shown[:500], page.request_keys)
        return
    for start in range(0, min(len(lines), size * settings.get("windows", 4)), size):
        window = lines[start : start + size]
        asked = prompts.render("passages", lines=[line.rstrip("\n") for line in window], most=most)
        cut = await teacher.ask(asked, schema=Passages, temperature=0.2, max_tokens=900, task="seed-passages")
        taken: set[int] = set()
        used: set[int] = set()
        if not cut.parsed.passages:
            tools.drop("no passage", "", "".join(window)[:500], cut.request_keys)
        for passage in cut.parsed.passages:
            reason = passage_fault(passage, window, taken, settings.get("least_characters", 120))
            if reason:
                tools.drop(reason, passage.model_dump_json(), "".join(window)[:500], cut.request_keys)
                continue
            taken.update(range(passage.first_line, passage.last_line + 1))
            span = whole_lines(passage, window, used)
            text = "".join(window[span[0] - 1 : span[-1]]) if span[0] not in used else ""
            used.update(span)
            if len(text.strip()) < settings.get("least_characters", 120):
                tools.drop("short passage", passage.model_dump_json(), text, cut.request_keys)
                continue
            tags = passage.model_dump() | {"first_line": start + span[0], "last_line": start + span[-1]}
            yield derive(
                seed_extraction,
                record,
                teacher,
                [page, cut],
                kind="organic",
                source=record.source,
                text=text.strip("\n") + "\n",
                verdicts=[Verdict("educational value", True, f"{value} of 5: {page.parsed.topic}")],
                params={"topic": page.parsed.topic, **tags},
                scores={"educational_value": float(value)},
            )


def numbered_lines(text: str) -> list[str]:
    """A text's lines, with paragraphs that are one line cut into their sentences; joined they are the text."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        cuts = (
            [0, *(m.end() for m in _SENTENCE.finditer(line)), len(line)] if len(line) > _LONG_LINE else [0, len(line)]
        )
        lines.extend(line[begin:end] for begin, end in pairwise(cuts))
    return lines


def whole_lines(passage: Passage, lines: Sequence[str], used: Container[int]) -> range:
    """A passage's lines, from the beginning of its first sentence to the end of its last one, or of the paragraph.

    Teachers end passages in the midst of a sentence. Lines that another passage went on to are left out.
    """
    first, last = passage.first_line, passage.last_line
    while first < last and first in used:
        first += 1
    while first > 1 and first - 1 not in used and _goes_on(lines[first - 2], lines[first - 1]):
        first -= 1
    while last < len(lines) and last + 1 not in used and _goes_on(lines[last - 1], lines[last]):
        last += 1
    return range(first, last + 1)


def _goes_on(line: str, following: str) -> bool:
    return bool(line.strip() and following.strip()) and not _SENTENCE_END.search(line.rstrip())


def passage_fault(passage: Passage, lines: Sequence[str], taken: set[int], least: int) -> str:
    """Why a passage or its tags can't be used; "" where they can."""
    first, last = passage.first_line, passage.last_line
    if not 1 <= first <= last <= len(lines):
        return "no such lines"
    text = "".join(lines[first - 1 : last])
    if len(text.strip()) < least:
        return "short passage"
    if taken & set(range(first, last + 1)):
        return "overlapping passages"
    if shared(content_words(passage.description), content_words(text)) < _LEAST_SHARED:
        return "description of something else"
    backward = all(1 <= earlier < number for number, step in enumerate(passage.steps, 1) for earlier in step.depends_on)
    if passage.chain_of_reasoning != bool(passage.steps) or not backward:
        return "steps do not hold together"
    return ""
