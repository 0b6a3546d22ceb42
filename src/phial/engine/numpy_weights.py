"""The weights of a plain Phi-3 block as `NumpyBackend` multiplies with them.

What they allow is folded into them once, so that a step makes few numpy calls: the gains of the norms and the
attention scale go into the matrices after them; half of SiLU's argument goes into the gate, because
silu(g) = h (1 + tanh h) with h = g / 2 never overflows; and the pairs that rotary positions turn, x_i and x_{i + d/2},
are moved side by side, so that one complex product turns them all. Queries and keys move alike, so their products stay
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from phial.errors import PhialError
from phial.model.adapter import Adapter
from phial.model.config import ModelConfig

# what may differ between the models that this backend runs
_DIMENSIONS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "max_position_embeddings", "rope_theta", "rms_norm_eps", "tie_word_embeddings", "bos_token_id", "eos_token_id",
    "pad_token_id",
)  # fmt: skip


def computes(config: ModelConfig) -> bool:
    """Whether a model is the plain Phi-3 block."""
    return ModelConfig(**{name: getattr(config, name) for name in _DIMENSIONS}) == replace(config, layout="phi3")


Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Layer:
    """One block."""

    prefix: str  # of its parameters' names
    qkv: np.ndarray  # [hidden_size, (heads + 2 * kv_heads) * head_dim]
    out: np.ndarray  # [hidden_size, hidden_size]
    gate_up: np.ndarray  # [hidden_size, 2 * intermediate_size]
    down: np.ndarray  # [intermediate_size, hidden_size]


class Weights:
    """A model's matrices, transposed, and what was folded into them.

    Args:
        config: the model's dimensions.
        tensors: every parameter by its name in memory, float32 or float16.

    Attributes:
        embedding: [vocab_size, hidden_size].
        head: [hidden_size, vocab_size].
        layers: the blocks.
        phases: complex64 [max_length, head_dim / 2].

    Raises:
        PhialError: the model is not the plain Phi-3 block.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, np.ndarray]) -> None:
        if not computes(config):
            raise PhialError(
                "this engine computes the plain Phi-3 block only (full attention and rotation, RMSNorm, SwiGLU)",
                where="numpy backend",
                do="load other models with phial.load and run them in torch",
            )
        self._config = config
        self._gains = {name: array.astype(np.float32) for name, array in tensors.items() if array.ndim == 1}
        self.embedding = np.ascontiguousarray(tensors["embed_tokens.weight"], dtype=np.float32)
        head = self.embedding if config.tie_word_embeddings else tensors["lm_head.weight"].astype(np.float32)
        self.head = _transposed(self._inputs("lm_head", head))
        self.layers = [self._layer(tensors, f"layers.{index}.") for index in range(config.num_hidden_layers)]
        self.phases = _phases(config)

    def adapt(self, adapter: Adapter) -> dict[str, Pair]:
        """What an adapter adds to the matrices, by their names: x @ first @ second.

        Raises:
            PhialError: it does not fit the model.
        """
        pairs = {}
        for name, parts in adapter.parts.items():
            rows, columns = self._config.shapes.get(f"{name}.weight", (0, 0))
            if any(part.lora_a.shape[1] != columns or part.first + len(part.lora_b) > rows for part in parts):
                raise PhialError(f"the adapter does not fit {name}", where="engine", do="give the model's own")
            lora_a = np.concatenate([part.lora_a for part in parts])
            lora_b, rank = np.zeros((rows, len(lora_a)), np.float32), 0
            for part in parts:
                last = rank + len(part.lora_a)
                lora_b[part.first : part.first + len(part.lora_b), rank:last] = part.lora_b
                rank = last
            pairs[name] = _transposed(self._inputs(name, lora_a)), _transposed(self._outputs(name, lora_b))
        return pairs

    def _layer(self, tensors: Mapping[str, np.ndarray], prefix: str) -> Layer:
        names = ("self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj")
        folded = []
        for name in (prefix + name for name in names):
            matrix = self._inputs(name, tensors[f"{name}.weight"].astype(np.float32))
            folded.append(_transposed(self._outputs(name, matrix)))
        return Layer(prefix, *folded)

    def _inputs(self, name: str, matrix: np.ndarray) -> np.ndarray:
        """[any, columns] times the gain of the norm that the matrix of that name reads."""
        layer, _, kind = name.rpartition(".")
        layer = layer.removesuffix("self_attn").removesuffix("mlp")
        norms = {"qkv_proj": "input_layernorm", "gate_up_proj": "post_attention_layernorm", "lm_head": "norm"}
        return matrix * self._gains[f"{layer}{norms[kind]}.weight"] if kind in norms else matrix

    def _outputs(self, name: str, matrix: np.ndarray) -> np.ndarray:
        """[rows, any] with what follows on the matrix of that name folded into its rows."""
        config = self._config
        if name.endswith("gate_up_proj"):
            halved = matrix.copy()
            halved[: config.intermediate_size] *= 0.5
            return halved
        if not name.endswith("qkv_proj"):
            return matrix
        heads, kv_heads, head_dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        qkv = matrix.reshape(heads + 2 * kv_heads, head_dim, -1).copy()
        qkv[:heads] *= head_dim**-0.5
        halves = qkv[: heads + kv_heads].reshape(heads + kv_heads, 2, head_dim // 2, -1)
        qkv[: heads + kv_heads] = halves.swapaxes(1, 2).reshape(heads + kv_heads, head_dim, -1)
        return qkv.reshape(matrix.shape)


def _phases(config: ModelConfig) -> np.ndarray:
    """exp(i * position * frequency), in float32 throughout as the torch model computes it."""
    exponents = -np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
    frequencies = np.float32(config.rope_theta) ** exponents
    angles = np.outer(np.arange(config.max_position_embeddings, dtype=np.float32), frequencies)
    return (np.cos(angles) + 1j * np.sin(angles)).astype(np.complex64)


def _transposed(matrix: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(matrix.T)
