"""Topic tree: a subject divided into parts, and those again, so that what is written about them is spread evenly.

After Phi-4 (arXiv 2412.08905, section 2.1, "Diversity": comprehensive coverage of subtopics) and phi-1.5 (arXiv
2309.05463, section 2: 20,000 topics chosen with care). The leaves are seeds for other flows; `phial.synth.diversity`
tells which of them a set of records covers.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import BaseModel, Field

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import content_words
from phial.synth.reply import Reply
from phial.synth.teacher import Teacher

SEPARATOR = " > "
_MOST_WORDS = 8
_KNOWN_SHOWN = 30
_NUMBERED = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s*|\s*[.:;]\s*$")
# Parts of any subject, which say nothing of this one.
_EMPTY = re.compile(
    r"^(?:introduction|overview|conclusion|summary|basics?|advanced(?: topics)?|miscellaneous|other)\b[^a-z]*$",
    re.IGNORECASE,
)
prompts = Prompts.beside(__file__)


class Topics(BaseModel, extra="forbid"):
    """The parts of a subject."""

    topics: Annotated[list[Annotated[str, Field(max_length=120)]], Field(min_length=1, max_length=20)]


@flow("topic-tree", prompts.version("1"))
async def topic_tree(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Divide a record's text, a subject in a few words, level by level.

    Settings: "branches" of a node (5), "depth" in levels (2).
    """
    root = " ".join(record.content.split())[:100]
    if not root:
        tools.drop("no subject")
        return
    level: list[tuple[tuple[str, ...], tuple[Reply, ...]]] = [((root,), ())]
    known: list[str] = [root]
    for _ in range(tools.settings.get("depth", 2)):
        below: list[tuple[tuple[str, ...], tuple[Reply, ...]]] = []
        for path, replies in level:
            # In turn, not together: each node is told what the ones before it took.
            reply = await teacher.ask(
                prompts.render(
                    "children",
                    count=tools.settings.get("branches", 5),
                    path=SEPARATOR.join(path),
                    known=known[1:][-_KNOWN_SHOWN:],
                ),
                schema=Topics,
                temperature=0.7,
                max_tokens=250,
                task="topic-tree",
            )
            for name in reply.parsed.topics[: tools.settings.get("branches", 5)]:
                topic = " ".join(_NUMBERED.sub("", name).split())
                fault = topic_fault(topic, known)
                if fault:
                    tools.drop(fault.partition(":")[0], fault, SEPARATOR.join((*path, topic)), reply.request_keys)
                    continue
                known.append(topic)
                below.append(((*path, topic), (*replies, reply)))
        level = below
    for path, replies in level:
        yield derive(
            topic_tree,
            record,
            teacher,
            replies,
            kind="topic",
            text=SEPARATOR.join(path),
            verdicts=[Verdict("topic", True, f"unlike {len(known) - 1} others")],
            params={"path": path},
        )


def topic_fault(topic: str, known: list[str]) -> str:
    """The first reason not to take a topic; "" where there is none."""
    words = topic.split()
    if not any(character.isalpha() for character in topic):
        return "no words"
    if len(words) > _MOST_WORDS:
        return f"too long: {len(words)} words"
    if _EMPTY.match(topic):
        return f"says nothing: {topic!r}"
    own = content_words(topic) or {topic.lower()}
    for other in known:
        if own == (content_words(other) or {other.lower()}):
            return f"known already: as {other!r}"
    return ""
