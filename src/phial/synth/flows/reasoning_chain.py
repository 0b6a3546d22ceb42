"""Reasoning chains: thinking and answer in blocks of their own, kept where the answer is the right one.

After Phi-4-reasoning (arXiv 2504.21318, section 2: traces of a stronger teacher with a thinking block and an answer
block) and Phi-4-mini-reasoning (several rollouts a question, a mathematical check of the final answer). A chain whose
answer is right and whose calculations are not is refused, too: it would teach the wrong step.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.question import question_of
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher
from phial.verify.arithmetic import wrong_equations
from phial.verify.maths import compare, stated
from phial.verify.prose import check_prose

_BLOCKS = re.compile(r"\s*<think>(.*?)</think>\s*(?:<answer>(.*?)</answer>\s*)?(.*)", re.DOTALL)
_TAG = re.compile(r"</?(?:think|answer)>")
prompts = Prompts.beside(__file__)


@flow("reasoning-chain", prompts.version("1"))
async def reasoning_chain(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Find a chain of thought that ends in a record's known answer.

    The question is the record's first user turn, or its text; its answer is params["answer"]. Settings: "samples" tried
    at most (3), "least_words" of a chain (15), "all" to keep every verified sample instead of the first (off).
    """
    question, reference = question_of(record)
    if not question or not reference:
        tools.drop("no question" if not question else "no known answer", record.content[:200])
        return
    asked = prompts.render("think", question=question)
    least_words = tools.settings.get("least_words", 15)
    replies: list[Reply] = []
    kept: set[str] = set()
    faults: list[str] = []
    for sample in range(tools.settings.get("samples", 3)):
        reply = await teacher.ask(asked, sample=sample, temperature=0.7, max_tokens=500, task="reasoning-chain")
        replies.append(reply)
        thought, answer = blocks(reply)
        comparison = await tools.work(compare, answer, reference)
        fault = chain_fault(thought, answer, least_words)
        if not fault and not comparison.equal:
            fault = f"wrong answer: {comparison.reason}"
        if fault or thought in kept:
            faults.append(fault or "same chain again")
            continue
        kept.add(thought)
        yield derive(
            reasoning_chain,
            record,
            teacher,
            replies,
            kind="exercise",
            messages=[("user", question), ("assistant", f"<think>\n{thought}\n</think>\n<answer>{answer}</answer>")],
            verdicts=[comparison.verdict(), Verdict("arithmetic", True, "no wrong equation in the chain")],
            params={"answer": reference, "thought": thought},
            scores={"tries": float(sample + 1)},
        )
        if not tools.settings.get("all", False):
            return
    if not kept:
        keys = keys_of(replies)
        last = replies[-1]
        shown = f"<think>{last.reasoning}</think>{last.text}" if last.reasoning else last.text
        tools.drop(faults[-1].partition(":")[0], "; ".join(faults), shown, keys)


def blocks(reply: Reply) -> tuple[str, str]:
    """The thinking and the final answer of a reply.

    A teacher that thinks aloud by itself has its thinking cut out already; its answer then is the rest. "" for what is
    missing.
    """
    if reply.reasoning:
        thought, rest = reply.reasoning, reply.text
        found = re.search(r"<answer>(.*?)</answer>", rest, re.DOTALL)
        answer = found[1] if found else stated(rest) or rest
    else:
        match = _BLOCKS.fullmatch(reply.text)
        if not match:
            return "", ""
        thought, answer = match[1], match[2] if match[2] is not None else stated(match[3]) or ""
    return thought.strip(), (stated(answer) or answer).strip()


def chain_fault(thought: str, answer: str, least_words: int) -> str:
    """The first reason not to trust a chain, before its answer is compared; "" where there is none."""
    if not thought or not answer:
        return "no blocks" if not thought else "no answer"
    if _TAG.search(thought) or _TAG.search(answer):
        return "nested blocks"
    if len(answer) > 200 or "\n" in answer:
        return f"no answer alone: {answer[:100]!r}"
    verdict = check_prose(thought + ".", least_words=least_words, most_words=2000)
    if not verdict.passed:
        return verdict.detail
    wrong = wrong_equations(thought)
    return f"wrong arithmetic: {wrong[0]}" if wrong else ""
