"""What every layer of one forward pass shares: positions, rotations, and what may be attended to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from phial.model.cache import KeyValueCache
from phial.model.documents import Documents


@dataclass(frozen=True)
class Step:
    """One forward pass of a batch.

    Attributes:
        positions: int64 [batch, time].
        cos: [time, 1, rotary_dim / 2], or [batch, time, 1, rotary_dim / 2] where rows differ; sin alike.
        documents: without a cache, attention stays inside these.
        cache: with one, keys and values are kept there.
        rows: the cache's row of each row of the batch.
        starts: position of each row's first new token.
        counts: new tokens of each row; what stands behind them in the batch is padding.
    """

    positions: Tensor
    cos: Tensor
    sin: Tensor
    documents: Documents
    cache: KeyValueCache | None = None
    rows: Sequence[int] = ()
    starts: Sequence[int] = ()
    counts: Sequence[int] = ()
