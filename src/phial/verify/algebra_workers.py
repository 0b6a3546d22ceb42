"""Keeps a few algebra processes warm, asks them, and kills those that do not answer in time.

The clock runs while an expression is computed, not while a process starts or a request waits for its turn, so a busy
machine makes no false verdicts.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import json
import os
import selectors
import subprocess
import sys
import threading
import time
import warnings
from collections import OrderedDict
from dataclasses import dataclass, field
from queue import LifoQueue

from phial.verify import algebra

SECONDS = 5.0
_START_SECONDS = 120.0  # the import takes three; a crowded machine more
_REMEMBERED = 20_000
_TRIES = 2  # a process that dies without a word is asked for once more
MISSING = "math-verify is not installed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What algebra says: `equal` is None where it could not tell, and `reason` says why."""

    equal: bool | None
    reason: str = ""


class _Died(Exception):
    """A process ended without an answer."""


class _Late(Exception):
    """A process did not answer in time."""


@dataclass
class _Worker:
    """One process; started when it is first asked."""

    process: subprocess.Popen[bytes] | None = None

    def ask(self, gold: str, answer: str, seconds: float) -> bool | str:
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps([gold, answer, seconds]).encode() + b"\n")
            process.stdin.flush()
            return self._line(seconds)
        except BrokenPipeError as error:
            self.kill()
            raise _Died from error

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            # By path, as an isolated program: only math-verify is to be found beside the standard library.
            command = [sys.executable, "-P", algebra.__file__]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            )
            greeting = self._line(_START_SECONDS)
            if greeting != "ready":
                self.kill()
                raise _Died(greeting)
        return self.process

    def _line(self, seconds: float) -> bool | str:
        process = self.process
        assert process is not None and process.stdout is not None
        line, deadline = b"", time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.kill()
                    raise _Late
                chunk = os.read(process.stdout.fileno(), 65_536)
                if not chunk:
                    self.kill()
                    raise _Died("the process ended")
                line += chunk
        return json.loads(line)

    def kill(self) -> None:
        """End the process; the next question starts another."""
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()


@dataclass
class Workers:
    """Algebra processes and what they said before.

    Args:
        count: processes; more questions at a time wait for one.
        seconds: that one question may compute.
    """

    count: int = 2
    seconds: float = SECONDS
    _idle: LifoQueue[_Worker] = field(default_factory=LifoQueue)
    _known: OrderedDict[tuple[str, str], Decision] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._all = [_Worker() for _ in range(self.count)]
        for worker in self._all:
            self._idle.put(worker)

    def decide(self, gold: str, answer: str) -> Decision:
        """Whether an answer equals gold, both in LaTeX; what was asked before is remembered."""
        with self._lock:
            if (gold, answer) in self._known:
                self._known.move_to_end((gold, answer))
                return self._known[gold, answer]
        worker = self._idle.get()
        try:
            decision = self._ask(worker, gold, answer)
        finally:
            self._idle.put(worker)
        with self._lock:
            self._known[gold, answer] = decision
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return decision

    def _ask(self, worker: _Worker, gold: str, answer: str) -> Decision:
        reason = ""
        for _ in range(_TRIES):
            try:
                reply = worker.ask(gold, answer, self.seconds)
            except _Late:
                return Decision(None, f"algebra did not end within {self.seconds:g} s")
            except _Died as fault:
                reason = str(fault) or "the process ended"
                continue
            return Decision(reply) if isinstance(reply, bool) else Decision(None, reply)
        return Decision(None, f"algebra ended without an answer: {reason}")

    def close(self) -> None:
        """End the processes."""
        for worker in self._all:
            worker.kill()


@functools.cache
def _workers(_process: int) -> Workers:
    workers = Workers()
    atexit.register(workers.close)
    return workers


@functools.cache
def _available() -> bool:
    if importlib.util.find_spec("math_verify"):
        return True
    what = f"{MISSING}: answers that need algebra count as wrong; pip install 'phial-lm[math]'"
    warnings.warn(what, stacklevel=2)
    return False


def decide(gold: str, answer: str) -> Decision:
    """Ask this process's workers.

    Args:
        gold: the right answer, LaTeX without delimiters, of a size that was looked at.
        answer: likewise.

    Returns:
        Undecided, with a warning the first time, where math-verify is not installed.
    """
    if not _available():
        return Decision(None, MISSING)
    return _workers(os.getpid()).decide(gold, answer)  # a forked process must not share its parent's pipes
