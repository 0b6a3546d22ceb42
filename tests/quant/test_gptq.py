"""GPTQ against round-to-nearest, on one matrix and on whole models."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
from random_model import random_model
from small import CONFIGS

from phial.kernels.packing import dequantize, unpack
from phial.quant.gptq import gptq_matrix, gptq_parts
from phial.quant.quantize import Settings, collect, quantize
from phial.quant.report import HeldOut, measure_streamed
from phial.quant.rtn import round_to_nearest
from phial.quant.weights import DecoderParameters


def correlated(tokens: int, columns: int) -> torch.Tensor:
    """Inputs that share a few causes, some of them far louder than others."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(tokens, 12, generator=generator) @ torch.randn(12, columns, generator=generator)
    own = torch.randn(tokens, columns, generator=generator)
    return (mixed + 0.3 * own) * torch.logspace(-1, 1, columns)[torch.randperm(columns, generator=generator)]


def output_error(matrix: np.ndarray, weight: torch.Tensor, x: torch.Tensor) -> float:
    return ((torch.from_numpy(matrix) - weight) @ x.T).square().mean().item()


@pytest.mark.parametrize(("bits", "columns"), [(4, 96), (4, 130), (8, 96)])
def test_outputs_are_closer_than_by_rounding(bits: int, columns: int) -> None:
    x = correlated(400, columns)
    weight = torch.randn(40, columns, generator=torch.Generator().manual_seed(1))
    rounded = dequantize(round_to_nearest(weight.numpy(), bits=bits, group_size=32, search=bits == 4))
    moments = x.T @ x / len(x)
    found = gptq_matrix(weight, moments, bits=bits, group_size=32)
    assert output_error(dequantize(found), weight, x) < 0.3 * output_error(rounded, weight, x)
    assert (found.bits, found.group_size) == (bits, 32)


def test_independent_inputs_are_rounded_to_nearest() -> None:
    weight = torch.randn(24, 64, generator=torch.Generator().manual_seed(2))
    found = gptq_matrix(weight, torch.eye(64), group_size=32, search=False)
    for left, right in zip(unpack(found)[:2], unpack(round_to_nearest(weight.numpy(), group_size=32))[:2], strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_plain_algorithm_gives_the_same() -> None:
    """Column by column with the whole inverse updated, equations 2 and 3 of the paper."""
    x = correlated(200, 64)
    weight = torch.randn(8, 64, generator=torch.Generator().manual_seed(3))
    moments = x.T @ x / len(x)
    found = unpack(gptq_matrix(weight, moments, group_size=64, search=False, act_order=False))[0]
    scales = unpack(round_to_nearest(weight.numpy(), group_size=64))[1].astype(np.float64)
    damped = moments.double() + 0.01 * moments.diagonal().mean() * torch.eye(64)
    left, inverse = weight.double().numpy(), np.linalg.inv(damped.numpy())
    steps = np.empty((8, 64), int)
    for i in range(64):
        steps[:, i] = np.clip(np.rint(left[:, i] / scales[:, 0]), -8, 7)
        error = (left[:, i] - steps[:, i] * scales[:, 0]) / inverse[i, i]
        left = left - np.outer(error, inverse[i])
        inverse = inverse - np.outer(inverse[:, i], inverse[i]) / inverse[i, i]
    assert (found.astype(int) - 8 == steps).mean() > 0.99  # a tie may fall either way in float32


def test_inputs_that_are_always_zero() -> None:
    moments = torch.zeros(32, 32)
    moments[3, 3] = 1
    weight = torch.randn(8, 32, generator=torch.Generator().manual_seed(4))
    found = dequantize(gptq_matrix(weight, moments, group_size=32))
    assert np.isfinite(found).all() and np.abs(found - weight.numpy())[:, 3].max() < 0.02
    found = dequantize(gptq_matrix(weight, torch.zeros(32, 32), group_size=32))
    np.testing.assert_array_equal(found, dequantize(round_to_nearest(weight.numpy(), group_size=32)))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layout_is_closer_than_by_rounding(name: str) -> None:
    # a random embedding that is the head too suffers as an embedding more than it gains as a head
    config = replace(CONFIGS[name], tie_word_embeddings=False)
    parameters = DecoderParameters(random_model(config))
    generator = torch.Generator().manual_seed(5)
    windows = [torch.randint(0, 57, (30,), generator=generator) for _ in range(21)]
    settings = Settings("gptq", group_size=32)
    model = collect(parameters, gptq_parts(parameters, settings, windows), settings)
    text = HeldOut("the calibration text", windows[:10], 100)
    found, rounded = (
        measure_streamed(parameters, one, text, method="", int8=False).mean_kl
        for one in (model, quantize(parameters, settings))
    )
    assert found < 0.9 * rounded
