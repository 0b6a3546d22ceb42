import asyncio
import itertools
import threading
from pathlib import Path

import pytest
from checkpoints import SENTENCES, ScriptedBackend, tiny_tokenizer
from hashing import HashingBackend, greedy, hashing_config
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.engine.engine import Engine
from phial.engine.plan import Limits
from phial.engine.request import Event, Request, Sampling, Thinking
from phial.engine.text_stream import StopText
from phial.errors import PhialError

TOKENIZER = tiny_tokenizer()
CONFIG = hashing_config()
NO_STOP: frozenset[int] = frozenset()


def saying(text: str) -> Engine:
    return Engine(ScriptedBackend([[*TOKENIZER.encode(text), TOKENIZER.stop_ids[0]] + [0] * 30], 300, 400), TOKENIZER)


def test_events_add_up_to_the_answer() -> None:
    engine = Engine(HashingBackend(CONFIG), TOKENIZER, limits=Limits(tokens=20))
    stream = engine.submit(Request([9] * 50, Sampling(1.0, max_tokens=20, logprobs=2), n=3))
    events = list(stream)
    assert [event.progress for event in events[:2]] == [(20, 50), (40, 50)]
    for sample, answer in enumerate(stream.result()):
        mine = [event for event in events if event.sample == sample]
        assert sum((event.ids for event in mine), ()) == answer.ids
        assert "".join(event.text for event in mine) == answer.text
        assert sum((event.logprobs for event in mine), ()) == answer.logprobs
        assert [entry.id for entry in answer.logprobs] == list(answer.ids)
        assert all(entry.logprob is not None and len(entry.top) == 2 for entry in answer.logprobs)
        assert [event.finish_reason for event in mine][:-1] == [None] * (len(mine) - 1)
        assert mine[-1].finish_reason == answer.finish_reason


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("stop", ["now", "日", "nds b", "🙂", "nothing of this", "s"])
def test_stop_strings_end_the_text_before_them(text: str, stop: str) -> None:
    stream = saying(text).submit(Request([0], stop=(stop,)))
    pieces = [event.text for event in stream]
    [answer] = stream.result()
    assert "".join(pieces) == answer.text == text.split(stop)[0]
    assert answer.finish_reason == "stop" and not any(piece.endswith("\ufffd") for piece in pieces)
    if stop in text:
        assert TOKENIZER.decode(answer.ids).startswith(answer.text + stop)


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3), st.data())
@settings(max_examples=300)
def test_the_stop_string_that_ends_first_counts_however_the_text_is_cut(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    reader, passed = StopText(stops), ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        passed += reader.push(text[start:end])
        assert text.startswith(passed)
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    assert passed + reader.finish() == (text[: min(ends)[1]] if ends else text)
    assert (reader.stopped is not None) == bool(ends)


def test_stop_tokens_of_a_request_replace_those_of_the_engine() -> None:
    engine = saying("abc")
    [own] = engine.submit(Request([0], Sampling(max_tokens=9), stop_ids=frozenset(TOKENIZER.encode("b")[:1]))).result()
    [none] = engine.submit(Request([0], Sampling(max_tokens=9), stop_ids=NO_STOP)).result()
    assert (own.text, own.finish_reason, none.finish_reason) == ("a", "stop", "length")
    assert TOKENIZER.stop_ids[0] in none.ids


def test_the_thinking_budget_is_soft_then_hard() -> None:
    def think(tokens: int, text: str, **more: object) -> None:
        backend = HashingBackend(CONFIG)
        thinking = Thinking(tokens, **more)  # type: ignore[arg-type]
        request = Request([3, 4], Sampling(max_tokens=60, logprobs=0), thinking=thinking, stop_ids=NO_STOP)
        stream = Engine(backend, TOKENIZER).submit(request)
        [answer] = stream.result()
        forced = [entry.id for entry in answer.logprobs if entry.logprob is None]
        assert TOKENIZER.decode(forced) == text and len(answer.logprobs) == len(answer.ids) == 60
        drawn = [i for i, entry in enumerate(answer.logprobs) if entry.logprob is not None]
        ids = [3, 4, *answer.ids]
        for index in drawn[-3:]:  # what follows is drawn with the forced tokens in its context
            assert greedy(CONFIG, ids[: index + 2], 1) == [answer.ids[index]]

    think(10, "</think>")
    think(20, " soon</think>", hint=" soon", hint_tokens=5)
    think(60, "")
    engine = saying("I think</think>so it is and it goes on")
    [answer] = engine.submit(Request([0], thinking=Thinking(22, hint="!", hint_tokens=20))).result()
    assert answer.text == "I think</think>so it is and it goes on"


def test_prompts_are_shared_by_samples_and_later_requests() -> None:
    backend = HashingBackend(CONFIG)
    engine = Engine(backend, TOKENIZER)
    request = Request([9] * 41, Sampling(1.0, max_tokens=5), n=4, stop_ids=NO_STOP)
    first = engine.submit(request).result()
    assert backend.computed == 41 + 4 * 4 and len({answer.ids for answer in first}) > 1
    backend.computed = 0
    assert engine.submit(request).result() == first
    assert backend.computed == 1 + 4 * 4
    backend.computed = 0
    engine.submit(Request([9] * 41, Sampling(max_tokens=1), salt=b"other")).result()
    assert backend.computed == 41


def test_pinned_prompts_survive_pressure_and_restarts(tmp_path: Path) -> None:
    prompt = list(range(10, 40))
    backend = HashingBackend(CONFIG, blocks=16)
    engine = Engine(backend, TOKENIZER)
    pin = engine.pin(Request(prompt))
    engine.snapshot(pin, tmp_path / "pin")
    engine.generate([[7 + i] * 20 for i in range(6)], Sampling(max_tokens=4))
    backend.computed = 0
    [answer] = engine.generate([[*prompt, 5]], Sampling(max_tokens=4))
    assert backend.computed <= 4
    engine.unpin(pin)
    assert not backend.long
    again = HashingBackend(CONFIG)
    other = Engine(again, TOKENIZER)
    other.restore(tmp_path / "pin")
    assert other.generate([[*prompt, 5]], Sampling(max_tokens=4)) == [answer] and again.computed <= 4
    with pytest.raises(PhialError, match="exists"):
        other.snapshot(other.pin(Request(prompt)), tmp_path / "pin")
    (tmp_path / "pin" / "prefix.json").write_text('{"ids": [1, 2], "long": false, "adapter": null, "salt": ""}')
    with pytest.raises(PhialError, match="do not agree"):
        other.restore(tmp_path / "pin")
    (tmp_path / "pin" / "prefix.json").write_text("{")
    with pytest.raises(PhialError, match="no whole snapshot"):
        other.restore(tmp_path / "pin")


def test_logits_are_those_behind_the_prompt() -> None:
    backend = HashingBackend(CONFIG)
    engine = Engine(backend, TOKENIZER, limits=Limits(tokens=8))
    prompt = list(range(10, 40))
    engine.pin(Request(prompt[:10]))
    rows = engine.logits([prompt], last=4)[0]
    assert [int(row.argmax()) for row in rows] == [greedy(CONFIG, prompt[:end], 1)[0] for end in (27, 28, 29, 30)]
    assert len(backend.long) == 1
    with pytest.raises(ValueError, match="5 rows"):
        engine.logits([[1, 2]], last=5)


def test_many_threads_and_tasks_share_one_engine() -> None:
    backend = HashingBackend(CONFIG, blocks=60)
    engine = Engine(backend, TOKENIZER)
    prompts = [[9 + i] * (1 + i % 7) for i in range(24)]
    expected = [greedy(CONFIG, prompt, 12) for prompt in prompts]
    request = [Request(prompt, Sampling(max_tokens=12), stop_ids=NO_STOP) for prompt in prompts]
    got: dict[int, list[int]] = {}

    def by_thread(index: int) -> None:
        got[index] = list(engine.submit(request[index]).result()[0].ids)

    async def by_task(index: int) -> None:
        got[index] = [token async for event in engine.submit(request[index]) for token in event.ids]

    async def tasks() -> None:
        await asyncio.gather(*[by_task(index) for index in range(8, 24)])

    threads = [threading.Thread(target=by_thread, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    asyncio.run(asyncio.wait_for(tasks(), 60))
    for thread in threads:
        thread.join(60)
    engine.stop()
    assert [got[index] for index in range(24)] == expected and not backend.long


def test_an_abandoned_task_can_cancel() -> None:
    backend, cancelled, steps = HashingBackend(CONFIG), threading.Event(), itertools.count()
    run = backend.run

    def waiting(work):  # the engine's thread must not be done before the loop has seen two events
        if next(steps) == 20:
            cancelled.wait(60)
        return run(work)

    backend.run = waiting
    engine = Engine(backend, TOKENIZER)

    async def leave() -> list[Event]:
        stream = engine.submit(Request([9], Sampling(max_tokens=150), stop_ids=NO_STOP))
        events = []
        async for event in stream:
            events.append(event)
            if len(events) == 2:
                stream.cancel()
                cancelled.set()
        return events

    events = asyncio.run(asyncio.wait_for(leave(), 60))
    engine.stop()
    assert events[-1].finish_reason == "cancelled" and sum(len(event.ids) for event in events) < 150
    assert not engine.backend.long  # type: ignore[attr-defined]


def test_tokens_outside_the_vocabulary_are_refused() -> None:
    for wrong in ([300], [-1], [5, 1 << 60]):
        with pytest.raises(PhialError, match="vocabulary"):
            saying("a").submit(Request(wrong))


def test_a_closed_event_loop_ends_its_own_stream_only() -> None:
    engine = Engine(HashingBackend(CONFIG), TOKENIZER)
    request = Request([9], Sampling(max_tokens=100), stop_ids=NO_STOP)
    left = engine.submit(request)

    async def leave() -> None:
        async for _ in left:
            return

    engine.start = lambda: None  # type: ignore[method-assign]
    engine.step()
    asyncio.run(leave())
    assert list(engine.submit(request).result()[0].ids) == greedy(CONFIG, [9], 100)
    assert left.lives[0].finish_reason == "cancelled"


def test_an_error_of_the_watcher_ends_its_own_call_only() -> None:
    engine = Engine(HashingBackend(CONFIG), TOKENIZER)
    other = engine.submit(Request([9], Sampling(max_tokens=100), stop_ids=NO_STOP))

    def watch(done: int) -> None:
        raise ArithmeticError(done)

    with pytest.raises(ArithmeticError):
        engine.generate([[5], [6], [7]], [Sampling(max_tokens=m) for m in (3, 50, 50)], watch=watch)
    assert len(engine.backend.long) == 1  # type: ignore[attr-defined]
    assert list(other.result()[0].ids) == greedy(CONFIG, [9], 100)
