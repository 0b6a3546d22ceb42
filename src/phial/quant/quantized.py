"""A quantized model: packed matrices, and the few parameters that stay floats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phial.errors import PhialError
from phial.kernels.packing import ROWS, STEP, PackedMatrix
from phial.model.config import ModelConfig
from phial.model.vision.config import MODULE

HEAD = "lm_head"
EMBEDDING = "embed_tokens.weight"
FINAL_NORM = "norm"
SIGNS = "signs"
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """Everything that an int4 engine needs of a model; the arrays may be memory-mapped.

    A rotated model's residual stream is turned: x stands for H D x, D being signs and H a block-diagonal Hadamard
    matrix (`rotate.hadamard`). All of that is in the weights, except for what `rotated` names.

    Attributes:
        config: the model.
        matrices: by parameter name without ".weight"; an expert's as "layers.0.moe.down_proj.3". "lm_head" is always
            there: where it is tied to the embedding it serves for both (`embedding_rows`).
        floats: the other parameters, by their names in `config.shapes`: float32 norms, biases and routers; matrices
            that are not multiplied as packed ones (an embedding that is not tied, an image tower) in float16.
        by_group: activations get a scale a group instead of one a token.
        rotated: what has its input turned by `hadamard` first, before it is quantized: names of matrices, and "norm"
            where the final norm's input is turned (its gain could not be folded into a head that is the embedding
            too).
        folded: what of a rotated model is in the weights and can not be seen in them: "signs", the diagonal of D, and
            the gain of every norm by its parameter's name. Adapters need it, the model itself does not.
    """

    config: ModelConfig
    matrices: Mapping[str, PackedMatrix]
    floats: Mapping[str, NDArray[np.float32 | np.float16]]
    by_group: bool = False
    rotated: frozenset[str] = frozenset()
    folded: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = matrix_shapes(self.config)
        _same_names("matrices", self.matrices, shapes)
        for name, shape in shapes.items():
            found = (self.matrices[name].rows, self.matrices[name].columns)
            if found != shape:
                raise _wrong(f"matrix {name} is {list(found)}, config.json asks for {list(shape)}")
        shapes = float_shapes(self.config)
        _same_names("floats", self.floats, shapes)
        for name, shape in shapes.items():
            array = self.floats[name]
            if array.shape != shape or array.dtype != float_type(name, shape):
                raise _wrong(f"{name} is {array.dtype} {list(array.shape)}, not {list(shape)}")
        unknown = self.rotated - set(self.matrices) - {FINAL_NORM}
        if unknown:
            raise _wrong(f"{min(unknown)} is rotated, and is no matrix")
        for name, array in self.folded.items():
            if array.shape != (self.config.hidden_size,) or array.dtype != np.float32:
                raise _wrong(f"what was folded, {name}, is {array.dtype} {list(array.shape)}")

    @cached_property
    def nbytes(self) -> int:
        """Bytes of all matrices and floats."""
        return sum(part.nbytes for part in (*self.matrices.values(), *self.floats.values()))

    @cached_property
    def bits_per_weight(self) -> float:
        """Bits that the matrices take, scales included, by their weights."""
        weights = sum(matrix.rows * matrix.columns for matrix in self.matrices.values())
        return 8 * sum(matrix.nbytes for matrix in self.matrices.values()) / weights

    def embed(self, ids: NDArray[np.integer]) -> Floats:
        """Embeddings float32 [tokens, hidden_size] of ids [tokens], as the first block reads them."""
        if EMBEDDING in self.floats:
            rows = self.floats[EMBEDDING][ids].astype(np.float32)
        else:
            rows = embedding_rows(self.matrices[HEAD], ids)
        return rows if self.config.embedding_multiplier == 1.0 else rows * np.float32(self.config.embedding_multiplier)


def matrix_shapes(config: ModelConfig) -> dict[str, tuple[int, int]]:
    """Rows and columns of every matrix that is packed, by its name, in the order of `config.shapes`, the head last."""
    shapes: dict[str, tuple[int, int]] = {}
    for name, shape in config.shapes.items():
        for matrix in matrices_of(name, shape):
            shapes[matrix] = (shape[-2], shape[-1])
    shapes.pop(HEAD, None)
    return shapes | {HEAD: (config.vocab_size, config.hidden_size)}


def matrices_of(name: str, shape: tuple[int, ...]) -> list[str]:
    """The matrices that a parameter is packed as: one for a projection or a head, one an expert, none for a float."""
    if name.startswith("layers.") and len(shape) == 3:
        return [f"{name}.{expert}" for expert in range(shape[0])]
    projection = name.startswith("layers.") and len(shape) == 2 and not name.endswith("moe.gate.weight")
    return [name.removesuffix(".weight")] if projection or name == "lm_head.weight" else []


def float_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter that stays a float, by its name."""
    return {
        name: shape
        for name, shape in config.shapes.items()
        if not matrices_of(name, shape) and not (name == EMBEDDING and config.tie_word_embeddings)
    }


def float_type(name: str, shape: tuple[int, ...]) -> type[np.float32] | type[np.float16]:
    """How a parameter that stays a float is held."""
    large = name == EMBEDDING or (name.startswith(MODULE) and len(shape) > 1)
    return np.float16 if large else np.float32


def embedding_rows(matrix: PackedMatrix, ids: NDArray[np.integer]) -> Floats:
    """Chosen rows of a packed matrix, dequantized; the others are not touched.

    Args:
        matrix: [rows, columns].
        ids: integers [count], from 0 to rows - 1.

    Returns:
        float32 [count, columns], the bits that `dequantize` gives.
    """
    block, lane = ids // ROWS, ids % ROWS
    count, groups = len(ids), matrix.groups
    pieces = matrix.weights.reshape(matrix.blocks, groups, -1, ROWS, STEP)
    stored = pieces[block, :, :, lane]  # [count, groups, pieces, 4]
    if matrix.bits == 4:
        stored = np.stack([stored & 15, stored >> 4], axis=3)
    steps = stored.reshape(count, groups, matrix.group_size).astype(np.float32)
    zeros: Floats | np.float32
    if matrix.zeros is None:
        zeros = np.float32(8 if matrix.bits == 4 else 128)
    else:
        zeros = matrix.zeros[block, :, lane].astype(np.float32)[:, :, None]
    scales = matrix.scales[block, :, lane].astype(np.float32)[:, :, None]  # [count, groups or 1, 1]
    return np.ascontiguousarray(((steps - zeros) * scales).reshape(count, -1)[:, : matrix.columns])


def weight_count(config: ModelConfig) -> int:
    """Weights in all packed matrices."""
    return sum(math.prod(shape) for shape in matrix_shapes(config).values())


def _same_names(kind: str, found: Iterable[str], expected: Iterable[str]) -> None:
    missing, extra = set(expected) - set(found), set(found) - set(expected)
    if missing or extra:
        name, fault = (min(missing), "is missing") if missing else (min(extra), "is unexpected")
        raise _wrong(f"{kind}: {name} {fault}")


def _wrong(what: str) -> PhialError:
    return PhialError(f"not a quantized model: {what}", where="quantized weights", do="quantize the float model again")
