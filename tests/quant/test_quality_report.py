"""Streamed evaluation, the simulation of int8 activations, and the numbers of the report."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
from random_model import random_model
from small import CONFIGS

from phial.kernels.packing import dequantize
from phial.kernels.product import bind, multiply
from phial.kernels.product import quantize as quantize_inputs
from phial.quant.quantize import Settings, quantize
from phial.quant.report import HeldOut, compare_logits, measure, measure_streamed
from phial.quant.rtn import round_to_nearest
from phial.quant.streamed import FloatReadable, StreamedModel, as_windows, round_to_int8, simulated
from phial.quant.weights import DecoderParameters

IDS = torch.randint(0, 57, (40,), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", CONFIGS)
def test_block_by_block_gives_the_decoders_logits(name: str) -> None:
    model = random_model(CONFIGS[name])
    streamed = StreamedModel(FloatReadable(DecoderParameters(model)))
    with torch.no_grad():
        wanted = model(IDS.unsqueeze(0))[0]
    found = streamed.logits(streamed.hidden([IDS[:20], IDS])[1])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_simulation_is_the_dequantized_decoder(name: str) -> None:
    model = random_model(CONFIGS[name])
    quantized = quantize(DecoderParameters(model), Settings(group_size=32))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.ndim == 3:
                for expert, weight in enumerate(parameter):
                    weight.copy_(torch.from_numpy(dequantize(quantized.matrices[f"{key}.{expert}"])))
            elif (matrix := key.removesuffix(".weight")) in quantized.matrices:
                parameter.copy_(torch.from_numpy(dequantize(quantized.matrices[matrix])))
            elif key in quantized.floats:
                parameter.copy_(torch.from_numpy(quantized.floats[key]))
            else:
                parameter.copy_(torch.from_numpy(dequantize(quantized.matrices["lm_head"])))
        wanted = model(IDS.unsqueeze(0))[0]
    streamed = simulated(quantized, int8=False)
    torch.testing.assert_close(streamed.logits(streamed.hidden([IDS])[0]), wanted, rtol=1e-4, atol=1e-4)
    rounded = simulated(quantized)
    assert not torch.equal(rounded.logits(rounded.hidden([IDS])[0]), wanted)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), width=st.integers(1, 300), group=st.sampled_from([32, 64, 128]), by_group=st.booleans())
def test_simulated_rounding_is_the_kernels(seed: int, width: int, group: int, by_group: bool) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((3, width)) * 10.0 ** rng.integers(-3, 4, (3, 1))).astype(np.float32)
    x[1] = 0
    found = round_to_int8(torch.from_numpy(x), group if by_group else 0).numpy()
    kernel = quantize_inputs(x, group, by_group=by_group)
    scales = kernel.scales.T if by_group else kernel.scales.T.repeat(kernel.sums.shape[0], 1)
    wanted = kernel.values * np.repeat(scales, group, axis=1)
    np.testing.assert_array_equal(found, wanted[:, :width].astype(np.float32))
    matrix = round_to_nearest(rng.standard_normal((9, width)).astype(np.float32), group_size=group)
    product = multiply(bind(matrix), kernel)
    np.testing.assert_allclose(product, found @ dequantize(matrix).T, rtol=1e-4, atol=1e-4 * np.abs(product).max())


def test_known_distributions() -> None:
    reference = torch.tensor([[0.0, 1.0, 1.1], [3.0, 0.0, 0.0], [0.0, 0.0, -torch.inf], [9.0, 9.0, 9.0]])
    candidate = torch.tensor([[0.0, 1.2, 1.1], [0.0, 1.0, 0.0], [0.0, 0.0, -torch.inf], [0.0, 9.0, 9.0]])
    found = compare_logits(reference, candidate, torch.tensor([0, 2, 0, 1]), margin=0.25)
    assert (found.tokens, found.same, found.misses_beyond_margin) == (3, 1, 1)
    p, q = reference[:3].softmax(-1), candidate[:3].softmax(-1)
    each = [
        sum(a * math.log(a / b) for a, b in zip(x, y, strict=True) if a)
        for x, y in zip(p.tolist(), q.tolist(), strict=True)
    ]
    assert found.kl == pytest.approx(sum(each), abs=1e-6) and found.highest_kl == pytest.approx(max(each), abs=1e-6)
    assert found.float_loss == pytest.approx(-sum(math.log(p[t, i]) for t, i in enumerate([2, 0, 1])), abs=1e-6)
    assert found.loss == pytest.approx(-sum(math.log(q[t, i]) for t, i in enumerate([2, 0, 1])), abs=1e-6)


def test_a_model_agrees_with_itself() -> None:
    parameters = DecoderParameters(random_model(CONFIGS["phi3"]))
    text = HeldOut("ids", as_windows(IDS.tolist(), 16, 40), 90)
    model = quantize(parameters, Settings(group_size=32))
    streamed = StreamedModel(FloatReadable(parameters))

    def logits(ids: torch.Tensor) -> torch.Tensor:
        return streamed.logits(streamed.hidden([ids])[0])

    report = measure(logits, logits, text, model, method="none", activations="float32", task=("sums", 0.5, 0.75))
    assert (report.tokens, report.top1_agreement, report.mean_kl, report.float_task_score) == (30, 1.0, 0.0, 0.75)
    assert report.perplexity == report.float_perplexity
    assert report.bits_per_byte == pytest.approx(math.log2(report.perplexity) * 30 / 90)
    assert any("100.0%" in line for line in report.lines())


def test_more_bits_are_closer() -> None:
    model = random_model(CONFIGS["phi3"])
    parameters, text = DecoderParameters(model), HeldOut("ids", as_windows(IDS.tolist(), 20, 40), 90)
    coarse = quantize(parameters, Settings(group_size=32))
    fine = quantize(parameters, Settings(group_size=32, bits=dict.fromkeys(coarse.matrices, 8)))
    reports = [measure_streamed(parameters, one, text, method="rtn") for one in (coarse, fine)]
    assert reports[1].mean_kl < 0.1 * reports[0].mean_kl
    assert reports[1].bits_per_weight > reports[0].bits_per_weight
