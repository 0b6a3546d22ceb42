import random
from dataclasses import replace

import numpy as np
import pytest
from checkpoints import tiny_tokenizer
from hashing import VOCAB, HashingBackend, greedy, hashing_config

from phial.engine.backend import Work
from phial.engine.engine import Engine
from phial.engine.plan import Limits
from phial.engine.request import Generation, Request, Sampling
from phial.engine.speculate import Drafts, PromptLookup, SmallModel
from phial.engine.stream import Stream
from phial.errors import PhialError
from phial.model.adapter import Adapter

TOKENIZER = tiny_tokenizer()
ORIGINAL = 40
CONFIG = hashing_config(ORIGINAL)


def engine_over(backend: HashingBackend, limits: Limits | None = None, drafts: bool = False) -> Engine:
    make = (lambda: Drafts(PromptLookup(), longest=6, cost=0.1)) if drafts else None
    engine = Engine(backend, TOKENIZER, limits=limits, drafts=make)
    for name in ("one", "two"):
        engine.load_adapter(name, Adapter(name, {}))
    return engine


def mixed_request(source: random.Random, prefixes: list[list[int]]) -> Request:
    prefix = source.choice(prefixes)[: source.randrange(1, 45)]
    ids = [*prefix, *(source.randrange(6, VOCAB) for _ in range(source.randrange(0, 12)))]
    sampling = Sampling(
        temperature=source.choice([0.0, 0.7, 1.3]),
        top_k=source.choice([0, 0, 20]),
        top_p=source.choice([1.0, 0.9]),
        min_p=source.choice([0.0, 0.0, 0.05]),
        max_tokens=source.randrange(1, 50),
        seed=source.randrange(100),
        repetition_penalty=source.choice([1.0, 1.0, 1.2]),
        frequency_penalty=source.choice([0.0, 0.0, 0.3]),
        logit_bias=source.choice([(), ((7, 1.5), (8, -3.0))]),
        logprobs=source.choice([None, 0, 3]),
    )
    images = []
    if source.random() < 0.1:
        images = [(source.randrange(len(ids)), np.full((1, 2), source.randrange(3), dtype=np.float32))]
    return Request(
        ids,
        sampling,
        n=source.choice([1, 1, 1, 2, 4]),
        stop=source.choice([(), (), ("a",), ("th", "on")]),
        images=images,
        adapter=source.choice([None, None, "one", "two"]),
        salt=source.choice([b"", b"", b"tenant"]),
        rope_switch=source.choice(["exact", "exact", "by_request"]),
    )


def alone(request: Request) -> list[Generation]:
    """Each answer by itself, in as few steps as may be, in an engine that has seen nothing else."""
    engine = engine_over(HashingBackend(CONFIG), Limits(tokens=1000))
    return engine.submit(request).result()


@pytest.mark.parametrize("drafts", [False, True])
def test_200_mixed_requests_are_answered_as_each_alone(drafts: bool) -> None:
    """Prefixes, forks, cancels, preemptions, adapters, images, drafts and crossings change nothing, to the last bit."""
    source = random.Random(5)
    prefixes = [[source.randrange(6, VOCAB) for _ in range(60)] for _ in range(4)]
    backend = HashingBackend(CONFIG, blocks=100)
    engine = engine_over(backend, Limits(tokens=48, sequences=24), drafts)
    requests = [mixed_request(source, prefixes) for _ in range(200)]
    streams: list[Stream] = []
    forks: list[Stream] = []
    waiting = list(requests)
    live: list[Stream] = []
    while waiting or live:
        for _ in range(source.randrange(0, 6)):
            if waiting:
                live.append(engine.submit(waiting.pop(0)))
                streams.append(live[-1])
        if streams and source.random() < 0.3:
            stream = source.choice(streams)
            stream.cancel(source.choice([None, source.randrange(stream.request.n)]))
        live = [stream for stream in live if not stream.finished]
        if live and source.random() < 0.2:
            stream, sampling = source.choice(live), Sampling(0.9, seed=3, max_tokens=9, logprobs=1)
            forks.append(engine.fork(stream, sampling, sample=source.randrange(stream.request.n), n=2))
            live.append(forks[-1])
        engine.step()
    assert backend.refused > 10 and not backend.long  # there were preemptions, and nothing is left in the cache
    compared = cancelled = 0
    for stream in streams + forks:
        for got, expected in zip(stream.result(), alone(stream.request), strict=True):
            if got.finish_reason == "cancelled":
                cancelled += 1
                assert expected.ids[: len(got.ids)] == got.ids and expected.text.startswith(got.text.rstrip("\ufffd"))
                assert expected.logprobs[: len(got.logprobs)] == got.logprobs
            else:
                compared += 1
                assert got == expected
    assert compared > 250 and cancelled > 20
    crossed = [s for s in streams if len(s.request.ids) <= ORIGINAL < len(s.lives[0].ids)]
    assert len(crossed) > 10 and forks
    if drafts:
        assert sum(live.drafts.accepted for stream in streams for live in stream.lives if live.drafts) > 30


def test_the_crossing_is_that_of_a_run_without_a_cache() -> None:
    prompt = list(range(10, 10 + ORIGINAL - 3))
    engine = engine_over(HashingBackend(CONFIG), Limits(tokens=16))
    [answer] = engine.submit(Request(prompt, Sampling(max_tokens=8), stop_ids=frozenset())).result()
    assert list(answer.ids) == greedy(CONFIG, prompt, 8)
    by_request = engine.submit(Request(prompt, Sampling(max_tokens=8), stop_ids=frozenset(), rope_switch="by_request"))
    assert by_request.result()[0].ids != answer.ids
    assert all(piece.wanted <= 1 for step in engine.backend.steps for piece in step)  # type: ignore[attr-defined]


def test_no_guess_is_checked_with_the_factors_of_the_other_side() -> None:
    """The guesses are those that the short factors would accept, on both sides of the crossing."""
    small = HashingBackend(hashing_config())
    backend = HashingBackend(CONFIG)
    engine = Engine(backend, TOKENIZER, drafts=lambda: Drafts(SmallModel(small), longest=6, cost=0.01))
    prompt = list(range(10, 10 + ORIGINAL - 9))
    [answer] = engine.submit(Request(prompt, Sampling(max_tokens=14), stop_ids=frozenset())).result()
    assert list(answer.ids) == greedy(CONFIG, prompt, 14)
    assert len(answer.ids) - len(backend.steps) > 3


def test_a_crossing_shows_progress_while_others_go_on() -> None:
    engine = engine_over(HashingBackend(CONFIG), Limits(tokens=8))
    crossing = engine.submit(Request(list(range(10, 10 + ORIGINAL)), Sampling(max_tokens=5), stop_ids=frozenset()))
    other = engine.submit(Request([9, 9], Sampling(max_tokens=30), stop_ids=frozenset()))
    reads, others = [], []
    for event in crossing:
        if event.progress:
            reads.append(event.progress)
            others.append(len(other.lives[0].ids))
    again = reads.index(next(read for read in reads if read[1] == ORIGINAL + 1))
    assert {total for _, total in reads[:again]} == {ORIGINAL} and len(reads) - again >= 4
    assert [computed for computed, _ in reads[again:]] == sorted(computed for computed, _ in reads[again:])
    assert others[-1] - others[again] == len(reads) - again - 1  # a token of the other in every step
    assert list(crossing.result()[0].ids) == greedy(CONFIG, list(range(10, 10 + ORIGINAL)), 5)


def test_no_step_exceeds_the_budget_and_long_prompts_do_not_block_short_ones() -> None:
    backend = HashingBackend(hashing_config(max_length=2000))
    engine = engine_over(backend, Limits(tokens=200, sequences=8))
    slow = engine.submit(Request(list(range(6, 300)) * 6, Sampling(max_tokens=4)))
    quick = engine.submit(Request([5] * 50, Sampling(max_tokens=4)))
    while not quick.finished:
        engine.step()
    assert len(backend.steps) <= 6 and not slow.lives[0].computed > 1000
    slow.result()
    assert max(sum(len(piece.ids) for piece in step) for step in backend.steps) <= 200


def test_tenants_take_turns() -> None:
    engine = engine_over(HashingBackend(CONFIG), Limits(sequences=1))
    order: list[str] = []
    streams = [engine.submit(Request([9], Sampling(max_tokens=2), salt=salt)) for salt in (b"a", b"a", b"a", b"b")]
    while not all(stream.finished for stream in streams):
        engine.step()
        for name, stream in zip(("a1", "a2", "a3", "b1"), streams, strict=True):
            if stream.finished and name not in order:
                order.append(name)
    assert order == ["a1", "b1", "a2", "a3"]


def test_the_youngest_gives_way_and_is_computed_again() -> None:
    backend = HashingBackend(hashing_config(), blocks=10)
    engine = engine_over(backend, Limits(tokens=64))
    prompts = [[20 + index] * 6 for index in range(3)]
    streams = [engine.submit(Request(ids, Sampling(max_tokens=20), stop_ids=frozenset())) for ids in prompts]
    ends = []
    while len(ends) < 3:
        engine.step()
        ends += [index for index, stream in enumerate(streams) if stream.finished and index not in ends]
    assert ends == [0, 1, 2] and backend.refused
    for ids, stream in zip(prompts, streams, strict=True):
        assert list(stream.result()[0].ids) == greedy(backend.config, ids, 20)


def test_what_can_never_fit_fails_with_advice_and_the_rest_goes_on() -> None:
    backend = HashingBackend(hashing_config(), blocks=6)
    engine = engine_over(backend, Limits(tokens=64))
    large = engine.submit(Request([9] * 100, Sampling(max_tokens=4)))
    small = engine.submit(Request([8] * 5, Sampling(max_tokens=4), stop_ids=frozenset()))
    assert list(small.result()[0].ids) == greedy(backend.config, [8] * 5, 4)
    with pytest.raises(PhialError, match="does not fit the cache"):
        large.result()
    assert not backend.long


def test_a_fault_ends_only_the_request_that_causes_it() -> None:
    def fault(piece: Work) -> None:
        if 13 in piece.ids:
            raise FloatingPointError("unlucky")

    backend = HashingBackend(hashing_config(), fault=fault)
    engine = engine_over(backend)
    good = engine.submit(Request([8] * 5, Sampling(max_tokens=6), n=2, stop_ids=frozenset()))
    engine.step()
    bad = engine.submit(Request([9, 13], Sampling(max_tokens=6), n=3))
    assert [list(answer.ids) for answer in good.result()] == 2 * [greedy(backend.config, [8] * 5, 6)]
    events = list(bad)
    assert [event.finish_reason for event in events] == ["error"] * 3
    with pytest.raises(FloatingPointError):
        bad.result()
    assert not backend.long


def test_an_interrupted_step_has_not_happened() -> None:
    interrupted = [False]

    def fault(piece: Work) -> None:
        if len(piece.ids) == 1 and not interrupted[0]:
            interrupted[0] = True
            raise KeyboardInterrupt

    backend = HashingBackend(hashing_config(), fault=fault)
    engine = engine_over(backend)
    stream = engine.submit(Request([8] * 5, Sampling(max_tokens=6), stop_ids=frozenset()))
    with pytest.raises(KeyboardInterrupt):
        stream.result()
    [live] = stream.lives
    assert live.handle is not None and backend.length(live.handle) == live.computed == 5
    assert list(stream.result()[0].ids) == greedy(backend.config, [8] * 5, 6)


def test_cancelling_frees_the_cache_within_one_step() -> None:
    backend = HashingBackend(hashing_config())
    engine = engine_over(backend, Limits(tokens=16))
    streams = [engine.submit(Request([8 + i] * 30, Sampling(max_tokens=60), n=2)) for i in range(3)]
    for _ in range(4):
        engine.step()
    streams[0].cancel(0)  # the prompt is read on for the other answer
    streams[1].cancel()
    engine.step()
    assert streams[1].finished and streams[0].lives[0].finish_reason == "cancelled"
    assert [event.finish_reason for event in streams[1]][-1] == "cancelled"
    for stream in streams:
        stream.cancel()
    engine.step()
    assert not backend.long and backend.room() == 4096 * 4


def test_a_logit_that_is_no_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = HashingBackend(hashing_config())
    broken = np.full((1, VOCAB), np.nan, dtype=np.float32)
    monkeypatch.setattr(backend, "_piece", lambda piece: broken)
    for sampling in (Sampling(), Sampling(temperature=1.0), Sampling(logprobs=1)):
        with pytest.raises(PhialError, match="not finite"):
            engine_over(backend).generate([[5]], sampling)
    assert not backend.long


def test_new_weights_are_used_from_the_next_step_on() -> None:
    backend = HashingBackend(hashing_config())
    engine = engine_over(backend)
    engine.pin(Request([7] * 20))
    stream = engine.submit(Request([7] * 20 + [8], Sampling(max_tokens=6), stop_ids=frozenset()))
    engine.step()
    first = list(stream.lives[0].ids)
    engine.load_weights({"weights": np.array(3)})
    assert list(stream.result()[0].ids) == first[21:] + greedy(backend.config, first, 5, weights=3)
    again = engine.submit(replace(stream.request))
    assert list(again.result()[0].ids) == greedy(backend.config, [7] * 20 + [8], 6, weights=3)
