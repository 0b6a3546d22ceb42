"""Grouped-query causal attention with rotary positions."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from phial.model.config import ModelConfig
from phial.model.rope import rotate


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

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """Attend over a whole sequence.

        Args:
            x: [batch, time, hidden_size].
            cos: [time, 1, head_dim / 2]; sin alike.
            mask: bool [batch, 1, time, time], True where attention is allowed, or None for plain causal.

        Returns:
            [batch, time, hidden_size].
        """
        batch, time, _ = x.shape
        qkv = self.qkv_proj(x).view(batch, time, -1, self.head_dim)
        rotary, value = qkv.split([self.heads + self.kv_heads, self.kv_heads], dim=2)
        query, key = rotate(rotary, cos, sin).split([self.heads, self.kv_heads], dim=2)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))  # [batch, heads, time, head_dim]
        group = self.heads // self.kv_heads
        if group > 1:
            key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return self.o_proj(attended.transpose(1, 2).reshape(batch, time, -1))
