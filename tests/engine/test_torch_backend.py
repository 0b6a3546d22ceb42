import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import random_decoder, tiny_config, tiny_tokenizer, torch_logits

import phial
from phial.engine.backend import NoRoom, Work
from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.plan import Limits
from phial.engine.request import Request, Sampling
from phial.engine.speculate import Drafts, PromptLookup
from phial.engine.torch_backend import TorchBackend
from phial.errors import PhialError
from phial.model.config import BlockSparse, Experts, LongRope
from phial.model.decoder import Decoder

TOKENIZER = tiny_tokenizer()
ORIGINAL = 24
PLAIN = tiny_config()
HALF = PLAIN.rotary_dim // 2
LONG = replace(PLAIN, longrope=LongRope((1.0,) * HALF, tuple(1.5 + i for i in range(HALF)), ORIGINAL, 1.0, 1.2))
FAMILIES = {
    "plain": PLAIN,
    "phi-2": replace(
        PLAIN, norm="layer", parallel=True, activation="gelu_new", partial_rotary_factor=0.5, attention_bias=True,
        output_bias=True, mlp_bias=True, head_bias=True, tie_word_embeddings=False,
    ),
    "window": replace(PLAIN, sliding_window=7),
    "small": replace(
        PLAIN, norm="layer", activation="gegelu", blocksparse=BlockSparse(4, 2, 2, 2), logit_divisor=2.0,
        embedding_multiplier=3.0, dummy_token_ids=(299,),
    ),
    "long": LONG,
    "experts": replace(PLAIN, norm="layer", experts=Experts(4)),
}  # fmt: skip


def family(name: str) -> Decoder:
    model = random_decoder(FAMILIES[name])
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 3:
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5)
    return model


def check(got: np.ndarray, expected: np.ndarray) -> None:
    finite = np.isfinite(expected)
    assert (np.isfinite(got) == finite).all() and np.abs(got[finite] - expected[finite]).max() < 1e-4


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_the_decoders_however_they_are_computed(name: str) -> None:
    model = family(name)
    backend = TorchBackend(model)
    ids = np.random.default_rng(1).integers(0, 299, 20).tolist()
    expected = torch_logits(model, ids)
    one, two = backend.open(ids)[0], backend.open(ids)[0]
    [nothing, row] = backend.run([Work(one, ids[:9], 0), Work(two, ids[:5])])
    assert nothing.shape == (0, 300)
    check(row, expected[4:5])
    copy = backend.fork(two)
    backend.run([Work(copy, [7] * 6)])
    rows = backend.run([Work(two, ids[5:9], 4), Work(one, ids[9:10])])
    backend.trim(copy, 5)
    rows += backend.run([Work(one, ids[10:12], 2), Work(two, ids[9:13], 4), Work(copy, ids[5:6])])
    for got, places in zip(rows, ([5, 6, 7, 8], [9], [10, 11], [9, 10, 11, 12], [5]), strict=True):
        check(got, expected[places])
    backend.free(one)
    assert backend.length(two) == 13
    check(backend.run([Work(two, ids[13:])])[0], expected[-1:])


def greedy(model: Decoder, prompt: list[int], count: int) -> list[int]:
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(torch_logits(model, ids)[-1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_answers_are_the_argmax_without_a_cache(name: str) -> None:
    model = family(name)
    engine = Engine(TorchBackend(model), TOKENIZER, (), Limits(tokens=10), lambda: Drafts(PromptLookup(2, 1)))
    prompts = [[5 + i] * (3 + 6 * i) for i in range(4)]
    answers = engine.generate(prompts, Sampling(max_tokens=14))  # with "long", three cross
    assert [list(answer.ids) for answer in answers] == [greedy(model, prompt, 14) for prompt in prompts]


@pytest.mark.parametrize("name", ["plain", "long"])
def test_mixed_requests_are_answered_as_each_alone(name: str) -> None:
    """With forks, cancels, preemptions and crossings; float32 logits of tiny models differ by far less than margins."""
    source, model = random.Random(3), family(name)
    backend = TorchBackend(model, tokens=200)
    engine = Engine(backend, TOKENIZER, (), Limits(tokens=32, sequences=12), lambda: Drafts(PromptLookup()))
    requests = [
        Request(
            [source.randrange(6, 300) for _ in range(source.randrange(1, 40))],
            Sampling(source.choice([0.0, 0.8]), top_p=source.choice([1.0, 0.9]), max_tokens=source.randrange(1, 24)),
            n=source.choice([1, 1, 2]),
        )
        for _ in range(25)
    ]
    streams, forks, waiting = [], [], list(requests)
    while waiting or not all(stream.finished for stream in streams + forks):
        if waiting:
            streams.append(engine.submit(waiting.pop()))
        live = [stream for stream in streams if not stream.finished]
        if live and source.random() < 0.2:
            forks.append(engine.fork(source.choice(live), Sampling(0.9, seed=2, max_tokens=5)))
        if live and source.random() < 0.1:
            source.choice(live).cancel()
        engine.step()
    assert backend.room() == 200
    kept = 0
    for stream in streams + forks:
        alone = Engine(TorchBackend(model), TOKENIZER, ()).submit(stream.request).result()
        for got, expected in zip(stream.result(), alone, strict=True):
            kept += got.finish_reason == "length"
            assert got.ids == expected.ids[: len(got.ids)]
            assert got == expected or got.finish_reason == "cancelled"
    assert kept > 20


def test_no_room_changes_nothing() -> None:
    backend = TorchBackend(family("plain"), tokens=10)
    one, two = backend.open()[0], backend.open()[0]
    backend.run([Work(one, [5] * 6)])
    with pytest.raises(NoRoom):
        backend.run([Work(one, [5]), Work(two, [5] * 4)])
    assert (backend.length(one), backend.length(two), backend.room()) == (6, 0, 4)


def test_a_snapshot_brings_a_prompt_back(tmp_path: Path) -> None:
    model, prompt = family("long"), list(range(10, 40))
    engine = Engine(TorchBackend(model), TOKENIZER, ())
    engine.snapshot(engine.pin(Request(prompt)), tmp_path / "pin")
    again = TorchBackend(model)
    other = Engine(again, TOKENIZER, ())
    other.restore(tmp_path / "pin")
    assert again.length(0) == 30
    [answer] = other.generate([[*prompt, 7]], Sampling(max_tokens=6))
    assert list(answer.ids) == greedy(model, [*prompt, 7], 6)
    with pytest.raises(PhialError, match="another model"):
        Engine(TorchBackend(random_decoder(LONG, seed=1)), TOKENIZER).restore(tmp_path / "pin")
    (tmp_path / "pin" / "keys.safetensors").write_bytes(b"nothing")
    with pytest.raises(PhialError, match="no whole keys"):
        other.restore(tmp_path / "pin")


def test_weights_are_exchanged_between_steps() -> None:
    model, later = random_decoder(PLAIN), random_decoder(PLAIN, seed=1)
    engine = Engine(TorchBackend(model), TOKENIZER, ())
    stream = engine.submit(Request([5, 6, 7], Sampling(max_tokens=6)))
    engine.step()
    engine.load_weights({name: tensor.numpy() for name, tensor in later.state_dict().items()})
    [answer] = stream.result()
    assert list(answer.ids[1:]) == greedy(later, [5, 6, 7, answer.ids[0]], 5)
    with pytest.raises(PhialError, match="other parameters"):
        engine.load_weights({})


def test_images_stand_where_their_placeholders_do() -> None:
    """Embeddings of other tokens in place of some give the answer to those, through chunks and drafts."""
    model = family("plain")
    prompt, seen = [5] * 30, [5] * 9 + [40, 41, 42, 43, 44, 45] + [5] * 15
    embeddings = model.embed_tokens.weight[40:46].detach().numpy()
    engine = Engine(TorchBackend(model), TOKENIZER, (), Limits(tokens=11), lambda: Drafts(PromptLookup()))
    streams = [engine.submit(Request(prompt, Sampling(max_tokens=9), images=[(9, embeddings)])) for _ in range(2)]
    for stream in streams:
        assert list(stream.result()[0].ids) == greedy(model, seen, 9)


def test_a_loaded_model_answers(folder: Path) -> None:
    loaded = phial.load(folder)
    texts = ["Ada has 12", "How many pens"]
    answers = loaded.generate(texts, Sampling(max_tokens=7), chat=False)
    prompts = [[loaded.tokenizer.bos_id, *loaded.tokenizer.encode(text)] for text in texts]
    assert answers == [answer.text for answer in load_engine(folder).generate(prompts, Sampling(max_tokens=7))]
    stream = loaded.engine.submit(Request(prompts[0], Sampling(max_tokens=7)))
    assert "".join(event.text for event in stream) == answers[0]
