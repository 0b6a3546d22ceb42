"""LoRA adapters on the disk in peft's layout, and models with such an adapter merged into the published tensors."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phial.model.checkpoint import load_weights, save_weights
from phial.model.decoder import Decoder
from phial.model.layout import published_shapes

LINEAR = {
    "phi": ("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"),
    "phi3": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "phi3small": ("query_key_value", "dense", "up_proj", "down_proj"),
    "phimoe": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "llama": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    "qwen2": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    "starcoder2": ("q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"),
}


def modules_of(model: Decoder, targets: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Published linear layers whose names end in one of the targets, with their shapes."""
    shapes = {name.removesuffix(".weight"): shape for name, shape in published_shapes(model.config).items()}
    return {name: shape for name, shape in shapes.items() if name.rpartition(".")[2] in targets and len(shape) == 2}


def write_lora(
    folder: Path,
    model: Decoder,
    *,
    seed: int = 0,
    rank: int = 3,
    targets: Sequence[str] = (),
    size: float = 1.0,
    dtype: torch.dtype = torch.float32,
    **facts: object,
) -> Path:
    """A random adapter of all linear layers, or of the targets; its additions are `size` times as large as W x."""
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "bias": "none"} | facts
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (rows, columns) in modules_of(model, targets or LINEAR[model.config.layout]).items():
        own = settings.get("rank_pattern", {}).get(name, rank)
        a = torch.randn(own, columns, generator=generator) * columns**-0.5
        b = torch.randn(rows, own, generator=generator) * own**-0.5 * size
        tensors |= {f"base_model.model.{name}.lora_A.weight": a.to(dtype)}
        tensors |= {f"base_model.model.{name}.lora_B.weight": b.to(dtype)}
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def merged(model: Decoder, adapter: Path, room: Path) -> Decoder:
    """The model with the adapter's W + scale B A in its published tensors."""
    room.mkdir()
    save_weights(room, model)
    tensors, lora = load_file(room / "model.safetensors"), load_file(adapter / "adapter_model.safetensors")
    facts = json.loads((adapter / "adapter_config.json").read_text())
    for name in lora:
        if name.endswith(".lora_A.weight"):
            module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            a, b = lora[name].float(), lora[name.replace("lora_A", "lora_B")].float()
            alpha = facts.get("alpha_pattern", {}).get(module, facts["lora_alpha"])
            tensors[f"{module}.weight"] += (b @ a) * alpha / (math.sqrt(len(a)) if facts.get("use_rslora") else len(a))
    save_file(tensors, room / "model.safetensors", metadata={"format": "pt"})
    return load_weights(room, model.config, "float32")


def near(found: np.ndarray, expected: np.ndarray, most: float) -> bool:
    """Whether the median difference of what is finite is below a share of what is expected."""
    real = np.isfinite(expected)
    assert np.array_equal(real, np.isfinite(found))
    return bool(np.median(np.abs(found[real] - expected[real])) < most * expected[real].std())
