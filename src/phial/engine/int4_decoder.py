"""The decoder over packed int4 and int8 weights: one step of several sequences, a compiled call a layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from phial.kernels.block import BoundBlock, Gain, LayerShape, Linear, bind_block, bind_step, run_block
from phial.kernels.int4_library import ThreadPool
from phial.kernels.layer import LayerCache, Span, norm, swiglu
from phial.kernels.lora import BoundAdapter, BoundAdditions, add_low_rank
from phial.kernels.product import Floats, bind, multiply, quantize
from phial.model.moe import route
from phial.model.rope import rotary_frequencies
from phial.quant.hadamard import hadamard
from phial.quant.quantized import FINAL_NORM, QuantizedModel

CHUNK = 64  # tokens whose router products are held at a time


class Int4Decoder:
    """Logits of new tokens whose sequences' keys and values lie in blocks.

    A token's logits have the same bits whatever tokens come with it: every sum here is made by a kernel that keeps its
    order, or token by token.

    Args:
        model: the weights; they may be memory-mapped.
        caches: keys and values, of each layer.
        pool: threads of the kernels; None: the calling thread alone.
    """

    def __init__(self, model: QuantizedModel, caches: Sequence[LayerCache], pool: ThreadPool | None) -> None:
        config = model.config
        self.config, self._model, self._pool = config, model, pool
        shape = LayerShape(
            config.num_attention_heads, config.activation, config.rms_norm_eps, config.scale,
            config.norm == "layer", config.gegelu_limit, model.by_group,
        )  # fmt: skip
        self._blocks = [_bind_layer(model, shape, index, cache) for index, cache in enumerate(caches)]
        self._norm, self._head = _gain(model, "norm"), _linear(model, "lm_head")
        self._experts = [_Experts(model, f"layers.{index}.") for index in range(len(caches)) if config.experts]
        self._rotations: dict[bool, tuple[Floats, Floats]] = {}
        self._room = np.empty(0, np.uint8)

    def step(
        self,
        ids: NDArray[np.int64],
        spans: Sequence[Span],
        long: Sequence[bool],
        wanted: Sequence[int],
        images: Sequence[tuple[int, Floats]] = (),
        adapters: Sequence[BoundAdapter | None] = (),
    ) -> Floats:
        """Compute new tokens and keep their keys and values.

        Args:
            ids: [tokens], those of all spans one after another.
            spans: which positions they are.
            long: for each span, whether its sequence turns with LongRoPE's long factors.
            wanted: for each span, of how many of its last tokens logits are wanted.
            images: (place among the tokens, embeddings [count, hidden_size]) that stand instead of ids.
            adapters: for each span; none at all by default.

        Returns:
            float32 [sum of wanted, vocab_size].
        """
        x = self._model.embed(ids)
        for place, embeddings in images:
            x[place : place + len(embeddings)] = embeddings
        first, last = self._blocks[0], len(self._blocks) - 1
        ranks = max((adapter.ranks for adapter in adapters if adapter is not None), default=0)
        if len(self._room) < (needed := first.room(len(ids), ranks)):
            self._room = np.empty(needed, np.uint8)  # kept: fresh memory for each step would cost page faults
        turns = self._turns(spans, long)
        ends = np.cumsum([span.count for span in spans])
        rows = np.concatenate([np.arange(end - count, end) for end, count in zip(ends, wanted, strict=True)])
        asked = [Span(s.table, s.start + s.count - w, w) for s, w in zip(spans, wanted, strict=True)]
        step = bind_step(first, spans, *turns, self._room, adapters=adapters)
        for index, block in enumerate(self._blocks):
            if index == last:  # beyond its keys and values only the wanted tokens are of use
                step = bind_step(first, spans, *turns, self._room, rows, asked, adapters)
            run_block(block, step, x, pool=self._pool)
            x = x[: len(rows)] if index == last else x
            if self._experts and len(x):
                self._experts[index].add(x, self._pool)
        if not len(x):
            return np.empty((0, self.config.vocab_size), np.float32)
        heads = [adapter.head if adapter else None for adapter in adapters]
        return self._logits(x, [head for head, count in zip(heads, wanted, strict=False) for _ in range(count)])

    def _turns(self, spans: Sequence[Span], long: Sequence[bool]) -> tuple[Floats, Floats]:
        """Cosines and sines of every token, [tokens, rotary_dim / 2]."""
        parts = []
        for span, kind in zip(spans, long, strict=True):
            tables = self._tables(kind, span.start + span.count)
            parts.append([table[span.start : span.start + span.count] for table in tables])
        cosine, sine = (np.concatenate(tables) for tables in zip(*parts, strict=True))
        return cosine, sine

    def _tables(self, long: bool, length: int) -> tuple[Floats, Floats]:
        held = self._rotations.get(long)
        if held is None or len(held[0]) < length:
            size = 1 << max(length - 1, 255).bit_length()
            frequencies, scale = rotary_frequencies(self.config, long)
            angles = torch.outer(torch.arange(size, dtype=torch.float32), frequencies)
            held = (angles.cos() * scale).numpy(), (angles.sin() * scale).numpy()
            self._rotations[long] = held
        return held

    def _logits(self, x: Floats, additions: Sequence[BoundAdditions | None]) -> Floats:
        config, gain, head = self.config, self._norm, self._head
        if FINAL_NORM in self._model.rotated:
            x = hadamard(torch.from_numpy(x)).numpy()
        group, centred, by_group = head.matrix.matrix.group_size, config.norm == "layer", self._model.by_group
        normal, floats = norm(
            x, gain.weight, config.rms_norm_eps, group, bias=gain.bias, centred=centred, by_group=by_group,
            keep=head.rotated or any(additions), pool=self._pool,
        )  # fmt: skip
        if floats is not None and head.rotated:
            normal = quantize(floats, group, by_group=by_group, rotated=True, pool=self._pool)
        logits = multiply(head.matrix, normal, head.bias, pool=self._pool)
        if floats is not None and any(additions):
            add_low_rank(additions, floats, logits, pool=self._pool)
        if config.logit_divisor != 1.0:
            logits /= np.float32(config.logit_divisor)
        if config.dummy_token_ids:
            logits[:, list(config.dummy_token_ids)] = -np.inf
        return logits


class _Experts:
    """The feed-forward of a Phi-3.5-MoE layer: two experts a token, chosen and weighted by SparseMixer."""

    def __init__(self, model: QuantizedModel, prefix: str) -> None:
        assert model.config.experts is not None
        self._config, self._rule, self._by_group = model.config, model.config.experts, model.by_group
        self._norm = _gain(model, f"{prefix}post_attention_layernorm")
        self._router = _vector(model, f"{prefix}moe.gate.weight")
        count = self._rule.count
        self._up = [_linear(model, f"{prefix}moe.gate_up_proj.{expert}") for expert in range(count)]
        self._down = [_linear(model, f"{prefix}moe.down_proj.{expert}") for expert in range(count)]

    def add(self, x: Floats, pool: ThreadPool | None) -> None:
        """x float32 [tokens, hidden_size] plus its experts' output, in place."""
        gain, eps = self._norm, self._config.rms_norm_eps
        _, normal = norm(x, gain.weight, eps, bias=gain.bias, centred=True, keep=True, pool=pool)
        assert normal is not None
        weights, indices = route(torch.from_numpy(self._router_logits(normal)), self._rule)
        share, chosen = weights.numpy(), indices.numpy()
        total = np.zeros_like(x)
        for expert in np.unique(chosen).tolist():  # ascending, so a token's two experts are added in one order
            token, place = np.nonzero(chosen == expert)
            up, down = self._up[expert], self._down[expert]
            read = quantize(normal[token], up.matrix.matrix.group_size, by_group=self._by_group, pool=pool)
            inner = swiglu(
                multiply(up.matrix, read, pool=pool), down.matrix.matrix.group_size, by_group=self._by_group,
                rotated=down.rotated, pool=pool,
            )  # fmt: skip
            total[token] += multiply(down.matrix, inner, pool=pool) * share[token, place][:, None]
        x += total

    def _router_logits(self, x: Floats) -> Floats:
        """x @ gate.T, each token's sums made alone, so that they do not depend on the others."""
        out = np.empty((len(x), len(self._router)), np.float32)
        for start in range(0, len(x), CHUNK):
            part = x[start : start + CHUNK]
            out[start : start + CHUNK] = (part[:, None, :] * self._router).sum(axis=-1)
        return out


def _bind_layer(model: QuantizedModel, shape: LayerShape, index: int, cache: LayerCache) -> BoundBlock:
    config, prefix = model.config, f"layers.{index}."
    up = "gate_up_proj" if config.gated else "up_proj"
    dense = config.experts is None
    return bind_block(
        shape,
        cache,
        before=_gain(model, f"{prefix}input_layernorm"),
        qkv=_linear(model, f"{prefix}self_attn.qkv_proj"),
        out=_linear(model, f"{prefix}self_attn.o_proj"),
        between=None if config.parallel else _gain(model, f"{prefix}post_attention_layernorm"),
        up=_linear(model, f"{prefix}mlp.{up}") if dense else None,
        down=_linear(model, f"{prefix}mlp.down_proj") if dense else None,
        window=config.sliding_window,
        sparse=None if config.is_dense(index) else config.blocksparse,
        layer=index,
    )


def _gain(model: QuantizedModel, name: str) -> Gain:
    return Gain(_vector(model, f"{name}.weight"), _bias(model, name))


def _linear(model: QuantizedModel, name: str) -> Linear:
    return Linear(bind(model.matrices[name]), _bias(model, name), name in model.rotated)


def _bias(model: QuantizedModel, name: str) -> Floats | None:
    return _vector(model, f"{name}.bias") if f"{name}.bias" in model.floats else None


def _vector(model: QuantizedModel, name: str) -> Floats:
    return np.asarray(model.floats[name], np.float32)
