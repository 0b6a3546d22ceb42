"""How each family names, splits and orders its tensors on disk, against the decoder's own parameters.

In memory every model has the Phi-3 form: one fused query-key-value matrix (queries, then keys, then values), one fused
gate-and-up matrix. A parameter is always the rows of its published tensors one after another, in some order, in some
shape; that is all a `Source` says, so reading, writing and checking need no case by family.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phial.model.config import ModelConfig


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from.

    Attributes:
        names: published tensors, whose rows follow each other.
        shapes: their shapes.
        order: row i of the parameter is row order[i] of those rows; None for as they stand.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    order: np.ndarray | None = None


_RENAMES = {
    "phi": {"self_attn.o_proj": "self_attn.dense", "mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"},
    "phi3small": {
        "self_attn.qkv_proj": "self_attn.query_key_value",
        "self_attn.o_proj": "self_attn.dense",
        "mlp.gate_up_proj": "mlp.up_proj",
    },
    "starcoder2": {"mlp.up_proj": "mlp.c_fc", "mlp.down_proj": "mlp.c_proj"},
    "phimoe": {"moe.gate": "block_sparse_moe.gate"},
}
_FINAL_NORM = {"phi": "final_layernorm", "phi3small": "final_layernorm"}
_FUSED = frozenset({"phi3", "phi3_v", "phi3small"})  # these publish query, key and value as one matrix


def sources(config: ModelConfig) -> Iterator[tuple[str, Source]]:
    """Every parameter with its published tensors, in the order of `config.shapes`."""
    for name, shape in config.shapes.items():
        yield name, _source(config, name, shape)


def published_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor that a checkpoint of this configuration holds, by published name."""
    return {
        name: shape for _, source in sources(config) for name, shape in zip(source.names, source.shapes, strict=True)
    }


def _source(config: ModelConfig, name: str, shape: tuple[int, ...]) -> Source:
    if name.startswith("lm_head"):
        return Source((name,), (shape,))
    if name.startswith("norm."):
        final = _FINAL_NORM.get(config.layout, "norm")
        return Source((f"model.{final}.{name.partition('.')[2]}",), (shape,))
    if not name.startswith("layers."):
        return Source((f"model.{name}",), (shape,))
    _, index, inner = name.split(".", 2)
    layer = f"model.layers.{index}."
    if inner.startswith("moe.") and inner != "moe.gate.weight":
        return _experts(config, layer, inner, shape)
    module, _, kind = inner.rpartition(".")  # kind is "weight" or "bias"
    if module == "self_attn.qkv_proj" and config.layout not in _FUSED:
        query, key_value = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        return _split(shape, layer, "self_attn.", kind, {"q_proj": query, "k_proj": key_value, "v_proj": key_value})
    if module == "mlp.gate_up_proj" and config.layout in ("llama", "qwen2"):
        size = config.intermediate_size
        return _split(shape, layer, "mlp.", kind, {"gate_proj": size, "up_proj": size})
    order = None
    if config.layout == "phi3small" and module == "self_attn.qkv_proj":
        order = _group_major(config)
    if config.layout == "phi3small" and module == "mlp.gate_up_proj":
        # even rows are the gelu branch, odd rows the linear one
        order = np.arange(2 * config.intermediate_size).reshape(-1, 2).T.ravel()
    published = _RENAMES.get(config.layout, {}).get(module, module)
    return Source((f"{layer}{published}.{kind}",), (shape,), order)


def _split(shape: tuple[int, ...], layer: str, room: str, kind: str, rows: dict[str, int]) -> Source:
    names = tuple(f"{layer}{room}{part}.{kind}" for part in rows)
    return Source(names, tuple((count, *shape[1:]) for count in rows.values()))


def _experts(config: ModelConfig, layer: str, inner: str, shape: tuple[int, ...]) -> Source:
    count, rows, columns = shape
    parts = ("w1", "w3") if inner == "moe.gate_up_proj" else ("w2",)
    names = tuple(f"{layer}block_sparse_moe.experts.{e}.{part}.weight" for e in range(count) for part in parts)
    return Source(names, ((rows // len(parts), columns),) * len(names))


def _group_major(config: ModelConfig) -> np.ndarray:
    """Phi-3-small stores, for each key-value head, its query heads, then the key head, then the value head."""
    groups, head = config.num_key_value_heads, config.head_dim
    each = config.num_attention_heads // groups
    stored = np.arange(groups * (each + 2) * head).reshape(groups, each + 2, head)
    return np.concatenate([stored[:, :each].ravel(), stored[:, each].ravel(), stored[:, each + 1].ravel()])
