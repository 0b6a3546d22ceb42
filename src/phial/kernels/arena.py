"""Memory that is read from first to last for every token: in large pages, where the system has them."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from phial.kernels.packing import PackedMatrix

_PAGE = 2 << 20  # bytes of a large page on x86-64, and of most on Arm
_LINE = 64  # bytes
T = TypeVar("T", bound=np.generic)


class Arena:
    """Zeroed memory for arrays that live as long as any of them.

    A product of 3,072 x 3,072 int4 weights took 0.66 of its time when they lay in pages of 2 MB instead of 4 kB: the
    addresses of a stream as fast as memory can give it are more than the processor finds in its tables.
    """

    def __init__(self, size: int) -> None:
        """Reserve memory; it is taken when it is written.

        Args:
            size: bytes of all arrays, each rounded up by `padded`.
        """
        memory = _private(size + _PAGE)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        whole = np.frombuffer(memory, np.uint8)
        first = -whole.ctypes.data % _PAGE
        self._free: NDArray[np.uint8] = whole[first : first + size]

    def zeros(self, shape: tuple[int, ...], kind: type[T]) -> NDArray[T]:
        """An array of zeros.

        Raises:
            ValueError: when the arena has no room left for it.
        """
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if padded(size) > len(self._free):
            raise ValueError(f"{size:,} bytes, {len(self._free):,} are left")
        out = self._free[:size].view(kind).reshape(shape)
        self._free = self._free[padded(size) :]
        return out

    def copy(self, array: NDArray[T]) -> NDArray[T]:
        """A copy of an array.

        Raises:
            ValueError: when the arena has no room left for it.
        """
        out = self.zeros(array.shape, array.dtype.type)
        out[...] = array
        return out


def _private(size: int) -> mmap.mmap:
    """Memory of this process alone: systems give shared memory, Python's default, no large pages."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def padded(size: int) -> int:
    """Bytes that an array of `size` bytes takes."""
    return -(-size // _LINE) * _LINE


def resident(matrices: Mapping[str, PackedMatrix]) -> dict[str, PackedMatrix]:
    """The same matrices in one arena, next to each other.

    Those of a file's memory map lie in small pages, in the page cache; the copy is of this process alone.
    """
    arrays = [array for m in matrices.values() for array in (m.weights, m.scales, m.zeros) if array is not None]
    arena = Arena(sum(padded(array.nbytes) for array in arrays))
    out = {}
    for name, matrix in matrices.items():
        out[name] = replace(
            matrix,
            weights=arena.copy(matrix.weights),
            scales=arena.copy(matrix.scales),
            zeros=None if matrix.zeros is None else arena.copy(matrix.zeros),
        )
        _let_go(matrix.weights)
    return out


def _let_go(array: NDArray[np.generic]) -> None:
    """Tell the system that the pages of a mapped file are not needed now: they would count beside their copies."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    # what is not writable is a file's map; memory of the process itself would be lost
    if isinstance(owner, mmap.mmap) and not array.flags.writeable and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
