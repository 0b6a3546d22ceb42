"""The optimizer: orthogonal updates, AdamW as torch computes it, and the schedule's shape."""

import pytest
import torch
from torch import nn

from phial.train.optim import QUINTICS, Optimizer, OptimizerConfig, orthogonalise
from phial.train.schedule import Schedule


@pytest.mark.parametrize("shape", [(3, 16, 48), (3, 48, 16), (2, 128, 320)])
def test_newton_schulz_brings_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.min() > 0.6 and values.max() < 1.21


def test_the_quintics_take_every_value_from_0_003_into_their_band():
    x = torch.linspace(0.003, 1.0, 20_000, dtype=torch.float64)
    for a, b, c in QUINTICS:
        x = a * x + b * x**3 + c * x**5
    assert x.min() > 0.8 and x.max() < 1.2


@pytest.mark.parametrize("shape", [(2, 128, 128), (2, 256, 128), (2, 640, 128), (2, 128, 320)])
def test_iterating_in_float32_is_as_good_as_in_float64(shape):
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    x = left * torch.logspace(0, -6, left.shape[-1], dtype=torch.float64) @ right  # worse than any momentum
    torch.testing.assert_close(orthogonalise(x.float()).double(), orthogonalise(x), rtol=0, atol=2e-3)


def test_batched_by_shape_is_one_by_one():
    torch.manual_seed(0)
    stack = torch.randn(4, 8, 24)
    alone = torch.stack([orthogonalise(m[None])[0] for m in stack])
    torch.testing.assert_close(orthogonalise(stack), alone)


def test_scalars_follow_torchs_adamw():
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.ones(7)), nn.Parameter(torch.ones(7))
    mine = Optimizer([("norm.weight", ours)], OptimizerConfig(scalar_lr=0.01))
    reference = torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)
    for _ in range(6):
        gradient = torch.randn(7)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step(1.0)
        reference.step()
    torch.testing.assert_close(ours, theirs)


def test_schedule_rises_stays_and_falls_to_nothing():
    schedule = Schedule(1000, warmup=0.1, warmdown=0.5)
    assert schedule.at(0) == 0.0
    assert schedule.at(50) == 0.5
    assert schedule.at(300) == 1.0
    assert abs(schedule.at(750) - 0.5) < 1e-9
    assert schedule.at(1000) == 0.0
