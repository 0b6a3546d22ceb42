"""Round-to-nearest quantization: each group of weights for itself, without calibration text."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from phial.kernels.packing import ROWS, PackedMatrix, Scales, pack

Floats = NDArray[np.float32]
T = TypeVar("T")
# What the weight furthest from 0 becomes, in steps, tried one after another by the search; -8 is the plain choice.
_ENDS = (-8.0, -7.4, -6.8, -8.7, -9.5, -10.4, 7.0, 7.6, 8.3)
_CHUNK = 1 << 18  # weights at a time: what is made of them on the way stays in the cache


def round_to_nearest(
    weight: Floats,
    *,
    bits: int = 4,
    group_size: int = 128,
    scale_type: type[np.float16] | type[np.float32] = np.float16,
    zero_points: bool = False,
    per_row: bool = False,
    search: bool = False,
    importance: Floats | None = None,
) -> PackedMatrix:
    """Quantize a weight matrix, every weight to the nearest step of its group.

    The step is rounded to `scale_type` before the weights are divided by it, so that they are nearest to the values
    that will be used.

    Args:
        weight: float32 [rows, columns], finite.
        bits: 4 (0..15, counted from 8 or a zero point) or 8 (-127..127).
        group_size: inputs that share a scale: 32, 64 or 128.
        scale_type: numpy.float16 or numpy.float32.
        zero_points: at 4 bits, one zero point a group, for groups that are not centred.
        per_row: at 8 bits, one scale a row.
        search: at 4 bits without zero points, try several scales and keep that of the least squared error.
        importance: [columns], what the search multiplies squared errors with: mean squares of the inputs.

    Returns:
        The packed matrix.

    Raises:
        ValueError: for bits other than 4 and 8.
    """
    if bits not in (4, 8):
        raise ValueError(f"{bits} bits")
    rows, columns = weight.shape
    grouped = _grouped(weight, group_size)
    if bits == 8:
        most = np.abs(grouped).max(axis=2)
        scales = _representable(most.max(axis=1, keepdims=True) / 127 if per_row else most / 127, scale_type)
        steps = np.rint(grouped / _nonzero(scales)[:, :, None])
        values = np.clip(steps, -127, 127).astype(np.int8).reshape(rows, -1)[:, :columns]
        return pack(values, scales, group_size=group_size)
    if zero_points:
        low, high = np.minimum(grouped.min(axis=2), 0), np.maximum(grouped.max(axis=2), 0)
        scales = _representable((high - low) / 15, scale_type)
        zeros = np.clip(np.rint(-low / _nonzero(scales)), 0, 15)
    else:
        scales = group_scales(weight, group_size, scale_type, search=search, importance=importance)
        zeros = np.full(scales.shape, 8.0, np.float32)
    steps = np.rint(grouped / _nonzero(scales)[:, :, None]) + zeros[:, :, None]
    values = np.clip(steps, 0, 15).astype(np.uint8).reshape(rows, -1)[:, :columns]
    return pack(values, scales, zeros.astype(np.uint8) if zero_points else None, group_size=group_size)


def group_scales(
    weight: Floats,
    group_size: int,
    scale_type: type[np.float16] | type[np.float32] = np.float16,
    *,
    search: bool = False,
    importance: Floats | None = None,
) -> Scales:
    """Scales [rows, groups] of symmetric 4-bit weights.

    The value furthest from 0 is put on -8, the end that has one step more: on normal weights a ninth less squared error
    than steps centred on 0 (+-7.5), a fifth less than +-7. The search puts it elsewhere too, each time with the scale
    that suits the rounded weights best, sum(h w q) / sum(h q^2).

    Args:
        weight: [rows, columns].
        group_size: inputs that share a scale.
        scale_type: of the scales.
        search: try several.
        importance: h, [columns]; None: 1.
    """
    grouped = _grouped(weight, group_size)
    furthest = np.take_along_axis(grouped, np.abs(grouped).argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    if not search:
        return _representable(furthest / np.float32(-8), scale_type)
    heavy = None if importance is None else _grouped(importance.reshape(1, -1), group_size)
    inverse = np.divide(1, furthest, out=np.zeros_like(furthest), where=furthest != 0)
    best, scales = np.full(furthest.shape, -1, np.float32), furthest / np.float32(-8)
    for end in _ENDS:
        steps = np.clip(np.rint(grouped * (inverse * np.float32(end))[:, :, None]), -8, 7)
        weighted = steps if heavy is None else steps * heavy
        product = np.einsum("rgi,rgi->rg", weighted, grouped)
        square = np.einsum("rgi,rgi->rg", weighted, steps)
        # the squared error is sum(h w^2) - product^2 / square
        gain = np.divide(product * product, square, out=np.zeros_like(product), where=square > 0)
        better = gain > best
        best = np.where(better, gain, best)
        scales = np.where(better, np.divide(product, square, out=scales.copy(), where=square > 0), scales)
    return _representable(scales, scale_type)


def in_chunks(
    rows: int, columns: int, make: Callable[[slice], PackedMatrix], threads: int | None = None
) -> PackedMatrix:
    """A packed matrix made of its rows a few at a time, by several threads.

    Args:
        rows: of the whole matrix.
        columns: of it.
        make: packs a slice of the rows.
        threads: None: as many as there are processors.
    """
    parts = by_rows(rows, columns, make, threads)
    zeros = [part.zeros for part in parts if part.zeros is not None]
    return PackedMatrix(
        weights=np.concatenate([part.weights for part in parts]),
        scales=np.concatenate([part.scales for part in parts]),
        zeros=np.concatenate(zeros) if zeros else None,
        rows=rows,
        columns=columns,
        bits=parts[0].bits,
        group_size=parts[0].group_size,
    )


def by_rows(rows: int, columns: int, make: Callable[[slice], T], threads: int | None = None) -> list[T]:
    """What is made of slices of a matrix's rows, by several threads; all but the last have a multiple of 8 rows."""
    step = max(1, _CHUNK // columns // ROWS) * ROWS
    slices = [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return list(pool.map(make, slices))


def _grouped(weight: Floats, group_size: int) -> Floats:
    rows, columns = weight.shape
    groups = -(-columns // group_size)
    if columns == groups * group_size:
        return weight.reshape(rows, groups, group_size)
    padded = np.zeros((rows, groups * group_size), np.float32)
    padded[:, :columns] = weight
    return padded.reshape(rows, groups, group_size)


def _representable(scales: NDArray[np.floating], scale_type: type[np.float16] | type[np.float32]) -> Scales:
    most = np.finfo(scale_type).max
    return np.clip(scales, -most, most).astype(scale_type)


def _nonzero(scales: Scales) -> Floats:
    """Divisors: 1 where a group is all zeros, or so small that its step rounds to 0."""
    wide = scales.astype(np.float32)
    return np.where(wide == 0, np.float32(1), wide)
