"""Matrix products with bfloat16 weights on processors that have no instructions for them."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BLOCK = 256  # rows of the weight that are widened at a time: they stay in the cache
_FEW = 12  # torch multiplies fewer vectors than this well by itself


@cache
def _multiplies_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias.

    Without instructions for bfloat16 torch takes twice as long for 16 vectors as it takes to widen the weight to
    float32 block by block, and 3.4 times as long for 64. Sums are then rounded once, at the end.

    Args:
        x: [..., columns].
        weight: [rows, columns].
        bias: [rows].

    Returns:
        [..., rows].
    """
    few = x.numel() < _FEW * x.shape[-1]
    if weight.dtype != torch.bfloat16 or weight.device.type != "cpu" or few or _multiplies_bfloat16():
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return F.linear(x, weight, bias)
    # a tall weight times a narrow, contiguous right side takes half the time of the product the other way round
    wide = x.reshape(-1, x.shape[-1]).float().T.contiguous()
    out = x.new_empty(wide.shape[1], len(weight))
    held = wide.new_empty(_BLOCK, wide.shape[0])  # one for all blocks: fresh memory for each costs page faults
    for start in range(0, len(weight), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = held[: len(weight[part])].copy_(weight[part])
        product = block @ wide if bias is None else torch.addmm(bias[part].float().unsqueeze(1), block, wide)
        out[:, part] = product.T
    return out.view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """`nn.Linear` by way of `linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features]."""
        return linear(input, self.weight, self.bias)
