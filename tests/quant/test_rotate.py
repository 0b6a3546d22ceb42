"""Rotated models compute what the model itself computes."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
from random_model import random_model
from small import CONFIGS

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.quant.hadamard import hadamard, hadamard_block
from phial.quant.rotate import rotated_inputs, rotated_parameters
from phial.quant.streamed import FloatReadable, Inputs, StreamedModel
from phial.quant.weights import DecoderParameters

IDS = torch.randint(0, 57, (40,), generator=torch.Generator().manual_seed(0))
ODD = {"hidden_size": 24, "intermediate_size": 20, "num_attention_heads": 3, "num_key_value_heads": 1, "head_size": 12}
ROTATED = {
    name: config
    for name, config in (CONFIGS | {"odd": replace(CONFIGS["phi3"], **ODD)}).items()
    if config.norm == "rms"
} | {"biased": replace(CONFIGS["llama"], attention_bias=True, output_bias=True, mlp_bias=True, activation="gelu")}


@given(width=st.integers(1, 300))
def test_the_transform_is_orthonormal_and_its_own_inverse(width: int) -> None:
    matrix = hadamard(torch.eye(width, dtype=torch.float64))
    block = hadamard_block(width)
    torch.testing.assert_close(matrix @ matrix, torch.eye(width, dtype=torch.float64))
    torch.testing.assert_close(matrix, matrix.T)
    assert matrix[0, :block].unique().numel() == 1 and not matrix[0, block:].any()
    signs = np.array([[(-1) ** (i & j).bit_count() for j in range(block)] for i in range(block)])
    np.testing.assert_allclose(matrix[:block, :block], signs / block**0.5)


@pytest.mark.parametrize("name", ROTATED)
def test_the_turned_model_gives_the_same_logits(name: str) -> None:
    config = ROTATED[name]
    model = random_model(config)
    with torch.no_grad():
        wanted = model(IDS.unsqueeze(0))[0]
    parameters = rotated_parameters(DecoderParameters(model))
    streamed = StreamedModel(FloatReadable(parameters), Inputs(rotated_inputs(config)))
    found = streamed.logits(streamed.hidden([IDS])[0])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    plain = StreamedModel(FloatReadable(parameters))
    assert (plain.logits(plain.hidden([IDS])[0]) - wanted).abs().max() > 0.1


@pytest.mark.parametrize("name", ROTATED)
def test_every_parameter_keeps_its_shape(name: str) -> None:
    parameters = rotated_parameters(DecoderParameters(random_model(ROTATED[name])))
    for key, shape in parameters.config.shapes.items():
        assert parameters.get(key).shape == shape


def test_a_weight_that_stands_out_no_longer_does() -> None:
    model = random_model(replace(CONFIGS["phi3"], hidden_size=64, intermediate_size=128))
    with torch.no_grad():
        model.layers[0].self_attn.qkv_proj.weight[:, 5] *= 50
    found = rotated_parameters(DecoderParameters(model)).get("layers.0.self_attn.qkv_proj.weight")
    before = model.layers[0].self_attn.qkv_proj.weight.abs()
    assert (before.max() / before.mean()) > 3 * (found.abs().max() / found.abs().mean())


@pytest.mark.parametrize("name", ["phi", "phi3small", "phimoe", "starcoder2"])
def test_models_whose_norm_subtracts_the_mean_are_refused(name: str) -> None:
    config: ModelConfig = CONFIGS[name]
    with pytest.raises(PhialError, match="can't be rotated"):
        rotated_inputs(config)
    with pytest.raises(PhialError, match="leave --rotate out"):
        rotated_parameters(DecoderParameters(random_model(config)))
