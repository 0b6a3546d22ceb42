"""LoRA adapters in C: lora.h, field by field, and what checks it.

As with products, a token's results have the same bits in every company, by any number of threads and in every build.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Array, Structure, addressof, c_int64, c_void_p
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phial.kernels.int4_library import ThreadPool, int4_kernels
from phial.kernels.packing import ROWS
from phial.kernels.product import Floats, handle, pointer
from phial.model.adapter import LowRank


class LowRankStruct(Structure):
    """An addition to some rows of a product."""

    _fields_ = (("a", c_void_p), ("b", c_void_p), ("rank", c_int64), ("first", c_int64), ("rows", c_int64))


class AdditionsStruct(Structure):
    """All that one adapter adds to one product."""

    _fields_ = (("parts", c_void_p), ("count", c_int64))


class LayerAdditionsStruct(Structure):
    """All that one adapter adds to one layer."""

    _fields_ = (
        ("qkv", AdditionsStruct),
        ("out", AdditionsStruct),
        ("up", AdditionsStruct),
        ("down", AdditionsStruct),
    )


@dataclass(frozen=True, eq=False)
class BoundAdditions:
    """All that one adapter adds to one product in C, and the arrays that it points to."""

    arrays: tuple[object, ...]
    ranks: int
    struct: AdditionsStruct


@dataclass(frozen=True, eq=False)
class BoundAdapter:
    """An adapter in C.

    Attributes:
        layers: what it adds to each.
        head: what it adds to the logits.
        ranks: that it adds to one product of a layer, at most.
        structs: the layers in C.
    """

    layers: tuple[tuple[BoundAdditions, ...], ...]
    head: BoundAdditions
    ranks: int
    structs: Array[LayerAdditionsStruct]


def bind_additions(parts: Sequence[LowRank], rows: int, columns: int) -> BoundAdditions:
    """Prepare what an adapter adds to a product of a matrix of rows x columns.

    Raises:
        ValueError: it does not fit.
    """
    arrays: list[Floats] = []
    structs = (LowRankStruct * len(parts))()
    for struct, part in zip(structs, parts, strict=True):
        rank, count = len(part.lora_a), len(part.lora_b)
        fits = part.lora_a.shape == (rank, columns) and part.lora_b.shape == (count, rank)
        if not fits or not 0 <= part.first <= part.first + count <= rows:
            raise ValueError(f"{part.lora_b.shape} x {part.lora_a.shape} for {rows} x {columns} from {part.first} on")
        padded = np.zeros((-(-count // ROWS) * ROWS, rank), np.float32)
        padded[:count] = part.lora_b
        lora_a = np.ascontiguousarray(part.lora_a, np.float32)
        lora_b = np.ascontiguousarray(padded.reshape(-1, ROWS, rank).swapaxes(1, 2))
        arrays += [lora_a, lora_b]
        struct.a, struct.b = lora_a.ctypes.data, lora_b.ctypes.data
        struct.rank, struct.first, struct.rows = rank, part.first, count
    ranks = sum(len(part.lora_a) for part in parts)
    return BoundAdditions((structs, *arrays), ranks, AdditionsStruct(addressof(structs), len(parts)))


def bind_adapter(layers: Sequence[Sequence[BoundAdditions]], head: BoundAdditions) -> BoundAdapter:
    """Prepare an adapter.

    Args:
        layers: what it adds to the products of each: queries, keys and values; attention's output; gates and ups; the
            feed-forward's output.
        head: what it adds to the logits.
    """
    structs = (LayerAdditionsStruct * len(layers))()
    for struct, (qkv, out, up, down) in zip(structs, layers, strict=True):
        struct.qkv, struct.out, struct.up, struct.down = qkv.struct, out.struct, up.struct, down.struct
    ranks = max((additions.ranks for layer in layers for additions in layer), default=0)
    return BoundAdapter(tuple(map(tuple, layers)), head, ranks, structs)


def by_token(adapters: Sequence[BoundAdapter | None], counts: Sequence[int]) -> Array[c_void_p]:
    """The layers of each token's adapter, `counts[i]` tokens having adapter i."""
    addresses = (None if adapter is None else addressof(adapter.structs) for adapter in adapters)
    each = [address for address, count in zip(addresses, counts, strict=True) for _ in range(count)]
    return (c_void_p * len(each))(*each)


def add_low_rank(
    additions: Sequence[BoundAdditions | None], x: Floats, out: Floats, *, pool: ThreadPool | None = None
) -> None:
    """Add to a product what the adapter of each token adds to it.

    Args:
        additions: of each token.
        x: [tokens, columns], what the product was made of.
        out: [tokens, rows], the product; changed in place.
        pool: threads to share the work.

    Raises:
        ValueError: for arrays of different numbers of tokens.
    """
    if not len(additions) == len(x) == len(out):
        raise ValueError(f"{len(additions)} tokens, {x.shape} and {out.shape}")
    most = max((each.ranks for each in additions if each is not None), default=0)
    if most == 0:
        return
    of_token = (c_void_p * len(x))(*(None if each is None else addressof(each.struct) for each in additions))
    inner: NDArray[np.float32] = np.empty((len(x), most), np.float32)
    sizes = len(x), x.shape[1], pointer(inner), most, pointer(out), out.shape[1]
    int4_kernels().add_low_rank(handle(pool), of_token, pointer(x), *sizes)
