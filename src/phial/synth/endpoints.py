"""The `Source` of answers over HTTP: several servers of one model, each at its own pace."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from phial.errors import PhialError
from phial.synth import wire
from phial.synth.endpoint import Endpoint
from phial.synth.faults import Busy, Failed, Refused
from phial.synth.pace import Pace
from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest
from phial.synth.teacher import Send

# No answer is larger; a server that sends without end must not take all memory.
_LARGEST_REPLY = 64 << 20
_CONNECT_SECONDS = 15.0
_SHOWN = 300
_BUSY = (429, 529)
_CONTEXT = (
    "context_length",
    "context length",
    "context size",
    "context window",
    "prompt is too long",
    "too many tokens",
)
_NO_CREDIT = ("insufficient_quota", "credit balance", "billing")


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

    Raises:
        PhialError: there is no endpoint, or a key is missing.
    """

    def __init__(
        self,
        model: str,
        endpoints: Sequence[Endpoint],
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if not endpoints:
            raise PhialError("a teacher without an endpoint", where="teacher", do="give at least one url")
        self.model = model
        self.paces = [Pace(endpoint.start, endpoint.concurrency) for endpoint in endpoints]
        self._lanes = [_Lane(one, one.headers(), pace) for one, pace in zip(endpoints, self.paces, strict=True)]
        self._sleep, self._now = sleep, now
        self._waiting: deque[_Waiter] = deque()
        self._alarm: asyncio.Future[None] | None = None
        self._alarm_at = 0.0
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def route(self, failed: Sequence[str] = ()) -> AsyncIterator[Send]:
        """See `Source.route`."""
        lane, epoch = await self._lane(failed)

        async def send(request: TeacherRequest, key: str) -> Answer:
            try:
                answer = await self._post(lane.endpoint, lane.headers, request, int(key[:8], 16) & 0x7FFFFFFF)
            except _Throttled as fault:
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
        if self._session:
            await self._session.close()
            self._session = None

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

    async def _post(self, endpoint: Endpoint, headers: dict[str, str], request: TeacherRequest, seed: int) -> Answer:
        """Send a request once.

        Raises:
            _Throttled: too many requests.
            Failed: no usable answer.
            Refused: a fault of the request.
            PhialError: a fault that every request would meet.
        """
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        data = json.dumps(wire.body(request, self.model, endpoint, seed), ensure_ascii=False).encode()
        timeout = aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=_CONNECT_SECONDS)
        try:
            async with self._session.post(
                endpoint.target, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                content = await _read(response)
                status, kind, rest = response.status, response.content_type, _retry_after(response.headers)
        except aiohttp.ConnectionTimeoutError:
            raise Failed("no connection: timed out", perhaps_paid=False) from None
        except TimeoutError:  # also aiohttp's own
            raise Failed(f"no answer within {endpoint.timeout:g} s", perhaps_paid=True) from None
        except aiohttp.ClientConnectorError as error:
            reason = endpoint.redact(str(error.strerror or type(error.os_error).__name__))
            raise Failed(f"no connection: {reason}", perhaps_paid=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Failed(f"connection lost: {type(error).__name__}", perhaps_paid=True) from None
        if status == 200:
            return _read_answer(content, kind, endpoint)
        raise _fault(status, content, rest, endpoint)


class _Throttled(Exception):
    def __init__(self, retry_after: float | None) -> None:
        self.retry_after = retry_after
        super().__init__()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Failed("reply is compressed, which was not asked for", perhaps_paid=True)
    if (response.content_length or 0) <= _LARGEST_REPLY and response.content_length is not None:
        return await response.read()
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _LARGEST_REPLY:
            raise Failed(f"reply of more than {_LARGEST_REPLY >> 20} MB", perhaps_paid=True)
    return b"".join(parts)


def _read_answer(content: bytes, kind: str, endpoint: Endpoint) -> Answer:
    if not (kind == "application/json" or kind.endswith("+json")):
        raise Failed(f"reply of type {endpoint.redact(kind)[:60]}, not JSON", perhaps_paid=True)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):  # ValueError: also bytes that are no UTF-8
        raise Failed("reply is broken JSON", perhaps_paid=True) from None
    found = wire.answer(data, endpoint)
    try:
        (found.text + found.reasoning + found.finish_reason).encode()
    except UnicodeEncodeError:
        raise Failed("reply holds a lone surrogate", perhaps_paid=True) from None
    return found


def _retry_after(headers: Any) -> float | None:
    """Seconds from now; None where nothing readable is said."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, min(float(headers["retry-after-ms"]) / 1000, 86400.0))
        text = headers.get("Retry-After", "").strip()
        if not text:
            return None
        if text.replace(".", "", 1).isdigit():
            return min(float(text), 86400.0)
        moment = parsedate_to_datetime(text)
        return max(0.0, min((moment - datetime.now(moment.tzinfo or UTC)).total_seconds(), 86400.0))
    except (ValueError, TypeError):
        return None


def _fault(status: int, content: bytes, retry_after: float | None, endpoint: Endpoint) -> Exception:
    """What an answer without an answer means."""
    said = _message(content, endpoint)
    where = f"{endpoint.public_url}, HTTP {status}"
    lowered = said.lower()
    if status in _BUSY and any(word in lowered for word in _NO_CREDIT):
        return PhialError(f"the teacher's account is empty: {said}", where=where, do="top it up and run again")
    if status in _BUSY or (status == 503 and retry_after is not None):
        return _Throttled(retry_after)
    if status in (400, 413, 422):
        if status == 413 or any(word in lowered for word in _CONTEXT):
            return Refused("over the context", f"the prompt does not fit: {said}", where=where, do="shorten the seeds")
        if "content_filter" in lowered or "content management" in lowered:
            return Refused("filtered", f"the teacher's filter stopped the prompt: {said}", where=where)
        return Refused("bad request", f"the teacher refused the request: {said}", where=where)
    if status in (401, 402, 403):
        do = f"check {endpoint.key_env or 'the key'} and the account"
        return PhialError(f"the endpoint does not let us in: {said}", where=where, do=do)
    if status in (404, 405) or 300 <= status < 400:
        do = "check the endpoint's url and the model's name"
        return PhialError(f"there is no teacher at this address: {said}", where=where, do=do)
    return Failed(f"HTTP {status}", perhaps_paid=False)


def _message(content: bytes, endpoint: Endpoint) -> str:
    """The error in a server's own words, one line of them, without the key."""
    text = content[: 1 << 16].decode(errors="replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    error = data.get("error", data) if isinstance(data, dict) else None
    if isinstance(error, dict):
        words = [error.get(name) for name in ("code", "type", "message")]
        text = " ".join(word for word in words if isinstance(word, str)) or text
    elif isinstance(error, str):
        text = error
    return " ".join(endpoint.redact(text).split())[:_SHOWN]
