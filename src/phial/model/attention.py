"""Grouped-query causal attention with rotary positions: compiled for training, torch for everything else."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phial.model.config import ModelConfig
from phial.model.linear import Linear, linear
from phial.model.native import library_for, require_kernels
from phial.model.rope import rotate
from phial.model.step import Step
from phial.model.visibility import attend


class _Attention(torch.autograd.Function):
    """The kernel: [batch, time, (heads + 2 kv_heads) head_dim] to [batch, time, heads head_dim]."""

    @staticmethod
    def forward(ctx, qkv: Tensor, cos: Tensor, sin: Tensor, bounds: Tensor, heads: int, kv_heads: int) -> Tensor:  # type: ignore[override]
        batch, time, fused = qkv.shape
        head_dim = fused // (heads + 2 * kv_heads)
        ctx.sizes = (bounds.shape[0], batch, time, heads, kv_heads, head_dim)
        ctx.library = require_kernels()
        out = qkv.new_empty(batch, time, heads * head_dim)
        normaliser = qkv.new_empty(heads, batch, time)
        pointers = [t.data_ptr() for t in (qkv, cos, sin, bounds)]
        ctx.library.attention_forward(*pointers, *ctx.sizes, out.data_ptr(), normaliser.data_ptr())
        ctx.save_for_backward(qkv, normaliser, cos, sin, bounds)
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        qkv, normaliser, cos, sin, bounds = ctx.saved_tensors
        gradient, out = gradient.contiguous(), torch.empty_like(qkv)
        pointers = [t.data_ptr() for t in (gradient, qkv, normaliser, cos, sin, bounds)]
        ctx.library.attention_backward(*pointers, *ctx.sizes, out.data_ptr())
        return out, None, None, None, None, None


class Attention(nn.Module):
    """One fused projection to queries, keys and values; everything else by the configuration's flags."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        self.heads, self.kv_heads, self.head_dim = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        fused = (self.heads + 2 * self.kv_heads) * self.head_dim
        self.qkv_proj = Linear(config.hidden_size, fused, bias=config.attention_bias)
        self.o_proj = Linear(self.heads * self.head_dim, config.hidden_size, bias=config.output_bias)
        self.sparse = None if config.is_dense(layer) else config.blocksparse

    def forward(self, x: Tensor, step: Step, only: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            x: [batch, time, hidden_size].
            step: positions, documents or cache of the batch.
            only: int64 [batch], with a cache: the one token of each row whose output is wanted; None for all.

        Returns:
            [batch, time, hidden_size]; time is 1 with `only`.
        """
        if only is not None:
            return self._attend_one(x, step, only)
        qkv = self.qkv_proj(x)
        if step.cache is None and self._compiled(x.shape[1]) and library_for(qkv, step.cos, step.sin):
            bounds = step.documents.bounds
            return self.o_proj(_Attention.apply(qkv, step.cos, step.sin, bounds, self.heads, self.kv_heads))
        batch, time, _ = qkv.shape
        qkv = qkv.view(batch, time, -1, self.head_dim)
        rotary, value = qkv.split([self.heads + self.kv_heads, self.kv_heads], dim=2)
        query, key = rotate(rotary, step.cos, step.sin).split([self.heads, self.kv_heads], dim=2)
        query = query.transpose(1, 2)  # [batch, heads, time, head_dim]
        if step.cache is None:
            key, value = key.transpose(1, 2), value.transpose(1, 2)
        else:
            key, value = step.cache.update(self.layer, key, value, step.rows, step.starts, step.counts)
        mask = step.documents.mask if step.cache is None else None
        if mask is None:
            window = self.config.sliding_window
            attended = attend(query, key, value, step.positions, self.config.scale, window, self.sparse)
        else:
            group = self.heads // self.kv_heads
            if group > 1:
                key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=self.config.scale)
        return self.o_proj(attended.transpose(1, 2).reshape(batch, time, -1))

    def _attend_one(self, x: Tensor, step: Step, only: Tensor) -> Tensor:
        """Keys and values of every token, but one query a row."""
        assert step.cache is not None
        batch, time, _ = x.shape
        weight, bias = self.qkv_proj.weight, self.qkv_proj.bias
        queries = self.heads * self.head_dim
        row = torch.arange(batch, device=x.device)
        query = linear(x[row, only], weight[:queries], None if bias is None else bias[:queries])
        fresh = linear(x, weight[queries:], None if bias is None else bias[queries:])
        query = query.view(batch, 1, self.heads, self.head_dim)
        query = rotate(query, step.cos[row, only].unsqueeze(1), step.sin[row, only].unsqueeze(1)).transpose(1, 2)
        key, value = fresh.view(batch, time, -1, self.head_dim).split([self.kv_heads, self.kv_heads], dim=2)
        key = rotate(key, step.cos, step.sin)
        key, value = step.cache.update(self.layer, key, value, step.rows, step.starts, step.counts)
        place, window = step.positions[row, only].unsqueeze(1), self.config.sliding_window
        attended = attend(query, key, value, place, self.config.scale, window, self.sparse)
        return self.o_proj(attended.transpose(1, 2).reshape(batch, 1, -1))

    def _compiled(self, time: int) -> bool:
        """Whether the kernel computes this layer: full rotation, the usual scale, nothing hidden but by documents."""
        config = self.config
        return (
            config.rotary_dim == self.head_dim
            and self.head_dim % 8 == 0
            and config.attention_scale is None
            and (config.sliding_window is None or time <= config.sliding_window)
            and self.sparse is None
        )
