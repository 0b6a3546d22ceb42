"""The `Source` of answers by OpenAI's batch interface: half the price, within a day.

Requests are gathered, written to the ledger as a batch, uploaded and started; the server's name of the batch is on the
disk before it is asked how far it is. A process that dies at any moment leaves a batch that the next one finds, by the
ledger or, where it died between starting it and writing its name down, by the name that phial gave it at the server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import aiohttp

from phial.errors import PhialError
from phial.synth import wire
from phial.synth.batch_log import Batch, BatchLog, Item
from phial.synth.budget import Price, most
from phial.synth.connection import Connection, Response, fault_of
from phial.synth.endpoint import Endpoint
from phial.synth.entry import answered, refused
from phial.synth.faults import CancelledUnsent, Failed, Refused, Throttled
from phial.synth.ledger import Ledger
from phial.synth.reply import Answer
from phial.synth.request import Identity, TeacherRequest
from phial.synth.teacher import Send

_LARGEST_FILE = 1 << 30
_LONGEST_PAUSE = 600.0
_OVER = ("completed", "failed", "expired", "cancelled")
_LONGEST_SILENCE = 6 * 3600.0
_NAME = "phial"  # of the field by which a batch is found again

T = TypeVar("T")
Step = Callable[[Any], Awaitable[T]]
Data = bytes | aiohttp.FormData | None


@dataclass(frozen=True)
class BatchPlan:
    """When batches are sent and looked at.

    Attributes:
        size: requests a batch at most; servers take 50,000.
        gather: seconds without a new request after which what was gathered is sent.
        poll: seconds between looks at a batch.
        sleep: waits; for tests.
    """

    size: int = 20_000
    gather: float = 5.0
    poll: float = 30.0
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep


@dataclass(frozen=True)
class _Waiter:
    request: TeacherRequest
    answer: asyncio.Future[Answer]


class Batches:
    """Hands requests to a server in batches; a run needs as many records under way as a batch should hold.

    Args:
        identity: of the teacher.
        endpoint: with the chat interface.
        ledger: of the teacher.
        run: who pays.
        price: of the teacher, for batches.
        plan: when.

    Raises:
        PhialError: the key is missing, or the endpoint has another interface.
    """

    def __init__(
        self,
        identity: Identity,
        endpoint: Endpoint,
        ledger: Ledger,
        *,
        run: str = "",
        price: Price = Price(),  # noqa: B008 - frozen
        plan: BatchPlan = BatchPlan(),
    ) -> None:
        if endpoint.api != "chat":
            raise PhialError(f"no batches by {endpoint.api}", where=endpoint.public_url, do='use api = "chat"')
        self._identity, self._endpoint, self._ledger = identity, endpoint, ledger
        self._run, self._price, self._plan = run, price, plan
        self._log = BatchLog(ledger, identity, endpoint.public_url)
        self._headers = endpoint.headers()
        self._connection = Connection()
        self._gathered: dict[str, _Waiter] = {}
        self._waiting: dict[str, _Waiter] = {}
        self._arrivals = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept = False
        self._fatal: BaseException | None = None

    @asynccontextmanager
    async def route(self, failed: Sequence[str] = ()) -> AsyncIterator[Send]:
        """See `Source.route`."""
        if not self._kept:
            self._begin_task(self._keep())
            self._kept = True
        yield self._send

    async def close(self) -> None:
        """Stop looking; batches that were started go on at the server, and are found again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connection.close()

    async def _send(self, request: TeacherRequest, key: str) -> Answer:
        if self._fatal:
            raise self._fatal
        waiter = _Waiter(request, asyncio.get_running_loop().create_future())
        self._gathered[key] = waiter
        self._arrivals += 1
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            if key in self._gathered:
                raise CancelledUnsent from None
            raise
        finally:
            self._gathered.pop(key, None)
            self._waiting.pop(key, None)

    async def _keep(self) -> None:
        """Take over what the dead left, and send what has been gathered."""
        seen, quiet = 0, 0.0
        pause = min(1.0, self._plan.gather / 2)
        while True:
            for batch in await self._log.adopt():
                self._begin_task(self._see_through(batch))
            await self._plan.sleep(pause)
            quiet = 0.0 if self._arrivals != seen else quiet + pause
            seen = self._arrivals
            if self._gathered and (quiet >= self._plan.gather or len(self._gathered) >= self._plan.size):
                await self._begin()

    async def _begin(self) -> None:
        keys = list(self._gathered)[: self._plan.size]
        taken = {key: self._gathered.pop(key) for key in keys}
        items = []
        for key, waiter in taken.items():
            request = waiter.request
            line = {
                "custom_id": key,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": wire.body(request, self._identity.model, self._endpoint, key),
            }
            canonical = request.canonical(self._identity)
            reserved = most(request, self._price)
            items.append(Item(key, json.dumps(line, ensure_ascii=False), canonical, request.task, self._run, reserved))
        self._waiting |= taken
        self._begin_task(self._see_through(await self._log.begin(items)))

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Nobody may wait for what nobody works on."""
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is None:
            return
        self._fatal = self._fatal or fault
        for waiter in [*self._gathered.values(), *self._waiting.values()]:
            if not waiter.answer.done():
                waiter.answer.set_exception(fault)

    async def _see_through(self, batch: Batch) -> None:
        """Start a batch if it is not, wait for its end, and record what came of it."""
        uploaded = not batch.file
        if uploaded:
            batch = replace(batch, file=await self._patiently(self._upload, batch))
            await self._log.note(batch)
        if not batch.remote:
            # Whoever died or lost the connection while it was started may have started it.
            remote = None if uploaded else await self._patiently(self._find, batch)
            remote = remote or await self._patiently(self._start, batch, mend=self._find)
            batch = replace(batch, remote=remote)
            await self._log.note(batch)
        while True:
            state = await self._patiently(self._look, batch)
            if state.get("status") in _OVER:
                break
            await self._plan.sleep(self._plan.poll)
        results = {}
        for field in ("output_file_id", "error_file_id"):
            if isinstance(state.get(field), str) and state[field]:
                results |= await self._patiently(self._download, state[field])
        await self._record(batch, state, results)

    async def _record(self, batch: Batch, state: dict[str, Any], results: dict[str, Any]) -> None:
        items = await self._log.items(batch)
        told: dict[str, Answer | Exception] = {}
        unreadable = []
        for item in items:
            try:
                told[item.key] = answer = self._answer(results.get(item.key))
            except Refused as fault:
                told[item.key] = fault
                place = (item.key, item.canonical, item.task, item.run)
                await self._ledger.commit(refused(*place, fault.reason, fault.what))
            except Failed as fault:
                told[item.key] = fault
                if fault.perhaps_paid:
                    unreadable.append(item.key)
            else:
                place = (item.key, item.canonical, item.task, item.run)
                size = sum(len(content.encode()) for _, content in json.loads(item.canonical)["body"]["messages"])
                await self._ledger.commit(answered(*place, answer, size, item.reserved, self._price))
        await self._log.end(batch, unreadable)
        if state.get("status") == "failed":
            said = self._endpoint.redact(json.dumps(state.get("errors"), ensure_ascii=False))[:300]
            where = f"{self._endpoint.public_url}, batch {batch.remote}"
            raise PhialError(f"the server refused a batch: {said}", where=where, do="nothing was paid; run it again")
        for key, result in told.items():
            waiter = self._waiting.pop(key, None)
            if waiter and not waiter.answer.done():
                if isinstance(result, Exception):
                    waiter.answer.set_exception(result)
                else:
                    waiter.answer.set_result(result)

    def _answer(self, result: Any) -> Answer:
        """What one line of a batch's results says."""
        if result is None:
            raise Failed("not among the batch's results", perhaps_paid=False)
        response = result.get("response")
        if not isinstance(response, dict):
            raise Failed("batch: no response", perhaps_paid=False)
        status, body = response.get("status_code"), response.get("body")
        if status == 200:
            return wire.answer(body, self._endpoint)
        code = status if isinstance(status, int) else 500
        fault = fault_of(Response(code, "application/json", json.dumps(body).encode(), None), self._endpoint)
        raise fault if not isinstance(fault, Throttled) else Failed("batch: HTTP 429", perhaps_paid=False)

    async def _upload(self, batch: Batch) -> str:
        lines = "".join(item.line + "\n" for item in await self._log.items(batch))
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", lines.encode(), filename=f"{batch.id}.jsonl", content_type="application/jsonl")
        return _name(await self._call("POST", "/files", form))

    async def _start(self, batch: Batch) -> str:
        wanted = {
            "input_file_id": batch.file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {_NAME: batch.id},
        }
        return _name(await self._call("POST", "/batches", json.dumps(wanted).encode()))

    async def _look(self, batch: Batch) -> dict[str, Any]:
        return await self._call("GET", f"/batches/{batch.remote}")

    async def _find(self, batch: Batch) -> str | None:
        """The server's name of a batch that phial named, if it was started."""
        after = ""
        while True:
            page = await self._call("GET", "/batches", query="limit=100" + after)
            listed = [one for one in page.get("data") or [] if isinstance(one, dict)]
            for one in listed:
                if isinstance(one.get("metadata"), dict) and one["metadata"].get(_NAME) == batch.id:
                    return _name(one)
            if not page.get("has_more") or not listed:
                return None
            after = f"&after={_name(listed[-1])}"

    async def _download(self, file: str) -> dict[str, Any]:
        """Results by key; lines that can't be read are left out."""
        response = await self._exchange("GET", f"/files/{file}/content")
        found = {}
        for line in response.content.splitlines():
            try:
                result = json.loads(line)
                found[result["custom_id"]] = result
            except (ValueError, RecursionError, TypeError, KeyError):
                continue
        return found

    async def _call(self, method: str, path: str, data: Data = None, query: str = "") -> dict[str, Any]:
        response = await self._exchange(method, path, data, query)
        try:
            found = json.loads(response.content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Failed("reply is no JSON object", perhaps_paid=False)
        return found

    async def _exchange(self, method: str, path: str, data: Data = None, query: str = "") -> Response:
        headers = dict(self._headers)
        if not isinstance(data, bytes):
            del headers["Content-Type"]  # a form has its own
        url = self._endpoint.address(path, query)
        response = await self._connection.exchange(self._endpoint, method, url, headers, data, _LARGEST_FILE)
        if response.status not in (200, 201):
            raise fault_of(response, self._endpoint)
        return response

    async def _patiently(self, step: Step[T], what: Any, mend: Step[T | None] | None = None) -> T:
        """Do a step until it succeeds.

        Args:
            step: of one batch.
            what: its argument.
            mend: tried before every further attempt: finds what an attempt did whose answer was lost.

        Raises:
            PhialError: a fault that will not go away, or no success for hours.
        """
        waited, pause, attempts = 0.0, 1.0, 0
        while True:
            try:
                if attempts and mend:
                    found = await mend(what)
                    if found is not None:
                        return found
                attempts += 1
                return await step(what)
            except (Failed, Throttled) as fault:
                said = fault.detail if isinstance(fault, Failed) else "told to wait"
                asked = fault.retry_after if isinstance(fault, Throttled) else None
                if waited > _LONGEST_SILENCE:
                    do = "run again; a batch that was started is found again"
                    raise PhialError(f"no batch for hours: {said}", where=self._endpoint.public_url, do=do) from None
                await self._plan.sleep(max(pause, asked or 0.0))
                waited, pause = waited + max(pause, asked or 0.0), min(_LONGEST_PAUSE, 2 * pause)


def _name(found: dict[str, Any]) -> str:
    name = found.get("id")
    if not isinstance(name, str) or not name or not all(one.isalnum() or one in "-_." for one in name):
        raise Failed("reply without an id", perhaps_paid=False)
    return name
