"""The packed form of quantized weight matrices, as the int4 kernels read it.

Rows are interleaved by 8, so that a thread that makes 8 outputs reads one sequential stream: all bytes of the first 8
rows, then of the next 8. Inside, 32 bytes hold a step, 4 consecutive inputs of each of the 8 rows: one register, whose
8 lanes of 32 bits are the 8 rows. At 4 bits a byte carries two steps, the earlier one in its low half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from phial.errors import PhialError

VERSION = 1
ROWS = 8  # interleaved with each other
STEP = 4  # consecutive inputs of a row, one lane of 32 bits
GROUP_SIZES = (32, 64, 128)
SYMMETRIC_ZERO = {4: 8, 8: 128}  # what stored weights count from, by bits

Values = NDArray[np.uint8 | np.int8]
Scales = NDArray[np.float16 | np.float32]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A weight matrix of 4 or 8 bits: weight = (stored - zero) * scale, groups of inputs of a row sharing both.

    Rows are filled up to a multiple of 8 and inputs to a multiple of the group with weights that are 0 and, for rows,
    scales that are 0. The arrays may be memory-mapped; they are checked when the object is made.
    """

    weights: NDArray[np.uint8]  # [blocks, groups, 32-byte pieces of a group, 32]
    scales: Scales  # [blocks, groups, 8], or [blocks, 1, 8] where a row has one scale
    zeros: NDArray[np.uint8] | None  # [blocks, groups, 8], at 4 bits only; None: 8 (or 128 at 8 bits)
    rows: int
    columns: int
    bits: int
    group_size: int
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise _wrong(f"its version is {self.version}, this phial reads {VERSION}")
        if self.bits not in SYMMETRIC_ZERO or self.group_size not in GROUP_SIZES:
            raise _wrong(f"{self.bits} bits in groups of {self.group_size}")
        if self.rows < 1 or self.columns < 1:
            raise _wrong(f"{self.rows} rows and {self.columns} columns")
        blocks, groups = self.blocks, self.groups
        _check("weights", self.weights, (np.uint8,), [(blocks, groups, self.group_size * self.bits // 32, 32)])
        _check("scales", self.scales, (np.float16, np.float32), [(blocks, groups, ROWS), (blocks, 1, ROWS)])
        if self.zeros is not None:
            if self.bits != 4:
                raise _wrong("zero points at 8 bits")
            _check("zeros", self.zeros, (np.uint8,), [(blocks, groups, ROWS)])

    @property
    def blocks(self) -> int:
        """How many times 8 rows, the last ones filled up."""
        return -(-self.rows // ROWS)

    @property
    def groups(self) -> int:
        """Groups of a row, the last one filled up."""
        return -(-self.columns // self.group_size)

    @property
    def nbytes(self) -> int:
        """Bytes that a product reads."""
        return self.weights.nbytes + self.scales.nbytes + (0 if self.zeros is None else self.zeros.nbytes)


def pack(
    values: Values,
    scales: Scales,
    zeros: NDArray[np.uint8] | None = None,
    *,
    group_size: int = 128,
) -> PackedMatrix:
    """Bring quantized weights into the packed form.

    Args:
        values: [rows, columns]; uint8 from 0 to 15 makes 4 bits, int8 makes 8 bits.
        scales: [rows, groups], or [rows, 1] for one scale a row; float16 or float32.
        zeros: [rows, groups] from 0 to 15, at 4 bits; None: symmetric, 8.
        group_size: inputs that share a scale: 32, 64 or 128.

    Returns:
        The matrix, which `unpack` takes apart again without loss.

    Raises:
        PhialError: for values out of range and shapes that do not fit.
    """
    if values.ndim != 2 or values.dtype not in (np.uint8, np.int8):
        raise _wrong(f"values are {values.dtype} {values.shape}", "give uint8 or int8 [rows, columns]")
    bits = 4 if values.dtype == np.uint8 else 8
    if bits == 4 and values.size and values.max() > 15:
        raise _wrong(f"a 4-bit value is {values.max()}")
    if zeros is not None and zeros.size and zeros.max() > 15:
        raise _wrong(f"a zero point is {zeros.max()}")
    if group_size not in GROUP_SIZES:
        raise _wrong(f"groups of {group_size}", "use 32, 64 or 128")
    rows, columns = values.shape
    blocks, groups = -(-rows // ROWS), -(-columns // group_size)
    stored = values if bits == 4 else (values.view(np.uint8) ^ 128)  # int8 + 128
    if bits == 4 and zeros is not None:  # the filling must be 0 after its group's zero point
        fill = np.zeros((blocks * ROWS, groups), np.uint8)
        fill[:rows] = _fitting("zeros", zeros, rows, groups)
        full = np.repeat(fill, group_size, axis=1)
    else:
        full = np.full((blocks * ROWS, groups * group_size), SYMMETRIC_ZERO[bits], np.uint8)
    full[:rows, :columns] = stored
    steps: NDArray[np.uint8] = full.reshape(blocks, ROWS, groups, group_size // STEP, STEP).transpose(0, 2, 3, 1, 4)
    if bits == 4:
        steps = steps[:, :, 0::2] | (steps[:, :, 1::2] * np.uint8(16))
    scale_groups = scales.shape[1] if scales.ndim == 2 and scales.shape[1] == 1 else groups
    return PackedMatrix(
        weights=np.ascontiguousarray(steps).reshape(blocks, groups, -1, ROWS * STEP),
        scales=_interleave(_fitting("scales", scales, rows, scale_groups), blocks),
        zeros=None if zeros is None else _interleave(_fitting("zeros", zeros, rows, groups), blocks),
        rows=rows,
        columns=columns,
        bits=bits,
        group_size=group_size,
    )


def unpack(
    matrix: PackedMatrix,
) -> tuple[Values, Scales, NDArray[np.uint8] | None]:
    """Values, scales and zero points as they were given to `pack`."""
    bytes_ = matrix.weights.reshape(matrix.blocks, matrix.groups, -1, ROWS, STEP)
    if matrix.bits == 4:
        steps = np.empty((matrix.blocks, matrix.groups, matrix.group_size // STEP, ROWS, STEP), np.uint8)
        steps[:, :, 0::2], steps[:, :, 1::2] = bytes_ & 15, bytes_ >> 4
    else:
        steps = bytes_ ^ 128
    full = steps.transpose(0, 3, 1, 2, 4).reshape(matrix.blocks * ROWS, -1)
    values = np.ascontiguousarray(full[: matrix.rows, : matrix.columns])
    zeros = None if matrix.zeros is None else _deinterleave(matrix.zeros, matrix.rows)
    return values.view(np.int8) if matrix.bits == 8 else values, _deinterleave(matrix.scales, matrix.rows), zeros


def dequantize(matrix: PackedMatrix) -> NDArray[np.float32]:
    """The weights that the matrix stands for, float32 [rows, columns]."""
    values, scales, zeros = unpack(matrix)

    def spread(facts: NDArray[np.generic]) -> NDArray[np.float32]:
        return np.repeat(facts.astype(np.float32), matrix.group_size, axis=1)[:, : matrix.columns]

    if matrix.bits == 8:
        centred = values.astype(np.float32)
    else:
        centred = values.astype(np.float32) - (8 if zeros is None else spread(zeros))
    return centred * (scales.astype(np.float32) if scales.shape[1] == 1 else spread(scales))


def _interleave(facts: NDArray[T], blocks: int) -> NDArray[T]:
    full = np.zeros((blocks * ROWS, facts.shape[1]), facts.dtype)
    full[: facts.shape[0]] = facts
    return np.ascontiguousarray(full.reshape(blocks, ROWS, -1).transpose(0, 2, 1))


def _deinterleave(facts: NDArray[T], rows: int) -> NDArray[T]:
    return np.ascontiguousarray(facts.transpose(0, 2, 1).reshape(-1, facts.shape[1])[:rows])


def _fitting(name: str, facts: NDArray[T], rows: int, groups: int) -> NDArray[T]:
    if facts.shape != (rows, groups):
        raise _wrong(f"{name} are {facts.shape}, not {(rows, groups)}")
    return facts


def _check(name: str, array: NDArray[np.generic], kinds: tuple[type, ...], shapes: list[tuple[int, ...]]) -> None:
    if array.shape not in shapes or array.dtype not in kinds or not array.flags.c_contiguous:
        raise _wrong(f"{name} are {array.dtype} {array.shape}, not contiguous {kinds[0].__name__} {shapes[0]}")


def _wrong(what: str, do: str = "quantize the float weights again") -> PhialError:
    return PhialError(f"not a packed matrix: {what}", where="packed weights", do=do)
