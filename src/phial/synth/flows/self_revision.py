"""Self-revision: a draft, a critique by a rubric, a revision, and again until it is good or gets no better.

After Phi-4 (arXiv 2412.08905, section 2.2, "Self-revision", and appendix D.1.2: a plan, a draft, an agent's critique
with scores and suggestions, two revisions). The best of all versions is kept, if its marks are good enough.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.personas import READERS
from phial.synth.prompts import Prompts
from phial.synth.teacher import Teacher
from phial.verify.arithmetic import wrong_equations
from phial.verify.prose import check_prose

Mark = Annotated[int, Field(ge=1, le=5)]
prompts = Prompts.beside(__file__)


class Critique(BaseModel, extra="forbid"):
    """What an editor says; faults come first, so that the marks follow from them."""

    faults: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=5)]
    accuracy: Mark
    reasoning: Mark
    clarity: Mark
    advice: Annotated[str, Field(max_length=500)]

    @property
    def marks(self) -> dict[str, int]:
        """Marks by criterion, 1 to 5."""
        return {"accuracy": self.accuracy, "reasoning": self.reasoning, "clarity": self.clarity}


@flow("self-revision", prompts.version("1"))
async def self_revision(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Write a lesson on a record's text, and revise it.

    A record of kind "passage" or "exercise" is itself the draft. Settings: "rounds" of revision at most (2), "least"
    mark in every criterion to be accepted (4), "least_rounds" of revision even of what is good at once (1).
    """
    least, rounds = tools.settings.get("least", 4), tools.settings.get("rounds", 2)
    reader = tools.random.choice(READERS)
    replies = []
    if record.kind in ("passage", "exercise"):
        lesson = record.content
    else:
        asked = prompts.render("draft", reader=reader, text=record.content[:1500])
        replies.append(await teacher.ask(asked, temperature=0.8, max_tokens=400, task="lesson"))
        lesson = replies[-1].text.strip()
    versions: list[str] = []
    critiques: list[Critique] = []
    while True:
        keys = [key for reply in replies for key in reply.request_keys]
        fault = _fault(lesson)
        if fault and not versions:
            tools.drop(fault.partition(":")[0], fault, lesson, keys)
            return
        if fault:  # a revision that spoils the lesson ends the work; what was there before may still be good
            reason = f"the revision is spoilt, {fault}"
            break
        asked = prompts.render("critique", reader=reader, lesson=lesson)
        replies.append(
            await teacher.ask(asked, schema=Critique, temperature=0.2, max_tokens=400, task="lesson-critique")
        )
        versions.append(lesson)
        critiques.append(replies[-1].parsed)
        reason = stop(critiques, least, rounds, tools.settings.get("least_rounds", 1))
        if reason:
            break
        last = critiques[-1]
        asked = prompts.render("revise", reader=reader, lesson=lesson, faults=last.faults, advice=last.advice)
        replies.append(await teacher.ask(asked, temperature=0.6, max_tokens=400, task="lesson-revision"))
        lesson = replies[-1].text.strip()
    best = best_of(critiques)
    keys = [key for reply in replies for key in reply.request_keys]
    told = ", ".join(f"{name} {mark}" for name, mark in critiques[best].marks.items())
    if not passes(critiques[best], least):
        tools.drop("low marks", f"version {best}: {told}; {reason}", versions[best], keys)
        return
    history = [
        {"text": text, "marks": made.marks, "faults": made.faults, "advice": made.advice}
        for text, made in zip(versions, critiques, strict=True)
    ]
    yield derive(
        self_revision,
        record,
        teacher,
        replies,
        kind="passage",
        text=versions[best],
        verdicts=[Verdict("rubric", True, f"version {best}: {told}"), check_prose(versions[best])],
        params={"diversity": {"reader": reader}, "history": history, "version": best, "stopped": reason},
        scores={name: float(mark) for name, mark in critiques[best].marks.items()},
    )


def passes(critique: Critique, least: int) -> bool:
    """Whether a version is good enough in every criterion."""
    return min(critique.marks.values()) >= least


def best_of(critiques: Sequence[Critique]) -> int:
    """The version with the highest lowest mark, then the highest sum; of equal ones the last."""
    keys = [(min(made.marks.values()), sum(made.marks.values()), place) for place, made in enumerate(critiques)]
    return max(keys)[2]


def stop(critiques: Sequence[Critique], least: int, rounds: int, least_rounds: int) -> str:
    """Why there is no further revision; "" where there should be one.

    Args:
        critiques: of every version so far, at least one.
        least: mark that is good enough.
        rounds: revisions at most.
        least_rounds: revisions at least.
    """
    revisions = len(critiques) - 1
    if revisions >= rounds:
        return f"{revisions} revisions"
    if revisions < least_rounds:
        return ""
    if passes(critiques[-1], least):
        return "good enough"
    return "no better" if best_of(critiques) != revisions else ""


def _fault(lesson: str) -> str:
    verdict = check_prose(lesson, least_words=40, most_words=400)
    if not verdict.passed:
        return verdict.detail
    wrong = wrong_equations(lesson)
    return f"wrong arithmetic: {wrong[0]}" if wrong else ""
