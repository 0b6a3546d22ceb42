"""A lock that is fair."""

from __future__ import annotations

import threading


class Turn:
    """Serves whoever waits before whoever has just had it.

    A thread may take it again inside: an interrupt between taking it and the block that gives it back, rare as it is,
    then leaves a program of one thread alive.
    """

    def __init__(self) -> None:
        self._door, self._room = threading.Lock(), threading.RLock()

    def __enter__(self) -> None:
        with self._door:
            self._room.acquire()

    def __exit__(self, *fault: object) -> None:
        self._room.release()
