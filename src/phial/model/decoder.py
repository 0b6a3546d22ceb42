"""The decoder: embeddings, blocks, final norm and tied head."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from phial.model.attention import Attention
from phial.model.config import ModelConfig
from phial.model.mlp import MLP
from phial.model.norm import RMSNorm
from phial.model.rope import rotary_table


class Block(nn.Module):
    """One Phi-3 layer: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        """x [batch, time, hidden_size] -> the same shape."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """A causal language model; parameter names are those of `Phi3ForCausalLM` without the `model.` prefix."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        cos, sin = rotary_table(config.max_position_embeddings, config.head_dim, config.rope_theta)
        self.register_buffer("cos", cos.unsqueeze(1), persistent=False)  # [positions, 1, head_dim / 2]
        self.register_buffer("sin", sin.unsqueeze(1), persistent=False)

    @property
    def head_weight(self) -> Tensor:
        """The output matrix [vocab_size, hidden_size]."""
        return self.embed_tokens.weight if self.config.tie_word_embeddings else self.lm_head.weight

    def hidden(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Final normalised states, before the head.

        Args:
            ids: int64 [batch, time].
            mask: bool [batch, 1, time, time] or None for plain causal attention.

        Returns:
            [batch, time, hidden_size].
        """
        time = ids.shape[1]
        x = self.embed_tokens(ids)
        cos, sin = self.cos[:time], self.sin[:time]
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits [batch, time, vocab_size] of ids [batch, time]."""
        return self.hidden(ids, mask) @ self.head_weight.T

    def initialise(self, seed: int) -> None:
        """Draw the weights.

        Matrices are normal with standard deviation 1 / sqrt(fan_in); the two projections that write to the residual
        stream start at zero, so that every block begins as the identity; embeddings use 0.02 so that the tied
        head starts near uniform.
        """
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.ndim < 2:
                    parameter.fill_(1.0)
                elif name.endswith(("o_proj.weight", "down_proj.weight")):
                    parameter.zero_()
                else:
                    embedding = name.endswith(("embed_tokens.weight", "lm_head.weight"))
                    deviation = 0.02 if embedding else 1 / math.sqrt(parameter.shape[1])
                    parameter.normal_(0.0, deviation, generator=generator)


def document_mask(starts: Tensor) -> Tensor:
    """Block-diagonal causal mask: a token sees only earlier tokens of its own document.

    Args:
        starts: bool [batch, time], True at the first token of each document.

    Returns:
        bool [batch, 1, time, time].
    """
    document = starts.cumsum(1)
    same = document.unsqueeze(2) == document.unsqueeze(1)
    return (same & torch.ones(same.shape[-2:], dtype=torch.bool, device=starts.device).tril()).unsqueeze(1)
