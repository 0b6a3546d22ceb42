"""Other weights of the same model in the form that a quantized one has: for weights that change while they are used."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from phial.errors import PhialError
from phial.kernels.arena import resident
from phial.model.config import ModelConfig
from phial.quant.quantize import Settings, collect, round_parts
from phial.quant.quantized import HEAD, QuantizedModel
from phial.quant.rotate import RotatedParameters, rotated_parameters


class ArrayParameters:
    """A float model's parameters as arrays, by their names in memory.

    Raises:
        PhialError: one is missing, extra, or of the wrong shape.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, np.ndarray]) -> None:
        if dict(config.shapes) != {name: tuple(tensor.shape) for name, tensor in tensors.items()}:
            raise PhialError("other parameters than the model's", where="weights", do="give those of the same model")
        self.config, self._tensors = config, tensors

    def get(self, name: str) -> Tensor:
        """A parameter by its name."""
        return torch.from_numpy(np.ascontiguousarray(self._tensors[name]))


def requantized(model: QuantizedModel, tensors: Mapping[str, np.ndarray]) -> QuantizedModel:
    """A quantized model of other weights, rounded to nearest, with the bits, groups and rotations of another one.

    Args:
        model: gives the form.
        tensors: every float parameter by its name in memory.

    Raises:
        PhialError: other parameters than the model's, or a value that is not finite.
    """
    parameters = ArrayParameters(model.config, tensors)
    bits = {name: matrix.bits for name, matrix in model.matrices.items()}
    settings = Settings(group_size=model.matrices[HEAD].group_size, by_group=model.by_group, bits=bits)
    source = rotated_parameters(parameters) if model.rotated else parameters
    made = collect(source, round_parts(source, settings), settings, model.rotated)
    folded = source.folded() if isinstance(source, RotatedParameters) else {}
    return QuantizedModel(made.config, resident(made.matrices), made.floats, made.by_group, made.rotated, folded)
