"""Grouped-query causal attention with rotary positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phial.model.config import ModelConfig
from phial.model.documents import Documents
from phial.model.native import library_for, require_kernels
from phial.model.rope import rotate


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
    """Phi-3 attention: one fused projection to queries, keys and values, no biases."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        self.qkv_proj = nn.Linear(config.hidden_size, (self.heads + 2 * self.kv_heads) * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, config.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, documents: Documents) -> Tensor:
        """Attend over a whole sequence.

        Args:
            x: [batch, time, hidden_size].
            cos: [time, 1, head_dim / 2]; sin alike.
            documents: what may be attended to: earlier positions of the same document.

        Returns:
            [batch, time, hidden_size].
        """
        qkv = self.qkv_proj(x)
        if self.head_dim % 8 == 0 and library_for(qkv, cos, sin):
            return self.o_proj(_Attention.apply(qkv, cos, sin, documents.bounds, self.heads, self.kv_heads))
        return self.o_proj(self._torch(qkv, cos, sin, documents.mask))

    def _torch(self, qkv: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        batch, time, _ = qkv.shape
        qkv = qkv.view(batch, time, -1, self.head_dim)
        rotary, value = qkv.split([self.heads + self.kv_heads, self.kv_heads], dim=2)
        query, key = rotate(rotary, cos, sin).split([self.heads, self.kv_heads], dim=2)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))  # [batch, heads, time, head_dim]
        group = self.heads // self.kv_heads
        if group > 1:
            key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return attended.transpose(1, 2).reshape(batch, time, -1)
