"""Decoders with random weights."""

import torch

from phial.model.config import ModelConfig
from phial.model.decoder import Decoder


def random_model(config: ModelConfig) -> Decoder:
    """A decoder whose every weight matters: gains near one, everything else wide."""
    torch.manual_seed(0)
    model = Decoder(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            parameter.copy_(1 + 0.2 * noise if "norm" in name and name.endswith("weight") else 0.3 * noise)
    return model
