"""QuaRot (Ashkboos et al. 2024, arXiv 2404.00456): a model turned so that no input and no weight stands out.

With an orthogonal Q the residual stream x becomes Q x. An RMSNorm without a gain does the same to x and to Q x, so its
gain moves into the matrices that read it; those are multiplied by Q^T on the right, those that write to the stream by
Q on the left. Here Q = H D: random signs, then a block-diagonal Hadamard matrix (R1). Inside attention the values of
each head are turned by a Hadamard matrix that the output projection undoes (R2). The feed-forward's down projection is
turned on its inputs too; nothing before it can make up for that, so its input is turned online.

An embedding that is the head too can not take the final norm's gain g: logits are E g y for the normalised y, and rows
of E Q^T have to serve both ways. They do with two more turns online, a token and not a layer each: the final norm's
input is turned by H, which leaves D x (the norm does the same to it); times g; and turned by H, which gives Q (g y).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.quant.hadamard import hadamard
from phial.quant.quantized import FINAL_NORM, HEAD, SIGNS, matrix_shapes
from phial.quant.weights import Parameters

SEED = 0
_ROWS = 4096  # that are turned at a time: what is made on the way stays small


def rotated_inputs(config: ModelConfig) -> frozenset[str]:
    """What of a rotated model has its input turned online; see `QuantizedModel.rotated`.

    Raises:
        PhialError: the model can't be rotated.
    """
    _check(config)
    names = {name for name in matrix_shapes(config) if name.endswith("mlp.down_proj")}
    return frozenset(names | ({FINAL_NORM, HEAD} if config.tie_word_embeddings else set()))


def rotated_parameters(parameters: Parameters, seed: int = SEED) -> RotatedParameters:
    """A model turned, parameter by parameter as they are asked for.

    Raises:
        PhialError: the model can't be rotated.
    """
    _check(parameters.config)
    return RotatedParameters(parameters, seed)


class RotatedParameters:
    """The parameters of a turned model, which computes what the model itself does with `rotated_inputs` turned."""

    def __init__(self, parameters: Parameters, seed: int) -> None:
        self.config, self._parameters = parameters.config, parameters
        generator = torch.Generator().manual_seed(seed)
        self.signs = torch.randint(0, 2, (self.config.hidden_size,), generator=generator) * 2.0 - 1.0

    def get(self, name: str) -> Tensor:
        """A parameter of the turned model in float32."""
        tensor, config = self._parameters.get(name), self.config
        layer = name.partition("self_attn.")[0] if "self_attn." in name else name.partition("mlp.")[0]
        match name.rpartition(".")[0].rpartition(".")[2]:
            case "embed_tokens":
                return turned_reader(tensor, self.signs)
            case "lm_head":
                return turned_reader(tensor, self._gain("norm") * self.signs)
            case "norm" if config.tie_word_embeddings:
                return tensor.float()
            case "norm" | "input_layernorm" | "post_attention_layernorm":
                return torch.ones(config.hidden_size)
            case "qkv_proj":
                return self._values(tensor.float(), layer)
            case "gate_up_proj" | "up_proj":
                gain = self._gain(f"{layer}post_attention_layernorm")
                return tensor.float() if tensor.ndim == 1 else turned_reader(tensor, gain * self.signs)
            case "o_proj":
                wide = tensor.float()
                return turned_writer(turned_by_head(wide, config) if wide.ndim == 2 else wide, self.signs)
            case "down_proj":
                wide = tensor.float()
                return turned_writer(hadamard(wide) if wide.ndim == 2 else wide, self.signs)
        raise AssertionError(name)

    def folded(self) -> dict[str, NDArray[np.float32]]:
        """What went into the matrices: see `QuantizedModel.folded`."""
        gains = {name: self._parameters.get(name) for name in self.config.shapes if name.endswith("norm.weight")}
        return {name: tensor.float().numpy() for name, tensor in (gains | {SIGNS: self.signs}).items()}

    def _gain(self, norm: str) -> Tensor:
        return self._parameters.get(f"{norm}.weight").float()

    def _values(self, tensor: Tensor, layer: str) -> Tensor:
        """Queries, keys and values, the values of every head turned."""
        if tensor.ndim == 2:
            tensor = turned_reader(tensor, self._gain(f"{layer}input_layernorm") * self.signs)
        return turned_values(tensor, self.config)


def turned_reader(weight: Tensor, factors: Tensor) -> Tensor:
    """Rows that read the stream, by the signs and the gain of the norm before them: W g Q^T; a few at a time."""
    out = torch.empty(weight.shape)
    for rows, part in zip(weight.split(_ROWS), out.split(_ROWS), strict=True):
        part.copy_(hadamard(rows.float() * factors))
    return out


def turned_writer(weight: Tensor, signs: Tensor) -> Tensor:
    """A matrix, or a bias, that writes to the stream: Q W."""
    if weight.ndim == 1:
        return hadamard(weight * signs)
    return hadamard(weight.T * signs).T.contiguous()


def turned_by_head(weight: Tensor, config: ModelConfig) -> Tensor:
    """Rows that read what attention's heads have written."""
    return hadamard(weight.view(len(weight), -1, config.head_dim)).view(weight.shape)


def turned_values(tensor: Tensor, config: ModelConfig, first: int = 0) -> Tensor:
    """Rows of queries, keys and values, from the row `first` on, or their bias; the values of every head turned."""
    start = max(0, (config.num_attention_heads + config.num_key_value_heads) * config.head_dim - first)
    width = tensor.shape[1] if tensor.ndim == 2 else 1
    values = tensor[start:].reshape(-1, config.head_dim, width)
    turned = hadamard(values.transpose(1, 2)).transpose(1, 2)
    return torch.cat([tensor[:start], turned.reshape(tensor[start:].shape)])


def _check(config: ModelConfig) -> None:
    if config.norm != "rms" or config.parallel or config.experts is not None:
        raise PhialError(
            f"models of the layout {config.layout} can't be rotated: their norms subtract the mean",
            where="quantize",
            do="leave --rotate out",
        )
    if config.vision is not None:
        raise PhialError("models with an image tower can't be rotated", where="quantize", do="leave --rotate out")
