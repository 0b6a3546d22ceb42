"""Rotary positions in the half-split layout, partial where a model asks for it, with LongRoPE's two sets of factors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from phial.model.config import ModelConfig, uses_long_factors

__all__ = ["Rotary", "rotary_frequencies", "rotate", "uses_long_factors"]


def rotary_frequencies(config: ModelConfig, long: bool) -> tuple[Tensor, float]:
    """Angle a position of every rotated pair, and the scale of cosines and sines.

    Args:
        config: theta, rotary_dim and the LongRoPE factors; frequency i is theta ** (-2 i / rotary_dim) (Su et al. 2021,
            equation 15), divided by factor i (Ding et al. 2024).
        long: which factors.

    Returns:
        float32 [rotary_dim / 2], and the scale.
    """
    exponents = torch.arange(0, config.rotary_dim, 2, dtype=torch.int64).float() / config.rotary_dim
    rope = config.longrope
    if rope is None:
        return 1.0 / config.rope_theta**exponents, 1.0
    factors = torch.tensor(rope.long_factor if long else rope.short_factor, dtype=torch.float32)
    scale = rope.long_scale if long else rope.short_scale
    if scale is None:
        original = rope.original_max_position_embeddings
        ratio = config.max_position_embeddings / original
        scale = math.sqrt(1 + math.log(ratio) / math.log(original)) if ratio > 1 else 1.0
    return 1.0 / (factors * config.rope_theta**exponents), scale


class Rotary(nn.Module):
    """Tables of cosines and sines, made as far as they are asked for."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self._tables: dict[tuple[bool, torch.device], tuple[Tensor, Tensor]] = {}

    def tables(self, length: int, long: bool, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines of positions 0 to at least length - 1.

        Args:
            length: positions.
            long: LongRoPE's long factors.
            device: where to keep them.

        Returns:
            Two float32 tensors [positions, 1, rotary_dim / 2].
        """
        held = self._tables.get((long, device))
        if held is None or held[0].shape[0] < length:
            size = 1 << max(length - 1, 255).bit_length()
            frequencies, scale = rotary_frequencies(self.config, long)
            angles = torch.outer(torch.arange(size, dtype=torch.float32), frequencies).unsqueeze(1)
            held = (angles.cos() * scale).to(device), (angles.sin() * scale).to(device)
            self._tables[long, device] = held
        return held

    def at(self, positions: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the tokens of several sequences, each with its own factors.

        Args:
            positions: int64 [batch, time].
            lengths: each sequence's own length, which chooses its factors.

        Returns:
            Two float32 tensors [batch, time, 1, rotary_dim / 2].
        """
        longest = int(positions.max()) + 1
        rows = []
        for row, length in zip(positions, lengths, strict=True):
            tables = self.tables(longest, uses_long_factors(self.config, length), positions.device)
            rows.append([table[row] for table in tables])
        cos, sin = (torch.stack(parts) for parts in zip(*rows, strict=True))
        return cos, sin


class Rotate(torch.autograd.Function):
    """Rotate pairs (x_i, x_{i + d/2}) by the position's angle, and pass on what lies behind the rotated part.

    A rotation's gradient is the rotation backwards, so nothing has to be kept for the backward pass, and no
    concatenation is made; together with RMSNorm this is what lifts training over eager autograd.
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
    half = cos.shape[-1]
    first, second = x[..., :half], x[..., half : 2 * half]
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    torch.mul(first, cos, out=out[..., :half]).addcmul_(second, sin, value=-1.0)
    torch.mul(second, cos, out=out[..., half : 2 * half]).addcmul_(first, sin)
    out[..., 2 * half :] = x[..., 2 * half :]
    return out


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions.

    Args:
        x: [..., time, heads, head_dim].
        cos: [time, 1, rotary_dim / 2] (or anything that broadcasts against it).
        sin: like cos.

    Returns:
        A tensor of x's shape; dimensions behind the first rotary_dim are unchanged.
    """
    return Rotate.apply(x, cos.to(x.dtype), sin.to(x.dtype))
