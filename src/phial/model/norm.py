"""RMSNorm with its gradient written out, so that one pass each way touches the activations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _RMSNorm(torch.autograd.Function):
    """y = weight * x / sqrt(mean(x^2) + eps) (Zhang & Sennrich 2019, equation 4)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, eps: float) -> Tensor:  # type: ignore[override]
        width = x.shape[-1]
        # The norm of a row is one reduction; x.pow(2).mean() would write a whole tensor first.
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(width).add_(eps).rsqrt_()
        normal = x * scale
        ctx.save_for_backward(normal, weight, scale)
        return normal * weight

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        normal, weight, scale = ctx.saved_tensors
        product = gradient * normal
        weight_gradient = product.reshape(-1, weight.shape[0]).sum(0)
        correction = (product @ weight).unsqueeze(-1).div_(weight.shape[0])
        x_gradient = (gradient * weight).addcmul_(normal, correction, value=-1.0).mul_(scale)
        return x_gradient, weight_gradient, None


class RMSNorm(nn.Module):
    """Root-mean-square normalisation over the last dimension, with a learnt gain."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [..., width]."""
        return _RMSNorm.apply(x, self.weight, self.eps)
