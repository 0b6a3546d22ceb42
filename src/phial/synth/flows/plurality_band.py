"""Plurality band: questions that are neither too easy nor hopeless, with the answer that most samples agree on.

After Phi-4 (arXiv 2412.08905, section 2.2, "Question Datasets"): several independent answers to each question; it is
dropped where all agree (too easy) and where the answers are inconsistent (too hard, or ambiguous); the plurality answer
replaces the ground truth, and the samples that reach it are the accepted ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from phial.record import Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.prompts import Prompts
from phial.synth.question import question_of
from phial.synth.reply import keys_of
from phial.synth.teacher import Teacher
from phial.verify.arithmetic import wrong_equations
from phial.verify.maths import compare, stated
from phial.verify.vote import LEAST_SHARE, plurality

prompts = Prompts.beside(__file__)


@flow("plurality-band", prompts.version("1"))
async def plurality_band(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Keep a record's question if its answers differ and still point to one.

    The question is the record's first user turn, or its text; a reference answer in params["answer"] is compared with
    and replaced. Settings: "samples" (5), "least_share" of them that must agree (0.5), "solutions" kept a question (1).
    """
    question, reference = question_of(record)
    if not question:
        tools.drop("no question", record.content[:200])
        return
    asked = prompts.render("solve", question=question)
    count = tools.settings.get("samples", 5)
    replies = await asyncio.gather(
        *(
            teacher.ask(asked, sample=sample, temperature=0.8, max_tokens=400, task="plurality-sample")
            for sample in range(count)
        )
    )
    keys = keys_of(replies)
    answers = [None if reply.finish_reason == "length" else stated(reply.text) for reply in replies]
    vote = await tools.work(plurality, answers, tools.settings.get("least_share", LEAST_SHARE))
    if vote.band != "kept":
        tools.drop({"unanimous": "too easy"}.get(vote.band, vote.band), vote.reason, question, keys)
        return
    # Of the samples that reach the answer, those come first whose calculations are all right.
    voters = sorted(vote.voters, key=lambda place: (len(wrong_equations(replies[place].text)), place))
    params = {"answer": vote.answer, "votes": vote.votes, "samples": count}
    if reference:
        agreed = await tools.work(compare, vote.answer, reference)
        params |= {"replaced": reference, "reference_agrees": agreed.equal}
    kept: set[str] = set()
    for place in voters:
        text = replies[place].text.strip()
        if text in kept or wrong_equations(text) or len(kept) == tools.settings.get("solutions", 1):
            continue
        kept.add(text)
        yield derive(
            plurality_band,
            record,
            teacher,
            replies,
            kind="exercise",
            messages=[("user", question), ("assistant", text)],
            verdicts=[Verdict("plurality band", True, vote.reason), Verdict("arithmetic", True, "no wrong equation")],
            params=params,
            scores={"agreement": vote.votes[0] / count},
        )
    if not kept:
        tools.drop("wrong arithmetic", wrong_equations(replies[voters[0]].text)[0], replies[voters[0]].text, keys)
