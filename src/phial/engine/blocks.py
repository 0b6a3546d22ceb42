"""Which block of a cache holds which tokens: reference counts, copy on write, shared prefixes; no arrays of keys."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from phial.engine.backend import NoRoom


@dataclass(slots=True)
class _Sequence:
    """One sequence's bookkeeping.

    Attributes:
        root: digest that its chain of block digests begins with.
        tokens: what it holds.
        table: int32, its blocks first; the rest is room to grow.
        blocks: how many of the table are in use.
        digests: of its first blocks, each a hash of everything up to the block's end; as many as are sealed.
    """

    root: bytes
    tokens: list[int] = field(default_factory=list)
    table: np.ndarray = field(default_factory=lambda: np.empty(8, dtype=np.int32))
    blocks: int = 0
    digests: list[bytes] = field(default_factory=list)


class Blocks:
    """Bookkeeping of a cache that is cut into blocks of equally many positions.

    A block is free (nobody's, content worthless), idle (nobody's, but still registered under the digest of its content,
    so that a later sequence may take it up), or in use by one or more sequences. Only whole, sealed blocks are
    registered. A sequence never writes into a block that another one reads.

    Args:
        count: blocks of the cache.
        size: positions of a block.
        key: stands for the model; sequences of different keys share nothing.
    """

    def __init__(self, count: int, size: int, key: bytes) -> None:
        if count < 1 or size < 1:
            raise ValueError(f"{count} blocks of {size} positions")
        self.count, self.size = count, size
        self._key, self._epoch = key, 0
        self._references = [0] * count
        self._digest_of: dict[int, bytes] = {}
        self._registry: dict[bytes, int] = {}
        self._free = list(range(count - 1, -1, -1))
        self._idle: OrderedDict[int, None] = OrderedDict()  # least recently used first
        self._sequences: dict[int, _Sequence] = {}
        self._handles: list[int] = []  # of freed sequences, to be used again

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        """Begin a sequence with as many whole registered blocks of its ids as there are; see `Backend.open`."""
        digest = self._root(long, salt)
        sequence = _Sequence(digest)
        for index in range((len(ids) - 1) // self.size if ids else 0):
            part = ids[index * self.size : (index + 1) * self.size]
            digest = _chained(digest, part)
            block = self._registry.get(digest)
            if block is None:
                break
            self._take(block)
            _append(sequence, block)
            sequence.tokens.extend(part)
            sequence.digests.append(digest)
        return self._enter(sequence), len(sequence.tokens)

    def fork(self, sequence: int) -> int:
        """A sequence with the same tokens in the same blocks."""
        source = self._sequences[sequence]
        blocks = source.table[: source.blocks]
        for block in blocks.tolist():
            self._references[block] += 1
        copy = _Sequence(source.root, list(source.tokens), source.table.copy(), source.blocks, list(source.digests))
        return self._enter(copy)

    def extend(self, sequence: int, ids: Sequence[int]) -> list[tuple[int, int]]:
        """`extend_all` of one sequence."""
        return self.extend_all([(sequence, ids)])

    def extend_all(self, pieces: Sequence[tuple[int, Sequence[int]]]) -> list[tuple[int, int]]:
        """Make room for more tokens of several sequences, all or nothing.

        The caller then copies blocks as told, writes the new positions, and calls `seal`; or `trim`s back.

        Args:
            pieces: (sequence, its new tokens) of different sequences.

        Returns:
            (from, to) blocks whose whole content must be copied before anything is written.

        Raises:
            NoRoom: there are not enough blocks; nothing was changed.
        """
        copied = self._shared_tails(pieces)
        fresh = {
            handle: -(-(len(self._sequences[handle].tokens) + len(ids)) // self.size) - self._sequences[handle].blocks
            for handle, ids in pieces
        }
        needed = len(copied) + sum(fresh.values())
        if needed > len(self._free) + len(self._idle):
            raise NoRoom(f"{needed} blocks are needed and {len(self._free) + len(self._idle)} are left")
        copies: list[tuple[int, int]] = []
        for handle, ids in pieces:
            sequence = self._sequences[handle]
            tail = sequence.blocks - 1
            if handle in copied:
                old, new = int(sequence.table[tail]), self._new()
                self._drop(old)
                sequence.table[tail] = new
                copies.append((old, new))
            elif ids and len(sequence.tokens) % self.size:
                self._unregister(int(sequence.table[tail]))  # trimmed into: its old end is about to be overwritten
            for _ in range(fresh[handle]):
                _append(sequence, self._new())
            sequence.tokens.extend(ids)
        return copies

    def _shared_tails(self, pieces: Sequence[tuple[int, Sequence[int]]]) -> set[int]:
        """The sequences that must copy their half-filled last block; the last of its users keeps it."""
        users: dict[int, int] = {}
        copied: set[int] = set()
        for handle, ids in pieces:
            sequence = self._sequences[handle]
            if ids and len(sequence.tokens) % self.size:
                block = int(sequence.table[sequence.blocks - 1])
                users.setdefault(block, self._references[block])
                if users[block] > 1:
                    users[block] -= 1
                    copied.add(handle)
        return copied

    def seal(self, sequence: int) -> None:
        """Register the whole blocks of a sequence, whose content is now computed."""
        held = self._sequences[sequence]
        for index in range(len(held.digests), len(held.tokens) // self.size):
            before = held.digests[-1] if held.digests else held.root
            digest = _chained(before, held.tokens[index * self.size : (index + 1) * self.size])
            held.digests.append(digest)
            block = int(held.table[index])
            if digest not in self._registry and block not in self._digest_of:
                self._registry[digest] = block
                self._digest_of[block] = digest

    def trim(self, sequence: int, length: int) -> None:
        """Forget the newest tokens, so that at most `length` are left."""
        held = self._sequences[sequence]
        if length >= len(held.tokens):
            return
        del held.tokens[length:]
        del held.digests[length // self.size :]
        kept = -(-length // self.size)
        self._drop_last_first(held.table[kept : held.blocks])
        held.blocks = kept

    def free(self, sequence: int) -> None:
        """Forget a sequence; its registered blocks stay for others until they are needed."""
        held = self._sequences.pop(sequence)
        self._drop_last_first(held.table[: held.blocks])
        self._handles.append(sequence)

    def table(self, sequence: int) -> np.ndarray:
        """int32 block numbers, to be read only: position p lies in table[p // size] at p % size."""
        held = self._sequences[sequence]
        return held.table[: held.blocks]

    def length(self, sequence: int) -> int:
        """Tokens that a sequence holds."""
        return len(self._sequences[sequence].tokens)

    def tokens(self, sequence: int) -> Sequence[int]:
        """What a sequence holds, to be read only."""
        return self._sequences[sequence].tokens

    def room(self) -> int:
        """Positions of blocks that are free or idle."""
        return (len(self._free) + len(self._idle)) * self.size

    def clear(self) -> None:
        """Share nothing that was computed before: the weights have changed."""
        self._epoch += 1
        self._registry.clear()
        self._digest_of.clear()
        self._free.extend(self._idle)
        self._idle.clear()

    def _root(self, long: bool, salt: bytes) -> bytes:
        head = b"%d %d %d %d " % (self._epoch, long, len(self._key), len(salt))
        return hashlib.sha256(head + self._key + salt).digest()

    def _enter(self, sequence: _Sequence) -> int:
        handle = self._handles.pop() if self._handles else len(self._sequences)
        self._sequences[handle] = sequence
        return handle

    def _take(self, block: int) -> None:
        if self._references[block] == 0:
            del self._idle[block]
        self._references[block] += 1

    def _new(self) -> int:
        if self._free:
            block = self._free.pop()
        else:
            block, _ = self._idle.popitem(last=False)
            self._unregister(block)
        self._references[block] = 1
        return block

    def _drop(self, block: int) -> None:
        self._references[block] -= 1
        if self._references[block] == 0:
            if block in self._digest_of:
                self._idle[block] = None
            else:
                self._free.append(block)

    def _drop_last_first(self, blocks: np.ndarray) -> None:
        # A block is of use only together with those before it, so the last of a sequence are the first to be evicted.
        for block in blocks[::-1].tolist():
            self._drop(block)

    def _unregister(self, block: int) -> None:
        digest = self._digest_of.pop(block, None)
        if digest is not None:
            del self._registry[digest]


def _append(sequence: _Sequence, block: int) -> None:
    if sequence.blocks == len(sequence.table):
        sequence.table = np.concatenate([sequence.table, np.empty_like(sequence.table)])
    sequence.table[sequence.blocks] = block
    sequence.blocks += 1


def _chained(before: bytes, tokens: Sequence[int]) -> bytes:
    return hashlib.sha256(before + np.asarray(tokens, dtype="<i8").tobytes()).digest()
