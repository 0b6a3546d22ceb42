"""A decoder layer between its products, compiled: norms, activations, rotary positions, attention over a cache.

As with products, a token's results have the same bits in every company, by any number of threads and in every build.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Array, byref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phial.kernels.arena import Arena
from phial.kernels.int4_library import ThreadPool, int4_kernels
from phial.kernels.product import Activations, Floats, handle, pointer, room
from phial.kernels.structures import CacheStruct, SequenceStruct, VisibilityStruct
from phial.model.config import BlockSparse

_SWIGLU, _GELU_TANH, _GELU, _GEGELU = range(4)  # as in activation.cpp


@dataclass(frozen=True, eq=False)
class LayerCache:
    """Keys and values of one layer, in blocks of positions that sequences own or share."""

    keys: NDArray[np.float16 | np.int8]  # [blocks, kv_heads, block_size, head_dim]
    values: NDArray[np.float16 | np.int8]
    key_scales: Floats | None  # int8 only: [blocks, kv_heads, block_size]
    value_scales: Floats | None
    struct: CacheStruct


@dataclass(frozen=True, eq=False)
class Span:
    """New tokens of one sequence: position p, from `start` on, lies in block `table[p // block_size]`."""

    table: NDArray[np.int32]
    start: int
    count: int


def layer_cache(
    blocks: int, kv_heads: int, block_size: int, head_dim: int, *, bits: int = 16, arena: Arena | None = None
) -> LayerCache:
    """An empty cache of half-precision (16 bits) or int8 keys and values, int8 with a scale for each vector.

    Args:
        blocks: how many.
        kv_heads: heads of keys and values.
        block_size: positions of a block.
        head_dim: a multiple of 8.
        bits: 16 or 8.
        arena: where to put it; None: in memory of its own.

    Raises:
        ValueError: for a head_dim that is no multiple of 8, and other bits.
    """
    if head_dim % 8 or bits not in (8, 16):
        raise ValueError(f"a cache of {bits} bits and head_dim {head_dim}")
    shape = (blocks, kv_heads, block_size, head_dim)
    zeros = np.zeros if arena is None else arena.zeros
    keys, values = (zeros(shape, np.float16 if bits == 16 else np.int8) for _ in range(2))
    key_scales, value_scales = (None if bits == 16 else zeros(shape[:3], np.float32) for _ in range(2))
    addresses = (pointer(keys, keys.dtype.type), pointer(values, keys.dtype.type))
    scales = (pointer(key_scales), pointer(value_scales))
    struct = CacheStruct(*addresses, *scales, kv_heads, head_dim, block_size, bits)
    return LayerCache(keys, values, key_scales, value_scales, struct)


def norm(
    x: Floats,
    weight: Floats,
    eps: float,
    group_size: int = 128,
    *,
    bias: Floats | None = None,
    centred: bool = False,
    by_group: bool = False,
    keep: bool = False,
    pool: ThreadPool | None = None,
) -> tuple[Activations, Floats | None]:
    """RMSNorm of float32 [tokens, width], or LayerNorm where centred, quantized; with `keep` also as float32."""
    tokens, width = x.shape
    _require("weight", weight, (width,))
    _require("bias", bias, (width,))
    normed = np.empty_like(x) if keep else None
    out = room(tokens, width, group_size, by_group=by_group)
    addresses = (pointer(x), pointer(weight), pointer(bias))
    int4_kernels().norm_quantize(handle(pool), *addresses, eps, centred, pointer(normed), byref(out.struct))
    return out, normed


def swiglu(
    gate_up: Floats,
    group_size: int = 128,
    *,
    by_group: bool = False,
    rotated: bool = False,
    pool: ThreadPool | None = None,
) -> Activations:
    """silu(gate) * up from float32 [tokens, 2 * width], gates first; the options are those of `quantize`."""
    return _activate(_SWIGLU, gate_up, group_size, by_group, rotated, pool)


def gegelu(
    gate_up: Floats,
    limit: float,
    group_size: int = 128,
    *,
    by_group: bool = False,
    rotated: bool = False,
    pool: ThreadPool | None = None,
) -> Activations:
    """Phi-3-small's quick-GELU(gate) * (up + 1), clamped at limit, from float32 [tokens, 2 * width], gates first."""
    return _activate(_GEGELU, gate_up, group_size, by_group, rotated, pool, limit)


def gelu(
    up: Floats,
    group_size: int = 128,
    *,
    tanh: bool,
    by_group: bool = False,
    rotated: bool = False,
    pool: ThreadPool | None = None,
) -> Activations:
    """GELU of float32 [tokens, width]: phi-1's form by tanh ("gelu_new"), or the exact one by erf ("gelu")."""
    return _activate(_GELU_TANH if tanh else _GELU, up, group_size, by_group, rotated, pool)


def _activate(
    kind: int, x: Floats, group_size: int, by_group: bool, rotated: bool, pool: ThreadPool | None, limit: float = 0.0
) -> Activations:
    tokens, width = x.shape
    if kind in (_SWIGLU, _GEGELU):
        width, rest = divmod(width, 2)
        if rest:
            raise ValueError(f"{x.shape[1]} gates and ups")
    out = room(tokens, width, group_size, by_group=by_group)
    int4_kernels().activate_quantize(handle(pool), pointer(x), kind, limit, rotated, None, byref(out.struct))
    return out


def rotate_keep(
    qkv: Floats,
    heads: int,
    cosine: Floats | None,
    sine: Floats | None,
    spans: Sequence[Span],
    cache: LayerCache,
    *,
    pool: ThreadPool | None = None,
) -> None:
    """Turn queries in place by their positions, keep turned keys and values in the cache.

    Args:
        qkv: [tokens, (heads + 2 * kv_heads) * head_dim], the tokens of all spans one after another.
        heads: of the queries.
        cosine, sine: [tokens, half], of the first 2 * half elements of a head; None: no turning.
        spans: which positions of which sequences the tokens are; blocks are written, so no two spans share one there.
        cache: of this layer.
        pool: threads to share the work.

    Raises:
        ValueError: for shapes that do not fit, and positions outside the table or the cache.
    """
    _check(qkv, heads, spans, cache, window=1)  # of the past nothing is touched
    half = 0
    if cosine is not None:
        half = cosine.shape[1]
        _require("cosine", cosine, (len(qkv), half))
        _require("sine", sine, (len(qkv), half))
        if sine is None or 2 * half > cache.struct.head_dim:
            raise ValueError(f"{half} angles for a head of {cache.struct.head_dim}")
    tables = (pointer(cosine), pointer(sine), half)
    sequences = (sequence_structs(spans), len(spans), byref(cache.struct))
    int4_kernels().rotate_keep(handle(pool), pointer(qkv), heads, *tables, *sequences)


def attend(
    qkv: Floats,
    heads: int,
    scale: float,
    spans: Sequence[Span],
    cache: LayerCache,
    *,
    window: int | None = None,
    sparse: BlockSparse | None = None,
    pool: ThreadPool | None = None,
) -> Floats:
    """Attention of new tokens, whose keys and values are already in the cache, over all positions up to their own.

    Args:
        qkv: as `rotate_keep` left it.
        heads: of the queries.
        scale: that scores are multiplied with.
        spans: as for `rotate_keep`; here several may share blocks.
        cache: of this layer.
        window: positions that a query sees, its own included; None: all.
        sparse: which blocks of positions a head sees; None: all.
        pool: threads to share the work.

    Returns:
        float32 [tokens, heads * head_dim].

    Raises:
        ValueError: for shapes that do not fit, and positions outside the table or the cache.
    """
    _check(qkv, heads, spans, cache, window)
    out = np.empty((len(qkv), heads * cache.struct.head_dim), np.float32)
    sees = visibility(window, sparse, heads)
    sequences = (sequence_structs(spans), len(spans), byref(cache.struct))
    int4_kernels().attend(handle(pool), pointer(qkv), heads, scale, byref(sees), *sequences, pointer(out))
    return out


def visibility(window: int | None, sparse: BlockSparse | None, heads: int) -> VisibilityStruct:
    """What a query sees, in C.

    Raises:
        ValueError: for a window or a pattern that shows nothing.
    """
    blocks = (0, 0, 0, 0)
    if sparse is not None:
        if min(sparse.block_size, sparse.local_blocks, sparse.stride) < 1:
            raise ValueError(f"{sparse}")
        blocks = (sparse.block_size, sparse.local_blocks, sparse.stride, max(1, sparse.stride // heads))
    if window is not None and window < 1:
        raise ValueError(f"window {window}")
    return VisibilityStruct(window or 0, *blocks)


def sequence_structs(spans: Sequence[Span]) -> Array[SequenceStruct]:
    """The spans in C; they must live as long as it."""
    facts = ((span.table.ctypes.data, span.start, span.count) for span in spans)
    return (SequenceStruct * len(spans))(*facts)


def check_spans(spans: Sequence[Span], cache: LayerCache, window: int | None) -> None:
    """Every position that is read or written lies in a block of the cache.

    Raises:
        ValueError: it does not.
    """
    block_size = cache.struct.block_size
    for span in spans:
        end = span.start + span.count
        oldest = 0 if window is None else max(0, span.start - window + 1)
        used = span.table[oldest // block_size : -(-end // block_size)]
        if span.start < 0 or span.count < 0 or end > len(span.table) * block_size:
            raise ValueError(f"positions {span.start} to {end} in {len(span.table)} blocks of {block_size}")
        if span.table.dtype != np.int32 or not span.table.flags.c_contiguous:
            raise ValueError(f"table is {span.table.dtype}")
        if span.count and (used.min() < 0 or used.max() >= len(cache.keys)):
            raise ValueError(f"table names blocks {used.min()} to {used.max()} of {len(cache.keys)}")


def _check(qkv: Floats, heads: int, spans: Sequence[Span], cache: LayerCache, window: int | None = None) -> None:
    kv_heads, head_dim = cache.struct.kv_heads, cache.struct.head_dim
    if heads < 1 or heads % kv_heads or (window is not None and window < 1):
        raise ValueError(f"{heads} heads over {kv_heads}, window {window}")
    _require("qkv", qkv, (sum(span.count for span in spans), (heads + 2 * kv_heads) * head_dim))
    check_spans(spans, cache, window)


def _require(name: str, array: Floats | None, shape: tuple[int, ...]) -> None:
    if array is not None and array.shape != shape:
        raise ValueError(f"{name} is {array.shape}, not {shape}")
