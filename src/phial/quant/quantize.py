"""A float model into a quantized one, parameter by parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phial.errors import PhialError
from phial.kernels.packing import GROUP_SIZES, PackedMatrix
from phial.quant.quantized import EMBEDDING, HEAD, QuantizedModel, float_type, matrices_of
from phial.quant.rtn import in_chunks, round_to_nearest
from phial.quant.weights import Parameters


@dataclass(frozen=True)
class Settings:
    """How to quantize.

    Attributes:
        method: "rtn", round-to-nearest; "gptq", with calibration text.
        group_size: inputs of a row that share a scale.
        search: choose each group's scale for the least squared error, and not by its largest weight alone; None: with
            GPTQ, which knows the inputs' mean squares. Without those it makes a model worse: with a real model of 0.5 B
            in groups of 128 it raised the mean KL from 0.125 to 0.145, since it clips what is large.
        rotate: QuaRot's rotations first.
        by_group: the activations of the finished model get a scale a group.
        damping: GPTQ's, a share of the mean square of a matrix's inputs: more of it trusts the calibration text less.
        bits: bits of single matrices, by name: 4 or 8; the others have 4.
    """

    method: str = "rtn"
    group_size: int = 128
    search: bool | None = None
    rotate: bool = False
    by_group: bool = False
    damping: float = 0.3
    bits: Mapping[str, int] = field(default_factory=dict)

    @property
    def searched(self) -> bool:
        """Whether scales are searched."""
        return self.method == "gptq" if self.search is None else self.search

    def __post_init__(self) -> None:
        if self.group_size not in GROUP_SIZES:
            sizes = ", ".join(map(str, GROUP_SIZES))
            raise PhialError(f"groups of {self.group_size}", where="quantize", do=f"choose from {sizes}")
        if self.method not in ("rtn", "gptq"):
            raise PhialError(f"method {self.method!r}", where="quantize", do="choose rtn or gptq")
        for name, bits in self.bits.items():
            if bits not in (4, 8):
                raise PhialError(f"{bits} bits for {name}", where="quantize", do="choose 4 or 8")


Part = tuple[str, PackedMatrix | NDArray[Any]]


def quantize(parameters: Parameters, settings: Settings | None = None) -> QuantizedModel:
    """Quantize a model by round-to-nearest, in memory.

    Args:
        parameters: the float model.
        settings: by default round-to-nearest in groups of 128.

    Raises:
        PhialError: a parameter that is not finite.
    """
    return collect(parameters, round_parts(parameters, settings or Settings()), settings or Settings())


def collect(
    parameters: Parameters, parts: Iterator[Part], settings: Settings, rotated: frozenset[str] = frozenset()
) -> QuantizedModel:
    """The model that parts make together."""
    matrices: dict[str, PackedMatrix] = {}
    floats: dict[str, NDArray[Any]] = {}
    for name, part in parts:
        if isinstance(part, PackedMatrix):
            matrices[name] = part
        else:
            floats[name] = part
    return QuantizedModel(parameters.config, matrices, floats, settings.by_group, rotated)


def round_parts(parameters: Parameters, settings: Settings) -> Iterator[Part]:
    """Every matrix by round-to-nearest, and every float, in the order of `config.shapes`.

    Raises:
        PhialError: a parameter that is not finite.
    """
    config = parameters.config
    for name, shape in config.shapes.items():
        if name == EMBEDDING and config.tie_word_embeddings:
            yield HEAD, round_matrix(HEAD, parameters.get(name), settings)
        else:
            yield from round_parameter(name, shape, parameters.get(name), settings)


def round_parameter(name: str, shape: tuple[int, ...], tensor: Tensor, settings: Settings) -> Iterator[Part]:
    """One parameter, as matrices or as a float."""
    names = matrices_of(name, shape)
    for index, matrix in enumerate(names):
        yield matrix, round_matrix(matrix, tensor[index] if len(shape) == 3 else tensor, settings)
    if not names:
        yield from float_part(name, shape, tensor)


def float_part(name: str, shape: tuple[int, ...], tensor: Tensor) -> Iterator[Part]:
    """A parameter that stays a float.

    Raises:
        PhialError: it is not finite.
    """
    array = np.empty(shape, float_type(name, shape))
    torch.from_numpy(array).copy_(tensor.reshape(shape))
    if not np.isfinite(array).all():
        raise not_finite(name)
    yield name, array


def round_matrix(name: str, tensor: Tensor, settings: Settings) -> PackedMatrix:
    """One matrix by round-to-nearest.

    Args:
        name: of the matrix.
        tensor: [rows, columns] of any float type; widened a few rows at a time.
        settings: how.

    Raises:
        PhialError: a weight is not finite.
    """
    bits = settings.bits.get(name, 4)

    def make(rows: slice) -> PackedMatrix:
        weight = tensor[rows].float().contiguous().numpy()
        if not np.isfinite(weight).all():
            raise not_finite(name)
        return round_to_nearest(weight, bits=bits, group_size=settings.group_size, search=settings.searched)

    return in_chunks(tensor.shape[0], tensor.shape[1], make)


def not_finite(name: str) -> PhialError:
    """The fault of a parameter with an infinity or NaN, or a value too large for half precision."""
    return PhialError(f"{name} has a value that is not finite", where="quantize", do="use an undamaged checkpoint")
