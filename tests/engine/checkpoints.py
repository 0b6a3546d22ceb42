"""Random checkpoints and scripted models for the tests of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from phial.model.checkpoint import save_checkpoint
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.tokens.tokenizer import Tokenizer, train_tokenizer

SENTENCES = (
    "Ada has 12 pens and buys 30 more.",
    "How many pens does Ada have now? — 42 €, naïvely",
    "日本語 🙂 one two",
)


def tiny_tokenizer() -> Tokenizer:
    return train_tokenizer(SENTENCES, 300)


def random_decoder(config: ModelConfig, seed: int = 0) -> Decoder:
    """A decoder whose every weight matters: no zero matrices, no unit gains."""
    torch.manual_seed(seed)
    model = Decoder(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5)
            else:
                parameter.normal_(1.0, 0.2)
    return model


def tiny_config(**changes: int | float | bool) -> ModelConfig:
    facts = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
    }
    return ModelConfig(**(facts | changes))


def write_checkpoint(folder: Path, model: Decoder, dtype: str = "float32") -> Path:
    save_checkpoint(folder, model, tiny_tokenizer(), dtype)
    return folder


def torch_logits(model: Decoder, ids: Sequence[int]) -> np.ndarray:
    """[time, vocab_size]"""
    with torch.no_grad():
        return model(torch.tensor([list(ids)]))[0].numpy()


class ScriptedBackend:
    """Says fixed tokens, whatever it is asked; each prompt's first token names the script that it is answered by."""

    def __init__(self, scripts: Sequence[Sequence[int]], vocab_size: int, max_length: int = 64) -> None:
        self.scripts, self.vocab_size, self.max_length = scripts, vocab_size, max_length
        self.live: dict[int, list[int]] = {}
        self.most = 0

    def prefill(self, slot: int, ids: Sequence[int]) -> np.ndarray:
        self.live[slot] = list(self.scripts[ids[0]])
        self.most = max(self.most, len(self.live))
        return self._next(slot)

    def decode(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray:
        return np.stack([self._next(slot) for slot in slots])

    def free(self, slot: int) -> None:
        self.live.pop(slot, None)

    def twin(self) -> ScriptedBackend:
        return ScriptedBackend(self.scripts, self.vocab_size, self.max_length)

    def _next(self, slot: int) -> np.ndarray:
        logits = np.zeros(self.vocab_size, dtype=np.float32)
        logits[self.live[slot].pop(0)] = 1.0
        return logits
