"""Servers that hang, drop, lie, overload and refuse: nothing is lost, and what could not be done is told."""

import asyncio
import json
import logging
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_endpoint import FakeEndpoint, FastClock, drop, echo, last_words, serving

from phial.errors import PhialError
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.faults import Refused, Unanswered
from phial.synth.ledger import Ledger
from phial.synth.request import Identity
from phial.synth.teacher import LedgerTeacher, Patience

IDENTITY = Identity("tester", "small", "1")
KEY = "sk-very/secret+key=42"
Handler = Callable[[FakeEndpoint, web.Request, dict[str, Any]], Coroutine[Any, Any, web.StreamResponse]]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def teacher_of(
    urls: list[str], ledger: Ledger, patience: dict[str, Any] | None = None, **endpoint: Any
) -> LedgerTeacher:
    clock = FastClock()
    environment = {"KEY": KEY}
    endpoints = [Endpoint(url + "/v1", key_env="KEY", environment=environment, **endpoint) for url in urls]
    source = Endpoints("small", endpoints, clock.sleep, clock.now)
    return LedgerTeacher(
        IDENTITY, source, ledger, patience=Patience(sleep=clock.sleep, now=clock.now, **(patience or {}))
    )


def now_and_then(bad: Callable[[web.Request], Any], share: float = 0.5) -> Handler:
    """Answers badly so often, never the same words more than three times."""
    generator = random.Random(1)

    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if generator.random() < share and server.asked[last_words(body)] <= 3:
            found = bad(request)
            return await found if asyncio.iscoroutine(found) else found
        return await echo(server, request, body)

    return handler


async def half_an_answer(request: web.Request) -> web.StreamResponse:
    """Announces more than it sends."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "5000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    return drop(request)


def as_json(text: str, **headers: str) -> web.Response:
    return web.Response(text=text, content_type="application/json", headers=headers)


BAD = {
    "dropped connections": drop,
    "half an answer": half_an_answer,
    "truncated JSON": lambda _: as_json('{"choices": [{"message": {"content": "ec'),
    "no JSON": lambda _: as_json("<html>"),
    "another JSON": lambda _: as_json("[]"),
    "nothing": lambda _: as_json(""),
    "no choices": lambda _: as_json('{"choices": []}'),
    "nested too deep": lambda _: as_json("[" * 100_000),
    "a surrogate": lambda _: as_json('{"choices": [{"message": {"content": "\\ud800"}}]}'),
    "a number for text": lambda _: as_json('{"choices": [{"message": {"content": 7}}]}'),
    "wrong content type": lambda _: web.Response(text="<html>Welcome</html>", content_type="text/html"),
    "compressed": lambda _: as_json("{}", **{"Content-Encoding": "gzip"}),
    "errors": lambda _: web.json_response({"error": {"message": "oops"}}, status=500),
    "errors without JSON": lambda _: web.Response(text="Bad gateway", status=502),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_goes_wrong_half_of_the_time_is_tried_again(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with serving(now_and_then(BAD[name])) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger) as teacher:
                    replies = await asyncio.gather(*(teacher.ask(f"w{i}", max_tokens=9) for i in range(40)))
                    account, counts = teacher.account(), teacher.counts
            assert [reply.text for reply in replies] == [f"echo: w{i}" for i in range(40)]
            failures = sum(counts.failures.values())
            assert failures == sum(server.asked.values()) - 40 > 5
            # What may have been paid for is in the account, what was turned away is not.
            assert account.lost.requests == (0 if "errors" in name else failures)
            assert (account.spent.requests, account.held.requests) == (40, 0)

    run(main)


def test_an_endpoint_that_hangs_is_left_after_the_timeout(tmp_path: Path) -> None:
    async def hang(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if server.asked[last_words(body)] == 1:
            await server.stopped.wait()
        return await echo(server, request, body)

    async def main() -> None:
        async with serving(hang) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger, timeout=0.3) as teacher:
                    replies = await asyncio.gather(*(teacher.ask(f"w{i}") for i in range(10)))
                    assert len(replies) == 10 and teacher.account().lost.requests == 10
                    assert teacher.counts.failures == {"no answer within 0.3 s": 10}

    run(main)


def test_a_minute_of_errors_costs_time_and_nothing_else(tmp_path: Path) -> None:
    clock = FastClock()

    async def main() -> None:
        first: list[float] = []

        async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            first.append(clock.now())
            return web.Response(status=500) if clock.now() < first[0] + 60 else await echo(server, request, body)

        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger) as teacher:
                    replies = await asyncio.gather(*(teacher.ask(f"w{i}") for i in range(30)))
                    assert len(replies) == 30 and teacher.account().lost.requests == 0
                    assert teacher.counts.failures["HTTP 500"] >= 16
            assert sum(server.asked.values()) < 150  # the endpoint rests, so that nobody uses up his tries

    run(main)


def test_errors_for_ever_are_given_up_and_told(tmp_path: Path) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=500)

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger, {"tries": 3}) as teacher:
                    with pytest.raises(Unanswered, match="3 attempts failed; the last: HTTP 500"):
                        await teacher.ask("hello")
            assert server.asked["hello"] == 3

    run(main)


def test_too_many_requests_are_no_failures_and_find_the_pace(tmp_path: Path) -> None:
    clock = FastClock()

    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if server.in_flight > 6:
            return web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "5"})
        await clock.sleep(3)
        return await echo(server, request, body)

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger, {"tries": 1}, start=32) as teacher:
                    replies = await asyncio.gather(*(teacher.ask(f"w{i}") for i in range(120)))
                    assert len(replies) == 120
                    assert teacher.counts.waits > 0 and not teacher.counts.failures
                    assert teacher.account().lost.requests == 0
                    assert sum(server.asked.values()) - 120 == teacher.counts.waits < 120

    run(main)


def test_told_to_wait_for_ever_is_given_up_some_day(tmp_path: Path) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "20"})

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger, {"silence": 100.0}) as teacher:
                    with pytest.raises(Unanswered, match="told to wait"):
                        await teacher.ask("hello")
            assert 3 <= server.asked["hello"] <= 8

    run(main)


def test_the_living_do_the_work_of_the_dead(tmp_path: Path) -> None:
    async def broken(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=503)

    async def good(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(0.002)
        return await echo(server, request, body)

    async def main() -> None:
        async with serving(broken) as dead, serving(good) as alive:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                urls = ["http://127.0.0.1:9", dead.url, alive.url]  # nobody listens on port 9
                async with teacher_of(urls, ledger) as teacher:
                    replies = await asyncio.gather(*(teacher.ask(f"w{i}") for i in range(200)))
                    assert len(replies) == 200
            assert sum(alive.asked.values()) == 200 and sum(dead.asked.values()) < 100

    run(main)


def test_the_less_loaded_endpoint_gets_the_next_request(tmp_path: Path) -> None:
    def taking(seconds: float) -> Handler:
        async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return await echo(server, request, body)

        return handler

    async def main() -> None:
        async with serving(taking(0.2)) as slow, serving(taking(0.002)) as fast:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([slow.url, fast.url], ledger, start=4, concurrency=8) as teacher:
                    await asyncio.gather(*(teacher.ask(f"w{i}") for i in range(150)))
            assert sum(fast.asked.values()) > 3 * sum(slow.asked.values()) > 0
            assert slow.most_in_flight <= 8 and fast.most_in_flight <= 8

    run(main)


FATAL = {
    "a wrong key": (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, "does not let us in"),
    "an empty account": (429, {"error": {"code": "insufficient_quota", "message": "exceeded"}}, "account is empty"),
    "no such model": (404, {"error": {"message": "The model `small` does not exist"}}, "does not exist"),
    "another address": (302, {}, "no teacher at this address"),
}


@pytest.mark.parametrize("name", list(FATAL))
def test_what_would_meet_every_request_ends_the_run_at_once(tmp_path: Path, name: str) -> None:
    status, words, expected = FATAL[name]

    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.json_response(words, status=status, headers={"Location": server.url + "/elsewhere"})

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger) as teacher:
                    with pytest.raises(PhialError, match=expected) as caught:
                        await teacher.ask("hello")
                    assert KEY not in str(caught.value) and teacher.account().lost.requests == 0
            assert server.paths == ["/v1/chat/completions"]

    run(main)


TOO_LONG = [
    (400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
    (400, "the request exceeds the available context size, try increasing it", "exceed_context_size_error"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error"),
    (413, "Payload too large", None),
]


@pytest.mark.parametrize(("status", "message", "code"), TOO_LONG)
def test_a_prompt_over_the_context_concerns_its_record_alone(
    tmp_path: Path, status: int, message: str, code: str | None
) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if len(last_words(body)) > 1000:
            return web.json_response({"error": {"message": message, "code": code}}, status=status)
        return await echo(server, request, body)

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger) as teacher:
                    with pytest.raises(Refused) as caught:
                        await teacher.ask("x" * 5000)
                    assert caught.value.reason == "over the context"
                    assert (await teacher.ask("x")).text == "echo: x"
                    assert teacher.account().spent.requests == 1
                with pytest.raises(Refused, match="does not fit"):
                    await LedgerTeacher(IDENTITY, None, ledger).ask("x" * 5000)
            assert len(server.bodies) == 2

    run(main)


def test_keys_are_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server repeats the key wherever it can; no file, error or log has it."""
    caplog.set_level(logging.DEBUG)
    errors: list[str] = []

    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        key = request.headers["Authorization"]
        kind = last_words(body)
        if kind == "answer":
            data = {"choices": [{"message": {"content": key, "reasoning": key}, "finish_reason": key}], "model": key}
            return as_json(json.dumps(data).replace("/", "\\/"), **{"X-Echo": key})
        if kind == "type":
            return web.Response(body=b"", headers={"Content-Type": "text/" + KEY.replace("/", "").replace("=", "")})
        text = {"error": {"message": "x" * 270 + key}}
        return web.json_response(text, status={"bad": 400, "fatal": 401}.get(kind, 500))

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of([server.url], ledger, {"tries": 2}) as teacher:
                    assert (await teacher.ask("answer")).text == "Bearer [key]"
                    for kind in ("bad", "fatal", "failing", "type"):
                        with pytest.raises(PhialError) as caught:
                            await teacher.ask(kind)
                        errors.append(str(caught.value) + repr(caught.value) + repr(teacher.counts))
                    errors.append(repr(vars(teacher)) + repr(teacher))
                assert server.headers[0]["Authorization"] == f"Bearer {KEY}"

    run(main)
    places = [
        *errors,
        caplog.text,
        *(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()),
    ]
    for part in (KEY, KEY[:12], KEY[8:]):
        assert not any(part in place for place in places)
