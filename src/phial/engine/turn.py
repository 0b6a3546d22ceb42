"""A lock that is fair."""

from __future__ import annotations

import threading


class Turn:
    """A lock that serves whoever waits before whoever has just had it; not to be taken twice by one thread."""

    def __init__(self) -> None:
        self._door, self._room = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._door:
            self._room.acquire()

    def __exit__(self, *fault: object) -> None:
        self._room.release()
