"""SparseMixer's choices, weights and gradients are those of transformers, in training too."""

import pytest
import torch

from phial.model.config import Experts
from phial.model.moe import balance_loss, route

phimoe = pytest.importorskip("transformers.models.phimoe.modeling_phimoe")


@pytest.mark.parametrize("jitter", [0.01, 0.3])
@pytest.mark.parametrize("training", [False, True])
def test_choices_weights_and_gradients_are_equal(jitter: float, training: bool) -> None:
    ours = torch.randn(400, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    torch.manual_seed(2)
    weights, indices = route(ours, Experts(6, jitter), training)
    torch.manual_seed(2)
    wanted, chosen = phimoe.sparsemixer(theirs, jitter_eps=jitter, training=training)
    assert torch.equal(indices, chosen)
    assert torch.allclose(weights[:, 0], wanted[:, 0])
    # For the second expert they draw twice which tokens use Heun's estimator, and keep the second draw: there a weight
    # is the same or the same in thirds.
    ratio = weights[:, 1] / wanted[:, 1]
    if not training:
        assert torch.allclose(ratio, torch.ones(400))
    assert all(min(abs(r - known) for known in (1.0, 0.3333, 1 / 0.3333)) < 1e-3 for r in ratio.tolist())

    slope = torch.randn(400, 2, generator=torch.Generator().manual_seed(3))
    (weights * slope).sum().backward()
    (wanted * slope).sum().backward()
    assert ours.grad is not None and theirs.grad is not None
    assert (ours.grad - theirs.grad).abs().max() <= 1e-6


def test_the_gradient_reaches_every_rival() -> None:
    logits = torch.tensor([[1.0, 0.9, 0.8, -3.0]], requires_grad=True)
    torch.manual_seed(0)
    weights, _ = route(logits, Experts(4, 0.2), training=True)
    weights[0, 0].backward()
    assert logits.grad is not None
    assert (logits.grad[0, :3] != 0).all()
    assert logits.grad[0, 3] == 0


def test_an_even_load_has_the_least_loss() -> None:
    even, skewed = torch.zeros(8, 4), torch.tensor([[9.0, 8.0, 0.0, 0.0]]).expand(8, 4)
    shared = torch.tensor([[0, 1], [2, 3]] * 4)
    alone = torch.tensor([[0, 1]] * 8)
    assert balance_loss(even, shared) == pytest.approx(2)
    assert balance_loss(skewed, alone) > 3
