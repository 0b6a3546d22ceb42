"""The optimizer: orthogonal updates, AdamW as torch computes it, and the schedule's shape."""

import torch
from torch import nn

from phial.train.optim import Optimizer, OptimizerConfig, orthogonalise
from phial.train.schedule import Schedule


def test_newton_schulz_brings_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((3, 16, 48), (3, 48, 16)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape), 5))
        assert values.min() > 0.5 and values.max() < 1.3


def test_batched_by_shape_is_one_by_one():
    torch.manual_seed(0)
    stack = torch.randn(4, 8, 24)
    alone = torch.stack([orthogonalise(m[None], 5)[0] for m in stack])
    torch.testing.assert_close(orthogonalise(stack, 5), alone)


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
