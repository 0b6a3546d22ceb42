"""Products with bfloat16 weights: right to one rounding, whatever the shapes."""

import pytest
import torch

from phial.model import linear as module
from phial.model.linear import Linear, linear


@pytest.fixture(autouse=True)
def no_instructions(monkeypatch):
    monkeypatch.setattr(module, "_multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(module, "_BLOCK", 7)


@pytest.mark.parametrize("shape", [(1, 24), (3, 24), (4, 24), (12, 24), (2, 9, 24), (1, 1, 24), (0, 24)])
@pytest.mark.parametrize("biased", [False, True])
def test_products_are_rounded_once(shape, biased):
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(shape, generator=generator).bfloat16(), torch.randn(30, 24, generator=generator).bfloat16()
    bias = torch.randn(30, generator=generator).bfloat16() if biased else None
    exact = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    found = linear(x, weight, bias)
    assert found.dtype == torch.bfloat16 and found.shape == (*shape[:-1], 30)
    assert torch.allclose(found.double(), exact, rtol=2**-8, atol=1e-4)


def test_gradients_still_flow():
    layer = Linear(24, 30).bfloat16()
    layer(torch.ones(8, 24, dtype=torch.bfloat16)).sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0


def test_float32_is_left_alone():
    layer, x = Linear(24, 30), torch.randn(8, 24)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
