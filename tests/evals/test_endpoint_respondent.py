"""A server as respondent: what it is sent, what becomes of its answers, and its deaths."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from respondents import PROTOCOL, SAMPLING, grade, last_word, sums

from phial.errors import PhialError
from phial.evals.endpoint_respondent import EndpointRespondent
from phial.evals.log import Log
from phial.evals.run import evaluate
from phial.evals.task import Item, Protocol, Task
from phial.synth.endpoint import Endpoint
from phial.synth.teacher import Patience

Answer = Callable[[dict[str, Any], int], web.Response]


FASTER = 200  # the clock that patience goes by


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / FASTER)


QUICK = Patience(tries=3, sleep=_sleep, now=lambda: time.monotonic() * FASTER)


class Server:
    """A server in a thread of its own, since asking blocks; `answer` is given a request and its number."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.bodies, self.paths, self.url = answer, list[dict[str, Any]](), list[str](), ""

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.paths.append(request.path)
        return self.answer(self.bodies[-1], len(self.bodies))


@contextmanager
def served(answer: Answer) -> Iterator[Server]:
    server, ready, loop = Server(answer), threading.Event(), asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/{path:.*}", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return runner

    def run() -> None:
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def chat(text: str, finish: str = "stop", **message: Any) -> web.Response:
    said = {"role": "assistant", "content": text, **message}
    usage = {"prompt_tokens": 11, "completion_tokens": 4}
    return web.json_response({"choices": [{"message": said, "finish_reason": finish}], "usage": usage})


def does_the_sum(body: dict[str, Any], number: int) -> web.Response:
    return chat(f"It is {int(body['messages'][-1]['content'].split()[0]) + 1}")


def failing(status: int, message: str, **headers: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


def asked(server: Server, folder: Path, task: Task | None = None, **settings: Any) -> Log:
    respondent = EndpointRespondent(Endpoint(server.url, concurrency=8), "small", patience=QUICK, **settings)
    return evaluate(respondent, task or sums(4, ONCE), folder / "log.jsonl")


ONCE = replace(PROTOCOL, repeats=1)


def test_the_protocol_is_what_the_server_is_sent(tmp_path: Path) -> None:
    sampling = replace(SAMPLING, top_k=5, min_p=0.1, top_p=0.9)
    with served(does_the_sum) as server:
        log = asked(server, tmp_path, sums(2, replace(PROTOCOL, sampling=sampling)))
    assert all(one.score == 1 and (one.prompt_tokens, one.tokens) == (11, 4) for one in log.samples)
    assert log.run.model == "small" and log.run.made["address"] == f"{server.url}/chat/completions"
    body = server.bodies[0]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "0 + 1 = ?"}]
    assert body.items() >= {"model": "small", "messages": messages, "max_tokens": 16, "stop": ["\n\n"]}.items()
    assert body.items() >= {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1}.items()
    assert len({body["seed"] for body in server.bodies}) == 4  # every repeat of every item has its own


def test_greedy_requests_carry_only_what_every_server_knows(tmp_path: Path) -> None:
    with served(does_the_sum) as server:
        asked(server, tmp_path, sums(1, replace(ONCE, sampling=replace(SAMPLING, temperature=0.0), stop=())))
    assert set(server.bodies[0]) == {"model", "messages", "max_tokens", "temperature"}


def test_a_server_that_dies_at_item_700_is_asked_only_for_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(body: dict[str, Any], number: int) -> web.Response:
        return does_the_sum(body, number) if number <= 700 else failing(500, "out of memory")

    task = sums(800, ONCE)
    with served(dies) as server, pytest.raises(PhialError, match="attempts failed") as caught:
        asked(server, tmp_path, task)
    assert "run the same command again" in caught.value.do
    assert capsys.readouterr().err.count("HTTP 500; it is asked again") == 1
    answered = {body["messages"][-1]["content"] for body in server.bodies[:700]}
    with served(does_the_sum) as second:
        log = asked(second, tmp_path, task)
    assert len(log.samples) == 800 and all(one.score == 1 for one in log.samples)
    again = {body["messages"][-1]["content"] for body in second.bodies}
    assert len(answered) == 700 and len(again) == len(second.bodies) == 100 and not answered & again


def test_a_server_that_is_too_busy_or_fails_now_and_then_is_asked_again(tmp_path: Path) -> None:
    attempts: Counter[str] = Counter()

    def moody(body: dict[str, Any], number: int) -> web.Response:
        words = body["messages"][-1]["content"]
        attempts[words] += 1
        match attempts[words]:  # of the same question: QUICK gives up at the third failure
            case 1 | 4:
                return failing(503, "starting")
            case 2 | 3:
                return failing(429, "slow down", **{"Retry-After": "0.01"})
        return does_the_sum(body, number)

    with served(moody) as server:
        log = asked(server, tmp_path, sums(20, ONCE))
    assert all(one.score == 1 for one in log.samples) and set(attempts.values()) == {5}


def test_thinking_that_the_server_keeps_apart_is_kept_apart(tmp_path: Path) -> None:
    def thinks(body: dict[str, Any], number: int) -> web.Response:
        if body["messages"][-1]["content"].startswith("0"):
            return chat("It is 1", reasoning_content="Is it 2?")
        return chat("", "length", reasoning="It is 2")

    with served(thinks) as server:
        first, second = asked(server, tmp_path, sums(2, ONCE)).samples
    assert (first.reply, first.reasoning, first.answer, first.score) == ("It is 1", "Is it 2?", "1", 1)
    assert (second.reasoning, second.answer, second.truncated) == ("It is 2", None, True)


def test_what_a_server_refuses_counts_as_wrong_or_ends_the_run(tmp_path: Path) -> None:
    long = "This model's maximum context length is 64 tokens"

    def refuses(body: dict[str, Any], number: int) -> web.Response:
        words = body["messages"][-1]["content"]
        return failing(400, long) if words[0] == "1" else does_the_sum(body, number)

    with served(refuses) as server:
        log = asked(server, tmp_path / "a", sums(3, ONCE))
    assert [one.finish for one in log.samples] == ["stop", "prompt-too-long", "stop"] and log.samples[1].score == 0

    def small(body: dict[str, Any], number: int) -> web.Response:
        return failing(400, long) if body["max_tokens"] > 1 else does_the_sum(body, number)

    with served(small) as server, pytest.raises(PhialError, match="but not with 16 tokens"):
        asked(server, tmp_path / "b", sums(3, ONCE))
    wrong = {(400, "unknown field top_k"): "unknown field top_k", (401, "who are you?"): "does not let us in"}
    for (status, words), said in wrong.items():
        refusing = partial(failing, status, words)
        with served(lambda *_, refusing=refusing: refusing()) as server, pytest.raises(PhialError, match=said):
            asked(server, tmp_path / str(status))
    with served(lambda body, number: chat("I'd rather not.", "content_filter")) as server:
        assert {one.finish for one in asked(server, tmp_path / "e").samples} == {"refused"}


SKY = Task(
    "sky",
    Protocol("made", "", SAMPLING),
    (Item("0", "The sky is", "blue", options=(" green", " blue")),),
    {"phial": last_word},
    grade,
    "7" * 64,
)


def echo(scores: dict[str, list[Any]], offsets: bool = True) -> Answer:
    """Echoes prompt and two tokens of the option, and one that it wrote itself."""

    def answer(body: dict[str, Any], number: int) -> web.Response:
        option = body["prompt"].removeprefix("The sky is")
        texts = ["The", " sky", " is", option[:3], option[3:], "!"]
        values = [None, -7.0, -8.0, *scores[option], -9.0]
        logprobs = {"tokens": texts, "token_logprobs": values, "text_offset": [0, 3, 7, 10, 13, 10 + len(option)]}
        if not offsets:
            del logprobs["text_offset"]
        choice = {"text": body["prompt"] + "!", "finish_reason": "length", "logprobs": logprobs}
        return web.json_response({"choices": [choice]})

    return answer


@pytest.mark.parametrize("offsets", [True, False])
def test_options_are_scored_by_an_echoed_prompt(tmp_path: Path, offsets: bool) -> None:
    with served(echo({" green": [-1.0, -2.0], " blue": [-0.5, -0.25]}, offsets)) as server:
        [sample] = asked(server, tmp_path, SKY).samples
    assert sample.options == ((-3.0, 2), (-0.75, 2)) and (sample.answer, sample.score) == ("blue", 1)
    assert server.paths == ["/v1/completions"] * 2
    assert server.bodies[0].items() >= {"prompt": "The sky is green", "echo": True, "logprobs": 1}.items()


def test_nan_is_no_probability(tmp_path: Path) -> None:
    with served(echo({" green": [-1.0, math.nan], " blue": [-0.5, -0.25]})) as server:
        [sample] = asked(server, tmp_path, SKY).samples
    assert sample.answer is None and sample.score == 0 and math.isnan(sample.options[0][0])


def test_a_server_without_prompt_probabilities_is_told_apart(tmp_path: Path) -> None:
    def plain(body: dict[str, Any], number: int) -> web.Response:
        return web.json_response({"choices": [{"text": "!", "finish_reason": "length"}]})

    with served(plain) as server, pytest.raises(PhialError, match="gives no log probabilities"):
        asked(server, tmp_path, SKY)
    chatting = replace(SKY, items=(replace(SKY.items[0], prompt=(("user", "Is the sky"),)),))
    with served(plain) as server, pytest.raises(PhialError, match="behind a chat"):
        asked(server, tmp_path / "chat", chatting)


def test_a_string_is_continued_and_a_begun_turn_is_refused(tmp_path: Path) -> None:
    def continues(body: dict[str, Any], number: int) -> web.Response:
        return web.json_response({"choices": [{"text": " blue", "finish_reason": "stop"}]})

    string = replace(SKY, items=(replace(SKY.items[0], options=()),))
    with served(continues) as server:
        [sample] = asked(server, tmp_path, string).samples
    assert server.bodies[0]["prompt"] == "The sky is" and sample.score == 1 and sample.tokens is None
    begun = replace(string, items=(replace(string.items[0], prompt=(("user", "?"), ("assistant", "The sky is"))),))
    with served(continues) as server, pytest.raises(PhialError, match="assistant's turn"):
        asked(server, tmp_path / "begun", begun)
