"""Multi-agent dialogue: a student and a tutor speak in turn about a text, each turn revised, each exchange summed up.

After Phi-4 (arXiv 2412.08905, appendix D.1.3, conversations from snippets: participants with profiles, alternating
agent turns, summaries and new scenarios between them, self-revision after each turn).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.personas import MOVES, STUDENTS
from phial.synth.prompts import Example, Prompts
from phial.synth.prose import content_words, copied, refers, shared
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher
from phial.verify.form import conversation
from phial.verify.prose import check_prose

_SPEAKER = re.compile(r"^\W*(?:the )?(?:student|tutor|teacher|user|assistant)\W{0,3}:\W{0,3}\s*", re.IGNORECASE)
_OTHER_SPEAKER = re.compile(r"^\W*(?:student|tutor|teacher)\W{0,3}:", re.IGNORECASE | re.MULTILINE)
_OPENING = re.compile(r"^(?:sure|certainly|of course|absolutely|great question)\s*[!,.]\s*", re.IGNORECASE)
# A speaker says "you" to the other one; "the student's words are right" is a judgement, not a turn.
_ABOUT_A_SPEAKER = re.compile(r"\bthe (?:student|tutor)\b", re.IGNORECASE)
_REPEATED = 0.75  # of a turn's content words that an earlier turn has
_ABOUT = 0.08  # of the tutor's content words that stand before; less is about something else
prompts = Prompts.beside(__file__)


class Question(BaseModel, extra="forbid"):
    """How a student begins."""

    question: Annotated[str, Field(max_length=400)]

    @property
    def words(self) -> str:
        """What is said."""
        return self.question


class Turn(BaseModel, extra="forbid"):
    """What is said."""

    words: Annotated[str, Field(max_length=1200)]


class Revision(BaseModel, extra="forbid"):
    """A second look at a turn: its faults, and from them the words again."""

    faults: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=3)]
    words: Annotated[str, Field(max_length=1200)]


@dataclass(frozen=True)
class Scene:
    """A conversation that went well, to be shown before a request.

    Attributes:
        profile: of the student.
        text: that it is about.
        question: the student's first words.
        answer: the tutor's.
        move: what the student is to do next.
        thought: the student's words then.
        summary: of the conversation before `thought`.
        drafts: of question, answer and thought, each with its faults; without any it stayed as it was.
    """

    profile: str
    text: str
    question: str
    answer: str
    move: str
    thought: str
    summary: str
    drafts: tuple[tuple[str, list[str]], ...]

    def shown(self, place: int, revised: bool) -> Example:
        """The request for question, answer or thought, or for its revision, and what was said."""
        words = (self.question, self.answer, self.thought)[place]
        facts = {"profile": self.profile, "text": self.text, "role": "tutor" if place == 1 else "student"}
        facts |= {"last": ("", self.question, self.answer)[place], "summary": "", "move": ""}
        if revised:
            draft, faults = self.drafts[place]
            return facts | {"turn": draft}, Revision(faults=faults, words=words)
        if place == 2:
            facts |= {"summary": self.summary, "move": self.move}
        return facts, Turn(words=words) if place else Question(question=words)


_WHY_TUPLES = "Why can a tuple be a key and a list cannot, though both of them hold several values?"
_HASHED = (
    "Because the place of a value is computed from its key. If the list [1, 2] were a key and somebody appended 3, the "
    "dictionary would look in another place and find nothing. A tuple stays as it was made."
)
_INSIDE = "Then I believe that a tuple with a list in it is no good key either, since the list inside can change."
# Each request follows two that were answered well. Without them a teacher of 1.5 B parameters tells what a student
# does ("The student begins by asking ..."), or judges a turn where it should write it anew; of one it copies the words.
SCENES = (
    Scene(
        STUDENTS[0],
        "Ice floats. When water freezes, its molecules hold each other in an open pattern that takes more room, so a "
        "piece of ice weighs less than the water that it pushes away.",
        "Ice takes more room than the water it was made of. How can the same water take more room than before?",
        "Because its molecules hold each other at a distance when they freeze. A litre of water becomes about 1.09 "
        "litres of ice. That is why a full bottle bursts in the freezer.",
        MOVES[1],
        "So a can of lemonade should bulge in the freezer as well, because lemonade is mostly water. Or is it not?",
        "The student knows that ice takes more room; what follows from it is still open.",
        (
            ("It is about ice.", ["it asks nothing"]),
            (
                "It takes more room since it is colder than water.",
                ["being cold is not the reason: the pattern of the molecules is", "no example"],
            ),
            ("I see. Please tell me more about ice.", ["it does not think about what the tutor said"]),
        ),
    ),
    Scene(
        STUDENTS[6],
        "A dictionary finds a value by its key. A key must not change: a list cannot be one, a tuple of numbers can.",
        _WHY_TUPLES,
        _HASHED,
        MOVES[0],
        _INSIDE,
        "The student knows why a list is no key; what else is none is still open.",
        ((_WHY_TUPLES, []), (_HASHED, []), (_INSIDE, [])),
    ),
)
_SHOWN = " ".join(" ".join((scene.text, scene.question, scene.answer, scene.thought)) for scene in SCENES)
TURNS, REVISIONS = (
    [[scene.shown(place, revised) for scene in SCENES] for place in range(3)] for revised in (False, True)
)


@flow("dialogue", prompts.version("2", *TURNS, *REVISIONS))
async def dialogue(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Let two agents talk about a record's text.

    Settings: "exchanges" of student and tutor (3), "text_characters" shown (1200).
    """
    text = record.content[: tools.settings.get("text_characters", 1200)]
    profile = tools.random.choice(STUDENTS)
    exchanges = tools.settings.get("exchanges", 3)
    moves = tools.random.sample(MOVES, min(exchanges, len(MOVES)))
    replies: list[Reply] = []
    turns: list[tuple[str, str]] = []
    summaries: list[str] = []
    revised = 0
    for exchange in range(exchanges):
        for role in ("student", "tutor"):
            last = turns[-1][1] if turns else ""
            facts = {"role": role, "profile": profile, "text": text, "last": last}
            facts |= {"summary": summaries[-1] if summaries else "", "move": moves[exchange % len(moves)]}
            place = 1 if role == "tutor" else 2 if turns else 0
            asked = prompts.after("turn", TURNS[place], **facts)
            schema = Turn if turns else Question
            replies.append(
                await teacher.ask(asked, schema=schema, temperature=0.8, max_tokens=300, task="dialogue-turn")
            )
            draft = spoken(replies[-1].parsed.words)
            asked = prompts.after("revise", REVISIONS[place], **facts, turn=draft)
            replies.append(
                await teacher.ask(asked, schema=Revision, temperature=0.4, max_tokens=400, task="dialogue-revision")
            )
            turn = spoken(replies[-1].parsed.words)
            fault = turn_fault(turn, role, turns, text)
            # A revision that spoils a turn does not replace it.
            kept_draft = bool(fault) and not turn_fault(draft, role, turns, text)
            words = draft if kept_draft else turn
            revised += words != draft
            if fault and not kept_draft:
                keys = keys_of(replies)
                shown = "\n".join([*(content for _, content in turns), words])
                tools.drop(fault.partition(":")[0], f"turn {len(turns) + 1}, {role}: {fault}", shown, keys)
                return
            turns.append((role, words))
        if exchange < exchanges - 1:
            before = summaries[-1] if summaries else ""
            asked = prompts.render("summary", summary=before, student=turns[-2][1], tutor=turns[-1][1])
            replies.append(await teacher.ask(asked, temperature=0.3, max_tokens=120, task="dialogue-summary"))
            summaries.append(" ".join(replies[-1].text.split()))
    messages = tuple(({"student": "user"}.get(role, "assistant"), words) for role, words in turns)
    form = conversation(messages)
    yield derive(
        dialogue,
        record,
        teacher,
        replies,
        kind="chat",
        messages=messages,
        verdicts=[form, Verdict("turns", True, f"{len(turns)} turns, {revised} revised, none repeats another")],
        params={"diversity": {"profile": profile}, "summaries": summaries, "moves": moves},
        scores={"turns": float(len(turns)), "revised": float(revised)},
    )


def spoken(reply: str) -> str:
    """A turn without the name in front of it, the quotes around it, and the assistant's "Certainly!"."""
    words = _SPEAKER.sub("", reply.strip(), count=1).strip()
    if len(words) > 1 and words[0] == words[-1] == '"' and '"' not in words[1:-1]:
        words = words[1:-1].strip()
    bare = _OPENING.sub("", words)
    return bare[:1].upper() + bare[1:] if bare != words else words


def turn_fault(words: str, role: str, before: list[tuple[str, str]], text: str) -> str:
    """The first reason not to keep a turn; "" where there is none."""
    verdict = check_prose(words, least_words=5 if role == "student" else 8, most_words=200)
    if not verdict.passed:
        return verdict.detail
    if _OTHER_SPEAKER.search(words):
        return "speaks for both"
    if _ABOUT_A_SPEAKER.search(words) and not _ABOUT_A_SPEAKER.search(text):
        return "speaks about the speakers"
    if found := refers(words):
        return f"refers to its text: {found!r}"
    if copied(words, _SHOWN):
        return "copies the example"
    if not before and "?" not in words:
        return "asks nothing"
    own = content_words(words)
    for place, (_, earlier) in enumerate(before):
        if len(own) >= 5 and shared(own, content_words(earlier)) >= _REPEATED:
            return f"repeats a turn: number {place + 1}"
    about = shared(own, content_words(text + " ".join(content for _, content in before)))
    if (role == "tutor" and about < _ABOUT) or (not before and about <= shared(own, content_words(_SHOWN))):
        return "off the subject"
    return ""
