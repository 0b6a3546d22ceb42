"""The processes of a comparison: each holds one side's model, and they take turns, measure by measure.

A side is a script that is started with its facts as JSON and calls `serve`; it answers one line of JSON with another.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Side:
    """One of those that are compared.

    Attributes:
        python: interpreter.
        script: in this folder.
        facts: what the process is started with; sides with the same interpreter, script and facts share a process.
        options: what its questions say beside the measure.
    """

    python: str
    script: str
    facts: Facts
    options: Facts = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """How its process is started."""
        return [self.python, str(HERE / self.script), json.dumps(self.facts)]


class Process:
    """A side's process, which is ready once this is made; `facts` is what it has told of itself."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self.facts: Facts = self._answer()

    def ask(self, question: Facts) -> Any:
        """The answer to a question."""
        assert self._process.stdin is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").splitlines()[-8:]
            raise SystemExit("\n".join([f"{' '.join(self._process.args)} has ended:", *last]))
        return json.loads(line)

    @property
    def peak(self) -> int:
        """Largest resident set so far, bytes."""
        return peak_bytes(self._process.pid)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._errors.close()


def peak_bytes(process: int | str = "self") -> int:
    """Largest resident set of a process so far."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def serve(answer: Callable[[Facts], Any], facts: Facts) -> None:
    """Tell facts of oneself, and answer questions, line by line, until there are no more."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what libraries print is no answer
        print(json.dumps(facts), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        answers: by measure and side, the rounds' answers.
        facts: what its process has told of itself, by side.
        peak: largest resident set, by side.
    """

    answers: dict[str, dict[str, list[Any]]]
    facts: dict[str, Facts]
    peak: dict[str, int]

    def median(self, measure: str, side: str) -> float:
        """Of answers that are numbers."""
        return statistics.median(self.answers[measure][side])


def in_turn(sides: Mapping[str, Side], measures: Sequence[str], rounds: int, apart: bool = False) -> Found:
    """Ask every side for every measure, round by round; a round before the first one warms up.

    Args:
        sides: by name.
        measures: what is asked: {"measure": one of these} and the side's options.
        rounds: that count.
        apart: no two processes at a time, for models of which memory holds one: each round starts them anew, and each
            measure is warmed up by itself.
    """
    answers: dict[str, dict[str, list[Any]]] = {measure: {name: [] for name in sides} for measure in measures}
    found = Found(answers, {}, dict.fromkeys(sides, 0))
    processes: dict[str, Process] = {}

    def process_of(side: Side) -> Process:
        key = json.dumps(side.command)
        if key not in processes:
            if apart:
                close()
            processes[key] = Process(side.command)
        return processes[key]

    def close() -> None:
        while processes:
            processes.popitem()[1].close()

    def ask(name: str, measure: str, counts: bool) -> None:
        process = process_of(sides[name])
        answer = process.ask({"measure": measure} | sides[name].options)
        found.facts[name] = process.facts
        found.peak[name] = max(found.peak[name], process.peak)
        if counts:
            found.answers[measure][name].append(answer)

    try:
        for turn in range(rounds if apart else rounds + 1):
            if apart:
                for name in sides:
                    for measure in measures:
                        ask(name, measure, False)
                        ask(name, measure, True)
            else:
                for measure in measures:
                    for name in sides:
                        ask(name, measure, turn > 0)
    finally:
        close()
    return found
