"""KeyValueCache: the keys and values of several sequences, each as long as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phial.model.config import ModelConfig


@dataclass(frozen=True)
class Snapshot:
    """A cache's content at one moment: enough to go on from there, in this process or another.

    Attributes:
        tokens: the ids of each sequence.
        long: whether each was rotated with LongRoPE's long factors.
        layers: [rows, 2 (keys, values), kv_heads, length, head_dim] of each layer.
        images: the images of each sequence, as in the cache.
    """

    tokens: tuple[tuple[int, ...], ...]
    long: tuple[bool, ...]
    layers: tuple[Tensor, ...]
    images: tuple[tuple[tuple[int, Tensor], ...], ...] = ()


class KeyValueCache:
    """One row a sequence; slot j of a row holds position j.

    The contract: `update` adds positions, `trim` forgets the newest, `fork` copies rows, `snapshot` and `restore` keep
    and bring back, `bytes` says what it takes. Ids and images are kept beside the keys, because a sequence that
    outgrows the original context of a LongRoPE model is computed again from them.

    Attributes:
        tokens: ids of each row, so far.
        long: whether a row's keys were rotated with the long factors.
        images: (first position, embeddings [tokens, hidden_size]) of what stands in each row instead of its ids.
    """

    def __init__(
        self, config: ModelConfig, rows: int, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu"
    ) -> None:
        self.config, self.dtype, self.device = config, dtype, torch.device(device)
        self.tokens: list[list[int]] = [[] for _ in range(rows)]
        self.long = [False] * rows
        self.images: list[list[tuple[int, Tensor]]] = [[] for _ in range(rows)]
        self._layers: list[Tensor] = []
        self._grow(0)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(tokens) for tokens in self.tokens]

    @property
    def bytes(self) -> int:
        """Memory that is held, room to grow included."""
        held = [*self._layers, *(embeddings for row in self.images for _, embeddings in row)]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def _grow(self, capacity: int) -> None:
        config, rows = self.config, len(self.tokens)
        shape = (rows, 2, config.num_key_value_heads, capacity, config.head_dim)
        old, self._layers = self._layers, []
        for index in range(config.num_hidden_layers):
            # zeros, because what a mask hides must still be finite
            layer = torch.zeros(shape, dtype=self.dtype, device=self.device)
            if old:
                kept = old[index]
                layer[: kept.shape[0], :, :, : kept.shape[3]] = kept
            self._layers.append(layer)

    def reserve(self, length: int) -> None:
        """Make room for rows of this length."""
        if self._layers[0].shape[3] < length:
            self._grow(max(length, min(2 * self._layers[0].shape[3], self.config.max_position_embeddings)))

    def update(
        self, layer: int, key: Tensor, value: Tensor, rows: Sequence[int], starts: Sequence[int], counts: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Write the newest positions of some rows in one layer.

        Args:
            layer: its index.
            key: [len(rows), time, kv_heads, head_dim]; of row i the first counts[i] are written.
            value: like key.
            rows: rows of the cache.
            starts: position of each row's first new token.
            counts: new tokens of each row.

        Returns:
            Keys and values of those rows up to the longest, [len(rows), kv_heads, length, head_dim].
        """
        held = self._layers[layer]
        longest = max(start + count for start, count in zip(starts, counts, strict=True))
        for index, (row, start, count) in enumerate(zip(rows, starts, counts, strict=True)):
            held[row, 0, :, start : start + count] = key[index, :count].transpose(0, 1)
            held[row, 1, :, start : start + count] = value[index, :count].transpose(0, 1)
        first, count = rows[0], len(rows)
        side_by_side = list(rows) == list(range(first, first + count))  # then nothing is copied
        chosen = held[first : first + count] if side_by_side else held[list(rows)]
        return chosen[:, 0, :, :longest], chosen[:, 1, :, :longest]

    def trim(self, row: int, length: int) -> None:
        """Forget what a row holds from position `length` on."""
        del self.tokens[row][length:]
        self.images[row] = [
            (first, embeddings[: length - first]) for first, embeddings in self.images[row] if first < length
        ]

    def add_rows(self, count: int) -> None:
        """Make room for more sequences."""
        self.tokens += [[] for _ in range(count)]
        self.long += [False] * count
        self.images += [[] for _ in range(count)]
        self._grow(self._layers[0].shape[3])

    def copy_row(self, source: int, target: int) -> None:
        """Let one row hold what another one does."""
        length = len(self.tokens[source])
        for layer in self._layers:
            layer[target, :, :, :length] = layer[source, :, :, :length]
        self.tokens[target] = list(self.tokens[source])
        self.long[target] = self.long[source]
        self.images[target] = list(self.images[source])

    def read_row(self, row: int) -> list[Tensor]:
        """Keys and values of a row in each layer, [2, kv_heads, length, head_dim]."""
        return [layer[row, :, :, : len(self.tokens[row])] for layer in self._layers]

    def write_row(self, row: int, tokens: Sequence[int], layers: Sequence[Tensor]) -> None:
        """Let a row hold what `read_row` gave."""
        self.reserve(len(tokens))
        for held, layer in zip(self._layers, layers, strict=True):
            held[row, :, :, : len(tokens)] = layer
        self.tokens[row] = list(tokens)
        self.images[row] = []

    def fork(self, rows: Sequence[int]) -> KeyValueCache:
        """A new cache whose row i is a copy of row rows[i]; a row may be taken several times."""
        other = KeyValueCache(self.config, 0, self.dtype, self.device)
        other.tokens = [list(self.tokens[row]) for row in rows]
        other.long = [self.long[row] for row in rows]
        other.images = [list(self.images[row]) for row in rows]
        other._layers = [layer[list(rows)].clone() for layer in self._layers]
        return other

    def snapshot(self) -> Snapshot:
        """Everything that `restore` needs, without the room to grow."""
        longest = max(self.lengths, default=0)
        layers = tuple(layer[:, :, :, :longest].clone() for layer in self._layers)
        images = tuple(tuple(row) for row in self.images)
        return Snapshot(tuple(tuple(tokens) for tokens in self.tokens), tuple(self.long), layers, images)

    def restore(self, snapshot: Snapshot) -> None:
        """Become what a cache of the same model was when the snapshot was taken."""
        self.tokens = [list(tokens) for tokens in snapshot.tokens]
        self.long = list(snapshot.long)
        self.images = [list(row) for row in snapshot.images] or [[] for _ in self.tokens]
        self._layers = [layer.clone().to(self.device, self.dtype) for layer in snapshot.layers]
