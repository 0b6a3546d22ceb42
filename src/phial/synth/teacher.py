"""A teacher: whoever answers, behind a ledger and a budget.

    reply = await teacher.ask("Explain photosynthesis to a child.", max_tokens=300)

Flows see `Teacher` alone. Who computes the answers is a `Source`: HTTP endpoints, the engine in this process, or the
offline procedural teacher.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pydantic import BaseModel

from phial.errors import PhialError
from phial.synth.budget import Limits, Price, most
from phial.synth.entry import Entry, answered, refused
from phial.synth.faults import BudgetSpent, Busy, CancelledUnsent, Failed, MissingReply, Refused, Unanswered, Unusable
from phial.synth.ledger import Account, Ledger
from phial.synth.reply import Answer, Reply
from phial.synth.request import Identity, TeacherRequest, request_key
from phial.synth.structure import complaint, read_object

Messages = str | Sequence[tuple[str, str]]
_AGAIN = "run again when the endpoint is well; what was answered is kept"
# Seconds between looks at a request that another process has in flight, or at a full budget.
_FIRST_POLL, _LONGEST_POLL = 0.01, 1.0
Send = Callable[[TeacherRequest, str], Awaitable[Answer]]


class Source(Protocol):
    """Whoever computes answers."""

    def route(self, failed: Sequence[str] = ()) -> AbstractAsyncContextManager[Send]:
        """Wait until one more request may be in flight, and give what sends it: send(request, its key).

        Args:
            failed: urls of the attempts that this request has behind it.

        What is given raises `Busy` (leave me alone for a while), `Failed` (this attempt brought nothing), `Refused`
        (this request never will), or a PhialError that ends the run.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Teacher(Protocol):
    """What a flow asks."""

    identity: Identity

    async def ask(
        self,
        messages: Messages,
        *,
        sample: int = 0,
        schema: type[BaseModel] | None = None,
        temperature: float | None = 0.7,
        max_tokens: int = 1024,
        top_p: float | None = None,
        stop: Sequence[str] = (),
        task: str = "",
    ) -> Reply:
        """See `LedgerTeacher.ask`."""
        ...


@dataclass(frozen=True)
class Patience:
    """How long a request is tried.

    Attributes:
        tries: attempts that failed (not: were told to wait) before a request is given up for now.
        first_pause: seconds before the second attempt; doubled for each further one, up to `longest_pause`.
        longest_pause: seconds.
        silence: seconds in which no request of this teacher was answered, before those told to wait are given up.
        sleep: waits; for tests.
        now: seconds of a clock that only goes forward; for tests.
    """

    tries: int = 10
    first_pause: float = 0.5
    longest_pause: float = 30.0
    silence: float = 900.0
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic

    def pause(self, failures: int) -> float:
        """Seconds before the next attempt; drawn, so that those who failed together do not come back together."""
        return min(self.longest_pause, self.first_pause * 2 ** (failures - 1)) * random.uniform(0.5, 1.0)


@dataclass
class Counts:
    """What happened in this process.

    Attributes:
        recorded: replies that the ledger had.
        answered: replies that were paid for.
        refused: requests that the teacher would not answer.
        repaired: answers that were asked for again because they had the wrong form.
        waits: times that an endpoint asked to be left alone.
        failures: attempts without a usable answer, by what happened.
    """

    recorded: int = 0
    answered: int = 0
    refused: int = 0
    repaired: int = 0
    waits: int = 0
    failures: dict[str, int] = field(default_factory=dict)


class LedgerTeacher:
    """A `Teacher` that asks nobody twice.

    Args:
        identity: whose answers these are.
        source: computes them; None to replay a ledger, where a request that it lacks is an error.
        ledger: of the workspace.
        run: who pays; limits and accounts are a run's.
        limits: what the run may spend.
        price: of a million tokens.
        extra: fields of the server's own that decide the answers, such as {"reasoning_effort": "low"}.
        patience: how long a request is tried.
    """

    def __init__(
        self,
        identity: Identity,
        source: Source | None,
        ledger: Ledger,
        *,
        run: str = "",
        limits: Limits = Limits(),  # noqa: B008 - frozen
        price: Price = Price(),  # noqa: B008 - frozen
        extra: Mapping[str, Any] | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self.identity, self.ledger, self.run, self.limits, self.price = identity, ledger, run, limits, price
        self.counts = Counts()
        self._source, self._patience, self.extra = source, patience, dict(extra or {})
        self._asking: dict[str, asyncio.Event] = {}
        self._gate, self._freed = asyncio.Lock(), asyncio.Event()
        self._heard = patience.now()

    async def ask(
        self,
        messages: Messages,
        *,
        sample: int = 0,
        schema: type[BaseModel] | None = None,
        temperature: float | None = 0.7,
        max_tokens: int = 1024,
        top_p: float | None = None,
        stop: Sequence[str] = (),
        task: str = "",
    ) -> Reply:
        """Ask, unless the ledger knows the reply.

        Args:
            messages: a user's words, or (role, content) in turn; roles are "system", "user" and "assistant".
            sample: another number draws another answer to the same words.
            schema: a pydantic model that the answer must fit; one that does not is asked for once more, with what was
                wrong.
            temperature: of the sampling; None leaves it to the server.
            max_tokens: longest answer, reasoning included.
            top_p: of the sampling; None leaves it to the server.
            stop: strings that end the answer.
            task: what is asked for in a word, such as "code-exercise"; the procedural teacher goes by it.

        Raises:
            Refused: the teacher won't answer this (a prompt over the context, a filter).
            Unusable: the answer does not fit the schema, nor does its repair.
            Unanswered: every attempt failed.
            PhialError: nobody will be answered: a wrong key, a spent budget, a full disk, a missing recording.
        """
        words = spoken(messages)
        request = TeacherRequest(words, max_tokens, temperature, top_p, tuple(stop), schema, self.extra, sample, task)
        reply = await self._reply(request)
        if schema is None:
            return reply
        parsed, fault = read_object(schema, reply.text)
        if parsed is not None:
            return replace(reply, parsed=parsed)
        if reply.finish_reason == "length":
            raise Unusable("cut off", f"an answer did not end within {max_tokens} tokens", where=_place(request))
        self.counts.repaired += 1
        again = replace(request, messages=(*words, ("assistant", reply.text), ("user", complaint(schema, fault))))
        second = await self._reply(again)
        parsed, fault = read_object(schema, second.text)
        if parsed is None:
            raise Unusable("wrong form", f"an answer and its repair do not fit: {fault}", where=_place(request))
        return Reply(
            second.text,
            parsed,
            second.reasoning,
            second.finish_reason,
            reply.prompt_tokens + second.prompt_tokens,
            reply.completion_tokens + second.completion_tokens,
            reply.cost + second.cost,
            reply.request_keys + second.request_keys,
            reply.recorded and second.recorded,
        )

    def account(self) -> Account:
        """What the run has spent so far, over all its processes and resumptions."""
        return self.ledger.account(self.run)

    async def close(self) -> None:
        """Give the source's connections back; the ledger stays open."""
        if self._source:
            await self._source.close()

    async def __aenter__(self) -> LedgerTeacher:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()

    async def _reply(self, request: TeacherRequest) -> Reply:
        canonical = request.canonical(self.identity)
        key = request_key(canonical)
        began, polls = self._patience.now(), 0
        failed: list[str] = []
        while True:
            entry = self.ledger.find(key)
            if entry and entry.refused is None:
                self.counts.recorded += 1
                return _reply(entry, recorded=True)
            if self._source is None:
                raise _unrecorded(self.ledger, key, request, entry)
            if key in self._asking:  # by another task of this process
                await self._asking[key].wait()
                continue
            self._asking[key] = asyncio.Event()
            claim = ""
            try:
                async with self._source.route(failed) as send:
                    claim = await self.ledger.claim(key, self.run, most(request, self.price), self.limits)
                    if claim != "full":
                        self._freed.set()  # the next one that waits for room may look, too
                    if claim == "yours":
                        return await self._send(send, request, canonical, key)
                if claim == "spent":
                    raise self._spent(request)
                polls += claim == "held"
                pause = min(_LONGEST_POLL, _FIRST_POLL * 2**polls) if claim == "held" else 0.0
            except Busy:
                self.counts.waits += 1
                if self._patience.now() - max(self._heard, began) > self._patience.silence:
                    what = f"told to wait, and nothing was answered in {self._patience.silence:g} s"
                    raise Unanswered("told to wait", what, where=_place(request), do=_AGAIN) from None
                pause = 0.0  # the route waits until an endpoint may be asked
            except Failed as fault:
                failed.append(fault.url)
                self.counts.failures[fault.detail] = self.counts.failures.get(fault.detail, 0) + 1
                if len(failed) >= self._patience.tries:
                    what = f"{len(failed)} attempts failed; the last: {fault.detail}"
                    raise Unanswered("no answer", what, where=_place(request), do=_AGAIN) from None
                pause = self._patience.pause(len(failed))
            finally:
                self._asking.pop(key).set()
                if claim != "full":
                    self._freed.set()
            if claim == "full":
                await self._room()
            await self._patience.sleep(pause)

    async def _room(self) -> None:
        """Wait until the budget may have room; one after the other, so that not all look at once."""
        async with self._gate:
            with contextlib.suppress(TimeoutError):  # other processes settle requests unheard
                await asyncio.wait_for(self._freed.wait(), _LONGEST_POLL)
            self._freed.clear()

    async def _send(self, send: Send, request: TeacherRequest, canonical: str, key: str) -> Reply:
        """Send a claimed request and record what came back; on a fault the claim is given back."""
        perhaps_paid = True  # unless it is known better, also where this task is cancelled meanwhile
        place = (key, canonical, request.task, self.run)
        try:
            try:
                answer = await send(request, key)
                reserved = most(request, self.price)
                entry = answered(*place, answer, request.prompt_bytes, reserved, self.price)
            except Refused as fault:
                entry = refused(*place, fault.reason, fault.what)
            except Failed as fault:
                perhaps_paid = fault.perhaps_paid
                raise
            except (Busy, CancelledUnsent, PhialError):
                perhaps_paid = False
                raise
        except BaseException:
            self.ledger.release(key, perhaps_paid=perhaps_paid)
            raise
        self._heard = self._patience.now()
        await self.ledger.commit(entry)
        if entry.refused:
            self.counts.refused += 1
            raise Refused(*entry.refused, where=_place(request))
        self.counts.answered += 1
        return _reply(entry, recorded=False)

    def _spent(self, request: TeacherRequest) -> BudgetSpent:
        account = self.account()
        total, limits = account.spent + account.lost, self.limits
        what = (
            f"the budget has no room for another request: {total.requests:,} requests, {total.tokens:,} tokens and "
            f"{total.cost:.4g} spent (of which {account.lost.requests:,} requests brought no answer and were perhaps "
            f"paid); the limits are {limits.requests} requests, {limits.tokens} tokens, cost {limits.cost}"
        )
        return BudgetSpent(what, where=_place(request), do="raise the run's limits and run again; all replies are kept")


def spoken(messages: Messages) -> tuple[tuple[str, str], ...]:
    """Messages as (role, content) in turn; a lone text is a user's."""
    return (("user", messages),) if isinstance(messages, str) else tuple((role, text) for role, text in messages)


def _reply(entry: Entry, recorded: bool) -> Reply:
    answer, spent = entry.answer, entry.spent
    return Reply(
        answer.text,
        None,
        answer.reasoning,
        answer.finish_reason,
        spent.prompt_tokens,
        spent.completion_tokens,
        spent.cost,
        (entry.key,),
        recorded,
    )


def _unrecorded(ledger: Ledger, key: str, request: TeacherRequest, entry: Entry | None) -> PhialError:
    """What a replay says of a request without a recorded answer."""
    if entry and entry.refused:
        return Refused(*entry.refused, where=_place(request))
    what = f"a replay met a request that was never recorded: {request.messages[-1][1][:200]!r}, key {key[:16]}"
    return MissingReply(what, where=str(ledger.path), do="record it first: run once with an endpoint")


def _place(request: TeacherRequest) -> str:
    return f"teacher, task {request.task}" if request.task else "teacher"
