"""A server on the loopback that answers as it is told, well or badly, and counts what it is asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Handler = Callable[["FakeEndpoint", web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class FakeEndpoint:
    """What the server saw.

    Attributes:
        url: of the server, without /v1.
        bodies: every request's JSON, in order.
        headers: every request's headers, in order.
        asked: requests by the last message's content.
        answered: those of them that were answered whole.
        in_flight: now.
        most_in_flight: at any time.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.stopped = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Count, and hand on."""
        body = await request.json() if request.content_type == "application/json" and request.can_read_body else {}
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.path_qs)
        words = last_words(body)
        self.asked[words] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            response = await self.handler(self, request, body)
        finally:
            self.in_flight -= 1
        if response.status == 200:
            self.answered[words] += 1
        return response


def last_words(body: dict[str, Any]) -> str:
    """The last message's content, or the prompt."""
    return body["messages"][-1]["content"] if body.get("messages") else body.get("prompt", "")


def chat(text: str, *, finish: str = "stop", usage: Any = None) -> web.Response:
    """A well-formed chat completion."""
    message = {"role": "assistant", "content": text}
    counts = {"prompt_tokens": 10, "completion_tokens": 5} if usage is None else usage
    return web.json_response({"choices": [{"message": message, "finish_reason": finish}], "usage": counts})


async def echo(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Answers with the words that were asked."""
    return chat(f"echo: {last_words(body)}")


def drop(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=599)


class FastClock:
    """A clock in which a second takes five milliseconds."""

    FACTOR = 200.0

    def now(self) -> float:
        """Seconds."""
        return time.monotonic() * self.FACTOR

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds / self.FACTOR)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[FakeEndpoint]:
    """Serve on a free port of the loopback."""
    server = FakeEndpoint(handler)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.stopped.set()
        await runner.cleanup()


def form(**fields: Any) -> str:
    """A JSON object as a teacher would write it."""
    return json.dumps(fields)
