"""A model that is a hash function: its logits are the same bits however its tokens are computed, and wrong if any
token, factor set, adapter or image before them is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from checkpoints import tiny_config

from phial.engine.backend import NoRoom, Work
from phial.engine.blocks import Blocks
from phial.model.adapter import Adapter
from phial.model.config import LongRope, ModelConfig

VOCAB = 300


def hashing_config(original: int | None = None, max_length: int = 160) -> ModelConfig:
    config = tiny_config(max_position_embeddings=max_length)
    if original is None:
        return config
    factors = (1.0,) * (config.rotary_dim // 2)
    return replace(config, longrope=LongRope(factors, factors, original))


@cache
def _noise(state: bytes) -> np.ndarray:
    return np.random.Generator(np.random.Philox(int.from_bytes(state[:8], "big"))).normal(size=VOCAB).astype(np.float32)


def logits_of(state: bytes, last: int) -> np.ndarray:
    """Mostly by the last token, so that answers fall into loops; a little by everything."""
    return 4 * _noise(hashlib.sha256(b"%d" % (last % 16)).digest()) + _noise(state)


def root(long: bool, weights: int) -> bytes:
    return hashlib.sha256(f"{long} {weights}".encode()).digest()


def next_state(state: bytes, token: int, adapter: Adapter | None, image: bytes = b"") -> bytes:
    return hashlib.sha256(state + repr((token, adapter and adapter.key)).encode() + image).digest()


class HashingBackend:
    """A block cache of such states.

    Args:
        config: whether and where factors change.
        blocks: room.
        size: positions of a block.
        fault: called with each piece of work, to raise what it likes.
    """

    def __init__(
        self,
        config: ModelConfig,
        blocks: int = 4096,
        size: int = 4,
        fault: Callable[[Work], None] | None = None,
    ) -> None:
        self.config, self.fault = config, fault
        self.blocks = Blocks(blocks, size, b"hashing")
        self.states: dict[tuple[int, int], bytes] = {}
        self.long: dict[int, bool] = {}
        self.weights = 0
        self.steps: list[list[Work]] = []
        self.computed = self.refused = 0

    @property
    def max_length(self) -> int:
        return self.config.max_position_embeddings

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        handle, found = self.blocks.open(ids, long, salt)
        self.long[handle] = long
        return handle, found

    def fork(self, sequence: int) -> int:
        copy = self.blocks.fork(sequence)
        self.long[copy] = self.long[sequence]
        return copy

    def length(self, sequence: int) -> int:
        return self.blocks.length(sequence)

    def trim(self, sequence: int, length: int) -> None:
        self.blocks.trim(sequence, length)

    def free(self, sequence: int) -> None:
        self.blocks.free(sequence)
        del self.long[sequence]

    def room(self) -> int:
        return self.blocks.room()

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        try:
            copies = self.blocks.extend_all([(piece.sequence, piece.ids) for piece in work])
        except NoRoom:
            self.refused += 1
            raise
        self.steps.append(list(work))
        for source, target in copies:
            for offset in range(self.blocks.size):
                if (source, offset) in self.states:
                    self.states[target, offset] = self.states[source, offset]
        return [self._piece(piece) for piece in work]

    def _piece(self, piece: Work) -> np.ndarray:
        if self.fault:
            self.fault(piece)
        handle, table, size = piece.sequence, self.blocks.table(piece.sequence), self.blocks.size
        end = self.blocks.length(handle)
        rows = []
        for index, token in enumerate(piece.ids):
            position = end - len(piece.ids) + index
            before = self.states[int(table[(position - 1) // size]), (position - 1) % size] if position else None
            state = before or root(self.long[handle], self.weights)
            image = b"".join(
                embeddings[index - place].tobytes()
                for place, embeddings in piece.images
                if 0 <= index - place < len(embeddings)
            )
            state = next_state(state, token, piece.adapter, image)
            self.states[int(table[position // size]), position % size] = state
            if index >= len(piece.ids) - piece.wanted:
                rows.append(logits_of(state, token))
        self.blocks.seal(handle)
        self.computed += len(piece.ids)
        return np.stack(rows) if rows else np.empty((0, VOCAB), dtype=np.float32)

    def save(self, sequence: int, folder: Path) -> None:
        table, size = self.blocks.table(sequence), self.blocks.size
        tokens = list(self.blocks.tokens(sequence))
        states = [self.states[int(table[p // size]), p % size].hex() for p in range(len(tokens))]
        (folder / "states.json").write_text(json.dumps([tokens, states, self.long[sequence]]))

    def load(self, folder: Path, salt: bytes = b"") -> int:
        tokens, states, long = json.loads((folder / "states.json").read_text())
        handle, _ = self.open((), long, salt)
        self.blocks.extend(handle, tokens)
        table, size = self.blocks.table(handle), self.blocks.size
        for position, state in enumerate(states):
            self.states[int(table[position // size]), position % size] = bytes.fromhex(state)
        self.blocks.seal(handle)
        return handle

    def adapt(self, adapter: Adapter) -> None:
        pass

    def load_weights(self, tensors: Mapping[str, np.ndarray]) -> None:
        assert not self.long
        self.weights = int(tensors["weights"])
        self.blocks.clear()


def greedy(config: ModelConfig, prompt: Sequence[int], count: int, weights: int = 0) -> list[int]:
    """The likeliest tokens, computed without engine or cache."""
    ids = list(prompt)
    for _ in range(count):
        long = config.longrope is not None and len(ids) > config.longrope.original_max_position_embeddings
        state = root(long, weights)
        for token in ids:
            state = next_state(state, token, None)
        ids.append(int(logits_of(state, ids[-1]).argmax()))
    return ids[len(prompt) :]
