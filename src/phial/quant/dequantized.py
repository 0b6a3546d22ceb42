"""A quantized model as a float decoder, for machines without the compiled kernels."""

from __future__ import annotations

import torch
from torch import nn

from phial.errors import PhialError
from phial.model.decoder import Decoder
from phial.quant.quantized import EMBEDDING, HEAD, QuantizedModel
from phial.quant.streamed import QuantizedReadable, dequantized_rows


def dequantized_decoder(model: QuantizedModel, dtype: torch.dtype = torch.bfloat16) -> Decoder:
    """A decoder that holds the weights a quantized model stands for.

    Raises:
        PhialError: the model turns activations while it runs, which a float decoder does not.
    """
    if model.rotated:
        raise PhialError(
            "a rotated model needs the compiled kernels", where="quantized weights",
            do="install a C++ compiler and install phial again, or quantize without rotation",
        )  # fmt: skip
    with torch.device("meta"):
        decoder = Decoder(model.config)
    modules, readable = dict(decoder.named_modules()), QuantizedReadable(model)
    for name in model.config.shapes:
        packed_head = name == "lm_head.weight" or (name == EMBEDDING and model.config.tie_word_embeddings)
        if packed_head:
            tensor = torch.cat([rows.to(dtype) for rows in dequantized_rows(model.matrices[HEAD])])
        else:
            tensor = readable.get(name).to(dtype)
        module, _, attribute = name.rpartition(".")
        setattr(modules[module], attribute, nn.Parameter(tensor, requires_grad=False))
    return decoder.eval()
