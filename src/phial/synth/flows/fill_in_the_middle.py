"""Fill-in-the-middle exercise: what is missing, reasoned out from what is around it.

After Phi-4 (arXiv 2412.08905, appendix D.2): a middle that reasoning can rebuild is removed from a piece of content,
the context asks for it, and solutions with their chain of thought are kept by rejection sampling, graded against what
was removed. A middle of code is graded by the tests of its record, by calls, or by syntax; one of a text by its numbers
and the words that carry it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.synth.calls import read_calls
from phial.synth.derive import derive
from phial.synth.fences import blocks, fenced
from phial.synth.flow import Tools, flow
from phial.synth.flows.instruction_reversal import measure
from phial.synth.gap import Gap, cut_code, cut_text
from phial.synth.prompts import Prompts
from phial.synth.prose import agreement, fault
from phial.synth.python_functions import find_function, functions_of
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher

CODE_MARK, TEXT_MARK = "# ??? missing lines ???", "[...]"
_LEAST_AGREED = 0.5  # of the words of a text's middle
_LEAST_THOUGHT, _MOST_THOUGHT = 30, 3000
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
prompts = Prompts.beside(__file__, "calls")


@flow("fill-in-the-middle", prompts.version("3"))
async def fill_in_the_middle(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make one exercise of a record: of its first function that stands alone, else of its sentences.

    Settings: "samples" of the solution at most (3); the first one that is right is kept.
    """
    originals = functions_of(record)
    gap = cut_code(originals[0], tools.random) if originals else cut_text(record.content[:2500], tools.random)
    if gap is None:
        tools.drop("no middle", "too short to take a part out", record.content[:500])
        return
    replies: list[Reply] = []
    calls: list[str] = []
    tests = record.lineage.params.get("tests", [])
    if originals:
        context = gap.shown(CODE_MARK)
        asked = prompts.render("code", code=context, gap=CODE_MARK)
        if not tests:
            function = find_function(originals[0])
            assert function is not None
            asked_calls = prompts.render("calls", code=originals[0], count=6)
            replies.append(await teacher.ask(asked_calls, temperature=0.5, max_tokens=250, task="calls"))
            calls = read_calls(replies[0].text, function.name)
        without = await measure(originals[0], gap.filled("pass"), calls, tests, tools)
        if without.measure == "behaviour" and without.share == 1.0:
            calls, tests = [], []  # they do not reach the middle: any would do; only its syntax can tell
    else:
        context = gap.shown(TEXT_MARK)
        asked = prompts.render("text", text=context, gap=TEXT_MARK, sentences=_length(gap))
    reasons: list[str] = []
    for sample in range(tools.settings.get("samples", 3)):
        reply = await teacher.ask(asked, sample=sample, temperature=0.7, max_tokens=500, task="fill-in-the-middle")
        replies.append(reply)
        thought, middle = read_middle(reply, gap, code=bool(originals))
        reason = "no middle" if not middle.strip() else fault(thought, _LEAST_THOUGHT, _MOST_THOUGHT)
        if reason:
            reasons.append(reason)
            continue
        if originals:
            found = await measure(originals[0], gap.filled(middle), calls, tests, tools)
            right, detail = found.share == 1.0, f"{found.measure}: {found.detail}"
        else:
            right, detail = text_middle_is_right(middle, gap.middle)
        if right:
            break
        reasons.append(detail)
    keys = keys_of(replies)
    if len(reasons) == tools.settings.get("samples", 3):
        tools.drop("middle is wrong", "; ".join(reasons), f"{context}\n\nremoved:\n{gap.middle}", keys)
        return
    language = "python" if originals else ""
    question = f"What belongs in the place of `{CODE_MARK if originals else TEXT_MARK}`?\n\n{fenced(context, language)}"
    answer = f"{thought.strip()}\n\n{fenced(middle, language) if originals else middle.strip()}"
    messages = [("user", question), ("assistant", answer)]
    verdicts = [Verdict("middle", True, detail)]
    params = {"removed": gap.middle, "sample": sample}
    yield derive(
        fill_in_the_middle, record, teacher, replies, kind="exercise", messages=messages, verdicts=verdicts,
        params=params,
    )  # fmt: skip


def read_middle(reply: Reply, gap: Gap, *, code: bool) -> tuple[str, str]:
    """A reply's reasoning and the middle it gives, without lines of the context; empty where it has none."""
    if reply.finish_reason == "length":
        return "", ""
    if not code:
        thought, _, middle = reply.text.rpartition("Missing:")
        return thought.strip().removesuffix("**").strip(), "\n".join(blocks(middle)) or middle.strip("* \n")
    found = blocks(reply.text)
    if not found:
        return "", ""
    thought = re.split(r"^[ \t]*```", reply.text, maxsplit=1, flags=re.MULTILINE)[0]
    lines = found[-1].splitlines()
    before, after = gap.before.splitlines(), gap.after.splitlines()
    if [line.strip() for line in lines[: len(before)]] == [line.strip() for line in before]:  # the whole function
        end = len(lines) - len(after)
        if [line.strip() for line in lines[end:]] != [line.strip() for line in after]:
            return thought, ""
        lines = lines[len(before) : end]
    return thought, "\n".join(lines)


def text_middle_is_right(middle: str, removed: str) -> tuple[bool, str]:
    """Whether words say what the removed ones do: the same numbers, and mostly the same content words."""
    numbers, right = set(_NUMBER.findall(middle)), set(_NUMBER.findall(removed))
    if numbers != right:
        return False, f"numbers {sorted(numbers)} in place of {sorted(right)}"
    share = agreement(middle, removed)
    return share >= _LEAST_AGREED, f"agreement of words {share:.2f}"


def _length(gap: Gap) -> str:
    words = len(gap.middle.split())
    return f"about {max(5, round(words, -1))} words"
