"""Phi-3.5-MoE's feed-forward: two experts a token, chosen and weighted by SparseMixer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phial.model.config import Experts, ModelConfig
from phial.model.linear import Linear, linear


class _Estimator(torch.autograd.Function):
    """SparseMixer-v2's gradient of a sampled expert's weight (Liu et al. 2024, GRIN, section 2.1).

    Forward: the weight, scaled to a third of itself in those tokens where Heun's third-order estimator is used.
    Backward: the gradient of softmax at the chosen expert as if sampling were differentiable.
    """

    @staticmethod
    def forward(ctx, probabilities: Tensor, chosen: Tensor, kept: Tensor) -> Tensor:  # type: ignore[override]
        weight = probabilities.gather(1, chosen)
        ctx.save_for_backward(probabilities, chosen)
        return weight * (0.3333 + 0.6667 * kept)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        probabilities, chosen = ctx.saved_tensors
        # With respect to the logits it is g * w * (onehot - p); softmax's own backward multiplies by p and subtracts
        # the mean, so the gradient handed to it is g at the chosen expert alone.
        return torch.zeros_like(probabilities).scatter_add_(1, chosen, gradient), None, None


def route(logits: Tensor, experts: Experts, training: bool = False) -> tuple[Tensor, Tensor]:
    """Choose two experts a token and their weights, which are not made to sum to one.

    The best expert competes only with those within a relative gap of 2 * jitter of it; the second is the best of the
    rest, with its own competitors.

    Args:
        logits: [tokens, experts].
        experts: their number and the jitter.
        training: sample with Gumbel noise and use SparseMixer's gradient estimator.

    Returns:
        Weights [tokens, 2] and indices int64 [tokens, 2].
    """
    weights, indices = [], []
    taken = torch.zeros_like(logits, dtype=torch.bool)
    for _ in range(2):
        scores = logits.masked_fill(taken, -torch.inf)
        with torch.no_grad():
            best, top = scores.max(dim=-1, keepdim=True)
            # the gap is measured on all logits, also those of the expert that is taken already
            gap = (best - logits) / logits.abs().clamp(min=best)
        rivals = scores.masked_fill(gap > 2 * experts.jitter, -torch.inf)
        probabilities = rivals.softmax(-1)
        if training:
            with torch.no_grad():
                noise = torch.empty_like(rivals).exponential_().log()
                chosen = (rivals - noise).argmax(-1, keepdim=True)
                kept = (chosen == top) | (torch.rand_like(best) > 0.75)
            weights.append(_Estimator.apply(probabilities, chosen, kept))
        else:
            chosen = top
            weights.append(probabilities.gather(1, chosen))
        indices.append(chosen)
        taken = taken.scatter(1, chosen, True)
    return torch.cat(weights, dim=1), torch.cat(indices, dim=1)


def balance_loss(logits: Tensor, indices: Tensor) -> Tensor:
    """Switch's load-balancing loss (Fedus et al. 2021, equation 4): experts * sum(share of tokens * mean probability).

    Args:
        logits: router logits [tokens, experts].
        indices: chosen experts [tokens, 2].

    Returns:
        A scalar; 2 when the load is even.
    """
    count = logits.shape[-1]
    share = F.one_hot(indices, count).float().mean(0).sum(0)
    return count * (share * logits.softmax(-1).mean(0)).sum()


class MoE(nn.Module):
    """Experts of SwiGLU, their matrices stacked."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.experts is not None
        self.experts = config.experts
        count, width, inner = self.experts.count, config.hidden_size, config.intermediate_size
        self.gate = Linear(width, count, bias=False)
        self.gate_up_proj = nn.Parameter(torch.empty(count, 2 * inner, width))
        self.down_proj = nn.Parameter(torch.empty(count, width, inner))

    def forward(self, x: Tensor) -> Tensor:
        """x [batch, time, hidden_size] -> the same shape."""
        flat = x.reshape(-1, x.shape[-1])
        weights, indices = route(self.gate(flat), self.experts, self.training)
        out = torch.zeros_like(flat)
        for expert in indices.unique().tolist():
            token, place = (indices == expert).nonzero(as_tuple=True)
            gate, up = linear(flat[token], self.gate_up_proj[expert]).chunk(2, dim=-1)
            part = linear(F.silu(gate) * up, self.down_proj[expert])
            out.index_add_(0, token, part * weights[token, place].unsqueeze(-1).to(part.dtype))
        return out.view_as(x)
