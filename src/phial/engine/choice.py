"""Which backend runs a model."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from phial.engine.backend import Backend
from phial.engine.engine import Engine
from phial.engine.numpy_backend import NumpyBackend
from phial.engine.numpy_weights import computes
from phial.kernels.arena import resident
from phial.kernels.int4_library import int4_build
from phial.model.config import ModelConfig
from phial.model.files import read_arrays, read_config, read_tokenizer
from phial.quant.folder import is_quantized, read_quantized

SMALL = 50_000_000  # parameters, up to which the time goes to calls and numpy in float32 is the fastest
LARGE = 1_000_000_000  # parameters, from which torch holds two bytes each and not four
TOKENS = 8192  # that a cache holds at most unless more are asked for


def load_engine(folder: Path, tokens: int | None = None, cache_bits: int = 16, threads: int | None = None) -> Engine:
    """An engine over a folder: int4 where it is quantized, numpy where it is a small Phi-3 block, torch for the rest.

    Args:
        folder: of a quantized model, or a checkpoint.
        tokens: that the cache holds, of all sequences together; one context, or less, if left out (int4).
        cache_bits: 16 or 8 (int4).
        threads: of the kernels; one a core by default (int4).

    Raises:
        PhialError: a missing or damaged file, or a tensor that is missing, extra or of the wrong shape or type.
    """
    config = read_config(folder)
    tokenizer = read_tokenizer(folder, config)
    return Engine(_backend(folder, config, tokens, cache_bits, threads), tokenizer)


def runs_small(config: ModelConfig) -> bool:
    """Whether float weights of this shape are best run as they are."""
    return computes(config) and config.parameters <= SMALL


def _backend(folder: Path, config: ModelConfig, tokens: int | None, cache_bits: int, threads: int | None) -> Backend:
    if not is_quantized(folder):
        if runs_small(config):
            return NumpyBackend(config, read_arrays(folder, config))
        from phial.engine.torch_backend import TorchBackend
        from phial.model.checkpoint import load_weights

        return TorchBackend(load_weights(folder, config, "float32" if config.parameters < LARGE else "bfloat16"))
    if int4_build() != "none":
        from phial.engine.int4_backend import Int4Backend

        model = read_quantized(folder)
        room = tokens or min(TOKENS, config.max_position_embeddings)
        return Int4Backend(replace(model, matrices=resident(model.matrices)), room, cache_bits, threads)
    from phial.engine.torch_backend import TorchBackend
    from phial.quant.dequantized import dequantized_decoder

    print(
        "the compiled kernels are missing (no C++ compiler when phial was installed): "
        "the int4 weights run as floats in torch, many times slower and larger",
        file=sys.stderr,
    )
    return TorchBackend(dequantized_decoder(read_quantized(folder)))
