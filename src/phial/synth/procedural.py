"""The offline teacher: a `Source` that answers from its book, so that every pipeline runs without a network.

It understands no prompt. It recognises a question of its book that a prompt quotes, and answers that one, rightly or
not as `Page.wrong_share` says; otherwise it opens the book at a page that the request's key names. The fields of a
schema are filled from the page by their names. A flow that needs more than that gives a writer for its task.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from phial.synth.book import Page, mistaken, the_book
from phial.synth.reply import Answer
from phial.synth.request import Identity, TeacherRequest, json_schema
from phial.synth.scripted import Written, written_text
from phial.synth.teacher import Send

IDENTITY = Identity("procedural", "book", "1")

_CODE = re.compile(r"\b(python|function|code|program)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
# Which part of a page a field gets by a word in its name; the first that fits.
_PARTS: tuple[tuple[str, str], ...] = (
    ("test", "tests"),
    ("code|program|function|implementation", "code"),
    ("question|problem|instruction|task|exercise", "question"),
    ("answer|result|final", "answer"),
    ("solution|work|step|explanation|reasoning|rationale|chain", "work"),
    ("title|topic|name|subject|keyword|skill", "topic"),
)


@dataclass(frozen=True)
class Asked:
    """What a writer goes by.

    Attributes:
        request: as the flow made it.
        words: of its last message.
        page: of the book: the one that the words quote, or any.
        quoted: whether the words quote it.
        random: the only randomness; decided by the request's key.
    """

    request: TeacherRequest
    words: str
    page: Page
    quoted: bool
    random: Random


Write = Callable[[Asked], Written]


class Procedural:
    """Answers at once and for nothing, the same to the same request in every process.

    Args:
        writers: by task; what has none is answered from the book.
    """

    def __init__(self, writers: Mapping[str, Write] | None = None) -> None:
        self._writers = dict(writers or {})
        self._book = the_book()

    @asynccontextmanager
    async def route(self, failed: Sequence[str] = ()) -> AsyncIterator[Send]:
        """See `Source.route`."""
        yield self._send

    async def close(self) -> None:
        """Nothing is held."""

    async def _send(self, request: TeacherRequest, key: str) -> Answer:
        random = Random(key)
        words = request.messages[-1][1]
        quoted = self._book.find("\n".join(content for _, content in request.messages))
        page = quoted or self._book.draw(random, bool(_CODE.search(words)))
        if quoted and random.random() < quoted.wrong_share:
            page = mistaken(quoted, random)
        asked = Asked(request, words, page, quoted is not None, random)
        written = self._writers.get(request.task, write)(asked)
        return Answer(written_text(written), url="procedural:")


def write(asked: Asked) -> Written:
    """Answer from the book: the schema's fields, the work of a quoted question, or a whole page."""
    if asked.request.schema:
        form = json_schema(asked.request.schema)
        return _fill(form, form.get("$defs", {}), "", asked)
    page = asked.page
    return page.work if asked.quoted else f"{page.idea}\n\n{page.question}\n\n{page.work}"


def _fill(form: dict[str, Any], named: dict[str, Any], name: str, asked: Asked) -> Any:
    """A value of a JSON schema; `name` is that of the field it is for."""
    random = asked.random
    if "$ref" in form:
        return _fill(named[form["$ref"].rpartition("/")[2]], named, name, asked)
    if "anyOf" in form:
        return _fill(form["anyOf"][0], named, name, asked)
    if "const" in form:
        return form["const"]
    if "enum" in form:
        return random.choice(form["enum"])
    kind = form.get("type")
    if kind == "object" or "properties" in form:
        return {field: _fill(inner, named, field, asked) for field, inner in form.get("properties", {}).items()}
    if kind == "array":
        least, most = form.get("minItems", 1), form.get("maxItems", 64)
        lines = _lines(name, asked)
        if form.get("items", {}).get("type") == "string":
            return (lines * -(-least // max(1, len(lines))))[: max(least, min(most, len(lines)))]
        return [_fill(form.get("items", {}), named, name, asked) for _ in range(max(least, min(most, 2)))]
    if kind == "boolean":
        return random.random() < 0.8
    if kind in ("integer", "number"):
        low = form.get("minimum", form.get("exclusiveMinimum", 0) + 1)
        high = form.get("maximum", form.get("exclusiveMaximum", low + 5) - 1)
        return random.randint(int(low), max(int(low), int(high)))
    part = _part(name, asked)
    return part if isinstance(part, str) else "\n".join(part)


def _lines(name: str, asked: Asked) -> list[str]:
    """What a list of texts of this name gets."""
    part = _part(name, asked)
    if not isinstance(part, str):
        return list(part)
    return part.splitlines() if "\n" in part else _SENTENCE.split(part)


def _part(name: str, asked: Asked) -> str | tuple[str, ...]:
    """The part of the page that a field's name stands for; by default a summary of what was given, or the idea."""
    for pattern, part in _PARTS:
        if re.search(pattern, name.lower()):
            return getattr(asked.page, part)
    given = max(asked.words.split("\n\n"), key=len).strip()
    return " ".join(_SENTENCE.split(given)[:3]) if len(given) > 200 else asked.page.idea
