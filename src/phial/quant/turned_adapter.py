"""LoRA adapters for a rotated model: as W becomes L W R, the addition B A becomes (L B) (A R)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from phial.errors import PhialError
from phial.model.adapter import Adapter, LowRank
from phial.quant.quantized import SIGNS, QuantizedModel
from phial.quant.rotate import turned_by_head, turned_reader, turned_values, turned_writer


def turned_adapter(adapter: Adapter, model: QuantizedModel) -> Mapping[str, tuple[LowRank, ...]]:
    """What an adapter adds to the matrices of a quantized model, rotated or not, by their names.

    The inputs that it reads are those of the matrices before they are turned online and rounded to int8.

    Raises:
        PhialError: the model is rotated, and its folder does not say what was folded into it.
    """
    if not model.rotated:
        return adapter.parts
    norms = {name for name in model.config.shapes if name.endswith("norm.weight")}
    if missing := (norms | {SIGNS}) - set(model.folded):
        raise PhialError(
            f"this model was rotated before phial kept what an adapter needs for that ({min(missing)})",
            where="engine",
            do="quantize the float model again",
        )
    folded = {name: torch.from_numpy(array.copy()) for name, array in model.folded.items()}
    return {name: tuple(_turned(name, part, folded, model) for part in parts) for name, parts in adapter.parts.items()}


def _turned(name: str, part: LowRank, folded: Mapping[str, Tensor], model: QuantizedModel) -> LowRank:
    lora_a, lora_b, config = torch.from_numpy(part.lora_a), torch.from_numpy(part.lora_b), model.config
    signs, (module, _, kind) = folded[SIGNS], name.rpartition(".")
    layer = module.removesuffix("self_attn").removesuffix("mlp")
    match kind:
        case "qkv_proj":
            lora_a = turned_reader(lora_a, folded[f"{layer}input_layernorm.weight"] * signs)
            lora_b = turned_values(lora_b, config, part.first)
        case "gate_up_proj" | "up_proj":
            lora_a = turned_reader(lora_a, folded[f"{layer}post_attention_layernorm.weight"] * signs)
        case "o_proj":
            lora_a, lora_b = turned_by_head(lora_a, config), turned_writer(lora_b, signs)
        case "down_proj":
            lora_b = turned_writer(lora_b, signs)
        case "lm_head":
            lora_a = turned_reader(lora_a, folded["norm.weight"] * signs)
        case _:
            raise AssertionError(name)
    return LowRank(part.first, lora_a.numpy(), lora_b.numpy())
