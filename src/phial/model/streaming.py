"""Tensors from a file into memory, piece by piece, past the memory map.

Mapped pages count as memory of this process beside the copy that is made of them; pages that are only read do not.
"""

from __future__ import annotations

from collections.abc import Callable
from io import FileIO

import torch
from torch import Tensor

from phial.errors import PhialError

_PIECE = 1 << 20  # elements at a time: what is made between the file and the parameter stays in the cache


def stream(
    file: FileIO,
    offset: int,
    out: Tensor,
    block: tuple[int, int],
    decode: Callable[[bytearray], Tensor],
    name: str,
) -> None:
    """Read a tensor into a part of a parameter.

    Args:
        file: open, without a buffer.
        offset: of the tensor's first byte.
        out: contiguous, the tensor's shape, any type and device.
        block: elements that are coded together, a divisor of each row, and the bytes they take.
        decode: makes the elements of whole blocks of their bytes.
        name: of the tensor, for errors.

    Raises:
        PhialError: the file ends too early.
    """
    elements, size = block
    flat = out.view(-1)
    step = max(1, _PIECE // elements) * elements
    file.seek(offset)
    for start in range(0, len(flat), step):
        part = flat[start : start + step]
        raw = bytearray(len(part) // elements * size)
        if _fill(file, raw) != len(raw):
            raise PhialError(f"the file ends inside tensor {name}", where=str(file.name), do="get the file again")
        part.copy_(decode(raw))


def stream_stored(file: FileIO, offset: int, out: Tensor, stored: torch.dtype, name: str) -> None:
    """`stream` of a tensor that is stored as plain numbers of a torch type."""
    stream(file, offset, out, (1, stored.itemsize), lambda raw: torch.frombuffer(raw, dtype=stored), name)


def _fill(file: FileIO, raw: bytearray) -> int:
    view, done = memoryview(raw), 0
    while done < len(raw) and (count := file.readinto(view[done:])):
        done += count
    return done
