"""Progress of long stages: bars on a terminal, plain lines elsewhere; several stages may report at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_SECONDS = 15.0


class Stopped(Exception):
    """Another stage failed or the user stopped the run; raised in the stages that were still going."""


class Tracker(Protocol):
    """Follows one task: `done` is the amount finished so far, `note` a word on it."""

    def __call__(self, done: int, note: str = "") -> None: ...


@dataclass
class Reporter:
    """Prints stage lines and progress to a console.

    Attributes:
        console: where to; its `is_terminal` decides between bars and lines.
        stop: set when the run is to end; every task then raises `Stopped` at its next report.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True))
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bars: Progress | None = None
    _tasks: int = 0

    def line(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Tracker]:
        """Show one task from 0 to `total`, if that is known, with its rate and the time left."""
        show = self._bar(name, total, unit) if self.console.is_terminal else self._lines(name, total, unit)
        with show as tracker:

            def report(done: int, note: str = "") -> None:
                if self.stop.is_set():
                    raise Stopped
                tracker(done, note)

            yield report

    @contextmanager
    def _bar(self, name: str, total: int | None, unit: str) -> Iterator[Tracker]:
        with self._lock:
            if self._bars is None:
                self._bars = Progress(
                    TextColumn("  {task.description:<18}"),
                    BarColumn(bar_width=28),
                    MofNCompleteColumn(),
                    TextColumn("{task.fields[rate]}"),
                    TimeRemainingColumn(),
                    TextColumn("{task.fields[note]}"),
                    console=self.console,
                    transient=True,
                )
                self._bars.start()
            self._tasks += 1
            bars: Progress = self._bars
        task: TaskID = bars.add_task(name, total=total, rate="", note="")
        pace = _Pace()
        try:
            yield lambda done, note="": bars.update(
                task, completed=done, rate=f"{pace.at(done):,.0f} {unit}/s", note=note
            )
        finally:
            bars.remove_task(task)
            with self._lock:
                self._tasks -= 1
                if self._tasks == 0:
                    bars.stop()
                    self._bars = None

    @contextmanager
    def _lines(self, name: str, total: int | None, unit: str) -> Iterator[Tracker]:
        pace, printed = _Pace(), [time.monotonic()]

        def tracker(done: int, note: str = "") -> None:
            rate = pace.at(done)
            if time.monotonic() - printed[0] < LINE_SECONDS:
                return
            printed[0] = time.monotonic()
            whole = f" of {total:,}" if total is not None else ""
            left = f"{(total - done) / rate:,.0f} s left" if rate and total is not None else ""
            self.line(f"  {name} {done:,}{whole} {unit}, {rate:,.0f}/s, {left} {note}".rstrip())

        yield tracker


class _Pace:
    """Amount a second since the first report: a resumed task's earlier work is not counted as speed."""

    def __init__(self) -> None:
        self.started, self.first = time.monotonic(), -1

    def at(self, done: int) -> float:
        if self.first < 0:
            self.started, self.first = time.monotonic(), done
        return (done - self.first) / max(time.monotonic() - self.started, 1e-9)
