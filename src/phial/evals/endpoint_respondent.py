"""A respondent behind an address: any server that speaks OpenAI's interface."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from phial.errors import PhialError
from phial.evals.respondent import Key, Question, Reply, Take
from phial.evals.task import OptionScore
from phial.synth import wire
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.faults import Busy, Failed, Refused
from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest
from phial.synth.teacher import Patience

_SENT = ("top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty")


class EndpointRespondent:
    """Asks a server, as many questions at a time as it takes; what fails is asked again, and what was answered is not.

    Args:
        endpoint: the server; its interface is chosen by each question.
        model: the name that the server knows the model by.
        opened: the server's chat template ends with the opening tag of the model's thinking. Where this is not said, it
            is told from the replies.
        revision: changes when the weights behind the name do.
        patience: how long a question is tried.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        opened: bool = False,
        revision: str = "",
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._endpoint, self._patience = endpoint, patience
        self.name, self.address = model, endpoint.public_url
        self.identity = {"endpoint model": model, "revision": revision, "opened": opened}

    def answer(self, questions: Sequence[Question], known: Collection[Key], take: Take) -> None:
        """See `Respondent.answer`."""
        asyncio.run(self._answer([question for question in questions if question.key not in known], take))

    def close(self) -> None:
        """Connections are closed when all is answered."""

    async def _answer(self, questions: Sequence[Question], take: Take) -> None:
        lines = _Lines(self._endpoint, self.name, self._patience)
        waiting = iter(questions)

        async def work() -> None:
            for question in waiting:
                take(question, await self._ask(lines, question))

        # A fault of one ends all; what they have taken is kept.
        workers = [asyncio.ensure_future(work()) for _ in range(min(self._endpoint.concurrency, len(questions)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*workers, return_exceptions=True)
            await lines.close()

    async def _ask(self, lines: _Lines, question: Question) -> Reply:
        started = time.perf_counter()
        try:
            if question.options:
                scores = [await self._score(lines, question, option) for option in question.options]
                return Reply(tokens=0, options=tuple(scores), seconds=time.perf_counter() - started)
            request = _request(question)
            answer = await lines.send(lines.completions if isinstance(question.prompt, str) else lines.chat, request)
        except Refused as fault:
            return await self._refused(lines, question, fault)
        finish = {"filter": "refused"}.get(answer.finish_reason, answer.finish_reason)
        return Reply(
            answer.text, answer.reasoning, finish if finish in ("length", "refused") else "stop",
            answer.prompt_tokens, answer.completion_tokens, time.perf_counter() - started,
        )  # fmt: skip

    async def _refused(self, lines: _Lines, question: Question, fault: Refused) -> Reply:
        """What a refusal means: of this question, which then counts as wrong, or of how all are asked.

        Raises:
            PhialError: it would meet every question.
        """
        if fault.reason == "filtered":
            return Reply(finish="refused", tokens=0)
        if fault.reason != "over the context":
            what = f"item {question.item!r}: {fault.what}"
            raise PhialError(what, where=fault.where, do="look at the protocol's sampling and the model's name")
        if not question.options:
            short = replace(_request(question), max_tokens=1)
            try:
                await lines.send(lines.completions if isinstance(question.prompt, str) else lines.chat, short)
            except Refused:
                return Reply(finish="prompt-too-long", tokens=0)
            what = f"item {question.item!r} fits the context, but not with {question.sampling.max_tokens:,} tokens"
            raise PhialError(f"{what} of answer: {fault.what}", where=fault.where, do="give fewer --max-tokens")
        return Reply(finish="prompt-too-long", tokens=0)

    async def _score(self, lines: _Lines, question: Question, option: str) -> OptionScore:
        if not isinstance(question.prompt, str):
            raise PhialError(
                f"item {question.item!r} wants log probabilities behind a chat, which no server gives",
                where=self.address,
                do="take a protocol of plain prompts, or run the model in this process",
            )
        words = (("user", question.prompt + option),)
        # Some servers refuse to write nothing; the one token that is written is left out below.
        request = TeacherRequest(words, 1, 0.0, extra={"echo": True, "logprobs": 1}, sample=question.repeat)
        answer = await lines.send(lines.echo, request)
        assert isinstance(answer, _Echo)
        start, end = len(question.prompt), len(question.prompt) + len(option)
        # A token that reaches over the border counts to the option; a text's first token has no probability.
        inside = [value for first, last, value in answer.tokens if last > start and first < end and last > first]
        known = [value for value in inside if value is not None]
        if not known or (len(known) < len(inside) and question.prompt):
            raise PhialError(
                "the server gives no log probabilities of a prompt",
                where=self.address,
                do="use a server whose /v1/completions knows echo and logprobs, or a protocol that has answers written",
            )
        return OptionScore(math.fsum(known) if all(map(math.isfinite, known)) else math.nan, len(known))


class _Lines:
    """The three ways to ask a server; made inside of the event loop that uses them."""

    def __init__(self, endpoint: Endpoint, model: str, patience: Patience) -> None:
        self._patience = patience
        self._heard = patience.now()
        self._told = False
        text = replace(endpoint, api="completions")
        sleep, now = patience.sleep, patience.now
        self.chat = Endpoints(model, [replace(endpoint, api="chat")], sleep, now)
        self.completions = Endpoints(model, [text], sleep, now)
        self.echo = Endpoints(model, [text], sleep, now, read=_read_echo)

    async def send(self, endpoints: Endpoints, request: TeacherRequest) -> Answer:
        """Ask until there is an answer.

        Raises:
            Refused: there will be none.
            PhialError: every attempt failed, or the server lets nobody in.
        """
        failed: list[str] = []
        began = self._patience.now()
        while True:
            try:
                async with endpoints.route(failed) as post:
                    answer = await post(request, "")
                self._heard = self._patience.now()
                return answer
            except Busy:  # the route waits until the server may be asked
                silent = self._patience.now() - max(self._heard, began)
                if silent > self._patience.silence:
                    raise _gone(f"told to wait, and nothing was answered in {silent:.0f} s", endpoints) from None
            except Failed as fault:
                failed.append(fault.url)
                if not self._told:  # it may be minutes until this is given up
                    self._told = True
                    print(f"{fault.url}: {fault.detail}; it is asked again", file=sys.stderr)
                if len(failed) >= self._patience.tries:
                    raise _gone(f"{len(failed)} attempts failed; the last: {fault.detail}", endpoints) from None
                await self._patience.sleep(self._patience.pause(len(failed)))

    async def close(self) -> None:
        """Close the connections."""
        for endpoints in (self.chat, self.completions, self.echo):
            await endpoints.close()


@dataclass(frozen=True, slots=True)
class _Echo(Answer):
    """An echoed prompt: of each token its place in the text, from and to, and its log probability."""

    tokens: tuple[tuple[int, int, float | None], ...] = ()


def _read_echo(data: Any, endpoint: Endpoint) -> Answer:
    answer = wire.answer(data, endpoint)
    found = data["choices"][0].get("logprobs")
    texts, values, places = ((found or {}).get(name) for name in ("tokens", "token_logprobs", "text_offset"))
    if not isinstance(texts, list) or not isinstance(values, list):
        return _Echo(answer.text)
    try:
        starts = list(accumulate(map(len, texts), initial=0))[:-1] if places is None else list(map(int, places))
        ends = [*starts[1:], starts[-1] + len(texts[-1])] if starts else []
        numbers = [None if value is None else float(value) for value in values]
        return _Echo(answer.text, tokens=tuple(zip(starts, ends, numbers, strict=True)))
    except (TypeError, ValueError):
        raise Failed("reply with broken log probabilities", perhaps_paid=True) from None


def _request(question: Question) -> TeacherRequest:
    prompt, sampling = question.prompt, question.sampling
    if isinstance(prompt, str):
        prompt = (("user", prompt),)
    elif prompt[-1][0] == "assistant":
        raise PhialError(
            f"item {question.item!r} begins the assistant's turn, which servers do not go on with",
            where="endpoint",
            do="take another protocol, or run the model in this process",
        )
    usual = type(sampling)()
    extra = {name: getattr(sampling, name) for name in _SENT if getattr(sampling, name) != getattr(usual, name)}
    if sampling.temperature:
        extra["seed"] = sampling.seed
    return TeacherRequest(
        prompt, sampling.max_tokens, sampling.temperature, sampling.top_p if sampling.top_p < 1 else None,
        question.stop, None, extra, question.repeat,
    )  # fmt: skip


def _gone(what: str, endpoints: Endpoints) -> PhialError:
    do = "run the same command again when the endpoint is well; what was answered is kept"
    return PhialError(what, where=f"endpoint of {endpoints.model}", do=do)
