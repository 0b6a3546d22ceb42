"""Asking a teacher over HTTP: replies, ledger, structure, interfaces, keys."""

import asyncio
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


def test_equal_requests_at_the_same_time_are_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger) as teacher:
                    replies = await asyncio.gather(*(teacher.ask(f"word {i % 3}") for i in range(60)))
            assert {reply.text for reply in replies} == {f"echo: word {i}" for i in range(3)}
            assert sum(server.asked.values()) == 3

    run(main)


def test_an_answer_of_the_wrong_form_is_asked_for_once_more(tmp_path: Path) -> None:
    answers = {
        "good": form(question="2+2?", answer=4),
        "fenced": "Here:\n```json\n" + form(question="2+2?", answer=4) + "\n```",
        "bad": form(question="2+2?", answer="many"),
        "worse": "no idea",
    }

    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        words = last_words(body)
        if "answer: Input should be a valid integer" in words:
            assert body["messages"][1]["role"] == "assistant"
            return chat(form(question="2+2?", answer=4))
        return chat(answers.get(words, "still no idea"))

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger) as teacher:
                    for words, requests in (("good", 1), ("fenced", 1), ("bad", 2)):
                        reply = await teacher.ask(words, schema=Exercise)
                        assert reply.parsed == Exercise(question="2+2?", answer=4)
                        assert (len(reply.request_keys), reply.completion_tokens) == (requests, 5 * requests)
                    with pytest.raises(Unusable, match="no JSON object"):
                        await teacher.ask("worse", schema=Exercise)
                    sent = sum(server.asked.values())
                    assert (await teacher.ask("bad", schema=Exercise)).recorded
                    assert sum(server.asked.values()) == sent == 6
            form_sent = server.bodies[0]["response_format"]["json_schema"]
            assert form_sent["strict"] is True and form_sent["schema"]["required"] == ["question", "answer"]

    run(main)


def test_a_cut_off_object_is_not_asked_for_again(tmp_path: Path) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return chat('{"question": "What', finish="length")

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger) as teacher:
                    with pytest.raises(Unusable, match="within 30 tokens"):
                        await teacher.ask("go", schema=Exercise, max_tokens=30)
            assert sum(server.asked.values()) == 1

    run(main)


def test_replay_asks_nobody_and_record_mode_fills_it(tmp_path: Path) -> None:
    async def main() -> None:
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            async with serving(echo) as server, teacher_of(server, ledger) as teacher:
                await teacher.ask("known")
            replay = LedgerTeacher(IDENTITY, None, ledger)
            assert (await replay.ask("known")).text == "echo: known"
            for other in (replay.ask("unknown"), replay.ask("known", sample=1), replay.ask("known", max_tokens=7)):
                with pytest.raises(MissingReply, match="never recorded"):
                    await other
            with pytest.raises(MissingReply):
                await LedgerTeacher(Identity("tester", "small", "2"), None, ledger).ask("known")

    run(main)


def test_reasoning_is_parted_from_the_answer(tmp_path: Path) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if last_words(body) == "field":
            message = {"content": "four", "reasoning_content": "two and two"}
            return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})
        return chat("<think>\ntwo and two\n</think>\n\nfour")

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger) as teacher:
                    for words in ("field", "tags"):
                        reply = await teacher.ask(words)
                        assert (reply.reasoning, reply.text) == ("two and two", "four")

    run(main)


def test_anthropic_and_completions_say_the_same_in_their_own_words(tmp_path: Path) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if request.path == "/v1/messages":
            usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2}
            block: dict[str, Any] = {"type": "text", "text": "bonjour"}
            if "tools" in body:
                block = {"type": "tool_use", "name": "reply", "input": {"question": "?", "answer": 1}}
            return web.json_response({"content": [block], "stop_reason": "end_turn", "usage": usage})
        assert request.path == "/v1/completions"
        return web.json_response({"choices": [{"text": " bonjour", "finish_reason": "stop"}]})

    async def main() -> None:
        turns = [("system", "Be brief."), ("user", "Say hello in French.")]
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                environment = {"KEY": "secret-key-1"}
                settings = {"api": "anthropic", "key_env": "KEY", "environment": environment}
                async with teacher_of(server, ledger, endpoint=settings) as teacher:
                    reply = await teacher.ask(turns, stop=("!",), max_tokens=9)
                    assert (reply.text, reply.prompt_tokens, reply.finish_reason) == ("bonjour", 7, "stop")
                    assert (await teacher.ask("now", schema=Exercise)).parsed == Exercise(question="?", answer=1)
                first, second = server.bodies
                assert first["system"] == "Be brief." and first["stop_sequences"] == ["!"] and first["max_tokens"] == 9
                assert first["messages"] == [{"role": "user", "content": "Say hello in French."}]
                assert second["tool_choice"] == {"type": "tool", "name": "reply"}
                assert server.headers[0]["x-api-key"] == "secret-key-1" and "anthropic-version" in server.headers[0]
                async with teacher_of(server, ledger, endpoint={"api": "completions"}) as teacher:
                    # The same request of the same teacher is known, whatever interface it goes through.
                    assert (await teacher.ask(turns, stop=("!",), max_tokens=9)).recorded
                    await teacher.ask(turns)
                    await teacher.ask("Once upon a time")
                assert server.bodies[2]["prompt"] == "System: Be brief.\n\nUser: Say hello in French.\n\nAssistant:"
                assert server.bodies[2]["stop"] == ["\n\nUser:"]
                assert server.bodies[3]["prompt"] == "Once upon a time" and "stop" not in server.bodies[3]

    run(main)


AZURE = "https://name.openai.azure.com/openai"


@pytest.mark.parametrize(
    ("url", "target", "header"),
    [
        (f"{AZURE}/v1/", f"{AZURE}/v1/chat/completions", "api-key"),
        (
            f"{AZURE}/deployments/d?api-version=2024-10-21",
            f"{AZURE}/deployments/d/chat/completions?api-version=2024-10-21",
            "api-key",
        ),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions", "Authorization"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions", None),
        ("https://api.openai.com.example.org/v1", "https://api.openai.com.example.org/v1/chat/completions", None),
    ],
)
def test_addresses_and_where_keys_go(url: str, target: str, header: str | None) -> None:
    environment = {"OPENAI_API_KEY": "openai-key", "AZURE_OPENAI_API_KEY": "azure-key"}
    endpoint = Endpoint(url, environment=environment)
    assert endpoint.target == target
    sent = {name for name, value in endpoint.headers().items() if "-key" in value}
    assert sent == ({header} if header else set())
    assert "-key" not in repr(endpoint)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "https://user:pw1234@h/v1", "https://h/v1?key=pw1234", "file:///pw1234", "$NOWHERE"]
)
def test_addresses_that_are_none_are_refused_without_repeating_secrets(url: str) -> None:
    with pytest.raises(PhialError) as caught:
        Endpoint(url, environment={}).headers()
    assert "pw1234" not in str(caught.value) or url.startswith("file")


def test_a_key_that_is_missing_or_broken_is_told_by_its_name() -> None:
    for value in ("", "line\nbreak", "schlüssel"):
        with pytest.raises(PhialError, match="MY_KEY") as caught:
            Endpoints("m", [Endpoint("http://h/v1", key_env="MY_KEY", environment={"MY_KEY": value})])
        assert not value or value not in str(caught.value)


def test_the_budget_holds_with_many_at_once_and_is_used_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                limits = Limits(tokens=3000)  # of which a request can take about 560 and takes 15
                async with teacher_of(server, ledger, limits=limits, run="small") as teacher:
                    asked = [teacher.ask(f"w{i}", max_tokens=20) for i in range(400)]
                    outcomes = await asyncio.gather(*asked, return_exceptions=True)
                    account = teacher.account()
                answered = [one for one in outcomes if not isinstance(one, BaseException)]
                assert all(isinstance(one, BudgetSpent) for one in outcomes if isinstance(one, BaseException))
                assert len(answered) * 15 == account.spent.tokens <= 3000
                assert account.spent.tokens > 2300  # not given up while replies could still free what was reserved
                assert server.most_in_flight <= 5 and account.held.requests == 0
                async with teacher_of(server, ledger, limits=Limits(), run="another") as teacher:
                    assert (await teacher.ask("w399", max_tokens=20)).text == "echo: w399"

    run(main)


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -5}, "many"])
def test_a_server_that_counts_too_little_is_not_believed(tmp_path: Path, usage: Any) -> None:
    text = "a fairly long answer " * 40

    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return chat(text, usage=usage)

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger) as teacher:
                    reply = await teacher.ask("question " * 100, max_tokens=1000)
                    assert len(text) / 16 <= reply.completion_tokens <= len(text) and reply.prompt_tokens >= 56
                    assert teacher.account().doubted == 1

    run(main)


def test_a_server_that_counts_too_much_costs_no_more_than_was_reserved(tmp_path: Path) -> None:
    async def handler(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return chat("yes", usage={"prompt_tokens": 10**15, "completion_tokens": 10**9})

    async def main() -> None:
        async with serving(handler) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                limits = Limits(tokens=10_000)
                async with teacher_of(server, ledger, limits=limits) as teacher:
                    for i in range(3):
                        reply = await teacher.ask(f"{i}?", max_tokens=50)
                        assert reply.completion_tokens == 50 and reply.prompt_tokens < 600
                    assert teacher.account().doubted == 3

    run(main)


def test_text_that_is_none_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                async with teacher_of(server, ledger) as teacher:
                    with pytest.raises(Refused, match="lone surrogate"):
                        await teacher.ask("\ud800")
            assert not server.bodies

    run(main)
