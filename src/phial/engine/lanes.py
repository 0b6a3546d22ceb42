"""Several threads that work off one queue of sequences, each with a scheduler and a cache of its own."""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from phial.engine.backend import Twinning
from phial.engine.plan import Limits
from phial.engine.scheduler import Scheduler
from phial.engine.sequence import Live

# Two threads are what was measured; many more would wait for Python's lock between numpy's small calls.
MAX_THREADS = 2
# Below this many prompts a thread, sharing them out costs more than it saves.
MIN_PROMPTS_A_THREAD = 16


class Lanes:
    """The schedulers of one engine.

    Args:
        first: whose backend the others have copies of; all requests but those of `run` are its own.
        limits: of each.
    """

    def __init__(self, first: Scheduler, limits: Limits) -> None:
        self._first, self._limits = first, limits
        self._others: list[Scheduler] = []

    def run(self, waiting: deque[Live], threads: int | None, slots: int) -> None:
        """Answer all of a queue.

        Args:
            waiting: the sequences.
            threads: at most so many; as many as suit the machine and the number of sequences if left out. Backends
                that can't be used by several have one.
            slots: sequences decoded together at most, over all threads.
        """
        count = min(threads or _cores(), slots, max(1, len(waiting) // MIN_PROMPTS_A_THREAD))
        backend = self._first.backend
        if not isinstance(backend, Twinning) or count == 1:
            run_all(self._first, waiting, slots)
            return
        while len(self._others) < count - 1:
            self._others.append(Scheduler(backend.twin(), self._limits))
        with ThreadPoolExecutor(count - 1) as pool:
            others = self._others[: count - 1]
            futures = [pool.submit(run_all, scheduler, waiting, slots // count) for scheduler in others]
            try:
                run_all(self._first, waiting, slots // count)
            except BaseException:
                waiting.clear()  # the other threads end with what they have begun
                raise
            for future in futures:
                future.result()

    def forget_copies(self) -> None:
        """Make the copies of the backend anew when they are next needed."""
        self._others.clear()


def run_all(scheduler: Scheduler, source: deque[Live], slots: int) -> None:
    """Take sequences from a queue until it is empty and all that were taken are complete.

    Args:
        scheduler: runs them.
        source: may be shared with other schedulers in other threads.
        slots: sequences taken at a time.

    Raises:
        Exception: what went wrong with one of them; the others that were taken are cancelled.
    """
    mine: list[Live] = []
    try:
        while True:
            while source and len(mine) < slots and (live := _next(source)):
                live.began = time.perf_counter()
                scheduler.submit(live)
                mine.append(live)
            if not mine:
                return
            scheduler.step()
            ended = [live for live in mine if live.finish_reason]
            for live in ended:
                if live.error:
                    raise live.error
                mine.remove(live)
    finally:
        for live in mine:
            scheduler.cancel(live)
        scheduler.settle()


def _next(source: deque[Live]) -> Live | None:
    try:  # another thread may have taken the last one
        return source.popleft()
    except IndexError:
        return None


def _cores() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MAX_THREADS)
