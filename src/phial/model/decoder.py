"""The decoder: embeddings, blocks, final norm and tied head."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from phial.model.attention import Attention
from phial.model.config import ModelConfig
from phial.model.documents import Documents
from phial.model.mlp import MLP
from phial.model.norm import RMSNorm
from phial.model.rope import rotary_table


class Block(nn.Module):
    """One Phi-3 layer: x + attention(norm(x)), then x + mlp(norm(x)), the last sum left to the next norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(
        self, x: Tensor, delta: Tensor | None, cos: Tensor, sin: Tensor, documents: Documents
    ) -> tuple[Tensor, Tensor]:
        """The residual stream and what is still to be added to it: the next norm does that while it reads both.

        Args:
            x: [batch, time, hidden_size].
            delta: the output of the block before, alike, or None.
            cos: [time, 1, head_dim / 2]; sin alike.
            documents: attention stays inside them.

        Returns:
            x and delta for the next block.
        """
        x, normal = self.input_layernorm(x, delta)
        x, normal = self.post_attention_layernorm(x, self.self_attn(normal, cos, sin, documents))
        return x, self.mlp(normal)


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

    def hidden(self, ids: Tensor, starts: Tensor | None = None) -> Tensor:
        """Final normalised states, before the head.

        Args:
            ids: int64 [batch, time].
            starts: bool [batch, time], True at the first token of each document: a token sees only earlier tokens of
                its own document. None for plain causal attention.

        Returns:
            [batch, time, hidden_size].
        """
        time = ids.shape[1]
        documents = Documents(ids, starts)
        x, delta = self.embed_tokens(ids), None
        cos, sin = self.cos[:time], self.sin[:time]
        for layer in self.layers:
            x, delta = layer(x, delta, cos, sin, documents)
        return self.norm(x, delta)[1]

    def forward(self, ids: Tensor, starts: Tensor | None = None) -> Tensor:
        """Logits [batch, time, vocab_size] of ids [batch, time]; starts as in `hidden`."""
        return self.hidden(ids, starts) @ self.head_weight.T

    def initialise(self, seed: int) -> None:
        """Draw the weights.

        Matrices are normal with standard deviation 1 / sqrt(fan_in); the two projections that write to the residual
        stream start at zero, so that every block begins as the identity. Embeddings are wide, 0.6: words that stand in
        the same places, as names do, stay apart while the optimizer moves them, and can be copied. With 0.02 a model
        of the nano shape never learnt to repeat a name (docs/experiments.md). The final gain of 0.1 keeps the tied
        head near uniform at the start.
        """
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.ndim < 2:
                    parameter.fill_(1.0)
                elif name.endswith(("o_proj.weight", "down_proj.weight")):
                    parameter.zero_()
                else:
                    known = {"embed_tokens.weight": 0.6, "lm_head.weight": 0.02}
                    deviation = known.get(name, 1 / math.sqrt(parameter.shape[1]))
                    parameter.normal_(0.0, deviation, generator=generator)
            if self.config.tie_word_embeddings:
                self.norm.weight.fill_(0.1)
