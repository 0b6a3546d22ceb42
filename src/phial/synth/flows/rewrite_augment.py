"""Rewrite and augment: a passage becomes exercises, a discussion, a reasoning task, or a lesson.

After Phi-4 (arXiv 2412.08905, section 2.2, "Rewrite and Augment": passages are turned into exercises, discussions and
structured reasoning tasks) and its web rewrites (section 3.2).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.prose import MOST_COPIED, content_words, copied, fault, shared
from phial.synth.teacher import Teacher
from phial.verify.arithmetic import wrong_equations

# What each form must hold, one after the other, at the beginning of a line.
FORMS = {
    "exercises": ("Exercise 1", "Solution 1", "Exercise 2", "Solution 2"),
    "discussion": ("Student:", "Tutor:", "Student:", "Tutor:"),
    "reasoning": ("Situation", "Question", "Reasoning", "Answer"),
    "lesson": (),
}
_SHOWN = 3000
_LEAST_SHARED = 0.2
_REFERS = re.compile(
    r"\b(?:the|this) (?:given |original )?(?:text|passage|excerpt) (?:above|below|says|states|mentions)", re.IGNORECASE
)
prompts = Prompts.beside(__file__)


@flow("rewrite-augment", prompts.version("1"))
async def rewrite_augment(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Write a passage anew.

    Settings: "forms" to draw from (all); "rewrites" of a passage, each in another form (1); "max_tokens" (700).
    """
    text = record.content[:_SHOWN]
    forms = list(tools.settings.get("forms", FORMS))
    for form in tools.random.sample(forms, min(len(forms), tools.settings.get("rewrites", 1))):
        asked = prompts.render("write", form=form, text=text)
        most = tools.settings.get("max_tokens", 700)
        reply = await teacher.ask(asked, temperature=0.7, max_tokens=most, task="rewrite")
        reason = "cut off" if reply.finish_reason == "length" else rewrite_fault(reply.text, text, form)
        if reason:
            tools.drop(reason, form, reply.text, reply.request_keys)
            continue
        new = 1 - copied(reply.text, text)
        verdicts = [Verdict("rewrite", True, f"form of {form}; {new:.0%} of its phrases are new")]
        yield derive(
            rewrite_augment, record, teacher, [reply], kind="exercise" if form != "lesson" else "passage",
            text=reply.text.strip() + "\n", verdicts=verdicts, params={"form": form},
        )  # fmt: skip


def rewrite_fault(written: str, text: str, form: str) -> str:
    """Why a rewrite is not kept; "" where it is."""
    reason = fault(written, 300, 12_000)
    if reason:
        return reason
    if not has_headings(written, FORMS.get(form, ())):
        return "another form"
    if shared(content_words(text), content_words(written)) < _LEAST_SHARED:
        return "has left its source"
    if copied(written, text) > MOST_COPIED:
        return "copies its source"
    if _REFERS.search(written):
        return "refers to its text"
    return "wrong arithmetic" if wrong_equations(written) else ""


def has_headings(text: str, headings: tuple[str, ...]) -> bool:
    """Whether lines begin with these words, in this order, whatever markup is before them."""
    lines = iter(re.sub(r"^[\s#*_\d.-]+", "", line) for line in text.splitlines())
    return all(any(line.startswith(heading) for line in lines) for heading in headings)
