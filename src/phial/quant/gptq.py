"""GPTQ (Frantar et al. 2022, arXiv 2210.17323): rounding errors of one input are made up for by the inputs not yet
rounded, as the second moments of the inputs on calibration text say.

Groups keep their place, so that kernels read them in order: scales are chosen first, and then the inputs are rounded in
the order of falling mean square (act-order over static groups).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from phial.kernels.packing import PackedMatrix, dequantize, pack
from phial.quant.quantize import Part, Settings, float_part, not_finite, round_matrix
from phial.quant.quantized import EMBEDDING, HEAD, matrices_of
from phial.quant.rtn import by_rows, group_scales
from phial.quant.streamed import FloatReadable, Inputs, StreamedModel
from phial.quant.weights import Parameters

_BLOCK = 64  # inputs whose errors are spread among themselves before they are spread over the rest
_ROWS = 8192  # of a matrix at a time: rows do not depend on each other
_FEW_ROWS = 512  # whose blocks of inputs stay in the cache, and are too few for torch to wake its threads for
_WIDEST_DOUBLE = 8192  # inputs up to which the factors are made in float64
_BATCH = 4  # windows at a time


class Moments:
    """Second moments of the inputs of matrices, summed over tokens."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def __call__(self, name: str, x: Tensor) -> None:
        """Add inputs [tokens, columns] of a matrix."""
        if name not in self.sums:
            self.sums[name], self.counts[name] = x.new_zeros(x.shape[1], x.shape[1]), 0
        self.sums[name].addmm_(x.T, x)
        self.counts[name] += len(x)


def gptq_matrix(
    weight: Tensor,
    moments: Tensor,
    *,
    bits: int = 4,
    group_size: int = 128,
    search: bool = True,
    damping: float = 0.01,
    act_order: bool = True,
) -> PackedMatrix:
    """Quantize one matrix.

    Args:
        weight: float32 [rows, columns].
        moments: float32 [columns, columns], X^T X of its inputs X [tokens, columns].
        bits: 4 or 8.
        group_size: inputs that share a scale.
        search: choose scales for the least squared error of the outputs, as far as inputs are independent.
        damping: share of the mean of the diagonal that is added to it.
        act_order: round inputs with the largest mean square first.

    Returns:
        The packed matrix, symmetric.
    """
    rows, columns = weight.shape
    order, factor = _factor(moments, damping, act_order)
    importance = (moments.diagonal() + damping * moments.diagonal().mean()).numpy()
    values = np.empty((rows, columns), np.uint8 if bits == 4 else np.int8)
    scales = np.empty((rows, -(-columns // group_size)), np.float16)
    for start in range(0, rows, _ROWS):
        part = weight[start : start + _ROWS].float().contiguous()
        if not torch.isfinite(part).all():
            raise not_finite("a weight")
        chosen = _scales(part.numpy(), bits, group_size, search, importance)
        scales[start : start + _ROWS] = chosen
        steps = torch.from_numpy(np.repeat(chosen.astype(np.float32), group_size, axis=1)[:, :columns])
        for few in range(0, len(part), _FEW_ROWS):
            one, other = (rows[few : few + _FEW_ROWS].T[order].contiguous() for rows in (part, steps))
            restored = torch.empty_like(one)
            restored[order] = _round_all(one, other, factor, bits) + (8 if bits == 4 else 0)
            first = start + few
            values[first : first + _FEW_ROWS] = restored.T.numpy().astype(values.dtype)
    return pack(values, scales, group_size=group_size)


def _scales(weight: np.ndarray, bits: int, group_size: int, search: bool, importance: np.ndarray) -> np.ndarray:
    def of(rows: slice) -> np.ndarray:
        if bits == 8:
            return (group_scales(weight[rows], group_size).astype(np.float32) * (8 / 127)).astype(np.float16)
        return group_scales(weight[rows], group_size, search=search, importance=importance)

    return np.concatenate(by_rows(weight.shape[0], weight.shape[1], of))


def _factor(moments: Tensor, damping: float, act_order: bool) -> tuple[Tensor, Tensor]:
    """The order of rounding, and the upper factor R of the inverse R^T R of the damped moments in that order.

    With J reversing the order, J H J = L L^T gives R = (J L J)^-1.
    """
    diagonal = moments.diagonal()
    order = torch.argsort(diagonal, descending=True) if act_order else torch.arange(len(diagonal))
    kind = torch.float64 if len(diagonal) <= _WIDEST_DOUBLE else torch.float32
    backwards = order.flip(0)
    turned = moments[backwards][:, backwards].to(kind)
    added = float(damping * diagonal.mean()) or 1.0
    while True:
        turned.diagonal().add_(added)
        lower, failed = torch.linalg.cholesky_ex(turned)
        if not failed:
            break
        added *= 10
    identity = torch.eye(len(lower), dtype=kind)
    inverse = torch.linalg.solve_triangular(lower, identity, upper=False)
    return order, inverse.flip(0, 1).float().contiguous()


def _round_all(weight: Tensor, scales: Tensor, factor: Tensor, bits: int) -> Tensor:
    """Steps [columns, rows] of weights [columns, rows], which are overwritten."""
    low, high = (-8, 7) if bits == 4 else (-127, 127)
    columns = len(weight)
    divisors = torch.where(scales == 0, 1.0, scales)
    steps = torch.empty_like(weight)
    for start in range(0, columns, _BLOCK):
        stop = min(start + _BLOCK, columns)
        errors = torch.empty_like(weight[start:stop])
        for i in range(start, stop):
            step = torch.round(weight[i] / divisors[i]).clamp_(low, high)
            steps[i] = step
            error = torch.addcmul(weight[i], step, scales[i], value=-1).div_(factor[i, i])
            errors[i - start] = error
            weight[i + 1 : stop].addr_(factor[i, i + 1 : stop], error, alpha=-1)
        weight[stop:].addmm_(factor[start:stop, stop:].T, errors, alpha=-1)
    return steps


def gptq_parts(
    parameters: Parameters,
    settings: Settings,
    windows: Sequence[Tensor],
    rotated: frozenset[str] = frozenset(),
    progress: Callable[[str], None] | None = None,
) -> Iterator[Part]:
    """Every matrix by GPTQ, each block with inputs that come through the blocks quantized before, and every float.

    An expert that no token of the calibration text is routed to is rounded to nearest.

    Args:
        parameters: the float model.
        settings: how.
        windows: ids int64 [time] of calibration text.
        rotated: see `QuantizedModel`.
        progress: told what was done.
    """
    config = parameters.config
    moments = Moments()
    model = StreamedModel(FloatReadable(parameters), Inputs(rotated, observe=moments))
    states = _batches(model.embed(windows))
    if not config.tie_word_embeddings:
        yield from float_part(EMBEDDING, config.shapes[EMBEDDING], parameters.get(EMBEDDING))
    for layer in range(config.num_hidden_layers):
        block = model.block(layer)
        model.through(block, states)
        for inner, parameter in list(block.named_parameters()):
            name = f"layers.{layer}.{inner}".replace(".moe.moe.", ".moe.")
            names = matrices_of(name, tuple(parameter.shape))
            if not names:
                yield from float_part(name, tuple(parameter.shape), parameter.data)
            for index, matrix in enumerate(names):
                weight = parameter.data[index] if parameter.ndim == 3 else parameter.data
                packed = _quantized(matrix, weight, moments, settings)
                weight.copy_(torch.from_numpy(dequantize(packed)))
                yield matrix, packed
        model.inputs = Inputs(rotated)
        states = model.through(block, states)
        model.inputs = Inputs(rotated, observe=moments)
        if progress is not None:
            progress(f"block {layer + 1} of {config.num_hidden_layers}")
    model.finish(states)
    head = EMBEDDING if config.tie_word_embeddings else "lm_head.weight"
    yield HEAD, _quantized(HEAD, parameters.get(head), moments, settings)
    for name, shape in config.shapes.items():
        if not name.startswith("layers.") and name not in (EMBEDDING, "lm_head.weight"):
            yield from float_part(name, shape, parameters.get(name))


def _quantized(name: str, weight: Tensor, moments: Moments, settings: Settings) -> PackedMatrix:
    sums = moments.sums.pop(name, None)
    if sums is None:
        return round_matrix(name, weight, settings)
    return gptq_matrix(
        weight,
        sums / moments.counts[name],
        bits=settings.bits.get(name, 4),
        group_size=settings.group_size,
        search=settings.searched,
        damping=settings.damping,
    )


def _batches(states: Sequence[Tensor]) -> list[Tensor]:
    """Windows of equal length together, a few at a time."""
    return [torch.cat(list(states[start : start + _BATCH])) for start in range(0, len(states), _BATCH)]
