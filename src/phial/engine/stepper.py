"""A thread that steps whenever there is work."""

from __future__ import annotations

import threading

from phial.engine.scheduler import Scheduler


class Stepper:
    """Steps a scheduler in the background, while it is started."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._thread: threading.Thread | None = None
        self._work = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        """There is work."""
        self._work.set()

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = False
            self._thread = threading.Thread(target=self._step_on, name="phial engine", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._stopping = True
        self._work.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def _step_on(self) -> None:
        while not self._stopping:
            self._work.clear()
            try:
                busy = self._scheduler.step()
            except Exception as error:  # of somebody's callback: the thread outlives it, and nobody waits for ever
                self._scheduler.fail_all(error)
                continue
            if not busy:
                self._work.wait()
