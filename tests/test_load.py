"""phial.load: a folder, a GGUF file, and what is neither."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import phial
from phial.engine.request import Request, Sampling
from phial.errors import PhialError
from phial.kernels.packing import dequantize
from phial.model.checkpoint import load_weights, save_checkpoint, save_weights
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import INDEX, read_config
from phial.quant.quantize import Settings
from phial.recipe.quantization import quantize_model
from phial.tokens.tokenizer import train_tokenizer

CONFIG = ModelConfig(
    vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, layout="llama", tie_word_embeddings=False,
)  # fmt: skip
IDS = torch.arange(5, 25).unsqueeze(0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(folder, model) of a random model with a tokenizer."""
    folder = tmp_path_factory.mktemp("folder")
    model = Decoder(CONFIG).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter.ndim == 1) + 0.2 * torch.randn(parameter.shape, generator=generator))
    save_checkpoint(folder, model, train_tokenizer(["Ada has 12 pens."] * 4, 300), shard_bytes=40_000)
    return folder, model


@torch.no_grad()
def test_a_folder_gives_logits_and_a_tokenizer(saved):
    folder, model = saved
    loaded = phial.load(folder)
    assert torch.equal(loaded.model(IDS), model(IDS))
    assert loaded.model(IDS).shape == (1, 20, 300)
    assert loaded.config == model.config and loaded.commit is None
    assert loaded.tokenizer.decode(loaded.tokenizer.encode("Ada has 12 <|end|>")) == "Ada has 12 <|end|>"
    assert loaded.tokenizer is loaded.tokenizer


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@torch.no_grad()
def test_weights_come_in_the_type_that_is_asked_for(saved, dtype):
    folder, model = saved
    loaded = phial.load(str(folder), dtype=dtype)
    for name, parameter in loaded.model.named_parameters():
        assert torch.equal(parameter, model.state_dict()[name].to(getattr(torch, dtype))), name


def test_a_model_answers(saved):
    loaded = phial.load(saved[0])
    greedy = Sampling(max_tokens=5)
    one, two = loaded.generate(["Ada has", "12 pens."], greedy)
    assert loaded.generate("Ada has", greedy) == one and loaded.generate("12 pens.", greedy) == two
    stream = loaded.engine.submit(Request(loaded.tokenizer.encode("Ada has"), greedy))
    assert [token for event in stream for token in event.ids] == list(stream.result()[0].ids)


def test_a_quantized_folder_loads(saved, tmp_path):
    quantize_model(saved[0], tmp_path / "int4", Settings(group_size=32), held_out_tokens=64)
    loaded = phial.load(tmp_path / "int4")
    assert loaded.quantized is not None and isinstance(loaded.generate("Ada has", Sampling(max_tokens=5)), str)
    packed = loaded.quantized.matrices["layers.0.self_attn.o_proj"]
    weight = loaded.model.get_parameter("layers.0.self_attn.o_proj.weight")
    assert torch.equal(weight, torch.from_numpy(dequantize(packed)))
    assert loaded.model(IDS).shape == (1, 20, 300)


def test_weights_are_of_use_without_a_tokenizer(saved, tmp_path):
    save_weights(tmp_path, saved[1])
    loaded = phial.load(tmp_path)
    assert loaded.model(IDS).isfinite().all()
    with pytest.raises(PhialError, match=r"tokenizer.json is missing"):
        loaded.tokenizer.encode("a")


def test_a_gguf_file_brings_its_tokenizer_or_takes_the_one_beside_it(saved, tmp_path):
    pytest.importorskip("gguf")
    from gguf_models import write_gguf

    path = write_gguf(tmp_path / "model.gguf", saved[1])
    loaded = phial.load(path)
    assert torch.equal(loaded.model(IDS), saved[1](IDS))
    with pytest.raises(PhialError, match="a tokenizer of kind None inside a GGUF file is not read"):
        loaded.tokenizer.encode("a")
    shutil.copy(saved[0] / "tokenizer.json", tmp_path)
    assert phial.load(path).tokenizer.encode("Ada") == phial.load(saved[0]).tokenizer.encode("Ada")


@pytest.mark.parametrize(
    ("path", "settings", "what"),
    [
        ("nothing", {}, "there is no nothing"),
        ("./a/b", {}, r"there is no ./a/b"),
        ("a/../b", {}, r"there is no a/../b"),
        (None, {"dtype": "int8"}, "dtype 'int8'"),
        (None, {"device": "abacus"}, "device 'abacus'"),
    ],
)
def test_what_can_not_be_loaded_says_why(saved, path, settings, what):
    with pytest.raises(PhialError, match=what):
        phial.load(saved[0] if path is None else path, **settings)


def test_cuda_is_refused_where_there_is_none(saved, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PhialError, match="torch finds no CUDA device"):
        phial.load(saved[0], device="cuda")


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, phial; assert not {'torch', 'numpy', 'tokenizers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def fuzzed(saved, tmp_path_factory):
    """A folder with one weight file, small enough to be damaged often."""
    folder = tmp_path_factory.mktemp("fuzzed")
    save_weights(folder, saved[1])
    return folder


@given(st.data())
def test_damaged_safetensors_are_a_named_fault(fuzzed, data):
    path = fuzzed / "model.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, header - 1))
        new = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"9999999", b"-1", b"[]", b"null"]))
        changed[place : place + len(new)] = new
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(whole) - 1)) :]
    path.write_bytes(changed)
    try:
        load_weights(fuzzed, read_config(fuzzed))
    except PhialError as error:
        assert error.where and error.do
    finally:
        path.write_bytes(whole)


@given(st.data())
def test_a_damaged_index_or_configuration_is_a_named_fault(saved, data):
    folder = saved[0]
    path = folder / data.draw(st.sampled_from([INDEX, "config.json"]))
    whole = path.read_bytes()
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        new = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"99999999", b"-1", b"null", b"[" * 20]))
        changed[place : place + len(new)] = new
    path.write_bytes(changed)
    try:
        load_weights(folder, read_config(folder))
    except PhialError as error:
        assert error.do
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("config.json", "[" * 100_000, "no readable config.json"),
        ("config.json", "[]", "config.json is no object"),
        (INDEX, "[" * 100_000, "not an index of weights"),
        (INDEX, '{"weight_map": {"a": "../model.safetensors"}}', "no file of this folder"),
        (INDEX, '{"weight_map": {"a": "gone.safetensors"}}', "weights are missing"),
        (INDEX, '{"weight_map": {}}', "tensor model.embed_tokens.weight is missing"),
    ],
)
def test_unusable_folders_say_why(saved, tmp_path, name, text, what):
    shutil.copytree(saved[0], tmp_path / "x")
    (tmp_path / "x" / name).write_text(text)
    with pytest.raises(PhialError, match=what):
        phial.load(tmp_path / "x")


def test_wrong_tensors_are_named(saved, tmp_path):
    shutil.copytree(saved[0], tmp_path / "x")
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    for change, what in (
        ({"num_hidden_layers": 1}, "unexpected tensor model.layers.1"),
        ({"num_hidden_layers": 3}, "tensor model.layers.2.input_layernorm.weight is missing"),
        ({"intermediate_size": 1 << 19}, "mlp.gate_proj.weight has shape"),
    ):
        (tmp_path / "x" / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(PhialError, match=what):
            phial.load(tmp_path / "x")


_LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1,000,000,000"),
        ({"vocab_size": 1 << 30}, "vocab_size = "),
        ({"hidden_size": 1 << 30, "num_attention_heads": 2, "rope_scaling": _LLAMA3}, "hidden_size = "),
        ({"head_dim": 1 << 30, "rope_scaling": _LLAMA3}, "head_size = "),
        ({"partial_rotary_factor": 1e11, "rope_scaling": _LLAMA3}, "dimensions of a head are rotated"),
        ({"intermediate_size": 1 << 30}, "intermediate_size = "),
        ({"num_attention_heads": 1 << 30, "num_key_value_heads": 1 << 30}, "num_attention_heads = "),
        ({"model_type": "phimoe", "num_local_experts": 1 << 30}, "1,073,741,824 experts"),
    ],
)
def test_nothing_is_sized_by_an_absurd_number(saved, tmp_path, change, what):
    config = json.loads((saved[0] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(PhialError, match=what):
        read_config(tmp_path)


def test_a_weight_file_that_is_a_folder_is_refused(saved, tmp_path):
    save_weights(tmp_path, saved[1])
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(PhialError, match="weights are damaged"):
        phial.load(tmp_path)
