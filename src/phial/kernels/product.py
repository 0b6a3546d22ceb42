"""Products of packed int4 and int8 weights with float32 vectors, which are quantized to int8 first.

A token's output has the same bits whether it is computed alone, in a batch or in a prompt, by any number of threads and
by every build.
"""

from __future__ import annotations

import ctypes
from ctypes import byref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phial.kernels.int4_library import ThreadPool, int4_kernels
from phial.kernels.packing import PackedMatrix
from phial.kernels.structures import ActivationsStruct, MatrixStruct

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BoundMatrix:
    """A packed matrix and its form in C, made once."""

    matrix: PackedMatrix
    struct: MatrixStruct


@dataclass(frozen=True, eq=False)
class Activations:
    """Quantized vectors: value = values * scale. A vector with a value that is not finite has the scale NaN."""

    values: NDArray[np.int8]  # [tokens, groups * group_size], -127 to 127
    sums: NDArray[np.int32]  # [groups, tokens]
    scales: Floats  # [1, tokens], or [groups, tokens]
    width: int
    group_size: int
    struct: ActivationsStruct


def bind(matrix: PackedMatrix) -> BoundMatrix:
    """Prepare a packed matrix for products."""
    struct = MatrixStruct(
        matrix.weights.ctypes.data,
        matrix.scales.ctypes.data,
        None if matrix.zeros is None else matrix.zeros.ctypes.data,
        matrix.rows,
        matrix.columns,
        matrix.group_size,
        matrix.groups,
        matrix.scales.shape[1],
        matrix.bits,
        matrix.scales.dtype == np.float16,
    )
    return BoundMatrix(matrix, struct)


def room(tokens: int, width: int, group_size: int = 128, *, by_group: bool = False) -> Activations:
    """Empty quantized vectors, to be written by a kernel.

    Args:
        tokens: how many vectors.
        width: their length; stored filled up with zeros to a multiple of the group.
        group_size: that of the matrices they are for.
        by_group: a scale for every group, instead of one for the token.
    """
    groups = -(-width // group_size)
    values = np.empty((tokens, groups * group_size), np.int8)
    sums = np.empty((groups, tokens), np.int32)
    scales = np.empty((groups if by_group else 1, tokens), np.float32)
    data = (values.ctypes.data, sums.ctypes.data, scales.ctypes.data)
    struct = ActivationsStruct(*data, tokens, width, group_size, groups, len(scales))
    return Activations(values, sums, scales, width, group_size, struct)


def quantize(
    x: Floats, group_size: int = 128, *, by_group: bool = False, rotated: bool = False, pool: ThreadPool | None = None
) -> Activations:
    """float32 [tokens, width] to int8: the largest magnitude of a token (or of each of its groups) becomes 127.

    Args:
        x: the vectors.
        group_size: that of the matrix they are for.
        by_group: a scale for every group, instead of one for the token.
        rotated: first the normalised Hadamard transform, in natural (Sylvester) order, of blocks of consecutive values
            as long as the largest power of 2 that divides width, for a matrix whose rows have been through it too.
        pool: threads to share the work.
    """
    tokens, width = x.shape
    out = room(tokens, width, group_size, by_group=by_group)
    int4_kernels().quantize(handle(pool), pointer(x), rotated, byref(out.struct))
    return out


def multiply(
    matrix: BoundMatrix,
    activations: Activations,
    bias: Floats | None = None,
    *,
    add_to: Floats | None = None,
    pool: ThreadPool | None = None,
) -> Floats:
    """activations times the matrix transposed, plus bias.

    Args:
        matrix: [rows, columns].
        activations: [tokens, columns], in the matrix's groups.
        bias: [rows].
        add_to: [tokens, rows]; the product is added to it, in place.
        pool: threads to share the work; None: the calling thread alone.

    Returns:
        float32 [tokens, rows]; `add_to` if it was given.

    Raises:
        ValueError: for shapes that do not fit.
    """
    packed, tokens = matrix.matrix, len(activations.values)
    if (activations.width, activations.group_size) != (packed.columns, packed.group_size):
        raise ValueError(
            f"vectors of {activations.width} in groups of {activations.group_size}, "
            f"a matrix of {packed.columns} in groups of {packed.group_size}"
        )
    out = np.empty((tokens, packed.rows), np.float32) if add_to is None else add_to
    if out.shape != (tokens, packed.rows) or (bias is not None and bias.shape != (packed.rows,)):
        raise ValueError(f"sums or bias do not have the shape {(tokens, packed.rows)}")
    int4_kernels().multiply(
        handle(pool),
        byref(matrix.struct),
        byref(activations.struct),
        pointer(bias),
        add_to is not None,
        pointer(out),
    )
    return out


def pointer(array: NDArray[np.generic] | None, kind: type[np.generic] = np.float32) -> ctypes.c_void_p | None:
    """Address of a contiguous array's data, or the null pointer.

    Raises:
        ValueError: for another type, or gaps between the elements.
    """
    if array is None:
        return None
    if array.dtype != kind or not array.flags.c_contiguous:
        raise ValueError(f"{array.dtype} {array.shape}, not contiguous {kind.__name__}")
    return ctypes.c_void_p(array.ctypes.data)


def handle(pool: ThreadPool | None) -> int | None:
    """The pool as the kernels know it; null: the calling thread alone."""
    return None if pool is None else pool.handle
