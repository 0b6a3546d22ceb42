"""The engine as a teacher: the same interface, the same ledger."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from checkpoints import tiny_tokenizer
from hashing import HashingBackend, hashing_config
from pydantic import BaseModel, ConfigDict

from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.synth.faults import Refused
from phial.synth.in_process import InProcess
from phial.synth.ledger import Ledger
from phial.synth.request import Identity
from phial.synth.teacher import LedgerTeacher

IDENTITY = Identity("engine", "tiny", "1")


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Literal["Ada", "Bob"]
    old: bool


def test_many_ask_one_model_and_each_gets_its_own_answer(folder: Path, tmp_path: Path) -> None:
    async def main(ledger: Ledger) -> list[str]:
        async with LedgerTeacher(IDENTITY, InProcess(load_engine(folder), 4), ledger) as teacher:
            asked = (teacher.ask(f"{i} pens", sample=j, max_tokens=8) for i in range(6) for j in range(2))
            replies = await asyncio.gather(*asked)
            assert all(reply.prompt_tokens > 0 and 0 < reply.completion_tokens <= 8 for reply in replies)
            assert teacher.account().doubted == 0
        return [reply.text for reply in replies]

    texts = []
    for name in ("one", "two"):
        with Ledger(tmp_path / name) as ledger:
            texts.append(asyncio.run(main(ledger)))
    assert texts[0] == texts[1] and len(set(texts[0])) > 8  # sampled, and by the request alone


def test_a_prompt_over_the_context_is_refused(folder: Path, tmp_path: Path) -> None:
    async def main() -> None:
        with Ledger(tmp_path / "ledger") as ledger:
            async with LedgerTeacher(IDENTITY, InProcess(load_engine(folder)), ledger) as teacher:
                with pytest.raises(Refused, match="context is 64") as caught:
                    await teacher.ask("pens " * 200)
                assert caught.value.reason == "over the context"

    asyncio.run(main())


def test_a_schema_is_held_to(tmp_path: Path) -> None:
    pytest.importorskip("llguidance")

    async def main() -> None:
        engine = Engine(HashingBackend(hashing_config()), tiny_tokenizer())
        with Ledger(tmp_path / "ledger") as ledger:
            async with LedgerTeacher(IDENTITY, InProcess(engine), ledger) as teacher:
                asked = (teacher.ask("Who?", sample=i, schema=Person, max_tokens=100) for i in range(8))
                replies = await asyncio.gather(*asked)
                assert all(isinstance(reply.parsed, Person) for reply in replies)
                assert teacher.counts.repaired == 0

    asyncio.run(main())


def test_an_answer_that_nobody_waits_for_is_cancelled(folder: Path, tmp_path: Path) -> None:
    async def main() -> None:
        engine = load_engine(folder)
        with Ledger(tmp_path / "ledger") as ledger:
            async with LedgerTeacher(IDENTITY, InProcess(engine), ledger) as teacher:
                task = asyncio.create_task(teacher.ask("pens", max_tokens=50))
                while not ledger.account("").held.requests:
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert (await teacher.ask("pens", max_tokens=50)).completion_tokens > 0

    asyncio.run(main())
