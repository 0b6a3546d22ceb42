"""Textbook section from a topic, an audience and a style.

After phi-1 (arXiv 2306.11644, section 2.2: synthetic textbooks whose diversity comes from constraining topic and target
audience), phi-1.5 (arXiv 2309.05463, section 2: seed topics and samples of texts in the prompts), and Phi-4
(arXiv 2412.08905, section 2.1: diversity, nuance, accuracy, chain of thought).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.syntax import parse_module
from phial.synth.derive import derive
from phial.synth.fences import blocks
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import MOST_COPIED, content_words, copied, fault, refers, shared
from phial.synth.python_functions import UNREADABLE
from phial.synth.teacher import Teacher
from phial.verify.arithmetic import wrong_equations

AUDIENCES = (
    "a curious twelve-year-old", "a pupil before the final exams", "a first-year student of computer science",
    "a self-taught programmer", "a teacher who prepares a lesson", "a working engineer new to the subject",
    "a student of another science", "a careful reader without any background",
)  # fmt: skip
STYLES = (
    "plain and exact", "a worked example first, then the rule", "questions and answers", "an everyday comparison",
    "a short lecture", "a laboratory note with steps", "a common mistake and how to avoid it", "a definition, then use",
)  # fmt: skip
_TOPIC = 120  # characters; what is longer are notes
_NOTES = 1500
_LEAST_SHARED = 0.15
prompts = Prompts.beside(__file__)


@flow("textbook-section", prompts.version("2"))
async def textbook_section(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Write one section.

    Settings: "audiences" and "styles" to draw from; "max_tokens" of the answer (700).
    """
    given = record.content.strip()
    notes = given[:_NOTES] if len(given) > _TOPIC or "\n" in given else ""
    audience = tools.random.choice(tools.settings.get("audiences", AUDIENCES))
    style = tools.random.choice(tools.settings.get("styles", STYLES))
    asked = prompts.render("write", notes=notes, topic=given, audience=audience, style=style)
    most = tools.settings.get("max_tokens", 700)
    reply = await teacher.ask(asked, temperature=0.7, max_tokens=most, task="textbook-section")
    reason = "cut off" if reply.finish_reason == "length" else section_fault(reply.text, given)
    if reason:
        tools.drop(reason, "", reply.text, reply.request_keys)
        return
    params = {"audience": audience, "style": style}
    verdicts = [Verdict("form", True, "prose on its topic; its equations hold and its code can be read")]
    text = reply.text.strip() + "\n"
    yield derive(
        textbook_section, record, teacher, [reply], kind="passage", text=text, verdicts=verdicts, params=params
    )


def section_fault(text: str, given: str) -> str:
    """Why a section is not kept; "" where it is."""
    reason = fault(text, 300, 12_000)
    if reason:
        return reason
    if not text.lstrip().startswith("#"):
        return "no title"
    if shared(content_words(given), content_words(text)) < _LEAST_SHARED:
        return "off its topic"
    if copied(text, given) > MOST_COPIED:
        return "copies its notes"
    if refers(text):
        return "refers to its notes"
    if wrong_equations(text):
        return "wrong arithmetic"
    for block in blocks(text):
        if block.lstrip().startswith((">>>", "$", "<", "{", "[")):  # a session, markup, data
            continue
        try:
            parse_module(block)
        except UNREADABLE:
            return "code that can't be read"
    return ""
