"""Asking a teacher over HTTP: replies, ledger, structure, interfaces, keys."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_endpoint import FakeEndpoint, chat, echo, form, last_words, serving
from pydantic import BaseModel, ConfigDict

from phial.errors import PhialError
from phial.synth.budget import Limits, Price
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.faults import BudgetSpent, MissingReply, Refused, Unusable
from phial.synth.ledger import Ledger
from phial.synth.request import Identity
from phial.synth.teacher import LedgerTeacher

IDENTITY = Identity("tester", "small", "1")


class Exercise(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: str
    answer: int


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def teacher_of(server: FakeEndpoint, ledger: Ledger, **settings: Any) -> LedgerTeacher:
    source = Endpoints("small", [Endpoint(server.url + "/v1", **settings.pop("endpoint", {}))])
    return LedgerTeacher(IDENTITY, source, ledger, **settings)


def test_a_reply_is_paid_for_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger, price=Price(1.0, 2.0), run="a") as teacher:
                    first = await teacher.ask("hello", max_tokens=20)
                    again = await teacher.ask([("user", "hello")], max_tokens=20)
                    other = await teacher.ask("hello", max_tokens=20, sample=1)
                    assert (first.text, first.recorded, again.recorded, other.recorded) == (
                        "echo: hello",
                        False,
                        True,
                        False,
                    )
                    assert first.request_keys == again.request_keys != other.request_keys
                    assert first.cost == pytest.approx((10 * 1.0 + 5 * 2.0) / 1e6)
                    assert teacher.account().spent.cost == pytest.approx(2 * first.cost)
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger, run="b") as teacher:
                    assert (await teacher.ask("hello", max_tokens=20)).recorded
                    assert teacher.account().spent.requests == 0
            assert server.asked["hello"] == 2

    run(main)
