"""The metadata of a GGUF file, read into a ModelConfig; llama.cpp's keys, checked against the tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from phial.errors import PhialError
from phial.model.config import Experts, Layout, LongRope, ModelConfig
from phial.model.gguf_header import Header

LAYOUTS: dict[str, Layout] = {"phi2": "phi", "phi3": "phi3", "phimoe": "phimoe", "llama": "llama", "qwen2": "qwen2"}
# Tensors that are no weights but divisors of the rotary frequencies.
FACTORS = ("rope_factors_short.weight", "rope_factors_long.weight", "rope_freqs.weight")
# Converters of before June 2024 left the window out; every Phi-3 with a context of 4,096 has this one.
_PHI3_4K_WINDOW = 2047
# Phi-3.5-MoE has a scale of its own; converters drop it and write what the rule of the other models gives, 1.19.
_PHI35_MOE_SCALE = 1.243163121016122


class Facts:
    """Typed, bounded access to metadata; `{arch}` in a key stands for the architecture.

    Raises:
        PhialError: from any method, a key that is missing or of the wrong kind.
    """

    def __init__(self, metadata: Mapping[str, Any], where: str) -> None:
        self.metadata, self.where = metadata, where
        self.architecture = metadata.get("general.architecture")
        if not isinstance(self.architecture, str) or self.architecture not in LAYOUTS:
            known = ", ".join(LAYOUTS)
            raise PhialError(
                f"architecture {self.architecture!r} is not supported", where=where, do=f"give a GGUF of one of {known}"
            )

    def get(self, key: str) -> Any:
        """A value as it stands, or None; a list of one value a layer is that value where all agree."""
        key = key.format(arch=self.architecture)
        found = self.metadata.get(key)
        if isinstance(found, np.ndarray):
            if len(found) == 0 or (found != found[0]).any():
                raise PhialError(
                    f"{key} differs from layer to layer", where=self.where, do="give a model of the family"
                )
            return found[0].item()
        return found

    def whole(self, key: str, default: int | None = None, least: int = 1) -> int:
        """A whole number below 2 ** 31."""
        found = self.get(key)
        found = default if found is None else found
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found < 1 << 31:
            self.refuse(key, found, "a positive whole number")
        return found

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        found = self.get(key)
        found = default if found is None else found
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < 1e12:
            self.refuse(key, found, "a positive number")
        # Stored as float32, 1e-5 is not quite that; the shortest number that float32 rounds so is what was meant.
        return float(str(np.float32(found))) if np.float32(found) == found else float(found)

    def refuse(self, key: str, found: object, wanted: str) -> NoReturn:
        """Raise for a value."""
        key = key.format(arch=self.architecture)
        raise PhialError(f"{key} is {found!r}, not {wanted}", where=self.where, do="give a GGUF that llama.cpp loads")


def read_gguf_config(header: Header, factors: Mapping[str, tuple[float, ...]], where: str) -> ModelConfig:
    """The configuration that a GGUF file describes; biases and a tied head are told by which tensors there are.

    Args:
        header: of the file.
        factors: the values of those of the `FACTORS` that the file has.
        where: its path, for errors.

    Raises:
        PhialError: an architecture that is not of the family, a missing or malformed value, dimensions that no tensor
            has, or a setting that this decoder does not compute.
    """
    facts = Facts(header.metadata, where)
    layout, tensors = LAYOUTS[str(facts.architecture)], header.tensors
    embedding = tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2:
        raise PhialError("tensor token_embd.weight is missing or no matrix", where=where, do="give a complete file")
    width, heads = facts.whole("{arch}.embedding_length"), facts.whole("{arch}.attention.head_count")
    head_dim = facts.whole("{arch}.attention.key_length", width // heads or 1)
    if facts.whole("{arch}.attention.value_length", head_dim) != head_dim:
        raise PhialError("values are not as wide as keys", where=where, do="give a model of the family")
    rotary = facts.whole("{arch}.rope.dimension_count", head_dim)
    layers = facts.whole("{arch}.block_count")
    experts = facts.whole("{arch}.expert_count", 0, least=0)
    # Nothing may be sized by a number that the tensors do not bear out.
    widest = max(max(info.shape) for info in tensors.values())
    for key, found, most in (
        ("{arch}.block_count", layers, len(tensors)),
        ("{arch}.embedding_length", width, widest),
        ("{arch}.attention.head_count", heads, widest),
        ("{arch}.attention.key_length", head_dim, widest),
        ("{arch}.rope.dimension_count", rotary, head_dim),
        ("{arch}.expert_count", experts, widest),
    ):
        if found > most:
            facts.refuse(key, found, f"at most {most:,}, as the tensors say")
    if layout == "llama" and rotary != head_dim:
        raise PhialError("partly rotated heads in the llama architecture", where=where, do="give another file")
    if (experts > 0) != (layout == "phimoe"):
        raise PhialError(f"{experts} experts in architecture {facts.architecture}", where=where, do="give another file")
    if experts and facts.whole("{arch}.expert_used_count", 2) != 2:
        raise PhialError("SparseMixer routes to two experts", where=where, do="give a file of Phi-3.5-MoE")
    context = facts.whole("{arch}.context_length")
    layered = layout in ("phi", "phimoe")
    eps = "layer_norm_epsilon" if layout == "phi" else "layer_norm_rms_epsilon"
    eos = _token(facts, "eos", 1)
    biased = {
        "attention_bias": "blk.0.attn_qkv.bias" in tensors or "blk.0.attn_q.bias" in tensors,
        "output_bias": "blk.0.attn_output.bias" in tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in tensors,
        "head_bias": "output.bias" in tensors,
    }
    return ModelConfig(
        vocab_size=embedding.shape[0],
        hidden_size=width,
        intermediate_size=facts.whole("{arch}.feed_forward_length"),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=facts.whole("{arch}.attention.head_count_kv", heads),
        max_position_embeddings=context,
        layout=layout,
        rope_theta=facts.number("{arch}.rope.freq_base", 10_000.0),
        partial_rotary_factor=_factor(rotary, head_dim),
        longrope=_longrope(factors, facts, layout, context),
        norm="layer" if layered else "rms",
        rms_norm_eps=facts.number("{arch}.attention." + eps, 1e-5),
        parallel=layout == "phi",
        activation="gelu_new" if layout == "phi" else "silu",
        sliding_window=_window(facts, layout, context),
        experts=Experts(experts) if experts else None,
        head_size=None if head_dim * heads == width else head_dim,
        tie_word_embeddings="output.weight" not in tensors,
        bos_token_id=_token(facts, "bos", 0),
        eos_token_id=eos,
        pad_token_id=_token(facts, "padding", eos),
        **biased,
    )


def _token(facts: Facts, name: str, default: int) -> int:
    return facts.whole(f"tokenizer.ggml.{name}_token_id", default, least=0)


def _window(facts: Facts, layout: Layout, context: int) -> int | None:
    found = facts.get("{arch}.attention.sliding_window")
    if found is None:
        return _PHI3_4K_WINDOW if layout == "phi3" and context == 4096 else None
    return facts.whole("{arch}.attention.sliding_window", least=0) or None


def _factor(rotary: int, head_dim: int) -> float:
    """The share of a head that makes `ModelConfig.rotary_dim` come out right after truncation."""
    factor = rotary / head_dim
    return factor if int(head_dim * factor) == rotary else math.nextafter(factor, 2)


def _longrope(factors: Mapping[str, tuple[float, ...]], facts: Facts, layout: Layout, context: int) -> LongRope | None:
    kind = facts.get("{arch}.rope.scaling.type")
    unscaled = kind == "linear" and facts.get("{arch}.rope.scaling.factor") in (None, 0.0, 1.0)
    if kind not in (None, "none", "longrope") and not unscaled:
        raise PhialError(f"rope scaling {kind!r} is not supported", where=facts.where, do="give a model without it")
    every = factors.get("rope_freqs.weight")
    if every is not None:  # Llama 3.1's factors, the same at every length
        return LongRope(every, every, max(context, 2), 1.0, 1.0)
    short, long = factors.get("rope_factors_short.weight"), factors.get("rope_factors_long.weight")
    if short is None and long is None and kind != "longrope":
        return None
    if short is None or long is None:
        raise PhialError("a tensor of rope_factors is missing", where=facts.where, do="give a complete file")
    original = facts.whole("{arch}.rope.scaling.original_context_length", context, least=2)
    key = "{arch}.rope.scaling.attn_factor"
    scale = None if facts.get(key) is None else facts.number(key)
    if layout == "phimoe" and (original, context) == (4096, 131072):
        scale = _PHI35_MOE_SCALE
    return LongRope(short, long, original, scale, scale)
