"""Batches of packed rows in an order that is a pure function of seed, epoch and index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phial.tokens.shards import Shard
from phial.train.objective import IGNORE


@dataclass(frozen=True)
class Position:
    """The loader's whole state: the seed of the order, the epoch, and the next index in it."""

    seed: int
    epoch: int = 0
    index: int = 0


@dataclass(frozen=True)
class Batch:
    """Rows ready for a step.

    Attributes:
        ids: int64 [rows, time].
        targets: int64 [rows, time], the next token, `IGNORE` where it carries no loss.
        starts: bool [rows, time], True at the first token of each document.
        count: number of targets that carry loss.
    """

    ids: Tensor
    targets: Tensor
    starts: Tensor
    count: int


def permutation(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the rows in one epoch; the same on every machine and for every world size."""
    return np.random.Generator(np.random.Philox(key=(seed << 32) | epoch)).permutation(rows)


class Loader:
    """Walks a shard for ever; `position` before a call of `next` says all that is needed to make that call again."""

    def __init__(self, shard: Shard, batch_rows: int, position: Position) -> None:
        self.shard = shard
        self.batch_rows = batch_rows
        self.position = position
        self._order = permutation(shard.rows, position.seed, position.epoch)

    def next(self) -> Batch:
        """The next `batch_rows` rows; a batch may span two epochs."""
        chosen: list[int] = []
        seed, epoch, index = self.position.seed, self.position.epoch, self.position.index
        while len(chosen) < self.batch_rows:
            if index == self.shard.rows:
                epoch, index = epoch + 1, 0
                self._order = permutation(self.shard.rows, seed, epoch)
            take = min(self.batch_rows - len(chosen), self.shard.rows - index)
            chosen.extend(self._order[index : index + take].tolist())
            index += take
        self.position = Position(seed, epoch, index)
        return rows_to_batch(self.shard, np.array(chosen))


def rows_to_batch(shard: Shard, rows: np.ndarray) -> Batch:
    """Gather rows and shift them into inputs and targets."""
    ids = torch.from_numpy(shard.ids[rows].astype(np.int64))
    scored = torch.from_numpy(shard.scored[rows])
    starts = torch.from_numpy(shard.starts[rows])
    targets = ids[:, 1:].masked_fill(~scored[:, 1:], IGNORE)
    return Batch(ids[:, :-1].contiguous(), targets, starts[:, :-1], int(scored[:, 1:].sum()))
