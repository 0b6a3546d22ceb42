"""Batches: gathered, started once, found again by whoever comes after, recorded item by item."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_endpoint import FakeEndpoint, FastClock, drop, last_words, serving

from phial.errors import PhialError
from phial.synth.batch import Batches, BatchPlan
from phial.synth.budget import Price
from phial.synth.endpoint import Endpoint
from phial.synth.faults import Refused
from phial.synth.ledger import Ledger
from phial.synth.request import Identity
from phial.synth.teacher import LedgerTeacher, Patience

IDENTITY = Identity("tester", "small", "1")
CLOCK = FastClock()


class BatchServer:
    """A server of batches.

    Attributes:
        computed: requests by their words, once a batch that they are in is started.
        lose_start: connections to drop behind a started batch.
        hold: batches stay unfinished.
        answer: the response of one request.
    """

    def __init__(self) -> None:
        self.computed: Counter[str] = Counter()
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.lose_start = 0
        self.hold = False
        self.looks = 0
        self.answer: Callable[[str], dict[str, Any] | None] = self.echo

    @staticmethod
    def echo(words: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": f"echo: {words}"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        return {"status_code": 200, "body": {"choices": [{"message": message}], "usage": usage}}

    async def handle(self, server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        if path == "/files" or (path == "/batches" and request.method == "POST"):
            return await self.start(request, path)
        if path == "/batches":
            found = [{"id": name, **batch} for name, batch in self.batches.items()]
            after = request.query.get("after")
            names = [one["id"] for one in found]
            page = found[names.index(after) + 1 if after else 0 :][:2]
            return web.json_response({"data": page, "has_more": bool(page) and page[-1]["id"] != names[-1]})
        if path.startswith("/batches/"):
            self.looks += 1
            batch = self.batches[path.removeprefix("/batches/")]
            status = "in_progress" if self.hold and batch["status"] == "completed" else batch["status"]
            return web.json_response({**batch, "status": status})
        return web.Response(text=self.files[path.split("/")[2]], content_type="application/jsonl")

    async def start(self, request: web.Request, path: str) -> web.StreamResponse:
        if path == "/files":
            form = await request.post()
            name = f"file-{len(self.files)}"
            self.files[name] = form["file"].file.read().decode()  # type: ignore[union-attr]
            return web.json_response({"id": name})
        wanted = await request.json()
        results = []
        for line in self.files[wanted["input_file_id"]].splitlines():
            item = json.loads(line)
            words = last_words(item["body"])
            self.computed[words] += 1
            response = self.answer(words)
            if response:
                results.append(json.dumps({"custom_id": item["custom_id"], "response": response}))
        name = f"batch-{len(self.batches)}"
        self.files[f"out-{name}"] = "\n".join(reversed(results))
        self.batches[name] = {"status": "completed", "output_file_id": f"out-{name}", "metadata": wanted["metadata"]}
        if self.lose_start:
            self.lose_start -= 1
            return drop(request)
        return web.json_response({"id": name})


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def serving_batches(behaviour: BatchServer) -> Any:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await behaviour.handle(server, request, body)

    return serving(handler)


def teacher_of(url: str, ledger: Ledger) -> LedgerTeacher:
    plan = BatchPlan(gather=2.0, poll=10.0, sleep=CLOCK.sleep)
    source = Batches(IDENTITY, Endpoint(url), ledger, price=Price(1.0, 1.0), plan=plan)
    patience = Patience(tries=3, sleep=CLOCK.sleep, now=CLOCK.now)
    return LedgerTeacher(IDENTITY, source, ledger, price=Price(1.0, 1.0), patience=patience)


async def ask_all(teacher: LedgerTeacher, count: int) -> list[str]:
    replies = await asyncio.gather(*(teacher.ask(f"w{i}", max_tokens=20) for i in range(count)))
    return [reply.text for reply in replies]


ECHOES = [f"echo: w{i}" for i in range(30)]


def test_many_requests_are_one_batch(tmp_path: Path) -> None:
    async def main() -> None:
        behaviour = BatchServer()
        async with serving_batches(behaviour) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    assert await ask_all(teacher, 30) == ECHOES
                    account = teacher.account()
                    assert await ask_all(teacher, 30) == ECHOES
            assert len(behaviour.batches) == 1 and set(behaviour.computed.values()) == {1}
            assert (account.spent.requests, account.spent.tokens, account.lost.requests) == (30, 450, 0)
            assert account.held.requests == account.doubted == 0

    run(main)


def test_a_batch_whose_start_was_not_answered_is_found_by_its_name(tmp_path: Path) -> None:
    async def main() -> None:
        behaviour = BatchServer()
        behaviour.batches = {f"foreign-{i}": {"status": "completed", "metadata": None} for i in range(5)}
        behaviour.lose_start = 1
        async with serving_batches(behaviour) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    assert await ask_all(teacher, 30) == ECHOES
            assert set(behaviour.computed.values()) == {1} and len(behaviour.batches) == 6

    run(main)


@pytest.mark.parametrize("noted", [True, False])
def test_a_batch_outlives_the_process_that_sent_it(tmp_path: Path, noted: bool) -> None:
    async def main() -> None:
        behaviour = BatchServer()
        behaviour.hold = True
        async with serving_batches(behaviour) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    asking = asyncio.create_task(ask_all(teacher, 30))
                    while not behaviour.looks:
                        await asyncio.sleep(0)
                    asking.cancel()
                    await asyncio.gather(asking, return_exceptions=True)
                if not noted:  # as if killed between the start and the note
                    await ledger.write(lambda connection: connection.execute("UPDATE batch SET remote = ''") and None)
                assert ledger.account("").lost.requests == 0 and ledger.account("").held.requests == 30
            behaviour.hold = False
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    assert await ask_all(teacher, 30) == ECHOES
                    account = teacher.account()
            assert set(behaviour.computed.values()) == {1}
            assert (account.spent.requests, account.lost.requests, account.held.requests) == (30, 0, 0)

    run(main)


def test_what_was_gathered_and_never_sent_costs_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        behaviour = BatchServer()
        async with serving_batches(behaviour) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    asking = asyncio.create_task(ask_all(teacher, 30))
                    while ledger.account("").held.requests < 30:
                        await asyncio.sleep(0)
                    asking.cancel()
                    await asyncio.gather(asking, return_exceptions=True)
                    assert not behaviour.files
                    await ledger.write(lambda connection: None)  # behind the releases
                    assert ledger.account("").lost.requests == ledger.account("").held.requests == 0

    run(main)


def test_items_fail_one_by_one(tmp_path: Path) -> None:
    async def main() -> None:
        behaviour = BatchServer()

        def answer(words: str) -> dict[str, Any] | None:
            if words == "w3" and behaviour.computed[words] == 1:
                return {"status_code": 500, "body": {"error": "oops"}}
            if words == "w4" and behaviour.computed[words] == 1:
                return None
            if words == "w5":
                return {"status_code": 400, "body": {"error": {"code": "context_length_exceeded"}}}
            return behaviour.echo(words)

        behaviour.answer = answer
        async with serving_batches(behaviour) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    asked = (teacher.ask(f"w{i}", max_tokens=20) for i in range(8))
                    outcomes = await asyncio.gather(*asked, return_exceptions=True)
                    account = teacher.account()
            assert isinstance(outcomes[5], Refused) and outcomes[5].reason == "over the context"
            assert [one.text for one in outcomes if not isinstance(one, BaseException)] == [
                f"echo: w{i}" for i in range(8) if i != 5
            ]
            assert behaviour.computed == {f"w{i}": 2 if i in (3, 4) else 1 for i in range(8)}
            assert (account.spent.requests, account.lost.requests, account.held.requests) == (7, 0, 0)

    run(main)


def test_a_batch_that_the_server_refuses_ends_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        behaviour = BatchServer()
        async with serving_batches(behaviour) as server:
            start = behaviour.start

            async def refusing(request: web.Request, path: str) -> web.StreamResponse:
                response = await start(request, path)
                for batch in behaviour.batches.values():
                    batch |= {"status": "failed", "errors": {"data": [{"message": "too many enqueued tokens"}]}}
                    batch["output_file_id"] = None
                return response

            behaviour.start = refusing  # type: ignore[method-assign]
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server.url, ledger) as teacher:
                    with pytest.raises(PhialError, match="too many enqueued tokens"):
                        await ask_all(teacher, 3)
                assert ledger.account("").held.requests == ledger.account("").spent.requests == 0

    run(main)
