"""What a flow is: an async generator that makes records of one record with a teacher's help, and its tools.

@flow("worked-problem", "1")
async def worked_problem(record, teacher, tools):
    reply = await teacher.ask(f"Write a problem about:\\n{record.content}", schema=Problem, task="problem")
    if not reply.parsed.answer:
        tools.drop("no answer")
        return
    yield Record("exercise", ..., lineage=Lineage(..., request_keys=reply.request_keys))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from phial.record import Record
from phial.synth.teacher import Teacher
from phial.verify.unit_tests import TestVerdict, check

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Drop:
    """Something that a flow made, or was given, and did not keep.

    Attributes:
        reason: a few words to count by, such as "tests fail".
        detail: the evidence.
        text: what was dropped, where there is something to look at.
        request_keys: teacher requests behind it.
    """

    reason: str
    detail: str = ""
    text: str = ""
    request_keys: tuple[str, ...] = ()


@dataclass
class Tools:
    """What a flow may use beside its teacher; one a record.

    Attributes:
        random: the only randomness a flow may use: the same for the same record, flow and seed, so that a resumed run
            asks the same questions.
        settings: of the flow, from the recipe.
        drops: what the flow dropped.
    """

    random: Random
    settings: Mapping[str, Any] = field(default_factory=dict)
    executor: Executor | None = None
    drops: list[Drop] = field(default_factory=list)

    def drop(self, reason: str, detail: str = "", text: str = "", request_keys: Sequence[str] = ()) -> None:
        """Count something as dropped; the flow then yields nothing for it."""
        self.drops.append(Drop(reason, detail, text, tuple(request_keys)))

    async def work(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function that computes or waits in a thread, so that other records go on."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)

    async def run_tests(self, solution: str, tests: Sequence[str]) -> TestVerdict:
        """Run a program's tests in the sandbox; see `phial.verify.unit_tests.check`."""
        return await self.work(check, solution, tests)


Make = Callable[[Record, Teacher, Tools], AsyncIterator[Record]]


@dataclass(frozen=True)
class Flow:
    """A declared flow.

    Attributes:
        name: part of its records' lineage.
        version: raised when what it makes changes.
        make: the async generator.
    """

    name: str
    version: str
    make: Make


def flow(name: str, version: str) -> Callable[[Make], Flow]:
    """Declare an async generator function a flow."""
    return lambda make: Flow(name, version, make)
