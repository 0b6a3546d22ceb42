"""The Phi-3 block in numpy: for tiny decoders on a few cores, where the time goes to calls rather than arithmetic."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import count
from weakref import WeakKeyDictionary

import numpy as np

from phial.engine.backend import Work
from phial.engine.blas import one_blas_thread
from phial.engine.numpy_weights import Layer, Pair, Weights
from phial.model.adapter import Adapter
from phial.model.config import ModelConfig

_NOTHING = np.empty((0, 0), dtype=np.float32)
_Adapted = Sequence[tuple[np.ndarray | slice, dict[str, Pair]]]  # rows of a batch, and what is added to theirs


class NumpyBackend:
    """A `Backend` in float32.

    Live sequences fill the first rows of the cache without a gap: a batch then reads the cache in place instead of
    gathering it. When a sequence is freed, the last one moves into its row. Nothing is shared between sequences; images
    are not read.

    Args:
        config: the model's dimensions.
        tensors: every parameter by its name in memory, float32 or float16.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, np.ndarray]) -> None:
        self.config = config
        self._weights = weights = Weights(config, tensors)
        self._embedding, self._head, self._layers = weights.embedding, weights.head, weights.layers
        self._phases = weights.phases
        self._adapters: WeakKeyDictionary[Adapter, dict[str, Pair]] = WeakKeyDictionary()
        self._reset()

    def _reset(self) -> None:
        self._row_of: dict[int, int] = {}
        self._handle_of: list[int] = []  # by row
        self._lengths = np.zeros(0, dtype=np.int64)  # by row
        self._cache: list[np.ndarray] = []  # a layer: [rows, keys and values, kv_heads, max_length, head_dim]
        self._grow(1)
        self._single = _SingleStep(self.config)

    @property
    def max_length(self) -> int:
        """Longest sequence, in tokens."""
        return self.config.max_position_embeddings

    @property
    def step_tokens(self) -> int:
        """Thousands: prompts that are read in one step end together, which makes for full batches."""
        return 1 << 14

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        """Begin a sequence; nothing is shared, and `ids` and `salt` are not looked at."""
        if long:
            raise ValueError("this backend has one set of rotary factors")
        return self._take_row(), 0

    def fork(self, sequence: int) -> int:
        """A sequence with a copy of what another one holds."""
        copy = self._take_row()
        source, target = self._row_of[sequence], self._row_of[copy]
        self._copy_row(source, target)
        return copy

    def length(self, sequence: int) -> int:
        """Tokens that a sequence holds."""
        return int(self._lengths[self._row_of[sequence]])

    def trim(self, sequence: int, length: int) -> None:
        """Forget the newest tokens; what they left behind is written over or masked."""
        row = self._row_of[sequence]
        self._lengths[row] = min(length, self._lengths[row])

    def free(self, sequence: int) -> None:
        """Forget a sequence."""
        row, last = self._row_of.pop(sequence), len(self._handle_of) - 1
        if row != last:
            self._copy_row(last, row)
            self._handle_of[row] = self._handle_of[last]
            self._row_of[self._handle_of[row]] = row
        self._handle_of.pop()

    def room(self) -> int:
        """More than is ever asked for: the cache grows with the number of sequences."""
        return 1 << 40

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        """Add tokens to sequences; see `Backend.run`. Single tokens are computed together, longer pieces one by one."""
        with one_blas_thread:
            if len(work) == 1 and len(work[0].ids) == 1 and work[0].adapter is None:
                return [self._decode_one(self._row_of[work[0].sequence], work[0].ids[0])[None][: work[0].wanted]]
            results: list[np.ndarray] = [_NOTHING] * len(work)
            single = [index for index, piece in enumerate(work) if len(piece.ids) == 1]
            if single:
                rows = [self._row_of[work[index].sequence] for index in single]
                adapters = [work[index].adapter for index in single]
                logits = self._decode(rows, [work[index].ids[0] for index in single], adapters)
                for place, index in enumerate(single):
                    results[index] = logits[place : place + work[index].wanted]
            for index, piece in enumerate(work):
                if len(piece.ids) != 1:
                    adapted = [(slice(None), self._pairs(piece.adapter))] if piece.adapter else []
                    results[index] = self._read(self._row_of[piece.sequence], piece.ids, piece.wanted, adapted)
            return results

    def adapt(self, adapter: Adapter) -> None:
        """Fold into an adapter what is folded into the weights; see `Adapting`."""
        self._pairs(adapter)

    def _pairs(self, adapter: Adapter) -> dict[str, Pair]:
        if adapter not in self._adapters:
            self._adapters[adapter] = self._weights.adapt(adapter)
        return self._adapters[adapter]

    def _decode(self, rows: list[int], ids: Sequence[int], adapters: Sequence[Adapter | None]) -> np.ndarray:
        if len(rows) == 1 and adapters[0] is None:
            return self._decode_one(rows[0], ids[0])[None]
        order, tokens = np.array(rows), np.asarray(ids)
        if len(rows) != max(rows) + 1:
            return self._decode_rows(order, order, tokens, self._members(adapters))
        place = np.argsort(order)  # the rows are 0, 1, 2, … in some order
        adapted = self._members([adapters[index] for index in place])
        return self._decode_rows(order[place], slice(0, len(rows)), tokens[place], adapted)[order]

    def _members(self, adapters: Sequence[Adapter | None]) -> _Adapted:
        """Which rows of a batch have which adapter."""
        distinct = {adapter for adapter in adapters if adapter is not None}
        return [
            (np.array([row for row, other in enumerate(adapters) if other is adapter]), self._pairs(adapter))
            for adapter in distinct
        ]

    def twin(self) -> NumpyBackend:
        """Another cache over the same weights; see `Backend.twin`."""
        other = copy.copy(self)
        other._reset()
        return other

    def _take_row(self) -> int:
        handle, row = next(handle for handle in count() if handle not in self._row_of), len(self._handle_of)
        if row == len(self._lengths):
            self._grow(2 * row)
        self._row_of[handle] = row
        self._handle_of.append(handle)
        self._lengths[row] = 0
        return handle

    def _copy_row(self, source: int, target: int) -> None:
        length = self._lengths[source]
        for cache in self._cache:
            cache[target, :, :, :length] = cache[source, :, :, :length]
        self._lengths[target] = length

    def _grow(self, rows: int) -> None:
        """Make room for more rows; zeros, because what a mask hides must still be finite."""
        config, kept = self.config, len(self._lengths)
        shape = (rows, 2, config.num_key_value_heads, self.max_length, config.head_dim)
        cache = [np.zeros(shape, dtype=np.float32) for _ in self._layers]
        for old, new in zip(self._cache, cache, strict=False):
            new[:kept] = old
        lengths = np.zeros(rows, dtype=np.int64)
        lengths[:kept] = self._lengths
        self._cache, self._lengths = cache, lengths

    def _read(self, row: int, ids: Sequence[int], wanted: int, adapted: _Adapted) -> np.ndarray:
        """Add several tokens to a row of the cache; logits behind the last `wanted` of them."""
        kv_heads, head_dim = self.config.num_key_value_heads, self.config.head_dim
        start, time = int(self._lengths[row]), len(ids)
        end = start + time
        if not time or end > self.max_length:
            raise ValueError(f"{time} more tokens behind {start}; the cache holds 1 to {self.max_length}")
        x = self._embedding[np.asarray(ids)]  # [time, hidden_size]
        phases = self._phases[start:end, None]
        blocked = np.triu(np.full((time, end), -np.inf, dtype=np.float32), start + 1)  # [query, key]
        for layer, cache in zip(self._layers, self._cache, strict=True):
            query, key_value = self._project(x, layer, phases, adapted)
            cache[row, :, :, start:end] = key_value.transpose(1, 2, 0, 3)
            keys, values = cache[row, :, :, :end]  # [kv_heads, end, head_dim]
            if layer is self._layers[-1]:  # only the last tokens' logits are asked for
                x, query, blocked = x[time - wanted :], query[time - wanted :], blocked[time - wanted :]
                if not wanted:
                    break
            queries = len(query)
            by_head = query.reshape(queries, kv_heads, -1, head_dim).transpose(
                1, 2, 0, 3
            )  # [kv_heads, group, query, …]
            scores = by_head.reshape(kv_heads, -1, head_dim) @ keys.swapaxes(1, 2)
            grouped = scores.reshape(kv_heads, -1, queries, end)
            grouped += blocked
            attended = _attend(scores, values)  # [kv_heads, group * query, head_dim]
            attended = attended.reshape(kv_heads, -1, queries, head_dim).transpose(2, 0, 1, 3).reshape(queries, -1)
            x = self._residual(x, attended, layer, adapted)
        self._lengths[row] = end
        return self._logits(x, adapted) if wanted else _NOTHING

    def _decode_rows(
        self, rows: np.ndarray, cached: np.ndarray | slice, tokens: np.ndarray, adapted: _Adapted
    ) -> np.ndarray:
        """One step of several rows; `cached` selects the same rows, as a slice where that avoids a copy."""
        size = len(rows)
        kv_heads, head_dim = self.config.num_key_value_heads, self.config.head_dim
        positions = self._lengths[rows]
        longest = int(positions.max()) + 1
        x = self._embedding[tokens]  # [size, hidden_size]
        phases = self._phases[positions][:, None]
        hidden = np.arange(longest) > positions[:, None]
        blocked = np.where(hidden, np.float32(-np.inf), np.float32(0))[:, None, None, None]  # [size, 1, 1, 1, longest]
        for layer, cache in zip(self._layers, self._cache, strict=True):
            query, key_value = self._project(x, layer, phases, adapted)
            cache[rows, :, :, positions] = key_value
            stored = cache[cached, :, :, None, :longest]  # [size, 2, kv_heads, 1, longest, head_dim]
            # The queries of a group are multiplied one by one: matrix-vector products read the cache as it lies, where
            # a matrix product would first copy it (measured on 64 sequences: 1.5 times slower attention).
            grouped = query.reshape(size, kv_heads, -1, 1, head_dim)
            scores = grouped @ stored[:, 0].swapaxes(3, 4)  # [size, kv_heads, group, 1, longest]
            scores += blocked
            attended = _attend(scores, stored[:, 1])
            x = self._residual(x, attended.reshape(size, -1), layer, adapted)
        self._lengths[rows] += 1
        return self._logits(x, adapted)

    def _decode_one(self, row: int, token: int) -> np.ndarray:
        """One step of one row: the arithmetic of `_decode_rows` in as few and as cheap calls as numpy allows."""
        config, buffers, eps = self.config, self._single, self.config.rms_norm_eps
        width, inner = config.hidden_size, config.intermediate_size
        position = int(self._lengths[row])
        length = position + 1
        phase = self._phases[position]
        x, normal, qkv, rotary = buffers.x, buffers.normal, buffers.qkv, buffers.rotary
        query, key_value, attended = buffers.query, buffers.key_value, buffers.attended
        flat, gate_up, active = buffers.attended_flat, buffers.gate_up, buffers.active
        gate, up = gate_up[:inner], gate_up[inner:]
        x[:] = self._embedding[token]
        for layer, cache in zip(self._layers, self._cache, strict=True):
            np.multiply(x, 1.0 / math.sqrt(float(x.dot(x)) / width + eps), normal)
            normal.dot(layer.qkv, qkv)
            np.multiply(rotary, phase, rotary)
            cache[row, :, :, position] = key_value
            keys, values = cache[row, :, :, None, :length]  # [kv_heads, 1, length, head_dim]
            scores = np.matmul(query, keys.swapaxes(2, 3))  # [kv_heads, group, 1, length]
            np.subtract(scores, np.maximum.reduce(scores, axis=3, keepdims=True), scores)
            np.exp(scores, scores)
            np.matmul(scores, values, attended)
            np.divide(attended, np.add.reduce(scores, axis=3, keepdims=True), attended)
            np.add(x, flat.dot(layer.out, normal), x)
            np.multiply(x, 1.0 / math.sqrt(float(x.dot(x)) / width + eps), normal)
            normal.dot(layer.gate_up, gate_up)
            np.tanh(gate, active)
            np.add(active, 1.0, active)
            np.multiply(active, gate, active)
            np.multiply(active, up, active)
            np.add(x, active.dot(layer.down, normal), x)
        self._lengths[row] = length
        np.multiply(x, 1.0 / math.sqrt(float(x.dot(x)) / width + eps), normal)
        return normal.dot(self._head)

    def _project(
        self, x: np.ndarray, layer: Layer, phases: np.ndarray, adapted: _Adapted
    ) -> tuple[np.ndarray, np.ndarray]:
        """Queries, and keys with values, of the next positions.

        Args:
            x: [tokens, hidden_size].
            layer: its weights.
            phases: complex64 [tokens, 1, head_dim / 2].
            adapted: adapters of the tokens.

        Returns:
            Rotated queries [tokens, heads, head_dim]; rotated keys and values [tokens, 2, kv_heads, head_dim].
        """
        heads, kv_heads = self.config.num_attention_heads, self.config.num_key_value_heads
        qkv = _product(self._normalised(x), layer.qkv, f"{layer.prefix}self_attn.qkv_proj", adapted)
        qkv = qkv.reshape(len(x), heads + 2 * kv_heads, -1)
        rotary = qkv.view(np.complex64)[:, : heads + kv_heads]  # [tokens, heads + kv_heads, head_dim / 2]
        rotary *= phases
        return qkv[:, :heads], qkv[:, heads:].reshape(len(x), 2, kv_heads, -1)

    def _residual(self, x: np.ndarray, attended: np.ndarray, layer: Layer, adapted: _Adapted) -> np.ndarray:
        """The rest of a block: x plus the attention's projection, then plus the feed-forward."""
        x = x + _product(attended, layer.out, f"{layer.prefix}self_attn.o_proj", adapted)
        gate_up = _product(self._normalised(x), layer.gate_up, f"{layer.prefix}mlp.gate_up_proj", adapted)
        gate, up = gate_up[:, : self.config.intermediate_size], gate_up[:, self.config.intermediate_size :]
        active = np.tanh(gate)
        active += 1.0
        active *= gate
        active *= up
        x += _product(active, layer.down, f"{layer.prefix}mlp.down_proj", adapted)
        return x

    def _normalised(self, x: np.ndarray) -> np.ndarray:
        squares = np.add.reduce(np.square(x), axis=1, keepdims=True)
        return x / np.sqrt(squares / x.shape[1] + np.float32(self.config.rms_norm_eps))

    def _logits(self, x: np.ndarray, adapted: _Adapted) -> np.ndarray:
        return _product(self._normalised(x), self._head, "lm_head", adapted)


class _SingleStep:
    """Buffers of one step of one sequence, with the views that the step works on."""

    def __init__(self, config: ModelConfig) -> None:
        heads, kv_heads, head_dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.x = np.empty(config.hidden_size, dtype=np.float32)
        self.normal = np.empty_like(self.x)
        self.qkv = np.empty((heads + 2 * kv_heads) * head_dim, dtype=np.float32)
        by_head = self.qkv.reshape(-1, head_dim)
        self.rotary = by_head[: heads + kv_heads].view(np.complex64)
        self.query = by_head[:heads].reshape(kv_heads, -1, 1, head_dim)
        self.key_value = by_head[heads:].reshape(2, kv_heads, head_dim)
        self.attended = np.empty_like(self.query)
        self.attended_flat = self.attended.reshape(-1)
        self.gate_up = np.empty(2 * config.intermediate_size, dtype=np.float32)
        self.active = np.empty(config.intermediate_size, dtype=np.float32)


def _product(x: np.ndarray, matrix: np.ndarray, name: str, adapted: _Adapted) -> np.ndarray:
    """x [tokens, columns] @ matrix, and what adapters add to the matrix of that name."""
    out = x @ matrix
    for rows, pairs in adapted:
        if name in pairs:
            lora_a, lora_b = pairs[name]
            out[rows] += x[rows] @ lora_a @ lora_b
    return out


def _attend(scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """softmax(scores) @ values, dividing after the product, where there is less to divide; overwrites the scores."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    attended = scores @ values
    attended /= scores.sum(axis=-1, keepdims=True)
    return attended
