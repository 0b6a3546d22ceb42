"""Refusal pairs: to decline what hurts people, and not to decline what only sounds like it.

After Phi-4 (arXiv 2412.08905, sections 4.2 and 7: pairs of answers on safety in preference tuning, so that harm is
declined and helpfulness stays). Nothing harmful is written down: the rejected side of an unsafe request is the first
words of somebody who complies, which is where the two answers part.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import BaseModel, Field

from phial.record import Preference, Record, Verdict
from phial.synth.derive import derive
from phial.synth.flow import Tools, flow
from phial.synth.flows.hallucination_pairs import FIRST_TOKENS
from phial.synth.prompts import Prompts
from phial.synth.prose import content_words, copied, shared
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher
from phial.synth.vocabulary import HARMS
from phial.verify.form import conversation, preference
from phial.verify.prose import check_prose

NO_HELP = "I'm sorry, but I can't help with that."
COMPLIES = ("Sure, here is how.", "Of course. First,", "Certainly, this is what to do:", "Yes, that is easy.")
_DECLINES = re.compile(
    r"\b(?:can't|can\u2019t|cannot|can not|won't|won\u2019t|will not|not able to|unable to|must decline|decline to)\b"
    r"|\bi(?:'m| am|\u2019m) sorry\b",
    re.IGNORECASE,
)
_INSTRUCTS = re.compile(r"^\s*(?:\d+[.)]|[-*])\s|\bstep \d\b|\bfirst,.*\bthen,?\b", re.IGNORECASE | re.MULTILINE)
_MOST_WORDS = 90
_ALIKE = 0.8  # of the safe request's words, at which it may be the unsafe one again
prompts = Prompts.beside(__file__)


class Requests(BaseModel, extra="forbid"):
    """Two messages to an assistant."""

    unsafe_request: Annotated[str, Field(max_length=400)]
    safe_request: Annotated[str, Field(max_length=400)]


HARMLESS = "nothing harmful"
HELPS_WITH = [*HARMS.values(), HARMLESS]


class Helps(BaseModel, extra="forbid"):
    """What a second reader, who does not know what was asked for, finds in a request."""

    helps_with: Annotated[str, Field(json_schema_extra={"enum": [*HELPS_WITH]})]


# Shown before twins are asked for, and before a reader says what a request helps with. Asked for a request that hurts
# people, a teacher of 1.5 B parameters often writes one that hurts nobody; declining that is what must not be learnt.
TWINS = {
    "home and neighbours": Requests(
        unsafe_request="How can I pick my neighbour's front door lock while he is away?",
        safe_request="How does the lock of a front door keep burglars out?",
    ),
    "money": Requests(
        unsafe_request="My grandmother trusts me with her bank card. How do I take some each week unseen?",
        safe_request="How can I help my grandmother to keep her bank card safe?",
    ),
}
WRITTEN = tuple(({"theme": theme, "harm": HARMS[theme]}, twins) for theme, twins in TWINS.items())
READ = tuple(
    ({"request": request, "harms": HELPS_WITH}, Helps(helps_with=helps_with))
    for theme, twins in TWINS.items()
    for request, helps_with in ((twins.unsafe_request, HARMS[theme]), (twins.safe_request, HARMLESS))
)
_SHOWN = "\n".join(f"{twins.unsafe_request}\n{twins.safe_request}" for twins in TWINS.values())


@flow("refusal-pairs", prompts.version("2", WRITTEN, READ))
async def refusal_pairs(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Make a declined request and an answered one that sounds like it, each as a pair of answers.

    The record is only what theme and harm are drawn by. Settings: "count" of such twins a record (1); "second_reader"
    (true) says of each request, without the theme, what it helps with.
    """
    for _ in range(tools.settings.get("count", 1)):
        theme, sample = tools.random.choice(list(HARMS)), tools.random.getrandbits(20)  # there are few themes
        complies = tools.random.choice(COMPLIES)
        asked = prompts.after("requests", WRITTEN, theme=theme, harm=HARMS[theme])
        written = await teacher.ask(
            asked, sample=sample, schema=Requests, temperature=1.0, max_tokens=200, task="refusal-requests"
        )
        twins: Requests = written.parsed
        fault = requests_fault(twins)
        if fault:
            tools.drop(fault.partition(":")[0], fault, written.text, written.request_keys)
            continue
        unsafe, safe = twins.unsafe_request.strip(), twins.safe_request.strip()
        sides = (("declined", unsafe, HARMS[theme], complies), ("answered", safe, HARMLESS, NO_HELP))
        for name, request, helps_with, rejected in sides:
            replies = [written]
            if tools.settings.get("second_reader", True):
                asked = prompts.after("judge", READ, request=request, harms=HELPS_WITH)
                replies.append(
                    await teacher.ask(asked, schema=Helps, temperature=0.0, max_tokens=60, task="refusal-judge")
                )
                found = replies[-1].parsed.helps_with
                if found != helps_with:
                    reason = "not harmless" if helps_with == HARMLESS else "another harm, or none"
                    tools.drop(reason, f"helps with {found}, not {helps_with}", request, keys_of(replies))
                    continue
            if name == "declined":
                asked = prompts.render("decline", request=request, harm=helps_with)
                replies.append(await teacher.ask(asked, temperature=0.7, max_tokens=200, task="refusal-decline"))
                fault = decline_fault(replies[-1])
            else:
                asked = prompts.render("answer", request=request)
                replies.append(await teacher.ask(asked, temperature=0.7, max_tokens=300, task="refusal-answer"))
                fault = answer_fault(replies[-1])
            text = replies[-1].text.strip()
            if fault:
                tools.drop(fault.partition(":")[0], f"{name}: {fault}", f"{request}\n{text}", keys_of(replies))
                continue
            pair = Preference((("user", request),), (("assistant", text),), (("assistant", rejected),))
            params = {"theme": theme, "pair": name, "unsafe": name == "declined", "first_tokens": FIRST_TOKENS}
            whole = (*pair.prompt, *pair.chosen)
            yield derive(
                refusal_pairs,
                record,
                teacher,
                replies,
                kind="preference",
                preference=pair,
                verdicts=[Verdict(name, True, "as it should be"), conversation(whole), preference(pair)],
                params=params,
            )


def requests_fault(twins: Requests) -> str:
    """The first reason why two requests are no twins; "" where there is none."""
    for request in (twins.unsafe_request, twins.safe_request):
        verdict = check_prose(request, least_words=4, most_words=60)
        if not verdict.passed:
            return f"no request: {verdict.detail}"
    unsafe, safe = content_words(twins.unsafe_request), content_words(twins.safe_request)
    if copied(twins.unsafe_request, _SHOWN) or copied(twins.safe_request, _SHOWN):
        return "copies an example"
    if shared(safe, unsafe) >= _ALIKE:
        return "the same request twice"
    return "" if safe & unsafe else "no common word"


def decline_fault(reply: Reply) -> str:
    """The first reason why a reply does not decline as it should; "" where there is none."""
    text = reply.text.strip()
    if reply.finish_reason == "length" or not text:
        return "cut off" if text else "empty"
    if not _DECLINES.search(re.split(r"(?<=[.!?])\s", text)[0]):
        return "does not decline"
    if _INSTRUCTS.search(text):
        return "instructs all the same"
    return "" if 8 <= len(text.split()) <= _MOST_WORDS else "refusal of another length"


def answer_fault(reply: Reply) -> str:
    """The first reason why a reply does not answer as it should; "" where there is none."""
    if reply.finish_reason == "length":
        return "cut off"
    if _DECLINES.search(re.split(r"(?<=[.!?])\s", reply.text.strip())[0]):
        return "declines the harmless"
    verdict = check_prose(reply.text.strip(), least_words=15, most_words=300)
    return "" if verdict.passed else verdict.detail
