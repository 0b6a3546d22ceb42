"""Random checkpoints and scripted models for the tests of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from phial.engine.backend import Work
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
        self.config = tiny_config(vocab_size=vocab_size, max_position_embeddings=max_length)
        self.live: dict[int, list[int]] = {}
        self.starts: dict[int, int] = {}
        self.most = 0

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        handle = next(handle for handle in range(len(self.live) + 1) if handle not in self.live)
        self.live[handle] = []
        self.starts[handle] = len(ids)
        self.most = max(self.most, len(self.live))
        return handle, 0

    def length(self, sequence: int) -> int:
        return len(self.live[sequence])

    def trim(self, sequence: int, length: int) -> None:
        del self.live[sequence][length:]

    def free(self, sequence: int) -> None:
        del self.live[sequence]

    def room(self) -> int:
        return 1 << 30

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        results = []
        for piece in work:
            held = self.live[piece.sequence]
            held.extend(piece.ids)
            logits = np.zeros((piece.wanted, self.vocab_size), dtype=np.float32)
            for row in range(piece.wanted):
                written = len(held) - piece.wanted + row + 1 - self.starts[piece.sequence]
                logits[row, self.scripts[held[0]][written]] = 1.0
            results.append(logits)
        return results

    def twin(self) -> ScriptedBackend:
        return ScriptedBackend(self.scripts, self.vocab_size, self.max_length)
