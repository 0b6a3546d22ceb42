"""LoRA adapters against float models with merged weights, on every backend, and as part of requests."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import random_decoder, tiny_config, tiny_tokenizer, torch_logits
from lora_folders import LINEAR, merged, near, write_lora

sys.path.append(str(Path(__file__).parents[1] / "quant"))
from small import CONFIGS

from phial.engine.backend import Work
from phial.engine.engine import Engine
from phial.engine.int4_backend import Int4Backend
from phial.engine.numpy_backend import NumpyBackend
from phial.engine.request import Request, Sampling
from phial.engine.torch_backend import TorchBackend
from phial.errors import PhialError
from phial.kernels.int4_library import int4_build
from phial.model.adapter import Adapter, read_adapter
from phial.quant.quantize import Settings, quantize
from phial.quant.quantized import matrix_shapes
from phial.quant.rotate import rotated_inputs, rotated_parameters
from phial.quant.weights import DecoderParameters

TOKENIZER = tiny_tokenizer()
TIME = 40
int4_only = pytest.mark.skipif(int4_build() == "none", reason="the int4 kernels were not built")


def gentle(config):
    """A random decoder whose values stay near one."""
    model = random_decoder(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.normal_(1.0, 0.3)
            elif name.endswith("bias"):
                parameter.normal_(0.0, 0.1)
            elif name.startswith("embed"):
                parameter.normal_(0.0, 1.0)
            elif parameter.ndim == 3:
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5)
    return model


def ids_of(config, seed=0, time=TIME):
    return np.random.default_rng(seed).integers(0, config.vocab_size - 5, time).tolist()


def read_whole(backend, ids, adapter):
    """Logits of every token, read in two parts and token by token."""
    sequence, _ = backend.open()
    parts = [ids[:9], ids[9 : len(ids) - 5], *([token] for token in ids[len(ids) - 5 :])]
    rows = [backend.run([Work(sequence, part, len(part), (), adapter)])[0] for part in parts]
    backend.free(sequence)
    return np.concatenate(rows)


@pytest.mark.parametrize("family", LINEAR)
def test_the_torch_backend_computes_what_merged_weights_do(family, tmp_path):
    model = gentle(CONFIGS[family])
    folder = write_lora(tmp_path / "lora", model, size=0.5)
    adapter, ids = read_adapter(folder, model.config), ids_of(model.config)
    expected = torch_logits(merged(model, folder, tmp_path / "merged"), ids)
    found = read_whole(TorchBackend(model), ids, adapter)
    assert near(found, expected, 1e-5) and not near(found, torch_logits(model, ids), 0.1)


@pytest.mark.parametrize("tied", [True, False])
def test_the_numpy_backend_computes_what_merged_weights_do(tied, tmp_path):
    model = random_decoder(tiny_config(tie_word_embeddings=tied))
    targets = (*LINEAR["phi3"], "lm_head")
    folder = write_lora(tmp_path / "lora", model, size=0.5, targets=targets)
    adapter, ids = read_adapter(folder, model.config), ids_of(model.config)
    assert ("lm_head" in adapter.parts) is not tied
    expected = torch_logits(merged(model, folder, tmp_path / "merged"), ids)
    backend = NumpyBackend(model.config, {name: tensor.numpy() for name, tensor in model.state_dict().items()})
    found = read_whole(backend, ids, adapter)
    assert near(found, expected, 1e-5) and not near(found, torch_logits(model, ids), 0.1)


@int4_only
@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize("family", [*LINEAR, "phi3-tied"])
def test_the_int4_backend_is_near_merged_weights_rotated_or_not(family, rotate, tmp_path):
    """8 bits and a scale a group leave so little rounding that an adapter in the wrong basis could not hide."""
    config = CONFIGS[family]
    if rotate and (config.norm != "rms" or config.experts):
        pytest.skip("rotations are for RMSNorm")
    model = gentle(config)
    targets = (*LINEAR[config.layout], *(() if config.tie_word_embeddings else ("lm_head",)))
    folder = write_lora(tmp_path / "lora", model, size=0.5, targets=targets)
    adapter, ids = read_adapter(folder, config), ids_of(config)
    settings = Settings(group_size=32, bits=dict.fromkeys(matrix_shapes(config), 8), by_group=True)
    if rotate:
        turned = rotated_parameters(DecoderParameters(model))
        quantized = replace(quantize(turned, settings), rotated=rotated_inputs(config), folded=turned.folded())
    else:
        quantized = quantize(DecoderParameters(model), settings)
    expected = torch_logits(merged(model, folder, tmp_path / "merged"), ids)
    found = read_whole(Int4Backend(quantized, 256), ids, adapter)
    assert near(found, expected, 0.04) and not near(found, torch_logits(model, ids), 0.1)
    plain = read_whole(Int4Backend(quantized, 256), ids, None)
    assert near(plain, torch_logits(model, ids), 0.04)


@int4_only
@pytest.mark.parametrize("family", ["phi3", "phi", "qwen2", "phimoe"])
def test_int4_tokens_have_the_same_bits_in_every_company(family, tmp_path):
    model = gentle(CONFIGS[family])
    quantized = quantize(DecoderParameters(model), Settings(group_size=32))
    adapters = [
        read_adapter(write_lora(tmp_path / str(seed), model, seed=seed, rank=rank), model.config)
        for seed, rank in ((0, 3), (1, 17))
    ]
    kinds = [None, adapters[0], adapters[1], adapters[0]]
    texts = [ids_of(model.config, seed) for seed in range(4)]
    alone = Int4Backend(quantized, 512, threads=1)
    expected = [read_whole(alone, ids, adapter) for ids, adapter in zip(texts, kinds, strict=True)]
    for ids, adapter, whole in zip(texts, kinds, expected, strict=True):
        sequence, _ = alone.open()
        assert np.array_equal(alone.run([Work(sequence, ids, len(ids), (), adapter)])[0], whole)
        alone.free(sequence)
    together = Int4Backend(quantized, 512, threads=2)
    sequences = [together.open()[0] for _ in texts]
    got = [[] for _ in texts]
    for start in range(0, TIME, 8):
        work = []
        for row, (sequence, ids) in enumerate(zip(sequences, texts, strict=True)):
            part = ids[start // (row + 1) : (start + 8) // (row + 1)]
            work.append(Work(sequence, part, len(part) if row % 2 else 1, (), kinds[row]))
        for row, logits in enumerate(together.run(work)):
            place = (start + 8) // (row + 1)
            got[row].append((place - len(logits), place, logits))
    for whole, pieces in zip(expected, got, strict=True):
        assert all(np.array_equal(logits, whole[first:last]) for first, last, logits in pieces)


def test_scales_follow_the_settings(tmp_path):
    model = gentle(CONFIGS["llama"])
    patterns = {
        "rank_pattern": {"model.layers.0.self_attn.q_proj": 5},
        "alpha_pattern": {"model.layers.1.mlp.up_proj": 1.5},
    }
    ids = ids_of(model.config)
    for index, facts in enumerate(({}, {"use_rslora": True}, patterns, {**patterns, "use_rslora": True})):
        folder = write_lora(tmp_path / f"{index}", model, size=0.5, dtype=torch.bfloat16, **facts)
        expected = torch_logits(merged(model, folder, tmp_path / f"{index}-merged"), ids)
        assert near(read_whole(TorchBackend(model), ids, read_adapter(folder, model.config)), expected, 1e-5)


def test_patterns_name_modules_or_the_ends_of_their_paths(tmp_path):
    model = gentle(CONFIGS["phi3"])
    names = ("qkv_proj", "layers.0.mlp.down_proj", "^layers.1.mlp.down_proj", "model\\.layers\\.1\\.mlp\\.down_proj")
    folder = write_lora(tmp_path / "a", model, alpha_pattern={name: 6.0 * (i + 2) for i, name in enumerate(names)})
    plain = read_adapter(write_lora(tmp_path / "b", model), model.config)
    for name, parts in read_adapter(folder, model.config).parts.items():
        factor = 2 if "qkv" in name else 3 if name == "layers.0.mlp.down_proj" else 5 if "down" in name else 1
        assert np.allclose(parts[0].lora_b, factor * plain.parts[name][0].lora_b)


def _set(folder, **facts):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"lora_bias": True}, "lora_bias"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"something_of_tomorrow": {"a": 1}}, "something_of_tomorrow"),
        ({"peft_type": "IA3"}, "no LoRA"),
        ({"r": 4}, "asks for"),
        ({"r": 0}, "r = 0"),
        ({"r": True}, "r = True"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
        ({"lora_alpha": 1e39}, "not finite"),
        ({"alpha_pattern": {"(a+)+$": 1.0}}, "alpha_pattern"),
        ({"rank_pattern": {"qkv_proj": "9"}}, "r = '9'"),
    ],
)
def test_what_is_more_than_plain_lora_is_refused(facts, said, tmp_path):
    model = gentle(CONFIGS["phi3"])
    folder = write_lora(tmp_path / "lora", model)
    _set(folder, **facts)
    with pytest.raises(PhialError, match=said) as caught:
        read_adapter(folder, model.config)
    assert caught.value.do


def _write(folder, tensors):
    from safetensors.numpy import save_file

    save_file(tensors, folder / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("nan", "not finite"),
        ("lonely", "is missing"),
        ("shape", "asks for"),
        ("flat", "asks for"),
        ("stranger", "no linear layer"),
        ("embedding", "no LoRA tensor"),
        ("integers", "stored as I8"),
        ("empty", "empty"),
        ("cut", "damaged"),
        ("gone", "missing"),
        ("no json", "readable"),
    ],
)
def test_damaged_adapters_are_refused(fault, said, tmp_path):
    model = gentle(CONFIGS["phi3"])
    folder = write_lora(tmp_path / "lora", model)
    from safetensors.numpy import load_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    name = "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"
    if fault == "nan":
        tensors[name][3, 1] = np.nan
    elif fault == "lonely":
        del tensors[name]
    elif fault == "shape":
        tensors[name] = tensors[name][:-1].copy()
    elif fault == "flat":
        tensors[name] = tensors[name].ravel()
    elif fault == "stranger":
        tensors |= {name.replace("layers.1", "layers.7").replace("_B", f"_{x}"): tensors[name] for x in "AB"}
    elif fault == "embedding":
        tensors["base_model.model.model.embed_tokens.lora_embedding_A"] = tensors[name]
    elif fault == "integers":
        tensors[name] = tensors[name].astype(np.int8)
    elif fault == "empty":
        tensors = {}
    _write(folder, tensors)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif fault == "gone":
        path.unlink()
    elif fault == "no json":
        (folder / "adapter_config.json").write_text("[" * 100_000)
    with pytest.raises(PhialError, match=said):
        read_adapter(folder, model.config)


def test_experts_and_tied_heads_have_no_adapters(tmp_path):
    for family, target in (("phimoe", "w1"), ("phi3-tied", "lm_head")):
        model = gentle(CONFIGS[family])
        targets = ("w1", "q_proj") if family == "phimoe" else LINEAR["phi3"]
        folder = write_lora(tmp_path / family, model, targets=targets)
        if target == "lm_head":
            from safetensors.numpy import load_file

            tensors = load_file(folder / "adapter_model.safetensors")
            tensors |= {f"base_model.model.lm_head.lora_{x}.weight": np.ones((3, 32), np.float32) for x in "AB"}
            _write(folder, tensors)
        with pytest.raises(PhialError, match="no linear layer"):
            read_adapter(folder, model.config)


def engines(model, tmp_path):
    """The model in every backend that runs it."""
    yield Engine(TorchBackend(model), TOKENIZER, ())
    yield Engine(
        NumpyBackend(model.config, {name: tensor.numpy() for name, tensor in model.state_dict().items()}), TOKENIZER, ()
    )
    if int4_build() != "none":
        bits = dict.fromkeys(matrix_shapes(model.config), 8)
        quantized = quantize(DecoderParameters(model), Settings(group_size=32, by_group=True, bits=bits))
        yield Engine(Int4Backend(quantized, 512), TOKENIZER, ())


def test_requests_of_several_adapters_are_answered_by_their_own(tmp_path):
    model = random_decoder(tiny_config())
    folders = {name: write_lora(tmp_path / name, model, seed=i, size=2.0) for i, name in enumerate(("one", "two"))}
    plain = {None: model} | {name: merged(model, path, tmp_path / f"{name}-m") for name, path in folders.items()}
    prompt = ids_of(model.config, time=12)
    for engine in engines(model, tmp_path):
        for name, folder in folders.items():
            engine.load_adapter(name, folder)
        names = [None, "one", "two", "one", None]
        streams = [engine.submit(Request(prompt, Sampling(max_tokens=8), adapter=name)) for name in names]
        answers = [stream.result()[0] for stream in streams]
        assert answers[1] == answers[3] and answers[0] == answers[4]
        assert len({answer.ids for answer in answers}) == 3
        for name, answer in zip(names, answers, strict=True):
            expected = torch_logits(plain[name], [*prompt, *answer.ids])[len(prompt) - 1 : -1]
            chosen = expected[np.arange(8), list(answer.ids)]
            # what was drawn is the likeliest token, or as good as it
            assert (chosen > expected.max(axis=1) - 0.15 * expected.std()).all()
        [again] = engine.generate([prompt], Sampling(max_tokens=8), adapter="two")
        assert again.ids == answers[2].ids
        fork = engine.fork(streams[1], Sampling(max_tokens=4))
        assert fork.lives[0].adapter is streams[1].lives[0].adapter
        [row] = engine.logits([prompt], adapter="one")
        assert row[0].argmax() == answers[1].ids[0]


def test_a_name_is_loaded_once_and_means_something_else_later(tmp_path):
    model = random_decoder(tiny_config(max_position_embeddings=128))
    one, two = (write_lora(tmp_path / str(seed), model, seed=seed, size=2.0) for seed in (0, 1))
    prompt = ids_of(model.config, time=70)  # whole blocks, which a prefix could be shared by
    for engine in engines(model, tmp_path):
        with pytest.raises(PhialError, match="no adapter 'style'"):
            engine.submit(Request(prompt, adapter="style"))
        engine.load_adapter("style", one)
        with pytest.raises(PhialError, match="already"):
            engine.load_adapter("style", two)
        first = engine.submit(Request(prompt, Sampling(max_tokens=6), adapter="style"))
        engine.step()
        engine.unload_adapter("style")
        with pytest.raises(PhialError, match="no adapter 'style'"):
            engine.generate([prompt], Sampling(max_tokens=6), adapter="style")
        with pytest.raises(PhialError, match="no adapter 'style'"):
            engine.unload_adapter("style")
        engine.load_adapter("style", two)
        later = engine.generate([prompt], Sampling(max_tokens=6), adapter="style")[0]
        begun = first.result()[0]  # goes on with what it has begun with
        engine.load_adapter("first", one)
        assert begun.ids == engine.generate([prompt], Sampling(max_tokens=6), adapter="first")[0].ids != later.ids
        assert engine.adapters == ["first", "style"]


def test_an_adapter_of_another_model_is_refused(tmp_path):
    model, other = random_decoder(tiny_config()), random_decoder(tiny_config(hidden_size=64))
    folder = write_lora(tmp_path / "lora", other)
    for engine in engines(model, tmp_path):
        with pytest.raises(PhialError, match="asks for"):
            engine.load_adapter("other", folder)
        with pytest.raises(PhialError, match="does not fit"):
            engine.load_adapter("other", read_adapter(folder, other.config))
        assert engine.adapters == []


def test_snapshots_know_their_adapter(tmp_path):
    model = random_decoder(tiny_config(max_position_embeddings=128))
    one, two = (write_lora(tmp_path / str(seed), model, seed=seed, size=2.0) for seed in (0, 1))
    prompt = ids_of(model.config, time=70)
    for index, engine in enumerate(engines(model, tmp_path)):
        if isinstance(engine.backend, NumpyBackend):
            continue
        engine.load_adapter("style", one)
        expected = engine.generate([prompt], Sampling(max_tokens=6), adapter="style")
        engine.snapshot(engine.pin(Request(prompt[:69], adapter="style")), tmp_path / f"pin{index}")
        plain = engine.generate([prompt], Sampling(max_tokens=6))
        [fresh] = [other for i, other in enumerate(engines(model, tmp_path)) if i == index]
        with pytest.raises(PhialError, match="no adapter 'style'"):
            fresh.restore(tmp_path / f"pin{index}")
        fresh.load_adapter("style", two)
        with pytest.raises(PhialError, match="another adapter"):
            fresh.restore(tmp_path / f"pin{index}")
        fresh.unload_adapter("style")
        fresh.load_adapter("style", one)
        fresh.restore(tmp_path / f"pin{index}")
        assert fresh.generate([prompt], Sampling(max_tokens=6)) == plain  # which shares nothing with the adapter's
        assert fresh.generate([prompt], Sampling(max_tokens=6), adapter="style") == expected


def test_an_adapter_needs_no_name_in_the_end(tmp_path):
    """The backend forgets what nobody has any more."""
    import gc
    import weakref

    model = random_decoder(tiny_config())
    for engine in engines(model, tmp_path):
        adapter = read_adapter(write_lora(tmp_path / type(engine.backend).__name__, model), model.config)
        gone = weakref.ref(adapter)
        engine.load_adapter("style", adapter)
        del adapter
        engine.generate([[5, 6]], Sampling(max_tokens=3), adapter="style")
        engine.unload_adapter("style")
        gc.collect()
        assert gone() is None


def test_an_adapter_without_parts_changes_nothing():
    model = random_decoder(tiny_config())
    for engine in engines(model, None):
        engine.load_adapter("nothing", Adapter("nothing", {}))
        prompts = [[5, 6, 7, 8], [9]]
        plain = engine.generate(prompts, Sampling(max_tokens=6))
        assert engine.generate(prompts, Sampling(max_tokens=6), adapter="nothing") == plain
