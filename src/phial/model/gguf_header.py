"""The header of a GGUF file (versions 2 and 3), believed only as far as the file's own bytes bear it out.

Every count and length is compared with the bytes that are left before anything is read or allocated from it, so the
memory a header takes is bounded by the size of the file, whatever it claims.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from phial.errors import PhialError

MAGIC = b"GGUF"
ALIGNMENT = 32  # where general.alignment says nothing
NATIVE = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 30: ("BF16", 1, 2)}  # id: name, elements of a block, its bytes
_MOST_KEYS = 65_536
_MOST_TENSORS = 1 << 20
_MOST_ELEMENTS = 1 << 24  # of one metadata array; the largest known vocabulary has 2 ** 18 tokens
_LONGEST_KEY = 65_535  # the format's own limit
_LONGEST_NAME = 64  # of a tensor, the format's own limit
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies and how it is stored.

    Attributes:
        shape: rows first, as torch counts (GGUF writes the fastest dimension first).
        type: GGML's number of the storage type.
        type_name: its name, such as "Q4_K".
        block: elements that are coded together.
        block_bytes: bytes of one block.
        offset: first byte in the file.
        bytes: all of its bytes.
    """

    shape: tuple[int, ...]
    type: int
    type_name: str
    block: int
    block_bytes: int
    offset: int
    bytes: int


@dataclass(frozen=True)
class Header:
    """What a GGUF file says before its data.

    Attributes:
        metadata: key to int, float, bool, str, numpy array, or list of str.
        tensors: name to place.
    """

    metadata: Mapping[str, Any]
    tensors: Mapping[str, TensorInfo]


class _Cursor:
    """A place in the file that never moves past its end."""

    def __init__(self, data: mmap.mmap | bytes, where: str) -> None:
        self.data, self.where, self.place, self.size = data, where, 0, len(data)

    def damaged(self, what: str) -> PhialError:
        return PhialError(what, where=self.where, do="get or make the file again")

    def take(self, count: int, what: str) -> bytes:
        if count > self.size - self.place:
            raise self.damaged(f"the file ends inside {what}, which takes {count:,} bytes")
        start, self.place = self.place, self.place + count
        return self.data[start : self.place]

    def u32(self, what: str) -> int:
        return struct.unpack("<I", self.take(4, what))[0]

    def count(self, what: str, most: int, least_bytes: int) -> int:
        """A 64-bit count of things that take at least so many bytes each."""
        found = struct.unpack("<Q", self.take(8, what))[0]
        if found > most or found * least_bytes > self.size - self.place:
            raise self.damaged(f"{what} is {found:,}, more than the file can hold")
        return found

    def string(self, what: str, longest: int) -> str:
        size = self.count(f"the length of {what}", longest, 1)
        try:
            return self.take(size, what).decode()
        except UnicodeDecodeError as error:
            raise self.damaged(f"{what} is no UTF-8") from error


def read_header(data: mmap.mmap | bytes, where: str) -> Header:
    """Parse and check everything before the tensor data.

    Args:
        data: the whole file, mapped.
        where: its path, for errors.

    Raises:
        PhialError: no GGUF file, a version or type that is not known, or any count, length, dimension, offset or
            alignment that does not fit the file.
    """
    cursor = _Cursor(data, where)
    if cursor.take(4, "its magic number") != MAGIC:
        raise PhialError("not a GGUF file", where=where, do="give a .gguf file or a checkpoint folder")
    version = cursor.u32("its version")
    if version not in (2, 3):
        kind = "big-endian" if version & 0xFFFF == 0 else f"version {version}"
        raise PhialError(f"{kind} GGUF is not supported", where=where, do="convert the model to GGUF version 3")
    tensors = cursor.count("the number of tensors", _MOST_TENSORS, 24)
    keys = cursor.count("the number of metadata keys", _MOST_KEYS, 13)
    metadata: dict[str, Any] = {}
    for _ in range(keys):
        key = cursor.string("a metadata key", _LONGEST_KEY)
        if key in metadata:
            raise cursor.damaged(f"metadata key {key} is there twice")
        metadata[key] = _value(cursor, f"metadata {key}")
    return Header(metadata, _tensors(cursor, tensors, _alignment(cursor, metadata)))


def _value(cursor: _Cursor, what: str) -> Any:
    kind = cursor.u32(what)
    if kind == _STRING:
        return cursor.string(what, cursor.size)
    if kind != _ARRAY:
        return _numbers(cursor, kind, 1, what)[0].item()
    kind = cursor.u32(what)
    if kind == _STRING:
        count = cursor.count(f"the length of {what}", _MOST_ELEMENTS, 8)
        return [cursor.string(what, cursor.size) for _ in range(count)]
    return _numbers(cursor, kind, cursor.count(f"the length of {what}", _MOST_ELEMENTS, 1), what)


def _numbers(cursor: _Cursor, kind: int, count: int, what: str) -> np.ndarray:
    if kind not in _SCALARS:
        raise cursor.damaged(f"{what} is of type {kind}, which is not known")
    dtype = np.dtype(_SCALARS[kind])
    raw = cursor.take(count * dtype.itemsize, what)
    if kind == 7:
        return np.frombuffer(raw, np.uint8) != 0  # any byte may be there, a bool holds only two
    return np.frombuffer(raw, dtype)


def _alignment(cursor: _Cursor, metadata: Mapping[str, Any]) -> int:
    found = metadata.get("general.alignment", ALIGNMENT)
    if isinstance(found, bool) or not isinstance(found, int) or not 8 <= found <= 1 << 20 or found & (found - 1):
        raise cursor.damaged(f"general.alignment is {found!r}, no power of two from 8 on")
    return found


def _tensors(cursor: _Cursor, count: int, alignment: int) -> dict[str, TensorInfo]:
    found: dict[str, tuple[tuple[int, ...], int, int]] = {}
    for _ in range(count):
        name = cursor.string("a tensor's name", _LONGEST_NAME)
        if name in found:
            raise cursor.damaged(f"tensor {name} is there twice")
        what = f"the description of tensor {name}"
        dimensions = cursor.u32(what)
        if not 1 <= dimensions <= 4:
            raise cursor.damaged(f"tensor {name} has {dimensions} dimensions")
        shape = struct.unpack(f"<{dimensions}Q", cursor.take(8 * dimensions, what))[::-1]
        kind, offset = struct.unpack("<IQ", cursor.take(12, what))
        found[name] = shape, kind, offset
    start = -(-cursor.place // alignment) * alignment
    tensors = {name: _place(cursor, name, *facts, start, alignment) for name, facts in found.items()}
    # Tensors that share bytes would let a small file decode into any amount of memory.
    ordered = sorted((info.offset, info.offset + info.bytes, name) for name, info in tensors.items())
    for (_, end, first), (begin, _, second) in pairwise(ordered):
        if begin < end:
            raise cursor.damaged(f"tensors {first} and {second} overlap")
    return tensors


def _place(
    cursor: _Cursor, name: str, shape: tuple[int, ...], kind: int, offset: int, start: int, alignment: int
) -> TensorInfo:
    type_name, block, block_bytes = _storage(cursor, name, kind)
    elements = math.prod(shape)
    if elements == 0:
        raise cursor.damaged(f"tensor {name} has a dimension of 0: {list(shape)}")
    if shape[-1] % block:
        raise cursor.damaged(f"tensor {name} has rows of {shape[-1]:,}, {type_name} needs a multiple of {block}")
    size = elements // block * block_bytes
    if offset % alignment:
        raise cursor.damaged(f"tensor {name} begins at {offset:,}, no multiple of {alignment}")
    if start + offset + size > cursor.size:
        raise cursor.damaged(f"tensor {name} {list(shape)} ends {start + offset + size - cursor.size:,} bytes too late")
    return TensorInfo(shape, kind, type_name, block, block_bytes, start + offset, size)


def _storage(cursor: _Cursor, name: str, kind: int) -> tuple[str, int, int]:
    if kind in NATIVE:
        return NATIVE[kind]
    gguf = require_gguf()
    try:
        found = gguf.GGMLQuantizationType(kind)
        return found.name, *gguf.GGML_QUANT_SIZES[found]
    except (ValueError, KeyError) as error:
        raise cursor.damaged(f"tensor {name} is of type {kind}, which is not known") from error


def require_gguf() -> Any:
    """The `gguf` package, which knows the quantized types.

    Raises:
        PhialError: it is not installed.
    """
    try:
        import gguf
    except ImportError as error:
        raise PhialError(
            "quantized tensors need the gguf package", where="GGUF", do="pip install 'phial-lm[gguf]'"
        ) from error
    return gguf
