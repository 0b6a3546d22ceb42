"""What a caller holds while a request is answered."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from phial.engine.request import Event, Generation, Request
from phial.engine.sequence import Live

if TYPE_CHECKING:
    from phial.engine.engine import Engine


class Stream:
    """The events of one request, for `for` and for `async for`; both end when all of its answers have.

    Events wait in memory until they are asked for, so a slow reader holds up nobody; a reader that has gone should
    `cancel`.

    Attributes:
        request: what was asked.
    """

    def __init__(self, engine: Engine, request: Request) -> None:
        self.request = request
        self.lives: list[Live] = []
        self._engine = engine
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._open = request.n
        self._wake: Callable[[], object] | None = None
        self._awaited: asyncio.Event | None = None

    @property
    def finished(self) -> bool:
        """Whether all answers are complete, events that nobody has read left aside."""
        return all(live.finish_reason for live in self.lives)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        while True:
            event = self._take()
            if event is not None:
                return event
            if not self._open:
                raise StopIteration
            self._engine.wait(self._ready)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._awaited is None:
            loop, awaited = asyncio.get_running_loop(), asyncio.Event()
            self._awaited = awaited
            self._wake = lambda: loop.call_soon_threadsafe(awaited.set)
            self._engine.start()
        while True:
            self._awaited.clear()  # before looking, so that what comes after the look wakes the wait
            event = self._take()
            if event is not None:
                return event
            if not self._open:
                raise StopAsyncIteration
            await self._awaited.wait()

    def cancel(self, sample: int | None = None) -> None:
        """Have one answer, or all, end before the next step; their last events still come."""
        for live in self.lives if sample is None else [self.lives[sample]]:
            self._engine.cancel(live)

    def result(self) -> list[Generation]:
        """Wait for all answers.

        Returns:
            One a sample; what was read as events before is part of them too.

        Raises:
            Exception: what went wrong with an answer.
        """
        for _ in self:
            pass
        for live in self.lives:
            if live.error:
                raise live.error
        return [live.generation() for live in self.lives]

    def put(self, event: Event) -> None:
        """Called by the engine, from whichever thread steps."""
        self._events.put(event)
        if self._wake:
            try:
                self._wake()
            except RuntimeError:  # the reader's event loop is closed, so nobody reads any more
                self._wake = None
                self.cancel()

    def _take(self) -> Event | None:
        try:
            event = self._events.get_nowait()
        except queue.Empty:
            return None
        self._open -= event.finish_reason is not None
        return event

    def _ready(self) -> bool:
        return not self._events.empty()
