"""The `Source` of answers over HTTP: several servers of one model, each at its own pace."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from phial.errors import PhialError
from phial.synth import wire
from phial.synth.connection import Connection, fault_of
from phial.synth.endpoint import Endpoint
from phial.synth.faults import Busy, Failed, Throttled
from phial.synth.pace import Pace
from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest
from phial.synth.teacher import Send


@dataclass(frozen=True)
class _Lane:
    endpoint: Endpoint
    headers: dict[str, str] = field(repr=False)
    pace: Pace


@dataclass(frozen=True)
class _Waiter:
    failed: Sequence[str]
    place: asyncio.Future[tuple[_Lane, int]]


class Endpoints:
    """Servers of one model; a request goes to the one with the least load for its window.

    Args:
        model: the name that the servers know it by.
        endpoints: at least one.
        sleep: waits; for tests.
        now: seconds of a clock that only goes forward; for tests.
        read: what a server's JSON says; for more than the text of an answer, such as log probabilities.

    Raises:
        PhialError: there is no endpoint, or a key is missing.
    """

    def __init__(
        self,
        model: str,
        endpoints: Sequence[Endpoint],
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
        read: Callable[[Any, Endpoint], Answer] = wire.answer,
    ) -> None:
        if not endpoints:
            raise PhialError("a teacher without an endpoint", where="teacher", do="give at least one url")
        self.model = model
        self.paces = [Pace(endpoint.start, endpoint.concurrency) for endpoint in endpoints]
        self._lanes = [_Lane(one, one.headers(), pace) for one, pace in zip(endpoints, self.paces, strict=True)]
        self._read, self._sleep, self._now = read, sleep, now
        self._waiting: deque[_Waiter] = deque()
        self._alarm: asyncio.Future[None] | None = None
        self._alarm_at = 0.0
        self._connection = Connection()

    @asynccontextmanager
    async def route(self, failed: Sequence[str] = ()) -> AsyncIterator[Send]:
        """See `Source.route`."""
        lane, epoch = await self._lane(failed)

        async def send(request: TeacherRequest, key: str) -> Answer:
            try:
                answer = await self._post(lane, request, key)
            except Throttled as fault:
                lane.pace.throttled(epoch, self._now(), fault.retry_after)
                raise Busy from None
            except Failed as fault:
                lane.pace.failed(epoch, self._now())
                fault.url = lane.endpoint.public_url
                raise
            lane.pace.succeeded()
            return answer

        try:
            yield send
        finally:
            lane.pace.leave()
            self._admit()

    async def close(self) -> None:
        """Close the connections."""
        if self._alarm:
            self._alarm.cancel()
        await self._connection.close()

    async def _lane(self, failed: Sequence[str]) -> tuple[_Lane, int]:
        """An endpoint with room, counted in; those that failed this request are asked again last."""
        lane = None if self._waiting else self._choose(failed, self._now())
        if lane:
            return lane, lane.pace.take()
        waiter = _Waiter(failed, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._admit()
        try:
            return await waiter.place
        except asyncio.CancelledError:
            if waiter.place.done() and not waiter.place.cancelled():
                lane, _ = waiter.place.result()
                lane.pace.leave()
                self._admit()
            raise

    def _choose(self, failed: Sequence[str], now: float) -> _Lane | None:
        # A resting endpoint is nothing to wait for; a full one is, where only those with room failed this request.
        awake = [lane for lane in self._lanes if now >= lane.pace.rests_until]
        tried = [failed.count(lane.endpoint.public_url) for lane in awake]
        least = min(tried, default=0)
        fit = [lane for lane, times in zip(awake, tried, strict=True) if times == least and lane.pace.is_free(now)]
        return min(fit, key=lambda lane: lane.pace.load, default=None)

    def _admit(self) -> None:
        """Give places to those who wait, in their order."""
        now = self._now()
        held: list[_Waiter] = []
        while self._waiting and any(lane.pace.is_free(now) for lane in self._lanes):
            waiter = self._waiting.popleft()
            if waiter.place.done():
                continue
            lane = self._choose(waiter.failed, now)
            if lane:
                waiter.place.set_result((lane, lane.pace.take()))
            else:
                held.append(waiter)
        self._waiting.extendleft(reversed(held))
        rests = [pace.rests_until for pace in self.paces if pace.rests_until > now]
        if self._waiting and rests and (self._alarm is None or self._alarm_at > min(rests)):
            if self._alarm:
                self._alarm.cancel()
            self._alarm_at = min(rests)
            self._alarm = asyncio.ensure_future(self._wait_until(self._alarm_at))

    async def _wait_until(self, moment: float) -> None:
        while (left := moment - self._now()) > 0:
            await self._sleep(left)
        self._alarm = None
        self._admit()

    async def _post(self, lane: _Lane, request: TeacherRequest, key: str) -> Answer:
        """Send a request once.

        Raises:
            Throttled: too many requests.
            Failed: no usable answer.
            Refused: a fault of the request.
            PhialError: a fault that every request would meet.
        """
        endpoint = lane.endpoint
        body = wire.body(request, self.model, endpoint, key)
        data = json.dumps(body, ensure_ascii=False).encode()
        response = await self._connection.exchange(endpoint, "POST", endpoint.target, lane.headers, data)
        if response.status != 200:
            raise fault_of(response, endpoint)
        if not (response.kind == "application/json" or response.kind.endswith("+json")):
            raise Failed(f"reply of type {endpoint.redact(response.kind)[:60]}, not JSON", perhaps_paid=True)
        try:
            found = json.loads(response.content)
        except (ValueError, RecursionError):  # ValueError: also bytes that are no UTF-8
            raise Failed("reply is broken JSON", perhaps_paid=True) from None
        return self._read(found, endpoint)
