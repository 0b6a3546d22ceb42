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
from phial.synth.prose import copied, refers
from phial.synth.reply import keys_of
from phial.synth.teacher import Teacher
from phial.verify.arithmetic import wrong_equations
from phial.verify.prose import check_prose

Mark = Annotated[int, Field(ge=1, le=5)]
prompts = Prompts.beside(__file__)


class Critique(BaseModel, extra="forbid"):
    """What an editor says: what was checked, the faults that this showed, and the marks that follow from them."""

    check: Annotated[str, Field(max_length=600)]
    faults: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=5)]
    accuracy: Mark
    reasoning: Mark
    clarity: Mark
    advice: Annotated[str, Field(max_length=500)]

    @property
    def marks(self) -> dict[str, int]:
        """Marks by criterion, 1 to 5."""
        return {"accuracy": self.accuracy, "reasoning": self.reasoning, "clarity": self.clarity}


# What is shown before a draft and a revision are asked for; without it small teachers write code and headings.
HEAP = (
    "A heap is a list that keeps its smallest item at the front, so that it is found without a search. Imagine a nurse "
    "who treats the most urgent patient first: urgency 1 comes before urgency 4. Suppose the heap holds 2, 7 and 5. "
    "Taking an item gives 2, and the heap brings the smallest of the others, 5, to its front. Taking another one gives "
    "5, and only 7 is left. Once 7 is taken as well, the heap is empty, and whoever takes again gets an error. That is "
    "why a program first asks whether anything is left."
)
_NURSE = "a nurse who needs it at work"
_HEAP_TEXT = (
    "heappop(heap): Pop and return the smallest item from the heap, maintaining the heap invariant. If the heap is "
    "empty, IndexError is raised."
)
DRAFTED = (({"reader": _NURSE, "text": _HEAP_TEXT}, HEAP),)
REVISED = (
    (
        {
            "reader": _NURSE,
            "lesson": HEAP.replace("gives 2, and", "gives 7, and"),
            "faults": ['"Taking an item gives 7": the smallest of 2, 7 and 5 is 2'],
            "advice": "Take the smallest item first.",
        },
        HEAP,
    ),
)
# Without lessons that were judged before, and without a check of claim after claim, a teacher of 1.5 B parameters gives
# every lesson the same marks: all 5 to a description of the form, those of the example where the form has one.
JUDGED = (
    (
        "A remainder is what is left when things are shared equally. Here is an example. There are 17 pens for 5 "
        "children. 5 * 3 = 15, so each child gets 3 pens, and 17 - 15 = 2 pens are left. The answer is 2.",
        Critique(
            check="What a remainder is: right. 5 * 3 is 15: right. 17 - 15 is 2: right. 2 are left: follows.",
            faults=[],
            accuracy=5,
            reasoning=5,
            clarity=4,
            advice="Say before the example why the remainder is smaller than the number of children.",
        ),
    ),
    (
        "To find a part of a number, divide it by the lower figure. Here is an example. A third of 24 eggs are brown. "
        "24 / 3 = 8. The answer is 6 brown eggs.",
        Critique(
            check="Divide by the lower figure: right. 24 / 3 is 8: right. 6 eggs: wrong, the result above is 8.",
            faults=['"The answer is 6": the result above it is 8'],
            accuracy=1,
            reasoning=3,
            clarity=4,
            advice="Correct the answer.",
        ),
    ),
    (
        "Water boils at 100 degrees at sea level. On a mountain the air presses less on the water, so it boils at a "
        "lower temperature. At 3000 metres that is about 90 degrees, and potatoes take longer to cook there.",
        Critique(
            check="100 degrees at sea level: right. Lower on a mountain: right. About 90 at 3000 metres: right.",
            faults=[],
            accuracy=5,
            reasoning=5,
            clarity=5,
            advice="Nothing has to change.",
        ),
    ),
    (
        "It is not true that a square has four equal sides. Here is an example. A square field has a side of 5 metres. "
        "Once around it is 4 * 5 = 20 metres. The answer is 20.",
        Critique(
            check="A square does not have four equal sides: wrong, it has. 4 * 5 is 20: right. 20 metres: right.",
            faults=['"It is not true that a square has four equal sides": it has'],
            accuracy=1,
            reasoning=4,
            clarity=4,
            advice="Say the first sentence the other way round.",
        ),
    ),
    (
        "A loop runs once for each item of a list. With three names in the list, the loop runs three times. Then the "
        "tickets cost 40 euros, so the bus is late. The answer is Thursday.",
        Critique(
            check="Three names, three times: right. Tickets and bus: they do not belong here. Thursday: nobody asked.",
            faults=['"so the bus is late": it does not follow', '"The answer is Thursday": there is no question'],
            accuracy=2,
            reasoning=1,
            clarity=2,
            advice="Remove what does not belong to the lesson, and show one list.",
        ),
    ),
)


@flow("self-revision", prompts.version("2", DRAFTED, REVISED, JUDGED))
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
        asked = prompts.after("draft", DRAFTED, reader=reader, text=record.content[:1500])
        replies.append(await teacher.ask(asked, temperature=0.8, max_tokens=400, task="lesson"))
        lesson = replies[-1].text.strip()
    versions: list[str] = []
    critiques: list[Critique] = []
    while True:
        keys = keys_of(replies)
        fault = _fault(lesson)
        if fault and not versions:
            tools.drop(fault.partition(":")[0], fault, lesson, keys)
            return
        if fault:  # a revision that spoils the lesson ends the work; what was there before may still be good
            reason = f"the revision is spoilt, {fault}"
            break
        critique = await teacher.ask(
            critique_request(reader, lesson), schema=Critique, temperature=0.2, max_tokens=600, task="lesson-critique"
        )
        replies.append(critique)
        versions.append(lesson)
        critiques.append(replies[-1].parsed)
        reason = stop(critiques, least, rounds, tools.settings.get("least_rounds", 1))
        if reason:
            break
        said = {"faults": critiques[-1].faults, "advice": critiques[-1].advice}
        asked = prompts.after("revise", REVISED, reader=reader, lesson=lesson, **said)
        replies.append(await teacher.ask(asked, temperature=0.6, max_tokens=400, task="lesson-revision"))
        lesson = replies[-1].text.strip()
    best = best_of(critiques)
    keys = keys_of(replies)
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


def critique_request(reader: str, lesson: str) -> list[tuple[str, str]]:
    """The conversation that asks for a critique: the judged lessons, then this one."""
    examples = [({"reader": reader, "lesson": judged}, critique) for judged, critique in JUDGED]
    return prompts.after("critique", examples, reader=reader, lesson=lesson)


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
    if copied(lesson, HEAP):
        return "copies the example"
    if words := refers(lesson):
        return f"refers to its text: {words!r}"
    wrong = wrong_equations(lesson)
    return f"wrong arithmetic: {wrong[0]}" if wrong else ""
