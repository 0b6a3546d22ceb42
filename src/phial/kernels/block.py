"""A decoder layer as one compiled call: block.h, field by field, and what checks it."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Structure, addressof, byref, c_float, c_int64, c_void_p
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phial.kernels.int4_library import ThreadPool, int4_kernels
from phial.kernels.layer import LayerCache, Span, check_spans, sequence_structs, visibility
from phial.kernels.lora import BoundAdapter, by_token
from phial.kernels.product import BoundMatrix, Floats, handle, pointer
from phial.kernels.structures import CacheStruct, MatrixStruct, VisibilityStruct
from phial.model.config import BlockSparse


class LinearStruct(Structure):
    """A matrix with its bias."""

    _fields_ = (("matrix", MatrixStruct), ("bias", c_void_p), ("rotated", c_int64))


class GainStruct(Structure):
    """The weights of a norm."""

    _fields_ = (("weight", c_void_p), ("bias", c_void_p))


class ShapeStruct(Structure):
    """What all layers have in common."""

    _fields_ = (
        ("heads", c_int64),
        ("centred", c_int64),
        ("activation", c_int64),
        ("by_group", c_int64),
        ("eps", c_float),
        ("limit", c_float),
        ("scale", c_float),
    )


class BlockStruct(Structure):
    """A layer's weights and cache."""

    _fields_ = (
        ("qkv", LinearStruct),
        ("out", LinearStruct),
        ("up", LinearStruct),
        ("down", LinearStruct),
        ("before", GainStruct),
        ("between", GainStruct),
        ("sees", VisibilityStruct),
        ("cache", CacheStruct),
        ("layer", c_int64),
    )


class StepStruct(Structure):
    """New tokens."""

    _fields_ = (
        ("cosine", c_void_p),
        ("sine", c_void_p),
        ("half", c_int64),
        ("sequences", c_void_p),
        ("count", c_int64),
        ("tokens", c_int64),
        ("rows", c_void_p),
        ("asked", c_void_p),
        ("wanted", c_int64),
        ("room", c_void_p),
        ("adapters", c_void_p),
        ("asked_adapters", c_void_p),
        ("ranks", c_int64),
    )


@dataclass(frozen=True, eq=False)
class Linear:
    """A packed matrix, its bias [rows], and whether its input is rotated before it is quantized."""

    matrix: BoundMatrix
    bias: Floats | None = None
    rotated: bool = False


@dataclass(frozen=True, eq=False)
class Gain:
    """The weights of a norm, [width]."""

    weight: Floats
    bias: Floats | None = None


ACTIVATIONS = {"silu": 0, "gelu_new": 1, "gelu": 2, "gegelu": 3}  # as in activation.cpp


@dataclass(frozen=True)
class LayerShape:
    """What all layers of a model have in common.

    Attributes:
        heads: of the queries.
        activation: "silu" and "gegelu" of gates and ups, "gelu_new" and "gelu" of one up projection.
        eps: of the norms.
        scale: that scores are multiplied with.
        centred: LayerNorm instead of RMSNorm.
        limit: clamp of "gegelu".
        by_group: quantized vectors get a scale a group instead of one.
    """

    heads: int
    activation: str
    eps: float
    scale: float
    centred: bool = False
    limit: float = 0.0
    by_group: bool = False


@dataclass(frozen=True, eq=False)
class BoundBlock:
    """A layer in C, and the arrays that it points to."""

    parts: tuple[Linear | Gain | LayerCache | None, ...]
    window: int | None
    width: int
    cache: LayerCache
    struct: BlockStruct
    shape_struct: ShapeStruct

    def room(self, tokens: int, ranks: int = 0) -> int:
        """Bytes of scratch that a step of so many tokens needs, and so many ranks of adapters."""
        return int4_kernels().block_room(byref(self.shape_struct), byref(self.struct), tokens, ranks)


@dataclass(frozen=True, eq=False)
class BoundStep:
    """New tokens in C, and the arrays that it points to."""

    parts: tuple[object, ...]
    tokens: int
    struct: StepStruct


def bind_block(
    shape: LayerShape,
    cache: LayerCache,
    before: Gain,
    qkv: Linear,
    out: Linear,
    between: Gain | None,
    up: Linear | None,
    down: Linear | None,
    window: int | None = None,
    sparse: BlockSparse | None = None,
    layer: int = 0,
) -> BoundBlock:
    """Prepare a layer.

    Args:
        shape: of the model.
        cache: of this layer.
        before: the norm that attention reads.
        qkv: fused queries, keys and values.
        out: attention's output.
        between: the norm that the feed-forward reads; None: it reads what attention reads.
        up: gates and ups, or ups; None where the caller does the feed-forward.
        down: its output.
        window: positions that a query sees, its own included; None for all.
        sparse: which blocks of positions a head sees; None for all.
        layer: its place among the layers of a model.

    Raises:
        ValueError: for parts that do not fit each other.
    """
    width, head_dim, kv_heads = qkv.matrix.matrix.columns, cache.struct.head_dim, cache.struct.kv_heads
    attended = shape.heads * head_dim
    fitting = [
        (qkv, attended + 2 * kv_heads * head_dim, width),
        (out, width, attended),
    ]
    if up is not None and down is not None:
        inner = down.matrix.matrix.columns
        fitting += [(up, inner * (2 if shape.activation in ("silu", "gegelu") else 1), width), (down, width, inner)]
        if between is None and up.matrix.matrix.group_size != qkv.matrix.matrix.group_size:
            raise ValueError("matrices that read one norm have different groups")
    for linear, rows, columns in fitting:
        packed = linear.matrix.matrix
        if (packed.rows, packed.columns) != (rows, columns) or (linear.bias is not None and len(linear.bias) != rows):
            raise ValueError(f"a matrix of {packed.rows} x {packed.columns}, not {rows} x {columns}, or its bias")
    for gain in (before, between):
        if gain is not None and any(part is not None and part.shape != (width,) for part in (gain.weight, gain.bias)):
            raise ValueError(f"a norm of {gain.weight.shape}, not {(width,)}")
    linears, gains = [_linear(part) for part in (qkv, out, up, down)], [_gain(part) for part in (before, between)]
    struct = BlockStruct(*linears, *gains, visibility(window, sparse, shape.heads), cache.struct, layer)
    shape_struct = ShapeStruct(
        shape.heads, shape.centred, ACTIVATIONS[shape.activation], shape.by_group,
        shape.eps, shape.limit, shape.scale,
    )  # fmt: skip
    return BoundBlock((before, qkv, out, between, up, down, cache), window, width, cache, struct, shape_struct)


def bind_step(
    block: BoundBlock,
    spans: Sequence[Span],
    cosine: Floats,
    sine: Floats,
    room: NDArray[np.uint8],
    rows: NDArray[np.int64] | None = None,
    asked: Sequence[Span] | None = None,
    adapters: Sequence[BoundAdapter | None] = (),
) -> BoundStep:
    """Prepare new tokens, for all layers whose caches are like that of `block`.

    Args:
        block: any of the layers.
        spans: positions of the tokens, which stand one after another.
        cosine, sine: [tokens, half] by token.
        room: scratch of at least `block.room(tokens, ranks)` bytes, ranks being the most of all adapters.
        rows: the tokens that output is wanted for, ascending; None for all.
        asked: with `rows`, the spans that they are of, as many as `spans`.
        adapters: of each span; none at all by default.

    Raises:
        ValueError: for shapes that do not fit, and positions outside the cache.
    """
    tokens = sum(span.count for span in spans)
    check_spans(spans, block.cache, block.window)
    if cosine.shape != sine.shape or len(cosine) != tokens or 2 * cosine.shape[1] > block.cache.struct.head_dim:
        raise ValueError(f"angles {cosine.shape} and {sine.shape} of {tokens} tokens")
    ranks = max((adapter.ranks for adapter in adapters if adapter is not None), default=0)
    if room.nbytes < block.room(tokens, ranks):
        raise ValueError(f"{room.nbytes} bytes of scratch for {tokens} tokens")
    wanted = 0
    if rows is not None:
        wanted = len(rows)
        if asked is None or len(asked) != len(spans) or sum(span.count for span in asked) != wanted:
            raise ValueError("the spans that are asked for do not fit the rows")
        if wanted and not (rows[0] >= 0 and rows[-1] < tokens and (np.diff(rows) > 0).all()):
            raise ValueError("rows are not ascending")
        check_spans(asked, block.cache, block.window)
    sequences = sequence_structs(spans)
    of_rows = None if asked is None else sequence_structs(asked)
    adapted = by_token(adapters, [span.count for span in spans]) if ranks else None
    asked_adapted = by_token(adapters, [span.count for span in asked]) if ranks and asked else None
    struct = StepStruct(
        pointer(cosine), pointer(sine), cosine.shape[1], addressof(sequences), len(spans), tokens,
        None if rows is None else pointer(rows, np.int64), None if of_rows is None else addressof(of_rows), wanted,
        pointer(room, np.uint8), None if adapted is None else addressof(adapted),
        None if asked_adapted is None else addressof(asked_adapted), ranks,
    )  # fmt: skip
    held = (spans, asked, cosine, sine, room, rows, sequences, of_rows, adapters, adapted, asked_adapted)
    return BoundStep(held, tokens, struct)


def run_block(block: BoundBlock, step: BoundStep, x: Floats, *, pool: ThreadPool | None = None) -> None:
    """One layer: x float32 [tokens, width] becomes its output; with rows, the first of x are theirs.

    Raises:
        ValueError: for an x that does not fit.
    """
    if x.shape != (step.tokens, block.width):
        raise ValueError(f"{x.shape}, not {(step.tokens, block.width)}")
    addresses = (byref(block.shape_struct), byref(block.struct), byref(step.struct))
    int4_kernels().block(handle(pool), *addresses, pointer(x))


def _linear(linear: Linear | None) -> LinearStruct:
    if linear is None:
        return LinearStruct()
    return LinearStruct(linear.matrix.struct, pointer(linear.bias), linear.rotated)


def _gain(gain: Gain | None) -> GainStruct:
    return GainStruct() if gain is None else GainStruct(pointer(gain.weight), pointer(gain.bias))
