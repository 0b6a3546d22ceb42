"""Exercise with its solution step by step, the answer found again by a second, independent hand.

After Phi-4 (arXiv 2412.08905, section 2.2): exercises made from passages ("Rewrite and Augment") and majority answers
of independent samples for problems without a known one. The second hand sees the question alone: it solves it in words,
or, for what is calculated, by a program that is run.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import BaseModel, Field

from phial.record import Record, Verdict
from phial.sandbox import level
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.flows.tinygsm import constraints, numbers, question_fault, run_program
from phial.synth.prompts import Prompts
from phial.synth.prose import MOST_COPIED, copied, fault
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher
from phial.verify.answer import equal, extract
from phial.verify.arithmetic import wrong_equations

_SIGNED = re.compile(r"(?:(?<!\w)-)?\d+(?:\.\d+)?(?:/\d+)?")
prompts = Prompts.beside(__file__, "program")


class Exercise(BaseModel, extra="forbid"):
    """What the teacher writes."""

    question: Annotated[str, Field(max_length=1000)]
    steps: Annotated[list[str], Field(min_length=1, max_length=10)]
    answer: Annotated[str, Field(max_length=100)]


@flow("exercises", prompts.version("1"))
async def exercises(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make exercises of a text.

    Settings: "count" exercises a record (1); "maths" asks for calculations about everyday themes with words of the
    record, instead of exercises on what it says (off); "check" is "words" or "program" (the default for maths);
    "checks" hands at most, of which one has to agree (2).
    """
    maths = bool(tools.settings.get("maths", False))
    by_program = tools.settings.get("check", "program" if maths else "words") == "program"
    for number in range(tools.settings.get("count", 1)):
        drawn = constraints(record.content, tools.random) | ({} if maths else {"theme": ""})
        asked = prompts.render("write", text=record.content[:1500], **drawn)
        reply = await teacher.ask(
            asked, sample=number, schema=Exercise, temperature=0.9, max_tokens=450, task="exercise"
        )
        exercise: Exercise = reply.parsed
        replies = [reply]
        reason, detail = exercise_fault(exercise, maths)
        if not reason and copied(exercise.question, asked) > MOST_COPIED:
            reason = "copies its prompt"
        if reason:
            tools.drop(reason, detail, reply.text, reply.request_keys)
            continue
        found: list[str] = []
        for sample in range(tools.settings.get("checks", 2)):
            replies.append(await _second_hand(exercise.question, teacher, by_program, sample))
            if by_program:
                _, value, why = await tools.work(run_program, replies[-1], exercise.question)
                found.append(why if value is None else f"{value:.10g}")
            else:
                found.append(extract(replies[-1].text) or "nothing")
            if same_answer(found[-1], exercise.answer):
                break
        keys = keys_of(replies)
        if not same_answer(found[-1], exercise.answer):
            tools.drop("answers differ", f"{exercise.answer}; then {', '.join(found)}", reply.text, keys)
            continue
        hand = f"program, sandbox {level()}" if by_program else "second solution"
        verdicts = [
            Verdict("answer check", True, f"found again by a {hand}"),
            Verdict("arithmetic", True, "no wrong equation in the steps"),
        ]
        steps = [step.strip() for step in exercise.steps if not step.startswith("The answer is")]
        work = "\n".join([*steps, f"The answer is {exercise.answer.strip().removesuffix('.')}."])
        messages = [("user", exercise.question.strip()), ("assistant", work)]
        params = {"answer": exercise.answer}
        yield derive(
            exercises, record, teacher, replies, kind="exercise", messages=messages, verdicts=verdicts, params=params
        )


async def _second_hand(question: str, teacher: Teacher, by_program: bool, sample: int) -> Reply:
    asked = prompts.render("program" if by_program else "check", question=question)
    return await teacher.ask(asked, sample=sample, temperature=0.6, max_tokens=350, task="exercise-check")


def exercise_fault(exercise: Exercise, maths: bool) -> tuple[str, str]:
    """The first reason not to keep an exercise, with the evidence; two empty texts where there is none."""
    reason = question_fault(exercise.question) if maths else fault(exercise.question, 20, 1000)
    if reason:
        return reason, ""
    if re.search(r"\b(the|this) (text|passage|article|document)\b", exercise.question, re.IGNORECASE):
        return "refers to its text", ""
    wrong = wrong_equations("\n".join(exercise.steps))
    if wrong:
        return "wrong arithmetic", wrong[0]
    if not exercise.answer.strip() or (maths and len(numbers(exercise.answer)) != 1):
        return "no answer", exercise.answer
    last = exercise.steps[-1]
    if numbers(exercise.answer) - numbers(" ".join(exercise.steps)):
        return "steps lead elsewhere", last
    return "", ""


def same_answer(found: str, answer: str) -> bool:
    """Whether two answers are equal, or hold the same one number ("33 jars" and "33")."""
    if equal(found, answer):
        return True
    first, second = (_SIGNED.findall(text.replace(",", "")) for text in (found, answer))
    return len(first) == len(second) == 1 and equal(first[0], second[0])
