"""Hallucination pairs: to answer what one knows, and to say that one does not know what one does not.

After Phi-4 (arXiv 2412.08905, appendix A.1): the model answers each question several times; a stronger hand writes a
refusal, a bogus variant of the question, and a refusal of that. For supervised tuning: the question with its answer
if the model is usually right, with a refusal if it is usually wrong; the bogus one always with its refusal. For
preference tuning: answer over refusal if it is sometimes right, refusal over wrong answer if it is sometimes wrong. The
report uses only the first five tokens of each response in preference tuning; params["first_tokens"] says so to the
trainer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from pydantic import BaseModel

from phial.record import Preference, Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import content_words, shared
from phial.synth.question import question_of
from phial.synth.reply import Reply
from phial.synth.teacher import Teacher
from phial.verify.form import conversation, preference
from phial.verify.maths import compare, normalised

FIRST_TOKENS = 5
_USUALLY = 0.5
_KEPT_WORDS = 0.3  # of the question's, that its bogus variant must keep
_NOT_KNOWN = re.compile(
    r"\b(?:do not|don't|don\u2019t|cannot|can't|can\u2019t) (?:know|tell|say|answer|find)|\b(?:am|'m|\u2019m) not sure"
    r"|\bhave(?:n't|n\u2019t| not| never) heard|\bnot (?:aware|familiar)|\bno (?:information|record|knowledge)"
    r"|\bunsure\b|\bcould not find|\bcouldn't find",
    re.IGNORECASE,
)
_NO_REFUSAL_WORDS = 70  # a refusal is short
prompts = Prompts.beside(__file__)


class Bogus(BaseModel, extra="forbid"):
    """A question about something that does not exist."""

    bogus_question: str
    invented: str


@flow("hallucination-pairs", prompts.version("1"))
async def hallucination_pairs(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make conversations and pairs of answers for a question with a known short answer.

    The question is the record's first user turn, or its text; its answer is params["answer"]. Settings: "samples" by
    which it is told how often the teacher knows it (5).
    """
    question, reference = question_of(record)
    if not question or not reference:
        tools.drop("no question" if not question else "no known answer", record.content[:200])
        return
    asked = prompts.render("answer", question=question)
    count = tools.settings.get("samples", 5)
    samples = await asyncio.gather(
        *(
            teacher.ask(asked, sample=sample, temperature=0.8, max_tokens=40, task="hallucination-answer")
            for sample in range(count)
        )
    )
    answers = [" ".join(reply.text.split()) for reply in samples]
    right = [await tools.work(matches, answer, reference) for answer in answers]
    wrong = [
        answer for answer, good in zip(answers, right, strict=True) if not good and answer and not declines(answer)
    ]
    share = sum(right) / count
    knows = Verdict("answer key", share > _USUALLY, f"{sum(right)} of {count} samples give {reference!r}")
    refusal = await teacher.ask(
        prompts.render("refuse", question=question, invented=""), temperature=0.7, max_tokens=100, task="refusal"
    )
    usable = not (fault := refusal_fault(refusal, reference))
    if fault:
        tools.drop(fault.partition(":")[0], fault, refusal.text, refusal.request_keys)
    words = refusal.text.strip()
    facts = {"answer": reference, "known_share": share}
    if share > _USUALLY or usable:
        # What the model knows it should say, what it does not know it should not.
        spoken = reference if share > _USUALLY else words
        replies: list[Reply] = [*samples, *([] if share > _USUALLY else [refusal])]
        messages = (("user", question), ("assistant", spoken))
        yield derive(
            hallucination_pairs,
            record,
            teacher,
            replies,
            kind="chat",
            messages=messages,
            verdicts=[knows, conversation(messages)],
            params=facts,
        )
    pairs: list[tuple[str, str, str]] = []
    if usable and any(right):
        pairs.append(("answer over refusal", reference, words))
    if usable and wrong:
        pairs.append(("refusal over wrong answer", words, wrong[0]))
    for name, chosen, rejected in pairs:
        pair = Preference((("user", question),), (("assistant", chosen),), (("assistant", rejected),))
        yield derive(
            hallucination_pairs,
            record,
            teacher,
            [*samples, refusal],
            kind="preference",
            preference=pair,
            verdicts=[knows, preference(pair)],
            params={**facts, "pair": name, "first_tokens": FIRST_TOKENS},
        )
    async for made in _bogus(record, question, reference, teacher, tools):
        yield made


async def _bogus(
    record: Record, question: str, reference: str, teacher: Teacher, tools: Tools
) -> AsyncIterator[Record]:
    """The bogus variant of a question, with a refusal; always for supervised tuning."""
    asked = prompts.render("bogus", question=question)
    written = await teacher.ask(asked, schema=Bogus, temperature=0.9, max_tokens=200, task="bogus-question")
    bogus: Bogus = written.parsed
    fault = bogus_fault(bogus, question, reference)
    if fault:
        tools.drop(fault.partition(":")[0], fault, bogus.bogus_question, written.request_keys)
        return
    asked = prompts.render("refuse", question=bogus.bogus_question, invented=bogus.invented)
    refusal = await teacher.ask(asked, temperature=0.7, max_tokens=100, task="refusal")
    fault = refusal_fault(refusal, reference)
    if fault:
        keys = [*written.request_keys, *refusal.request_keys]
        tools.drop(fault.partition(":")[0], fault, refusal.text, keys)
        return
    messages = (("user", bogus.bogus_question.strip()), ("assistant", refusal.text.strip()))
    yield derive(
        hallucination_pairs,
        record,
        teacher,
        [written, refusal],
        kind="chat",
        messages=messages,
        verdicts=[Verdict("bogus", True, f"asks for {bogus.invented!r}"), conversation(messages)],
        params={"bogus_of": question, "invented": bogus.invented},
    )


def matches(answer: str, reference: str) -> bool:
    """Whether a short answer gives the known one: equal to it, or short and with its words in it."""
    given, right = normalised(answer[:400]).casefold(), normalised(reference).casefold()
    if len(given.split()) <= len(right.split()) + 6 and re.search(rf"(?<!\w){re.escape(right)}(?!\w)", given):
        return True
    return compare(answer, reference).equal


def declines(text: str) -> bool:
    """Whether a text says that its writer does not know."""
    return _NOT_KNOWN.search(text) is not None


def refusal_fault(reply: Reply, reference: str) -> str:
    """The first reason why a reply is no honest refusal; "" where there is none."""
    text = reply.text.strip()
    if reply.finish_reason == "length":
        return "cut off"
    if not declines(text.partition(".")[0]):
        return "no refusal"
    if len(text.split()) > _NO_REFUSAL_WORDS:
        return "refusal too long"
    if re.search(rf"(?<!\w){re.escape(reference)}(?!\w)", text, re.IGNORECASE):
        return "tells the answer"
    return ""


def bogus_fault(bogus: Bogus, question: str, reference: str) -> str:
    """The first reason why a question is no bogus variant of another; "" where there is none."""
    text, invented = bogus.bogus_question.strip(), bogus.invented.strip()
    if not text.endswith("?") or not 4 <= len(text.split()) <= 60:
        return "no question"
    if not invented or invented.casefold() not in text.casefold() or len(invented) > 120:
        return "nothing invented: the question does not hold it"
    if content_words(invented) <= content_words(question) or invented.casefold() == reference.casefold():
        return "nothing invented: it stands in the question that was given"
    if shared(content_words(question), content_words(text)) < _KEPT_WORDS:
        return "another question"
    return ""
