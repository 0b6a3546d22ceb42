"""The int4 backend: near the float decoder for every row of the family, and the same bits in every company."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "quant"))
from checkpoints import tiny_tokenizer
from small import CONFIGS

from phial.engine.backend import NoRoom, Work
from phial.engine.engine import Engine
from phial.engine.int4_backend import BLOCK, Int4Backend
from phial.engine.request import Request, Sampling
from phial.errors import PhialError
from phial.kernels.int4_library import int4_build
from phial.kernels.packing import dequantize
from phial.model.config import LongRope
from phial.model.decoder import Decoder
from phial.model.rope import uses_long_factors
from phial.quant.quantize import Settings, quantize
from phial.quant.quantized import HEAD, matrices_of, matrix_shapes
from phial.quant.rotate import rotated_inputs, rotated_parameters
from phial.quant.weights import DecoderParameters

_PHI3 = replace(CONFIGS["phi3"], max_position_embeddings=256)
_LONG = LongRope((1.0, 1.1, 1.2, 1.3), (1.5, 2.0, 3.0, 5.0), 48)
CASES = {
    name: replace(config, max_position_embeddings=256) for name, config in CONFIGS.items() if config.vision is None
} | {
    "phi3small": replace(CONFIGS["phi3small"], max_position_embeddings=256, attention_scale=0.5),
    "window": replace(_PHI3, sliding_window=19),
    "longrope": replace(_PHI3, longrope=_LONG),
    "partial": replace(_PHI3, hidden_size=64, partial_rotary_factor=0.5, longrope=_LONG),
    "description": replace(CONFIGS["starcoder2"], activation="gelu", max_position_embeddings=256),
}

pytestmark = pytest.mark.skipif(int4_build() == "none", reason="the int4 kernels were not built")
TIME = 90


def gentle_model(config, seed=0):
    """A random decoder whose values stay near one, so that rounding them to int8 does not change what it says."""
    torch.manual_seed(seed)
    model = Decoder(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            gain = "norm" in name and name.endswith("weight")
            wide = 1.0 if name.startswith("embed") else parameter.shape[-1] ** -0.5
            wide *= 2.0 if "qkv" in name else 1.0  # attention that chooses
            parameter.copy_(1 + 0.1 * noise if gain else noise * (0.1 if name.endswith("bias") else wide))
    return model


@pytest.fixture(scope="module", params=CASES)
def made(request):
    """(float decoder that holds the quantized weights, quantized model)."""
    config = CASES[request.param]
    model = gentle_model(config)
    bits = {name: 8 for key, shape in config.shapes.items() for name in matrices_of(key, shape)} | {HEAD: 8}
    quantized = quantize(DecoderParameters(model), Settings(group_size=32, bits=bits, by_group=True))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            names = matrices_of(key, tuple(parameter.shape)) or ([HEAD] if key == "embed_tokens.weight" else [])
            if key == "embed_tokens.weight" and not config.tie_word_embeddings:
                parameter.copy_(torch.from_numpy(quantized.floats[key].astype(np.float32)))
            elif names:
                held = np.stack([dequantize(quantized.matrices[name]) for name in names])
                parameter.copy_(torch.from_numpy(held).view(parameter.shape))
    return model, quantized


def test_a_rotated_model_says_the_same(made):
    config = made[0].config
    if config.norm != "rms":
        pytest.skip("rotations are for RMSNorm")
    model = gentle_model(config)
    bits = dict.fromkeys(matrix_shapes(config), 8)
    turned = rotated_parameters(DecoderParameters(model))
    packed = quantize(turned, Settings(group_size=32, bits=bits, by_group=True))
    quantized = replace(packed, rotated=rotated_inputs(config))
    ids = ids_of(config)
    long = uses_long_factors(config, len(ids))
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0].numpy()
    found = answer(Int4Backend(quantized, 256), ids, long, [len(ids)])
    assert np.median(np.abs(found - expected)) < 0.04 * expected.std()


def ids_of(config, seed=0):
    return np.random.default_rng(seed).integers(0, config.vocab_size, TIME).tolist()


def answer(backend, ids, long, pieces):
    """Logits of every token, given in pieces of these lengths over and over."""
    sequence, shared = backend.open(long=long)
    assert shared == 0
    out, start, turn = [], 0, 0
    while start < len(ids):
        part = ids[start : start + pieces[turn % len(pieces)]]
        out.append(backend.run([Work(sequence, part, wanted=len(part))])[0])
        start, turn = start + len(part), turn + 1
    backend.free(sequence)
    return np.concatenate(out)


@torch.no_grad()
def test_logits_are_near_the_float_decoders(made):
    model, quantized = made
    ids = ids_of(model.config)
    long = uses_long_factors(model.config, len(ids))
    found = answer(Int4Backend(quantized, 256), ids, long, [len(ids)])
    expected = model(torch.tensor([ids]))[0].numpy()
    real = np.isfinite(expected)
    assert np.array_equal(real, np.isfinite(found))
    assert np.median(np.abs(found[real] - expected[real])) < 0.025 * expected[real].std()
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.9


def test_a_token_has_the_same_bits_by_every_way(made):
    config, quantized = made[0].config, made[1]
    ids = ids_of(config)
    backend, alone = Int4Backend(quantized, 1024, threads=2), Int4Backend(quantized, 256, threads=1)
    whole = answer(backend, ids, False, [len(ids)])
    for pieces in ([1], [5, 1, 17], [40]):
        assert np.array_equal(answer(alone, ids, False, pieces), whole)
    others = [ids_of(config, seed) for seed in (1, 2, 3)]
    alone_of = [answer(alone, other, False, [len(other)]) for other in others]
    sequences = [backend.open()[0] for _ in range(4)]
    got = [[] for _ in sequences]
    for start in range(0, len(ids), 30):  # four sequences of different paces in one batch
        work = []
        for row, (sequence, tokens) in enumerate(zip(sequences, [ids, *others], strict=True)):
            part = tokens[start // (row + 1) : (start + 30) // (row + 1)]
            if part:
                work.append((row, Work(sequence, part, wanted=len(part))))
        for (row, _), logits in zip(work, backend.run([piece for _, piece in work]), strict=True):
            got[row].append(logits)
    for parts, expected in zip(got, [whole, *alone_of], strict=True):
        joined = np.concatenate(parts)
        assert np.array_equal(joined, expected[: len(joined)])


@pytest.fixture(scope="module")
def quantized():
    """The model that the cache is tested with."""
    return quantize(DecoderParameters(gentle_model(_PHI3)), Settings(group_size=32))


@pytest.mark.parametrize("bits", [16, 8])
def test_forks_share_and_do_not_see_each_other(quantized, bits):
    ids = ids_of(quantized.config)[:50]
    backend = Int4Backend(quantized, 512, cache_bits=bits)
    first, _ = backend.open()
    backend.run([Work(first, ids, wanted=0)])
    room = backend.room()
    second = backend.fork(first)
    assert backend.room() == room
    one, two = backend.run([Work(first, [3, 4]), Work(second, [5, 6])])
    fresh, _ = backend.open(salt=b"apart")
    assert np.array_equal(backend.run([Work(fresh, [*ids, 3, 4])])[0], one)
    backend.free(fresh)
    fresh, _ = backend.open(salt=b"apart")
    assert np.array_equal(backend.run([Work(fresh, [*ids, 5, 6])])[0], two)
    backend.trim(second, 50)
    assert np.array_equal(backend.run([Work(second, [3, 4])])[0], one)


def test_a_shared_prefix_is_not_computed_again(quantized):
    ids = ids_of(quantized.config)[: 2 * BLOCK + 5]
    backend = Int4Backend(quantized, 512)
    first, _ = backend.open(ids)
    expected = backend.run([Work(first, ids)])[0]
    second, shared = backend.open(ids)
    assert shared == 2 * BLOCK
    assert np.array_equal(backend.run([Work(second, ids[shared:])])[0], expected)
    assert backend.open(ids, salt=b"another tenant")[1] == 0
    assert backend.open(ids, long=True)[1] == 0


def test_a_step_without_room_changes_nothing(quantized):
    backend = Int4Backend(quantized, 2 * BLOCK)
    first, second = backend.open()[0], backend.open()[0]
    ids = ids_of(quantized.config)[:20]
    expected = backend.run([Work(first, ids)])[0]
    with pytest.raises(NoRoom):
        backend.run(
            [Work(first, ids), Work(second, ids[:5])]
            if backend.room() < BLOCK
            else [Work(first, ids), Work(second, [*ids, *ids])]
        )
    assert (backend.length(first), backend.length(second)) == (20, 0)
    assert np.array_equal(backend.run([Work(second, ids)])[0], expected)


def test_a_snapshot_goes_on_with_the_same_bits(quantized, tmp_path):
    ids = ids_of(quantized.config)[:45]
    backend = Int4Backend(quantized, 256)
    sequence, _ = backend.open()
    backend.run([Work(sequence, ids, wanted=0)])
    backend.save(sequence, tmp_path)
    expected = backend.run([Work(sequence, [7])])[0]
    other = Int4Backend(quantized, 256)
    restored = other.load(tmp_path)
    assert other.length(restored) == 45
    assert np.array_equal(other.run([Work(restored, [7])])[0], expected)
    assert other.open(ids)[1] == BLOCK  # what was restored is shared
    with pytest.raises(PhialError, match="another model"):
        Int4Backend(quantized, 256, cache_bits=8).load(tmp_path)
    path = tmp_path / "cache.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PhialError, match="no readable snapshot"):
        other.load(tmp_path)
    with pytest.raises(PhialError, match="no readable snapshot"):
        other.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "work", [{"ids": []}, {"ids": [-1]}, {"ids": [10**6]}, {"ids": [1], "wanted": 2}, {"ids": [1] * 5000}]
)
def test_impossible_work_is_refused(quantized, work):
    backend = Int4Backend(quantized, 64)
    sequence, _ = backend.open()
    with pytest.raises(ValueError):
        backend.run([Work(sequence, **work)])
    assert backend.length(sequence) == 0


@pytest.mark.parametrize("rotate", [False, True])
def test_weights_are_exchanged_while_requests_run(rotate):
    """Answers go on as a fresh engine over the new weights would, and nothing older is shared."""
    old, new = gentle_model(_PHI3), gentle_model(_PHI3, seed=1)

    def packed(model):
        parameters = rotated_parameters(DecoderParameters(model)) if rotate else DecoderParameters(model)
        made = quantize(parameters, Settings(group_size=32, bits={HEAD: 8}))
        return replace(made, rotated=rotated_inputs(_PHI3), folded=parameters.folded()) if rotate else made

    tokenizer = tiny_tokenizer()
    engine, fresh = (Engine(Int4Backend(packed(model), 512), tokenizer, ()) for model in (old, new))
    prompt = [token % 60 for token in range(70)]
    engine.pin(Request(prompt[:64]))
    stream = engine.submit(Request(prompt, Sampling(max_tokens=8)))
    engine.step()
    before = list(stream.lives[0].ids)
    tensors = {name: tensor.numpy() for name, tensor in new.state_dict().items()}
    broken = tensors | {"layers.1.mlp.down_proj.weight": np.full((32, 48), np.nan, np.float32)}
    for wrong, said in (({}, "other parameters"), (broken, "not finite")):
        with pytest.raises(PhialError, match=said):
            engine.load_weights(wrong)
    assert engine.logits([before])[0].argmax() != fresh.logits([before])[0].argmax()  # still the old ones
    engine.load_weights(tensors)
    [answer] = stream.result()
    known = len(before) - len(prompt)
    assert answer.ids[known:] == fresh.generate([before], Sampling(max_tokens=8 - known))[0].ids
    assert np.array_equal(engine.logits([prompt])[0], fresh.logits([prompt])[0])
    assert engine.backend.fingerprint() == fresh.backend.fingerprint()
