"""Rotary position embedding in the half-split layout of the Llama and Phi-3 families."""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_table(positions: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position and frequency.

    Args:
        positions: number of positions, starting at 0.
        head_dim: even width of one head.
        theta: base; frequency i is theta ** (-2 i / head_dim) (Su et al. 2021, equation 15).

    Returns:
        cos and sin, each [positions, head_dim / 2], float32.
    """
    frequencies = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.outer(torch.arange(positions, dtype=torch.float32), frequencies)
    return angles.cos(), angles.sin()


class Rotate(torch.autograd.Function):
    """Rotate pairs (x_i, x_{i + d/2}) by the position's angle.

    A rotation's gradient is the rotation backwards, so nothing has to be kept for the backward pass, and no
    concatenation is made; together with RMSNorm below this is what lifts training over eager autograd.
    """

    @staticmethod
    def forward(ctx, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        cos, sin = ctx.saved_tensors
        return _rotate(gradient, cos, -sin), None, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    torch.mul(first, cos, out=out[..., :half]).addcmul_(second, sin, value=-1.0)
    torch.mul(second, cos, out=out[..., half:]).addcmul_(first, sin)
    return out


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions.

    Args:
        x: [..., time, heads, head_dim].
        cos: [time, 1, head_dim / 2] (or anything that broadcasts against half of x).
        sin: like cos.

    Returns:
        A tensor of x's shape.
    """
    return Rotate.apply(x, cos, sin)
