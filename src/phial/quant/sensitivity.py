"""Mixed precision: which matrices get 8 bits, by how much the predictions suffer when each alone has 4."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from phial.errors import PhialError
from phial.kernels.packing import ROWS, dequantize
from phial.model.config import ModelConfig
from phial.quant.quantize import Settings, round_matrix
from phial.quant.quantized import EMBEDDING, HEAD, embedding_rows, matrices_of, matrix_shapes
from phial.quant.report import compare_logits
from phial.quant.streamed import FloatReadable, Inputs, StreamedModel
from phial.quant.weights import Parameters

_SCALE_BITS = 16


def sensitivities(
    parameters: Parameters,
    settings: Settings,
    windows: Sequence[Tensor],
    rotated: frozenset[str] = frozenset(),
    progress: Callable[[str], None] | None = None,
) -> dict[str, float]:
    """Mean KL in nats a token, from the float model to one with a single matrix of 4 bits.

    All variants go through a block together, so that each block is read once. A layer's experts count as one matrix.

    Args:
        parameters: the float model.
        settings: group size and search.
        windows: ids int64 [time] of text; few tokens suffice to tell matrices apart.
        rotated: see `QuantizedModel`.
        progress: told what was done.

    Returns:
        KL by name, an expert's without its number.
    """
    config, settings = parameters.config, replace(settings, bits={})
    model = StreamedModel(FloatReadable(parameters), Inputs(rotated))
    base = model.embed(windows)
    variants: dict[str, list[Tensor]] = {}
    head = round_matrix(HEAD, parameters.get(EMBEDDING if config.tie_word_embeddings else "lm_head.weight"), settings)
    if config.tie_word_embeddings:
        scale = config.embedding_multiplier
        variants[HEAD] = [torch.from_numpy(embedding_rows(head, ids.numpy())).unsqueeze(0) * scale for ids in windows]
    for layer in range(config.num_hidden_layers):
        block = model.block(layer)
        fresh: dict[str, list[Tensor]] = {}
        for inner, parameter in list(block.named_parameters()):
            name = f"layers.{layer}.{inner}".replace(".moe.moe.", ".moe.")
            names = matrices_of(name, tuple(parameter.shape))
            if names:
                exact = parameter.data.clone()
                for index, matrix in enumerate(names):
                    weight = parameter.data[index] if parameter.ndim == 3 else parameter.data
                    weight.copy_(torch.from_numpy(dequantize(round_matrix(matrix, weight, settings))))
                fresh[name.removesuffix(".weight")] = model.through(block, base)
                parameter.data.copy_(exact)
        for name, states in variants.items():
            variants[name] = model.through(block, states)
        variants |= fresh
        base = model.through(block, base)
        if progress is not None:
            progress(f"sensitivity: block {layer + 1} of {config.num_hidden_layers}")
    variants.setdefault(HEAD, base)
    exact = [model.logits(x[0]) for x in model.finish(base)]
    found: dict[str, float] = {}
    for name, states in variants.items():
        parts = [
            compare_logits(reference, model.logits(x[0], head if name == HEAD else None), ids)
            for reference, x, ids in zip(exact, model.finish(states), windows, strict=True)
        ]
        found[name] = sum(part.kl for part in parts) / sum(part.tokens for part in parts)
    return found


def choose_bits(
    config: ModelConfig, costs: Mapping[str, float], group_size: int, bits_per_weight: float
) -> dict[str, int]:
    """Matrices for 8 bits, those first that save most KL a byte, as far as a budget goes.

    Args:
        config: the model.
        costs: what `sensitivities` found.
        group_size: inputs that share a scale of 16 bits.
        bits_per_weight: of all packed matrices together, scales included.

    Returns:
        8 by matrix name, as `Settings.bits` wants it.

    Raises:
        PhialError: the budget does not even do for 4 bits.
    """
    sizes: dict[str, int] = dict.fromkeys(costs, 0)  # weights of a unit, as they are stored
    members: dict[str, list[str]] = {name: [] for name in costs}
    stored = scales = total = 0
    for name, (rows, columns) in matrix_shapes(config).items():
        unit = name if name in costs else name.rpartition(".")[0]
        groups, full = -(-columns // group_size), -(-rows // ROWS) * ROWS
        sizes[unit] += full * groups * group_size
        members[unit].append(name)
        stored, scales, total = stored + full * groups * group_size, scales + full * groups, total + rows * columns
    left = bits_per_weight * total - 4 * stored - _SCALE_BITS * scales
    if left < 0:
        least = (4 * stored + _SCALE_BITS * scales) / total
        what = f"{bits_per_weight} bits a weight are too few for groups of {group_size}"
        raise PhialError(what, where="quantize", do=f"allow {least:.3f}, or larger groups")
    chosen: dict[str, int] = {}
    for unit in sorted(costs, key=lambda name: costs[name] / sizes[name], reverse=True):
        if costs[unit] > 0 and 4 * sizes[unit] <= left:
            left -= 4 * sizes[unit]
            chosen |= dict.fromkeys(members[unit], 8)
    return chosen
