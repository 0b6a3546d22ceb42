"""Batched = alone, int4: mixed requests in one engine are answered as each by itself, to the last bit."""

import random
from dataclasses import replace

import numpy as np
import pytest
from checkpoints import random_decoder, tiny_config, tiny_tokenizer
from lora_folders import write_lora

from phial.engine.backend import NoRoom
from phial.engine.engine import Engine
from phial.engine.int4_backend import BLOCK, Int4Backend
from phial.engine.plan import Limits
from phial.engine.request import Generation, Request, Sampling
from phial.engine.speculate import Drafts, PromptLookup
from phial.engine.stream import Stream
from phial.kernels.int4_library import int4_build
from phial.model.adapter import read_adapter
from phial.model.config import LongRope
from phial.quant.quantize import Settings, quantize
from phial.quant.quantized import QuantizedModel
from phial.quant.rotate import rotated_inputs, rotated_parameters
from phial.quant.weights import DecoderParameters

pytestmark = pytest.mark.skipif(int4_build() == "none", reason="the int4 kernels were not built")
TOKENIZER = tiny_tokenizer()
ORIGINAL = 72  # tokens with LongRoPE's short factors
FACTORS = (1.0, 1.1, 1.2, 1.3), (1.5, 2.0, 3.0, 5.0)
CONFIG = replace(tiny_config(max_position_embeddings=160), longrope=LongRope(*FACTORS, ORIGINAL))
NAMES = ("one", "two")


class Pressed(Int4Backend):
    """Counts the steps that found no room."""

    refused = 0

    def run(self, work):
        try:
            return super().run(work)
        except NoRoom:
            self.refused += 1
            raise


@pytest.fixture(scope="module")
def adapters(tmp_path_factory):
    model, room = random_decoder(CONFIG), tmp_path_factory.mktemp("adapters")
    made = (write_lora(room / name, model, seed=seed, rank=3 + 6 * seed) for seed, name in enumerate(NAMES))
    return [read_adapter(folder, CONFIG) for folder in made]


def packed(rotate: bool) -> QuantizedModel:
    parameters = DecoderParameters(random_decoder(CONFIG))
    if not rotate:
        return quantize(parameters, Settings(group_size=32))
    turned = rotated_parameters(parameters)
    made = quantize(turned, Settings(group_size=32, by_group=True))
    return replace(made, rotated=rotated_inputs(CONFIG), folded=turned.folded())


def mixed_request(source: random.Random, prefixes: list[list[int]]) -> Request:
    prefix = source.choice(prefixes)[: source.choice([0, 33, 62, 66, 70])]
    ids = [*prefix, *(source.randrange(6, 299) for _ in range(source.randrange(1, 12)))]
    return Request(
        ids,
        Sampling(
            temperature=source.choice([0.0, 0.7, 1.3]),
            top_k=source.choice([0, 20]),
            max_tokens=source.randrange(1, 24),
            seed=source.randrange(100),
            repetition_penalty=source.choice([1.0, 1.0, 1.2]),
            logprobs=source.choice([0, 3]),
        ),
        n=source.choice([1, 1, 2, 3]),
        images=[(source.randrange(len(ids)), np.full((1, 32), 0.3, np.float32))] if source.random() < 0.1 else (),
        adapter=source.choice([None, *NAMES]),
        salt=source.choice([b"", b"", b"tenant"]),
        rope_switch=source.choice(["exact", "exact", "by_request"]),
    )


def engine_over(backend: Int4Backend, adapters, limits: Limits, drafts: bool = False) -> Engine:
    make = (lambda: Drafts(PromptLookup(2, 1), longest=6, cost=0.1)) if drafts else None
    engine = Engine(backend, TOKENIZER, (), limits, make)
    for name, adapter in zip(NAMES, adapters, strict=True):
        engine.load_adapter(name, adapter)
    return engine


def alone(request: Request, model: QuantizedModel, bits: int, adapters) -> list[Generation]:
    """Each answer by itself, in as few steps as may be, in an engine that has seen nothing else."""
    answers = []
    for sample in range(request.n):
        engine = engine_over(Int4Backend(model, 512, bits, threads=1), adapters, Limits(tokens=512))
        stream = engine.submit(request)
        for other in range(request.n):
            if other != sample:
                stream.cancel(other)
        answers.append(stream.result()[sample])
    return answers


def run_together(count: int, model: QuantizedModel, bits: int, adapters) -> tuple[list[Stream], list[Stream], Pressed]:
    """Requests that come, are cancelled and forked at random, in a cache that is too small for those that run."""
    source = random.Random(7)
    prefixes = [[source.randrange(6, 299) for _ in range(70)] for _ in range(3)]
    backend = Pressed(model, 12 * BLOCK, bits, threads=2)
    engine = engine_over(backend, adapters, Limits(tokens=40, sequences=12), drafts=True)
    waiting = [mixed_request(source, prefixes) for _ in range(count)]
    streams: list[Stream] = []
    forks: list[Stream] = []
    live: list[Stream] = []
    while waiting or live:
        for _ in range(source.randrange(0, 4)):
            if waiting:
                live.append(engine.submit(waiting.pop()))
                streams.append(live[-1])
        if live and source.random() < 0.08:
            stream = source.choice(live)
            stream.cancel(source.choice([None, source.randrange(stream.request.n)]))
        if live and source.random() < 0.1:
            stream, sampling = source.choice(live), Sampling(0.9, seed=3, max_tokens=6, logprobs=1)
            forks.append(engine.fork(stream, sampling, sample=source.randrange(stream.request.n), n=2))
            live.append(forks[-1])
        engine.step()
        live = [stream for stream in live if not stream.finished]
    assert backend.room() == 12 * BLOCK  # nothing is left in the cache
    return streams, forks, backend


@pytest.mark.parametrize(
    ("count", "rotate", "bits"),
    [
        (24, False, 16),
        (24, True, 8),
        pytest.param(200, False, 16, marks=pytest.mark.slow),
        pytest.param(200, True, 8, marks=pytest.mark.slow),
    ],
)
def test_mixed_requests_are_answered_as_each_alone(count, rotate, bits, adapters):
    """Prefixes, forks, cancels, preemptions, adapters, images, drafts and crossings change no bit of any logprob."""
    model = packed(rotate)
    streams, forks, backend = run_together(count, model, bits, adapters)
    compared = cancelled = 0
    for stream in streams + forks:
        for got, expected in zip(stream.result(), alone(stream.request, model, bits, adapters), strict=True):
            if got.finish_reason == "cancelled":
                cancelled += 1
                assert expected.ids[: len(got.ids)] == got.ids
                assert expected.logprobs[: len(got.logprobs)] == got.logprobs
            else:
                compared += 1
                assert got == expected and len(got.logprobs) == len(got.ids) > 0
    exact = [stream for stream in streams if stream.request.rope_switch == "exact"]
    crossed = [s for s in exact if len(s.request.ids) <= ORIGINAL < max(len(live.ids) for live in s.lives)]
    kinds = {stream.request.adapter for stream in streams}
    drafted = sum(live.drafts.accepted for stream in streams for live in stream.lives if live.drafts)
    share = count / 24
    assert compared > 25 * share and cancelled and forks and drafted
    assert backend.refused > 2 * share and len(crossed) > share and kinds == {None, *NAMES}
    print(f"{compared} answers, {cancelled} cancelled, {len(forks)} forks, {backend.refused} preemptions, ", end="")
    print(f"{len(crossed)} crossings, {drafted} accepted guesses: 0 differences")
