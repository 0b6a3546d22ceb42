"""Small random models, and GGUF files of them in the layout of llama.cpp's converter, written by the gguf package."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from phial.model.checkpoint import published_tensors
from phial.model.config import Experts, LongRope, ModelConfig
from phial.model.decoder import Decoder

ARCHITECTURES = {"phi": "phi2", "phi3": "phi3", "phimoe": "phimoe", "llama": "llama", "qwen2": "qwen2"}
PLAIN = {
    "vocab_size": 64, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "tie_word_embeddings": False, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip


def rope(frequencies: int) -> LongRope:
    """Factors that converters' rule for the scale fits."""
    short = tuple(float(np.float32(1.0 + 0.01 * i)) for i in range(frequencies))
    long = tuple(float(np.float32(1.5 + 0.75 * i)) for i in range(frequencies))
    return LongRope(short, long, 48)


MODELS: dict[str, dict[str, Any]] = {
    "phi-2": {
        "layout": "phi", "num_key_value_heads": 4, "norm": "layer", "parallel": True, "activation": "gelu_new",
        "attention_bias": True, "output_bias": True, "mlp_bias": True, "head_bias": True, "partial_rotary_factor": 0.5,
    },
    "phi-3-medium": {"sliding_window": 19},
    "phi-3-128k": {"num_key_value_heads": 4, "longrope": rope(8)},
    "phi-4": {"rope_theta": 250000.0, "num_key_value_heads": 1},
    "phi-4-mini": {"longrope": rope(6), "partial_rotary_factor": 0.75, "tie_word_embeddings": True},
    "phi-3.5-moe": {
        "layout": "phimoe", "norm": "layer", "attention_bias": True, "output_bias": True, "head_bias": True,
        "experts": Experts(6), "longrope": rope(8),
    },
    "llama": {"layout": "llama"},
    "qwen2": {"layout": "qwen2", "attention_bias": True, "tie_word_embeddings": True, "rope_theta": 1e6},
}  # fmt: skip


def small_model(name: str, **changes: Any) -> Decoder:
    """A random model; its gains and biases are random too, so that none can be left out."""
    model = Decoder(ModelConfig(**PLAIN | MODELS[name] | changes)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.2 * noise if "norm" in key and key.endswith("weight") else 0.15 * noise)
    return model


def gguf_tensors(model: Decoder) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor as the converter writes it; the names are looked up in the gguf package's own table."""
    config = model.config
    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == ARCHITECTURES[config.layout])
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)

    def named(key: str) -> str:
        found = names.get_name(key, try_suffixes=(".weight", ".bias"))
        assert found is not None, key
        return found

    experts: dict[str, list[np.ndarray]] = {}
    for key, tensor in published_tensors(model):
        array = tensor.detach().numpy()
        if ".experts." in key:
            before, _, rest = key.partition(".experts.")
            experts.setdefault(f"{before}.experts.{rest.partition('.')[2]}", []).append(array)
            continue
        if config.layout == "llama" and (".q_proj." in key or ".k_proj." in key):
            heads = config.num_attention_heads if ".q_proj." in key else config.num_key_value_heads
            # halves of a head side by side become neighbours
            array = array.reshape(heads, 2, config.head_dim // 2, -1).swapaxes(1, 2).reshape(array.shape)
        yield named(key), array
    for key, arrays in experts.items():
        yield named(key), np.stack(arrays)
    if config.longrope is not None:
        for kind in ("long", "short"):
            yield f"rope_factors_{kind}.weight", np.array(getattr(config.longrope, f"{kind}_factor"), np.float32)


def add_metadata(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    """The keys that the converter writes for a model."""
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_pad_token_id(config.pad_token_id)
    if config.layout != "qwen2":
        writer.add_rope_dimension_count(config.rotary_dim)
    if config.layout == "phi":
        writer.add_layer_norm_eps(config.rms_norm_eps)
        return
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    if config.layout in ("phi3", "phimoe"):
        writer.add_sliding_window(config.sliding_window or 0)
    if config.experts is not None:
        writer.add_expert_count(config.experts.count)
        writer.add_expert_used_count(2)
    if config.longrope is not None:
        original = config.longrope.original_max_position_embeddings
        writer.add_rope_scaling_orig_ctx_len(original)
        scale = math.sqrt(1 + math.log(config.max_position_embeddings / original) / math.log(original))
        writer.add_rope_scaling_attn_factors(scale)


def add_value(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    """One metadata value of the type that Python gives it."""
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value.tolist() if isinstance(value, np.ndarray) else value)


def write_gguf(
    path: Path,
    model: Decoder,
    storage: str = "F32",
    metadata: Mapping[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray | None] | None = None,
) -> Path:
    """Write a model.

    Args:
        path: of the file.
        model: of an architecture that llama.cpp has.
        storage: of matrices, any type that the package quantizes to; vectors stay F32.
        metadata: further values, such as a tokenizer's.
        tensors: float32 arrays in place of the model's, or besides; None leaves one out.
    """
    writer = gguf.GGUFWriter(path, ARCHITECTURES[model.config.layout])
    add_metadata(writer, model.config)
    for key, value in (metadata or {}).items():
        add_value(writer, key, value)
    kind = gguf.GGMLQuantizationType[storage]
    for name, array in (dict(gguf_tensors(model)) | dict(tensors or {})).items():
        if array is None:
            continue
        if array.ndim < 2 or storage == "F32":
            writer.add_tensor(name, np.ascontiguousarray(array, np.float32))
        elif storage == "F16":
            writer.add_tensor(name, array.astype(np.float16))
        else:
            writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
