"""GGUF files: the same logits as from the model's folder, every storage type, and files that lie."""

import re
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

gguf = pytest.importorskip("gguf")

import phial  # noqa: E402
from gguf_models import MODELS, add_metadata, gguf_tensors, small_model, write_gguf  # noqa: E402
from phial.errors import PhialError  # noqa: E402
from phial.model import streaming  # noqa: E402
from phial.model.checkpoint import load_gguf, save_weights  # noqa: E402
from phial.model.gguf_files import GGUFFile  # noqa: E402
from phial.model.gguf_header import read_header  # noqa: E402

DEQUANTIZED = sorted(kind.name for kind in gguf.quants._type_traits if kind.name not in ("F32", "F16"))


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_logits_are_those_of_the_folder(name, tmp_path):
    model = small_model(name)
    save_weights(tmp_path, model)
    from_folder = phial.load(tmp_path)
    from_gguf = phial.load(write_gguf(tmp_path / "model.gguf", model))
    for length in (7, 60):  # across the window of 19 and LongRoPE's 48
        ids = torch.randint(3, 64, (2, length), generator=torch.Generator().manual_seed(length))
        assert torch.allclose(from_gguf.model(ids), from_folder.model(ids), atol=1e-5, rtol=0)
    ours, theirs = vars(from_gguf.config), vars(from_folder.config)
    differing = {key for key in ours if key not in ("longrope", "shapes") and ours[key] != theirs[key]}
    assert not differing


@pytest.mark.parametrize("storage", ["F16", "BF16", "Q8_0", "Q4_0"])
@torch.no_grad()
def test_quantized_models_compute_with_what_the_package_dequantizes(storage, tmp_path):
    model = small_model("phi-3-medium")
    rounded = {}
    kind = gguf.GGMLQuantizationType[storage]
    for name, array in gguf_tensors(model):
        known = array.ndim > 1
        rounded[name] = gguf.quants.dequantize(gguf.quants.quantize(array, kind), kind) if known else array
    whole, _ = load_gguf(write_gguf(tmp_path / "whole.gguf", model, tensors=rounded))
    small, _ = load_gguf(write_gguf(tmp_path / "small.gguf", model, storage))
    ids = torch.arange(3, 40).unsqueeze(0)
    assert torch.equal(small(ids), whole(ids))
    assert not torch.allclose(small(ids), model(ids), atol=1e-6)  # something was rounded at all


def with_embedding(path, storage):
    """Write a model whose embedding is random bytes of a storage type; those bytes."""
    kind = gguf.GGMLQuantizationType[storage]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = np.random.default_rng(0).integers(0, 256, (32, 512 // block * size), dtype=np.uint8)
    model = small_model("qwen2", hidden_size=512, vocab_size=32, num_hidden_layers=1)
    writer = gguf.GGUFWriter(path, "qwen2")
    add_metadata(writer, model.config)
    for name, array in gguf_tensors(model):
        if name == "token_embd.weight":
            writer.add_tensor(name, raw, raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return raw


@pytest.mark.parametrize("storage", ["Q8_1", "Q8_K"])
def test_a_storage_type_that_the_package_cannot_read_is_named(storage, tmp_path):
    with_embedding(tmp_path / "x.gguf", storage)
    with pytest.raises(PhialError, match=f"token_embd.weight is stored as {storage}, which can't be dequantized"):
        load_gguf(tmp_path / "x.gguf")


@pytest.mark.parametrize("storage", DEQUANTIZED)
def test_every_storage_type_is_read_as_the_package_reads_it(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "_PIECE", 1000)  # no multiple of any block
    raw = with_embedding(tmp_path / "x.gguf", storage)
    loaded, _ = load_gguf(tmp_path / "x.gguf")
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[storage])
    np.testing.assert_array_equal(loaded.embed_tokens.weight.numpy(), expected)  # NaN equals NaN there


def test_what_is_stored_in_the_wanted_type_stays_in_the_memory_map(tmp_path):
    model = small_model("phi-3-medium")
    path = write_gguf(tmp_path / "model.gguf", model, "BF16")
    with GGUFFile(path) as file:
        assert file.mapped("token_embd.weight", "bfloat16") is not None
        assert file.mapped("token_embd.weight", "float32") is None
        expected = dict(gguf_tensors(model))["token_embd.weight"]
        assert torch.equal(file.mapped("token_embd.weight", "bfloat16"), torch.from_numpy(expected).bfloat16())
    loaded, _ = load_gguf(path, "bfloat16")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.bfloat16}


def test_a_scale_that_converters_drop_is_put_back(tmp_path):
    changes = {"max_position_embeddings": 131072, "longrope": small_model("phi-3.5-moe").config.longrope}
    changes["longrope"] = type(changes["longrope"])(*[(1.0,) * 8] * 2, 4096)
    path = write_gguf(tmp_path / "moe.gguf", small_model("phi-3.5-moe", **changes))
    with GGUFFile(path) as file:
        assert file.config.longrope.long_scale == 1.243163121016122
    path = write_gguf(tmp_path / "mini.gguf", small_model("phi-3-128k", **changes))
    with GGUFFile(path) as file:
        assert file.config.longrope.long_scale == pytest.approx(1.1902380714238083)


def test_a_file_of_before_the_window_was_written_has_it(tmp_path):
    model = small_model("phi-4", max_position_embeddings=4096)
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "phi3")
    writer.add_sliding_window = lambda value: None
    add_metadata(writer, model.config)
    for name, array in gguf_tensors(model):
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with GGUFFile(tmp_path / "x.gguf") as file:
        assert file.config.sliding_window == 2047


EXTRA = np.zeros((4, 32), np.float32)


@pytest.mark.parametrize(
    ("name", "tensors", "what"),
    [
        ("phi-3-medium", {"blk.1.ffn_up.weight": None}, "tensor blk.1.ffn_up.weight is missing"),
        ("phi-3-medium", {"blk.7.ffn_up.weight": EXTRA}, "unexpected tensor blk.7.ffn_up.weight"),
        ("phi-3-medium", {"blk.1.attn_qkv.weight": EXTRA}, r"blk.1.attn_qkv.weight has shape \[4, 32\]"),
        ("phi-3.5-moe", {"blk.0.ffn_up_exps.weight": EXTRA}, r"blk.0.ffn_up_exps.weight has shape \[4, 32\]"),
        ("phi-3-128k", {"rope_factors_long.weight": None}, "rope_factors is missing"),
        ("phi-3-128k", {"rope_factors_long.weight": np.ones(9, np.float32)}, "has 9 factors for 8"),
        ("phi-3-128k", {"rope_factors_long.weight": np.full(8, np.nan, np.float32)}, "finite, positive"),
        ("llama", {"token_embd.weight": None}, "token_embd.weight is missing"),
        ("llama", {"token_embd.weight": np.ones(9, np.float32)}, "token_embd.weight is missing or no matrix"),
    ],
)
def test_wrong_tensors_are_named_before_anything_is_allocated(name, tensors, what, tmp_path):
    path = write_gguf(tmp_path / "x.gguf", small_model(name), tensors=tensors)
    with pytest.raises(PhialError, match=what):
        load_gguf(path)


@pytest.mark.parametrize(
    ("name", "metadata", "what"),
    [
        ("llama", {"general.architecture": "gemma"}, "architecture 'gemma' is not supported"),
        ("llama", {"general.architecture": ["llama"]}, "is not supported"),
        ("llama", {"llama.block_count": 2_000_000_000}, "block_count is 2000000000"),
        ("llama", {"llama.embedding_length": 2_000_000_000}, "embedding_length is 2000000000"),
        ("llama", {"llama.embedding_length": 32}, "rope.dimension_count is 16"),
        ("llama", {"llama.attention.head_count": 2_000_000_000}, "head_count is 2000000000"),
        ("llama", {"llama.attention.head_count": 0}, "head_count is 0"),
        ("llama", {"llama.attention.head_count": "4"}, "head_count is '4'"),
        ("llama", {"llama.attention.head_count": [4, 2]}, "differs from layer to layer"),
        ("llama", {"llama.attention.head_count_kv": 3}, "can't share 3"),
        ("llama", {"llama.attention.key_length": 2_000_000_000}, "key_length is 2000000000"),
        ("llama", {"llama.attention.value_length": 8}, "not as wide"),
        ("llama", {"llama.feed_forward_length": 2_000_000_000}, "intermediate_size = 2,000,000,000"),
        ("llama", {"llama.rope.dimension_count": 8}, "partly rotated"),
        ("llama", {"llama.rope.freq_base": float("nan")}, "freq_base is nan"),
        ("llama", {"llama.rope.scaling.type": "yarn"}, "scaling 'yarn'"),
        ("llama", {"llama.expert_count": 4}, "4 experts"),
        ("phi-3.5-moe", {"phimoe.expert_count": 2_000_000_000}, "expert_count is 2000000000"),
        ("phi-3.5-moe", {"phimoe.expert_used_count": 3}, "two experts"),
        ("phi-2", {"phi2.rope.dimension_count": 5}, "5 of 16"),
        ("phi-2", {"tokenizer.ggml.eos_token_id": "x"}, "eos_token_id is 'x'"),
    ],
)
def test_metadata_that_the_tensors_do_not_bear_out_is_refused(name, metadata, what, tmp_path, monkeypatch):
    model = small_model(name)
    writer_add = gguf.GGUFWriter.add_key_value

    def add(self, key, value, vtype, sub_type=None):  # the writer refuses to write a key twice
        if key not in metadata or value == metadata[key] or metadata[key] is value:
            writer_add(self, key, value, vtype, sub_type)

    monkeypatch.setattr(gguf.GGUFWriter, "add_key_value", add)
    with_changes = write_gguf(tmp_path / "x.gguf", model, metadata=metadata)
    with pytest.raises(PhialError, match=what):
        load_gguf(with_changes)


def test_llama_3_factors_are_read(tmp_path):
    factors = np.linspace(1, 8, 8, dtype=np.float32)
    path = write_gguf(tmp_path / "x.gguf", small_model("llama"), tensors={"rope_freqs.weight": factors})
    with GGUFFile(path) as file:
        assert file.config.longrope.short_factor == file.config.longrope.long_factor == tuple(factors.tolist())
        assert file.config.longrope.short_scale == 1.0


HEAD = b"GGUF" + struct.pack("<I", 3)
HUGE = struct.pack("<Q", 1 << 62)


def key_value(kind: int, value: bytes) -> bytes:
    return struct.pack("<QQ", 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", kind) + value


def one_tensor(shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    described = struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return struct.pack("<QQ", 1, 0) + struct.pack("<Q", 1) + b"t" + described + bytes(200)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file ends inside its magic number"),
        (b"GGML" + bytes(20), "not a GGUF file"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "big-endian"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(16), "version 1"),
        (HEAD + HUGE + bytes(8), "number of tensors is 4,611"),
        (HEAD + bytes(8) + HUGE, "number of metadata keys is 4,611"),
        (HEAD + struct.pack("<QQ", 0, 1) + HUGE + bytes(9), "length of a metadata key is 4,611"),
        (HEAD + key_value(8, HUGE), "length of metadata k is 4,611"),
        (HEAD + key_value(9, struct.pack("<I", 4) + HUGE), "length of metadata k is 4,611"),
        (HEAD + key_value(9, struct.pack("<I", 8) + HUGE), "length of metadata k is 4,611"),
        (HEAD + key_value(9, struct.pack("<IQ", 10, 9) + bytes(20)), "metadata k, which takes 72 bytes"),
        (HEAD + key_value(9, struct.pack("<IQ", 9, 1) + bytes(20)), "of type 9, which is not known"),
        (HEAD + key_value(77, bytes(20)), "of type 77"),
        (HEAD + key_value(8, struct.pack("<Q", 1) + b"\xff"), "is no UTF-8"),
        (HEAD + one_tensor(()), "has 0 dimensions"),
        (HEAD + one_tensor((1,) * 5), "has 5 dimensions"),
        (HEAD + one_tensor((1 << 63, 1 << 63)), "bytes too late"),
        (HEAD + one_tensor((8, 0)), "dimension of 0"),
        (HEAD + one_tensor((8,), kind=9999), "type 9999"),
        (HEAD + one_tensor((8,), kind=4), "type 4"),
        (HEAD + one_tensor((8,), kind=8), "needs a multiple of 32"),
        (HEAD + one_tensor((8,), offset=7), "no multiple of 32"),
        (HEAD + one_tensor((8,), offset=1 << 63), "bytes too late"),
    ],
)
def test_lying_headers_are_refused_and_allocate_nothing(data, what):
    tracemalloc.start()
    try:
        read_header(data, "x")
    except PhialError as error:
        peak = tracemalloc.get_traced_memory()[1]
        assert re.search(what, error.what)
        assert peak < 1 << 17, peak
    else:
        pytest.fail("it was believed")
    finally:
        tracemalloc.stop()


def test_tensors_that_share_bytes_are_refused():
    tensors = b"".join(struct.pack("<Q", 1) + name + struct.pack("<IQIQ", 1, 16, 0, 0) for name in (b"a", b"b"))
    with pytest.raises(PhialError, match="tensors a and b overlap"):
        read_header(HEAD + struct.pack("<QQ", 2, 0) + tensors + bytes(200), "x")
    with pytest.raises(PhialError, match="tensor a is there twice"):
        read_header(HEAD + struct.pack("<QQ", 2, 0) + tensors.replace(b"b", b"a") + bytes(200), "x")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(bytes of a small file, where its tensor data begin, a path to write to)."""
    path = tmp_path_factory.mktemp("fuzz") / "x.gguf"
    metadata = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a", "b"], "x.bool": True, "x.real": 1.5}
    write_gguf(path, small_model("phi-3.5-moe", num_hidden_layers=1), metadata=metadata)
    with GGUFFile(path) as file:
        start = min(info.offset for info in file.header.tensors.values())
    return path.read_bytes(), start, path


@given(st.data())
@example(None)
def test_a_damaged_file_is_a_named_fault_and_never_a_large_allocation(whole, data):
    content, start, path = whole
    if data is None:
        changed = content[: start // 2]
    else:
        changed = bytearray(content)
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, start - 1))
            new = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 8, b"\0" * 8]))
            changed[place : place + len(new)] = new
        if data.draw(st.booleans()):
            del changed[data.draw(st.integers(0, len(content) - 1)) :]
    path.write_bytes(changed)
    tracemalloc.start()
    try:
        with GGUFFile(path) as file:
            file.check()
    except PhialError as error:
        assert error.where and error.do
    else:
        load_gguf(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        path.write_bytes(content)
    assert peak < 2 << 20


@pytest.mark.parametrize("path", ["missing.gguf", "folder.gguf", "empty.gguf"])
def test_what_is_no_file_is_refused(path, tmp_path):
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "empty.gguf").touch()
    with pytest.raises(PhialError, match="no file, or an empty one"):
        load_gguf(tmp_path / path)


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path):
    path = write_gguf(tmp_path / "x.gguf", small_model("llama"), "F16")
    with GGUFFile(path) as file:
        info = file.header.tensors["output.weight"]
        out = torch.empty(info.shape)
        with path.open("r+b") as opened:
            opened.truncate(info.offset + 10)
        with pytest.raises(PhialError, match=r"the file ends inside tensor output.weight"):
            file.copy("output.weight", out)
