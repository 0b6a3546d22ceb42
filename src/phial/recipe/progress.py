"""Progress of long stages: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 15.0


class Tracker(Protocol):
    """Follows one task: `done` is the amount finished so far, `note` a word on it."""

    def __call__(self, done: int, note: str = "") -> None: ...


@dataclass
class Reporter:
    """Prints stage lines and progress to a console.

    Attributes:
        console: where to; its `is_terminal` decides between bars and lines.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True))

    def line(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, name: str, total: int, unit: str) -> Iterator[Tracker]:
        """Show one task from 0 to `total`, with its rate and the time left."""
        if self.console.is_terminal:
            with self._bar(name, total, unit) as tracker:
                yield tracker
        else:
            yield _LineTracker(self, name, total, unit)

    @contextmanager
    def _bar(self, name: str, total: int, unit: str) -> Iterator[Tracker]:
        columns = (
            TextColumn("  {task.description:<18}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        started = time.monotonic()
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=total, rate="", note="")
            first: list[int] = []

            def tracker(done: int, note: str = "") -> None:
                first[:] = first or [done]
                rate = (done - first[0]) / max(time.monotonic() - started, 1e-9)
                progress.update(task, completed=done, rate=f"{rate:,.0f} {unit}/s", note=note)

            yield tracker


class _LineTracker:
    def __init__(self, reporter: Reporter, name: str, total: int, unit: str) -> None:
        self.reporter, self.name, self.total, self.unit = reporter, name, total, unit
        self.started = self.printed = time.monotonic()
        self.first: int | None = None

    def __call__(self, done: int, note: str = "") -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = done
        if now - self.printed < LINE_SECONDS:
            return
        self.printed = now
        rate = (done - self.first) / (now - self.started)
        left = (self.total - done) / rate if rate else float("inf")
        self.reporter.line(
            f"  {self.name} {done:,} of {self.total:,} {self.unit}, {rate:,.0f}/s, {left:,.0f} s left {note}".rstrip()
        )
