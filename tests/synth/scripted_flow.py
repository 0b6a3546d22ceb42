"""One record through a flow with scripted answers; shared by the tests of flows."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from phial.record import Lineage, Record
from phial.synth.faults import TeacherFault
from phial.synth.flow import Drop, Flow, Tools
from phial.synth.ledger import Ledger
from phial.synth.request import Identity, TeacherRequest
from phial.synth.scripted import Scripted, Written
from phial.synth.teacher import LedgerTeacher, Source

IDENTITY = Identity("tester", "small", "1")
Answers = Mapping[str, Written | Callable[[TeacherRequest], Written]]

# What a teacher must not get through with, whatever it was asked for.
HOSTILE: dict[str, str] = {
    "empty": "",
    "blank": " \n\t ",
    "template": "{{ 7 * 7 }}{% for x in range(10**9) %}x{% endfor %}{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "huge": "word " * 200_000,
    "apology": "I'm sorry, but as an AI language model I cannot help with that.",
    "foreign": "Это ответ на другом языке, и он достаточно длинный, чтобы выглядеть настоящим. " * 5,
    "nested": "(" * 5_000 + ")" * 5_000,
    "binary": "\x00\x01\x02\ufffd" * 50,
    "forks": "```python\nimport os\nwhile True:\n    os.fork()\n\ndef solution():\n    return 1 + 4\n```",
    "reads": "```python\ndef solution():\n    return 4 + len(open('/etc/passwd').read())\n```",
    "leaves": "```python\nimport sys\n\ndef solution():\n    sys.exit(0 + 4)\n```",
    "unclosed": "```python\ndef solution(:\n    return 4 +",
}


def seed(
    text: str = "A queue serves those who came first. A stack serves those who came last.", **params: Any
) -> Record:
    return Record("organic", "test", "CC0-1.0", Lineage("seed", "1", params=params), text=text)


def scripted(answers: Answers, asked: list[TeacherRequest] | None = None) -> Scripted:
    """A source that answers by task; an unknown task is an error."""

    def write(request: TeacherRequest) -> Written:
        if asked is not None:
            asked.append(request)
        answer = answers[request.task]
        return answer(request) if callable(answer) else answer

    return Scripted(write)


def make(
    flow: Flow, record: Record, source: Source, folder: Path, settings: Mapping[str, Any] | None = None
) -> tuple[list[Record], list[Drop]]:
    """What a flow makes of one record, and what it drops; a fault of the teacher is a drop, as in a run."""
    tools = Tools(Random(1), settings or {})
    made: list[Record] = []

    async def work() -> None:
        with Ledger(folder / "ledger.sqlite") as ledger:
            teacher = LedgerTeacher(IDENTITY, source, ledger)
            try:
                async for one in flow.make(record, teacher, tools):
                    made.append(one)
            except TeacherFault as fault:
                tools.drop(fault.reason, fault.what)

    asyncio.run(work())
    return made, tools.drops
