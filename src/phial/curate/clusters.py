"""Clusters of similar signatures: locality-sensitive hashing with its candidates on disk, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = 8
_PAIRS_AT_ONCE = 100_000
_ENTRY = np.dtype([("key", "<u8"), ("number", "<i8")])
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Bands:
    """How signatures are compared.

    Attributes:
        bands: runs of values; two records with one run in common are candidates.
        rows: values in a run.
        least: share of equal values from which candidates are joined.
        memory: bytes for the candidates held at a time.
    """

    bands: int
    rows: int
    least: float
    memory: int


class Clusters:
    """Numbers joined into sets, each named by its smallest member; arrays of pairs at a time."""

    def __init__(self, count: int) -> None:
        self._smaller = np.arange(count)  # a smaller member of the same set, or the number itself

    def roots(self) -> NDArray[np.int64]:
        """The smallest member of each number's set  # [count]"""
        while True:
            next_ = self._smaller[self._smaller]
            if np.array_equal(next_, self._smaller):
                return self._smaller
            self._smaller = next_

    def join(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> None:
        """Make one set of the sets of a[i] and b[i], for every i."""
        while True:
            roots = self.roots()
            left, right = roots[a], roots[b]
            apart = left != right
            if not apart.any():
                return
            a, b = a[apart], b[apart]
            low, high = np.minimum(left[apart], right[apart]), np.maximum(left[apart], right[apart])
            np.minimum.at(self._smaller, high, low)

    def join_equal(self, values: NDArray[Any]) -> None:
        """Join the numbers of equal values."""
        order = np.argsort(values, kind="stable")
        same = np.flatnonzero(values[order][1:] == values[order][:-1])
        self.join(order[same], order[same + 1])


def cluster(
    files: Sequence[Path],
    numbers: Sequence[NDArray[np.int64]],
    wanted: NDArray[np.bool_],
    bands: Bands,
    clusters: Clusters,
    folder: Path,
) -> None:
    """Join the records whose signatures are alike.

    Every band of every signature is hashed to an entry (key, number); entries are spilled to files by their key, so
    that each file can be sorted in memory. Within a run of equal keys, in order of the numbers, each record is compared
    with the 8 before it and with the first: the cost stays linear however many are alike.

    Memory: `bands.memory` for the candidates, 16 bytes a record, and the pages of the signatures that are looked at.

    Args:
        files: uint32 signatures of each shard, .npy  # [records, at least bands * rows]
        numbers: the number of each of the shard's records; numbers decide what is compared, so that the outcome does
            not depend on the order of shards.
        wanted: which numbers take part.
        folder: for spilled entries, which are removed.
    """
    lengths = [len(one) for one in numbers]
    entries = sum(lengths) * bands.bands
    parts = max(1, -(-4 * entries * _ENTRY.itemsize // bands.memory))  # sorting needs some copies
    shard_of = np.empty(len(wanted), np.int32)
    row_of = np.empty(len(wanted), np.int64)
    with TemporaryDirectory(dir=folder) as name:
        spilled = [Path(name) / str(part) for part in range(parts)]
        for shard, (file, mine) in enumerate(zip(files, numbers, strict=True)):
            shard_of[mine], row_of[mine] = shard, np.arange(len(mine))
            taking = np.flatnonzero(wanted[mine])
            _spill(np.load(file, mmap_mode="r"), mine, taking, bands, spilled)
        signatures = [np.load(file, mmap_mode="r") for file in files]
        for part in spilled:
            if not part.exists():
                continue
            for a, b in _candidates(np.fromfile(part, _ENTRY)):
                roots = clusters.roots()
                apart = roots[a] != roots[b]
                a, b = a[apart], b[apart]
                for at in range(0, len(a), _PAIRS_AT_ONCE):
                    left, right = a[at : at + _PAIRS_AT_ONCE], b[at : at + _PAIRS_AT_ONCE]
                    alike = _share_equal(signatures, shard_of, row_of, left, right) >= bands.least
                    clusters.join(left[alike], right[alike])
            part.unlink()


def _spill(
    signatures: NDArray[np.uint32],
    numbers: NDArray[np.int64],
    taking: NDArray[np.int64],
    bands: Bands,
    spilled: Sequence[Path],
) -> None:
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("ab")) for path in spilled]
        for start in range(0, len(taking), 4096):
            rows = taking[start : start + 4096]
            parts = signatures[rows, : bands.bands * bands.rows].reshape(len(rows), bands.bands, bands.rows)
            keys = np.broadcast_to(np.arange(bands.bands, dtype=np.uint64) * _MIX, parts.shape[:2]).copy()
            for row in range(bands.rows):
                keys = (keys ^ parts[:, :, row]) * _MIX
                keys ^= keys >> np.uint64(29)
            entries = np.empty(keys.size, _ENTRY)
            entries["key"], entries["number"] = keys.ravel(), np.repeat(numbers[rows], bands.bands)
            target = entries["key"] % np.uint64(len(spilled))
            for part in np.unique(target) if len(spilled) > 1 else [0]:
                entries[target == part].tofile(files[int(part)])


def _candidates(entries: NDArray[Any]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of numbers with one key, each pair once, by how far apart they are in their run."""
    # Runs of one are the most by far: they go before the sort by number.
    order = np.argsort(entries["key"], kind="stable")
    keys = entries["key"][order]
    same = keys[1:] == keys[:-1]
    shared = np.zeros(len(keys), bool)
    shared[1:] |= same
    shared[:-1] |= same
    keys, numbers = keys[shared], entries["number"][order][shared]
    order = np.lexsort((numbers, keys))
    keys, numbers = keys[order], numbers[order]
    if len(keys) == 0:
        return
    first_of_run = np.concatenate(([True], keys[1:] != keys[:-1]))
    heads = np.flatnonzero(first_of_run)[np.cumsum(first_of_run) - 1]
    yield _distinct(numbers[heads], numbers)
    for distance in range(1, _NEIGHBOURS + 1):
        pairs = np.flatnonzero(keys[distance:] == keys[:-distance])
        if len(pairs) == 0:
            return
        yield _distinct(numbers[pairs], numbers[pairs + distance])


def _distinct(a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    apart = a != b
    numbers = int(max(a.max(initial=0), b.max(initial=0))) + 1  # squared, far below 2^63
    a, b = np.divmod(np.unique(a[apart] * numbers + b[apart]), numbers)
    return a, b


def _share_equal(
    signatures: Sequence[NDArray[np.uint32]],
    shard_of: NDArray[np.int32],
    row_of: NDArray[np.int64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Share of equal values of the signatures of a[i] and b[i]: the estimate of their similarity."""
    sides: list[NDArray[np.uint32]] = []
    for numbers in (a, b):
        values = np.empty((len(numbers), signatures[0].shape[1]), np.uint32)
        shards = shard_of[numbers]
        for shard in np.unique(shards):
            mine = shards == shard
            values[mine] = signatures[shard][row_of[numbers[mine]]]
        sides.append(values)
    return (sides[0] == sides[1]).mean(axis=1)
