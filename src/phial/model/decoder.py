"""The decoder: embeddings, blocks, final norm and head; every model of the family by its configuration's flags."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from phial.errors import PhialError
from phial.model.attention import Attention
from phial.model.cache import KeyValueCache
from phial.model.config import ModelConfig
from phial.model.documents import Documents
from phial.model.linear import Linear, linear
from phial.model.mlp import MLP
from phial.model.moe import MoE
from phial.model.norm import make_norm
from phial.model.rope import Rotary, uses_long_factors
from phial.model.step import Step
from phial.model.vision.config import MODULE
from phial.model.vision.crops import Crops
from phial.model.vision.embedding import ImageEmbedding

PREFILL = 2048  # tokens that are computed at a time when a cached sequence is computed again


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); or both from one norm, side by side (phi-1 to phi-2)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = make_norm(config)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = None if config.parallel else make_norm(config)
        if config.experts is None:
            self.mlp = MLP(config)
        else:
            self.moe = MoE(config)

    def forward(self, x: Tensor, delta: Tensor | None, step: Step, only: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The residual stream and what is still to be added to it: the next norm does that while it reads both.

        Args:
            x: [batch, time, hidden_size].
            delta: the output of the block before, alike, or None.
            step: what the layers share.
            only: int64 [batch]: the one token of each row that is wanted, for the last block; None for all.

        Returns:
            x and delta for the next block.
        """
        x, normal = self.input_layernorm(x, delta)
        attended = self.self_attn(normal, step, only)
        if only is not None:
            row = torch.arange(len(x), device=x.device)
            x, normal = x[row, only].unsqueeze(1), normal[row, only].unsqueeze(1)
        if self.post_attention_layernorm is None:
            return x, attended + self.mlp(normal)
        x, normal = self.post_attention_layernorm(x, attended)
        return x, self.mlp(normal) if hasattr(self, "mlp") else self.moe(normal)


class Decoder(nn.Module):
    """A causal language model; parameter names are those of `Phi3ForCausalLM` without the `model.` prefix."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = make_norm(config)
        if not config.tie_word_embeddings:
            self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=config.head_bias)
        self.rotary = Rotary(config)
        if config.vision is not None:
            self.vision_embed_tokens = ImageEmbedding(config.vision, config.hidden_size)

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
        tables = self.rotary.tables(time, uses_long_factors(self.config, time), ids.device)
        cos, sin = (table[:time] for table in tables)
        positions = torch.arange(time, device=ids.device).expand(ids.shape)
        return self._run(self.embed(ids), Step(positions, cos, sin, Documents(ids, starts)))

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [batch, time, hidden_size] of ids, as the first block reads them."""
        x = self.embed_tokens(ids)
        return x if self.config.embedding_multiplier == 1.0 else x * self.config.embedding_multiplier

    def embed_image(self, crops: Crops) -> Tensor:
        """Embeddings [tokens, hidden_size] of an image, to be given to `extend` at its placeholders.

        Raises:
            PhialError: the model has no image tower.
        """
        if self.config.vision is None:
            raise PhialError("this model does not read images", where="decoder", do="load a Phi-3-vision model")
        return self.vision_embed_tokens(crops)

    def _run(self, x: Tensor, step: Step, only: Tensor | None = None) -> Tensor:
        """Final states; with `only`, an index for each row, of that token alone.

        The last block then has keys and values to make for every token, but one query and one feed-forward a row: a
        prompt is read 1.2 times as fast by 4 layers, 1.03 times by 32.
        """
        delta, last = None, len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            x, delta = layer(x, delta, step, only if index == last else None)
        return self.norm(x, delta)[1]

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits [..., vocab_size] of final states [..., hidden_size]."""
        config = self.config
        tied = config.tie_word_embeddings
        logits = linear(hidden, self.embed_tokens.weight) if tied else self.lm_head(hidden)
        if config.logit_divisor != 1.0:
            logits = logits / config.logit_divisor
        if config.dummy_token_ids:
            logits[..., list(config.dummy_token_ids)] = -torch.inf
        return logits

    def forward(self, ids: Tensor, starts: Tensor | None = None) -> Tensor:
        """Logits [batch, time, vocab_size] of ids [batch, time]; starts as in `hidden`."""
        return self.logits(self.hidden(ids, starts))

    def extend(
        self,
        ids: Tensor,
        cache: KeyValueCache,
        rows: Sequence[int] | None = None,
        counts: Sequence[int] | None = None,
        images: Sequence[tuple[int, int, Tensor]] = (),
    ) -> Tensor:
        """Add tokens to cached sequences.

        A sequence that outgrows the original context of a LongRoPE model is first computed again with the long
        factors; the others in the batch are not touched by that.

        Args:
            ids: int64 [batch, time], padded behind where rows have fewer.
            cache: holds what came before.
            rows: the cache's row of each row of ids; by default 0, 1, 2, …
            counts: tokens of each row that count; by default all.
            images: (row of ids, position in it, embeddings [tokens, hidden_size]) put in place of embedded ids.

        Returns:
            Logits [batch, vocab_size] of the token after the last of each row.

        Raises:
            PhialError: a sequence would be longer than the model's context, or an image lies outside its row.
        """
        batch, time = ids.shape
        rows = list(range(batch)) if rows is None else list(rows)
        counts = [time] * batch if counts is None else list(counts)
        for row, end in zip(rows, self._ends(cache, rows, counts), strict=True):
            long = uses_long_factors(self.config, end)
            if long != cache.long[row]:
                self._recompute(cache, row, long)
        return self.append(ids, cache, rows, counts, images)[:, 0]

    def append(
        self,
        ids: Tensor,
        cache: KeyValueCache,
        rows: Sequence[int],
        counts: Sequence[int],
        images: Sequence[tuple[int, int, Tensor]] = (),
        wanted: int = 1,
    ) -> Tensor:
        """Add tokens to cached sequences, with the LongRoPE factors that the cache names for each, whatever its length.

        Args:
            ids: int64 [batch, time], padded behind where rows have fewer.
            cache: holds what came before.
            rows: the cache's row of each row of ids.
            counts: tokens of each row that count.
            images: as in `extend`.
            wanted: logits of the last so many tokens of each row; rows with fewer tokens repeat their first in front.

        Returns:
            Logits [batch, wanted, vocab_size].

        Raises:
            PhialError: a sequence would be longer than the model's context, or an image lies outside its row.
        """
        time = ids.shape[1]
        starts = [len(cache.tokens[row]) for row in rows]
        cache.reserve(max(self._ends(cache, rows, counts)))
        offsets = torch.arange(time, device=ids.device)
        limits = torch.tensor(counts, device=ids.device).unsqueeze(1) - 1
        positions = torch.tensor(starts, device=ids.device).unsqueeze(1) + torch.minimum(offsets, limits.clamp(min=0))
        x = self.embed(ids)
        for row, place, embeddings in images:
            if not 0 <= place <= place + len(embeddings) <= counts[row]:
                raise PhialError(
                    f"an image at {place} to {place + len(embeddings)} of {counts[row]} tokens",
                    where="decoder",
                    do="give the part of the image that lies among these tokens",
                )
            x[row, place : place + len(embeddings)] = embeddings.to(x)
        last = limits.clamp(min=0).squeeze(1)
        hidden = self._cached(x, positions, cache, rows, starts, counts, last if wanted <= 1 else None)
        for row, count, line in zip(rows, counts, ids.tolist(), strict=True):
            cache.tokens[row] += line[:count]
        for row, place, embeddings in images:
            cache.images[rows[row]].append((starts[row] + place, embeddings))
        if wanted > 1:
            places = (last.unsqueeze(1) - torch.arange(wanted - 1, -1, -1, device=ids.device)).clamp(min=0)
            hidden = hidden[torch.arange(len(ids), device=ids.device).unsqueeze(1), places]
        return self.logits(hidden[:, :wanted])

    def _ends(self, cache: KeyValueCache, rows: Sequence[int], counts: Sequence[int]) -> list[int]:
        ends = [len(cache.tokens[row]) + count for row, count in zip(rows, counts, strict=True)]
        if max(ends) > self.config.max_position_embeddings:
            raise PhialError(
                f"a sequence of {max(ends):,} tokens does not fit a context of {self.config.max_position_embeddings:,}",
                where="decoder",
                do="shorten the prompt or the answer",
            )
        return ends

    def _cached(
        self,
        x: Tensor,
        positions: Tensor,
        cache: KeyValueCache,
        rows: Sequence[int],
        starts: Sequence[int],
        counts: Sequence[int],
        last: Tensor | None,
    ) -> Tensor:
        # A row's factors are those its cache was made with; `extend` has brought them up to date.
        original = self.config.longrope.original_max_position_embeddings if self.config.longrope else 0
        lengths = [original + 1 if cache.long[row] else 1 for row in rows]
        cos, sin = self.rotary.at(positions, lengths)
        step = Step(positions, cos, sin, Documents(x[..., 0], None), cache, rows, starts, counts)
        return self._run(x, step, last if x.shape[1] > 1 else None)

    def _recompute(self, cache: KeyValueCache, row: int, long: bool) -> None:
        """Fill a row's keys and values anew with the other LongRoPE factors."""
        cache.long[row] = long
        tokens = torch.tensor([cache.tokens[row]], dtype=torch.int64, device=cache.device)
        for start in range(0, tokens.shape[1], PREFILL):
            part = tokens[:, start : start + PREFILL]
            stop = start + part.shape[1]
            x = self.embed(part)
            for first, embeddings in cache.images[row]:
                begin, end = max(first, start), min(first + len(embeddings), stop)
                if begin < end:
                    x[0, begin - start : end - start] = embeddings[begin - first : end - first].to(x)
            positions = torch.arange(start, stop, device=cache.device).unsqueeze(0)
            self._cached(x, positions, cache, [row], [start], [part.shape[1]], positions[:, -1] - start)

    def initialise(self, seed: int) -> None:
        """Draw the weights.

        Matrices are normal with standard deviation 1 / sqrt(fan_in); the projections that write to the residual
        stream start at zero, so that every block begins as the identity. Embeddings are wide, 0.6: words that stand in
        the same places, as names do, stay apart while the optimizer moves them, and can be copied. With 0.02 a model
        of the nano shape never learnt to repeat a name (docs/experiments.md). The final gain of 0.1 keeps the tied
        head near uniform at the start.
        """
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.startswith(MODULE):
                    continue
                if name.endswith(".bias"):
                    parameter.zero_()
                elif parameter.ndim < 2:
                    parameter.fill_(1.0)
                elif name.endswith(("o_proj.weight", "down_proj.weight", "down_proj")):
                    parameter.zero_()
                else:
                    known = {"embed_tokens.weight": 0.6, "lm_head.weight": 0.02}
                    deviation = known.get(name, 1 / math.sqrt(parameter.shape[-1]))
                    parameter.normal_(0.0, deviation, generator=generator)
            if self.config.tie_word_embeddings:
                self.norm.weight.fill_(0.1)
        if self.config.vision is not None:
            self.vision_embed_tokens.initialise(generator)
