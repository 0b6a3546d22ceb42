"""Which matrices suffer from 4 bits, and which of them a budget lifts to 8."""

import sys
from pathlib import Path

import pytest
import torch

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
from random_model import random_model
from small import CONFIGS

from phial.errors import PhialError
from phial.quant.quantize import Settings, quantize
from phial.quant.sensitivity import choose_bits, sensitivities
from phial.quant.weights import DecoderParameters

WINDOWS = [torch.randint(0, 57, (20,), generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_matrix_has_a_cost(name: str) -> None:
    model = random_model(CONFIGS[name])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    costs = sensitivities(DecoderParameters(model), Settings(group_size=32), WINDOWS)
    assert all(cost > 0 for cost in costs.values())
    assert len(costs) == 2 * 4 + 1
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_damaged_matrix_is_the_most_sensitive_and_is_lifted_first() -> None:
    config = CONFIGS["phi3"]
    model = random_model(config)
    with torch.no_grad():  # a weight in each row that makes its group's step too coarse for all others
        model.layers[1].mlp.gate_up_proj.weight[:, 5] = 30
        model.layers[1].post_attention_layernorm.weight[5] = 0
    costs = sensitivities(DecoderParameters(model), Settings(group_size=32), WINDOWS)
    assert max(costs, key=costs.__getitem__) == "layers.1.mlp.gate_up_proj"
    chosen = choose_bits(config, costs, 32, 6.6)
    assert chosen["layers.1.mlp.gate_up_proj"] == 8
    found = quantize(DecoderParameters(model), Settings(group_size=32, bits=chosen))
    assert 5.5 < found.bits_per_weight <= 6.6


def test_experts_are_lifted_together() -> None:
    config = CONFIGS["phimoe"]
    costs = sensitivities(DecoderParameters(random_model(config)), Settings(group_size=32), WINDOWS)
    chosen = choose_bits(config, {name: float("gate_up" in name) for name in costs}, 32, 9.0)
    assert sorted(chosen) == [f"layers.{layer}.moe.gate_up_proj.{expert}" for layer in (0, 1) for expert in range(4)]


def test_a_budget_below_four_bits_is_refused() -> None:
    config = CONFIGS["phi3"]
    with pytest.raises(PhialError, match="too few"):
        choose_bits(config, {"lm_head": 1.0} | dict.fromkeys(_names(config), 0.5), 32, 4.2)


def _names(config) -> list[str]:
    return [f"layers.{i}.{m}" for i in (0, 1) for m in ("self_attn.qkv_proj", "self_attn.o_proj")] + [
        f"layers.{i}.mlp.{m}" for i in (0, 1) for m in ("gate_up_proj", "down_proj")
    ]
