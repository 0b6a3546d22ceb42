"""Questions and answers from a text, grounded in it.

After Phi-4 (arXiv 2412.08905, section 2.2, "Creating Question and Answer pairs from Diverse Sources" and "Validation"):
deductions in a text are turned into questions and answers, and checked for groundedness. Here the evidence has to
stand in the text, the answer has to keep to it, and a second reader who sees the question alone has to come to the same
answer from the text.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from difflib import SequenceMatcher
from typing import Annotated

from pydantic import BaseModel, Field

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import agreement, content_words, fault, shared
from phial.synth.teacher import Teacher

_SHOWN = 3000
_REFERS = re.compile(r"\b(?:the|this|above|given) (?:text|passage|article|document|excerpt)\b|\baccording to\b", re.I)
_LEAST_FOUND = 0.9  # of the evidence, as one run of characters or nearly so
_LEAST_GROUNDED = 0.5  # of the answer's content words, in the text or the question
_LEAST_AGREED = 0.35  # F1 of the two answers' content words
prompts = Prompts.beside(__file__)


class Item(BaseModel, extra="forbid"):
    """One question."""

    question: Annotated[str, Field(max_length=400)]
    answer: Annotated[str, Field(max_length=800)]
    evidence: Annotated[str, Field(max_length=600)]


class Items(BaseModel, extra="forbid"):
    """What the teacher finds."""

    items: Annotated[list[Item], Field(max_length=5)]


@flow("question-extraction", prompts.version("1"))
async def question_extraction(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Ask what a text answers.

    Settings: "questions" of a text at most (3); a second reader (on unless "second_reader" is false).
    """
    text = record.content[:_SHOWN]
    asked = prompts.render("extract", text=text, most=tools.settings.get("questions", 3))
    found = await teacher.ask(asked, schema=Items, temperature=0.5, max_tokens=700, task="question-extraction")
    if not found.parsed.items:
        tools.drop("no question", "", text[:500], found.request_keys)
    known: set[str] = set()
    for item in found.parsed.items:
        shown = f"{item.question}\n{item.answer}\n{item.evidence}"
        reason = "asked twice" if item.question in known else item_fault(item, text)
        known.add(item.question)
        if reason:
            tools.drop(reason, "", shown, found.request_keys)
            continue
        replies = [found]
        verdicts = [Verdict("groundedness", True, item.evidence)]
        if tools.settings.get("second_reader", True):
            asked = prompts.render("answer", text=text, question=item.question)
            replies.append(await teacher.ask(asked, temperature=0.2, max_tokens=200, task="question-answer"))
            agreed = agreement(item.answer, replies[-1].text)
            if agreed < _LEAST_AGREED:
                keys = (*found.request_keys, *replies[-1].request_keys)
                tools.drop("second reader differs", f"{agreed:.2f}: {replies[-1].text}", shown, keys)
                continue
            verdicts.append(Verdict("second reader", True, f"agreement {agreed:.2f}"))
        yield derive(
            question_extraction, record, teacher, replies, kind="chat", verdicts=verdicts,
            messages=[("user", item.question.strip()), ("assistant", item.answer.strip())],
            params={"evidence": item.evidence},
        )  # fmt: skip


def item_fault(item: Item, text: str) -> str:
    """Why a question is not kept; "" where it is."""
    reason = fault(item.question, 15, 400) or fault(item.answer, 15, 800)
    if reason:
        return reason
    if "?" not in item.question:
        return "no question"
    if _REFERS.search(item.question + " " + item.answer):
        return "refers to its text"
    if not quoted(item.evidence, text):
        return "evidence is not in the text"
    words = content_words(item.answer)
    if shared(words, content_words(text) | content_words(item.question)) < _LEAST_GROUNDED:
        return "answer is not in the text"
    if shared(words, content_words(item.question)) > _LEAST_FOUND:
        return "answer repeats the question"
    return ""


def quoted(evidence: str, text: str) -> bool:
    """Whether a text says the evidence word for word, or nearly so."""
    words, said = re.findall(r"\w+", evidence.lower()), re.findall(r"\w+", text.lower())
    if len(words) < 4:
        return False
    blocks = SequenceMatcher(None, words, said, autojunk=False).get_matching_blocks()
    runs = [block for block in blocks if block.size >= 3]  # single words match anywhere
    close = bool(runs) and runs[-1].b + runs[-1].size - runs[0].b <= 2 * len(words)
    return close and sum(block.size for block in runs) >= _LEAST_FOUND * len(words)
