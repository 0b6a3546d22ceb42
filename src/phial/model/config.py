"""ModelConfig: every dimension of a decoder, in the names that Hugging Face configs use."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from phial.errors import PhialError


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a Phi-3 block decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases.

    Attributes:
        vocab_size: rows of the embedding.
        hidden_size: width of the residual stream.
        intermediate_size: width of the SwiGLU between its two projections.
        num_hidden_layers: number of blocks.
        num_attention_heads: query heads; head_dim = hidden_size / num_attention_heads.
        num_key_value_heads: key and value heads, each shared by a group of query heads (GQA).
        max_position_embeddings: longest sequence, in tokens.
        rope_theta: base of the rotary frequencies.
        rms_norm_eps: added to the mean square inside RMSNorm.
        tie_word_embeddings: the output head is the embedding, transposed.
        bos_token_id: opens every document.
        eos_token_id: closes every document.
        pad_token_id: fills batches; never scored.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5
    tie_word_embeddings: bool = True
    bos_token_id: int = 0
    eos_token_id: int = 1
    pad_token_id: int = 1

    def __post_init__(self) -> None:
        for name in (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "max_position_embeddings",
        ):
            if getattr(self, name) <= 0:
                raise PhialError(f"{name} = {getattr(self, name)}", where="model configuration", do="make it positive")
        if self.hidden_size % self.num_attention_heads or self.head_dim % 2:
            raise PhialError(
                f"hidden_size {self.hidden_size} over {self.num_attention_heads} heads is no even head size",
                where="model configuration",
                do="choose hidden_size as a multiple of 2 * num_attention_heads",
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise PhialError(
                f"{self.num_attention_heads} query heads can't share {self.num_key_value_heads} key-value heads",
                where="model configuration",
                do="choose num_key_value_heads as a divisor of num_attention_heads",
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def parameters(self) -> int:
        """Exact number of trainable parameters (a tied head counts once)."""
        width, inner = self.hidden_size, self.intermediate_size
        qkv = (self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim * width
        block = qkv + width * width + 3 * width * inner + 2 * width
        embeddings = self.vocab_size * width * (1 if self.tie_word_embeddings else 2)
        return embeddings + self.num_hidden_layers * block + width

    def to_huggingface(self) -> dict[str, Any]:
        """The config.json of a `Phi3ForCausalLM` folder, with the old top-level `rope_theta`.

        vLLM and llama.cpp's converter read the old form; transformers reads both.
        """
        return {
            "architectures": ["Phi3ForCausalLM"],
            "model_type": "phi3",
            **asdict(self),
            "original_max_position_embeddings": self.max_position_embeddings,
            "hidden_act": "silu",
            "attention_dropout": 0.0,
            "embd_pdrop": 0.0,
            "resid_pdrop": 0.0,
            "initializer_range": 0.02,
            "partial_rotary_factor": 1.0,
            "rope_scaling": None,
            "sliding_window": None,
            "use_cache": True,
            "torch_dtype": "float32",
        }

    @classmethod
    def from_huggingface(cls, config: dict[str, Any], where: str) -> ModelConfig:
        """Read a phi3 config.json.

        Raises:
            PhialError: another architecture, a missing key, or a feature this decoder does not compute.
        """
        if config.get("model_type") != "phi3":
            raise PhialError(
                f"model_type {config.get('model_type')!r} is not supported", where=where, do="give a phi3 checkpoint"
            )
        rope = config.get("rope_parameters") or {}
        unsupported = {
            "rope_scaling": config.get("rope_scaling"),
            "sliding_window": config.get("sliding_window"),
            "rope_type": None if rope.get("rope_type", "default") == "default" else rope["rope_type"],
            "partial_rotary_factor": None if config.get("partial_rotary_factor", 1.0) == 1.0 else "not 1.0",
        }
        for key, value in unsupported.items():
            if value is not None:
                raise PhialError(f"{key} = {value} is not supported", where=where, do="give a plain phi3 checkpoint")
        values = {f.name: config[f.name] for f in fields(cls) if f.name in config}
        values.setdefault("rope_theta", rope.get("rope_theta", 10_000.0))
        missing = [f.name for f in fields(cls) if f.name not in values and f.default is f.default_factory]
        if missing:
            raise PhialError(f"config.json lacks {', '.join(missing)}", where=where, do="give a complete checkpoint")
        return cls(**values)
