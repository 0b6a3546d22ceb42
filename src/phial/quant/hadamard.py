"""Block-diagonal Hadamard transforms: the rotation that is done online, and a part of those folded into weights.

A Hadamard matrix of Sylvester's form exists for powers of two only. A width such as 3,072 is turned in blocks of its
largest power-of-two divisor (3 times 1,024): orthonormal, symmetric, its own inverse, and log2(block) additions a
value. Published Hadamard matrices of 12, 20 or 28 would join the blocks, and cost a kernel of their own.
"""

from __future__ import annotations

import torch
from torch import Tensor


def hadamard_block(width: int) -> int:
    """The largest power of two that divides a width."""
    return width & -width


def hadamard(x: Tensor) -> Tensor:
    """Turn vectors: each block times H, H[i, j] = (-1)^popcount(i & j) / sqrt(block).

    Args:
        x: float32 or float64 [..., width].

    Returns:
        A new tensor of x's shape; the transform of it is x again.
    """
    block = hadamard_block(x.shape[-1])
    out = x.reshape(-1, block)
    half = 1
    while half < block:
        pairs = out.view(-1, block // (2 * half), 2, half)
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        out = torch.stack((first + second, first - second), dim=2).view(-1, block)
        half *= 2
    return (out * block**-0.5).view(x.shape)
