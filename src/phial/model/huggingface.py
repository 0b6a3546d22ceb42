"""config.json of each layout, read into a ModelConfig and written from one.

Both forms of the rotary settings are read: `rope_theta` with `rope_scaling` (until transformers 4), and
`rope_parameters` (since 5). The old form is written, because vLLM and llama.cpp's converter read only that one and
transformers reads both. `auto_map`, the pointer to code that a checkpoint would run, is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phial.errors import PhialError
from phial.model.config import BlockSparse, Experts, Layout, ModelConfig
from phial.model.rope_scaling import read_rope_scaling, write_rope_scaling
from phial.model.vision.config import read_vision, write_vision

ARCHITECTURES: dict[Layout, str] = {
    "phi": "PhiForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "phi3small": "Phi3SmallForCausalLM",
    "phimoe": "PhiMoEForCausalLM",
    "phi3_v": "Phi3VForCausalLM",
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "starcoder2": "Starcoder2ForCausalLM",  # the block that Phi-3 is often described with, LayerNorm and plain GELU
}
_DIMENSIONS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "max_position_embeddings",
)  # fmt: skip
_EPSILON = {"phi": "layer_norm_eps", "phi3small": "layer_norm_epsilon", "starcoder2": "norm_epsilon"}
_ACTIVATIONS = {"phi": ("gelu_new",), "phi3small": ("gegelu",), "starcoder2": ("gelu", "gelu_pytorch_tanh")}
_PHI_3_SMALL_DUMMIES = (100256, 100258, 100259, 100260, 100264, 100265, *range(100267, 100352))


def read_huggingface(facts: Mapping[str, Any], where: str) -> ModelConfig:
    """The configuration that a config.json describes.

    Args:
        facts: the parsed file.
        where: its path, for errors.

    Raises:
        PhialError: an architecture that is not of the family, a missing or malformed value, or a setting that this
            decoder does not compute.
    """
    layout = facts.get("model_type")
    if layout not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise PhialError(f"model_type {layout!r} is not supported", where=where, do=f"give one of {known}")
    if layout == "phi3small" and "intermediate_size" not in facts:
        facts = {**facts, "intermediate_size": facts.get("ff_intermediate_size")}
    values: dict[str, Any] = {"layout": layout}
    for name in _DIMENSIONS:
        values[name] = _whole(facts, name, where)
    heads = facts.get("num_key_value_heads")
    values["num_key_value_heads"] = (
        values["num_attention_heads"] if heads is None else _whole(facts, "num_key_value_heads", where)
    )
    rope = facts.get("rope_parameters") or facts.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        raise PhialError("the rotary settings are no table", where=where, do="give rope_parameters as an object")
    values["rope_theta"] = _number(facts, rope, "rope_theta", 10_000.0, where)
    if layout == "phi3small":
        values["rope_theta"] = _number(facts, rope, "rope_embedding_base", 1_000_000.0, where)
    partial = {"phi": 0.5}.get(layout, 1.0)
    values["partial_rotary_factor"] = _number(facts, rope, "partial_rotary_factor", partial, where)
    values["rms_norm_eps"] = _number(facts, {}, _EPSILON.get(layout, "rms_norm_eps"), 1e-5, where)
    values["tie_word_embeddings"] = bool(facts.get("tie_word_embeddings", layout in ("phi3small", "starcoder2")))
    for name, default in (("bos_token_id", 0), ("eos_token_id", 1), ("pad_token_id", None)):
        found = facts.get(name)
        found = found[0] if isinstance(found, list) and found else found
        values[name] = found if isinstance(found, int) else default
    values["pad_token_id"] = values["eos_token_id"] if values["pad_token_id"] is None else values["pad_token_id"]
    window = facts.get("sliding_window")
    if layout == "qwen2" and not facts.get("use_sliding_window", False):
        window = None
    if window is not None:
        values["sliding_window"] = _whole(facts, "sliding_window", where)
    if facts.get("head_dim"):
        size = _whole(facts, "head_dim", where)
        values["head_size"] = None if size * values["num_attention_heads"] == values["hidden_size"] else size
    config = ModelConfig(**values | _family(layout, facts, where))
    # only now: factors are made one a frequency, and how many those are has been checked
    scaling = read_rope_scaling(facts, rope, config.rope_theta, config.rotary_dim // 2, where)
    return config if scaling is None else replace(config, longrope=scaling)


def _family(layout: Layout, facts: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What a layout's architecture fixes, and the settings that only it has."""
    activation = facts.get(
        "hidden_act", {"phi": "gelu_new", "phi3small": "gegelu", "starcoder2": "gelu_pytorch_tanh"}.get(layout, "silu")
    )
    expected = _ACTIVATIONS.get(layout, ("silu", "swish"))
    if activation not in expected:
        raise PhialError(
            f"hidden_act {activation!r} is not supported for {layout}", where=where, do=f"give {expected[0]}"
        )
    if layout == "phi":
        if facts.get("qk_layernorm"):
            raise PhialError("qk_layernorm is not supported", where=where, do="give a released phi model")
        return {
            "norm": "layer", "parallel": True, "activation": "gelu_new", "attention_bias": True, "output_bias": True,
            "mlp_bias": True, "head_bias": True,
        }  # fmt: skip
    if layout == "phi3small":
        return _phi3small(facts, where)
    if layout == "phimoe":
        biased = bool(facts.get("attention_bias", False))
        experts = Experts(
            _whole(facts, "num_local_experts", where),
            _number(facts, {}, "router_jitter_noise", 0.01, where),
            _number(facts, {}, "router_aux_loss_coef", 0.001, where),
        )
        if facts.get("num_experts_per_tok", 2) != 2:
            raise PhialError("SparseMixer routes to two experts", where=where, do="give num_experts_per_tok = 2")
        return {
            "norm": "layer", "attention_bias": biased, "output_bias": biased,
            "head_bias": bool(facts.get("lm_head_bias", False)), "experts": experts,
        }  # fmt: skip
    if layout == "phi3_v":
        return {"vision": read_vision(facts, where)}
    if layout == "qwen2":
        return {"attention_bias": True}
    if layout == "starcoder2":
        biased = bool(facts.get("use_bias", True))
        return {
            "norm": "layer", "activation": "gelu" if activation == "gelu" else "gelu_new", "attention_bias": biased,
            "output_bias": biased, "mlp_bias": biased,
        }  # fmt: skip
    if layout == "llama":
        biased = bool(facts.get("attention_bias", False))
        return {"attention_bias": biased, "output_bias": biased, "mlp_bias": bool(facts.get("mlp_bias", False))}
    return {}


def _phi3small(facts: Mapping[str, Any], where: str) -> dict[str, Any]:
    if facts.get("blocksparse_homo_head_pattern"):
        raise PhialError("blocksparse_homo_head_pattern is not supported", where=where, do="give a released model")
    scaled = facts.get("mup_use_scaling", True)
    width = _number(facts, {}, "mup_width_multiplier", 8.0, where)
    head = _whole(facts, "hidden_size", where) // _whole(facts, "num_attention_heads", where)
    dummies = facts.get("dummy_token_indices", _PHI_3_SMALL_DUMMIES if facts.get("vocab_size") == 100352 else ())
    if not isinstance(dummies, (list, tuple)) or not all(type(index) is int for index in dummies):
        raise PhialError("dummy_token_indices is no list of ids", where=where, do="give a list of whole numbers")
    return {
        "norm": "layer", "activation": "gegelu", "attention_bias": True, "output_bias": True, "mlp_bias": True,
        "gegelu_limit": _number(facts, {}, "gegelu_limit", 20.0, where),
        "embedding_multiplier": _number(facts, {}, "mup_embedding_multiplier", 10.0, where) if scaled else 1.0,
        "attention_scale": _number(facts, {}, "mup_attn_multiplier", 1.0, where) / head if scaled else None,
        "logit_divisor": width if scaled else 1.0,
        "dummy_token_ids": tuple(dummies),
        "blocksparse": BlockSparse(
            _whole(facts, "blocksparse_block_size", where),
            _whole(facts, "blocksparse_num_local_blocks", where),
            _whole(facts, "blocksparse_vert_stride", where),
            _whole(facts, "dense_attention_every_n_layers", where),
        ),
    }  # fmt: skip


def _whole(facts: Mapping[str, Any], name: str, where: str) -> int:
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 31:
        raise PhialError(f"{name} is {value!r}", where=where, do="give a positive whole number")
    return value


def _number(facts: Mapping[str, Any], rope: Mapping[str, Any], name: str, default: float, where: str) -> float:
    value = rope.get(name, facts.get(name, default))
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e12:
        raise PhialError(f"{name} is {value!r}", where=where, do="give a positive number")
    return float(value)


def write_huggingface(config: ModelConfig) -> dict[str, Any]:
    """The config.json of a configuration, in its layout's own keys.

    Raises:
        PhialError: flags that no published layout has together.
    """
    facts: dict[str, Any] = {
        "architectures": [ARCHITECTURES[config.layout]],
        "model_type": config.layout,
        **{name: getattr(config, name) for name in (*_DIMENSIONS, "num_key_value_heads", "rope_theta")},
        "tie_word_embeddings": config.tie_word_embeddings,
        "bos_token_id": config.bos_token_id,
        "eos_token_id": config.eos_token_id,
        "pad_token_id": config.pad_token_id,
        "sliding_window": config.sliding_window,
        "rope_scaling": write_rope_scaling(config),
        "initializer_range": 0.02,
        "use_cache": True,
        "torch_dtype": "float32",
    }
    if config.head_size is not None:
        facts["head_dim"] = config.head_size
    if config.longrope is not None or config.layout in ("phi3", "phi3_v"):
        rope = config.longrope
        facts["original_max_position_embeddings"] = (
            rope.original_max_position_embeddings if rope else config.max_position_embeddings
        )
    facts |= _family_keys(config)
    if _flags(read_huggingface(facts, "config.json")) != _flags(config):
        raise PhialError(
            f"no {config.layout} config.json can say this configuration",
            where="model configuration",
            do="change only what that architecture has settings for, or keep the weights in memory",
        )
    return facts


def _flags(config: ModelConfig) -> dict[str, Any]:
    return {name: value for name, value in vars(config).items() if name != "shapes"}


def _family_keys(config: ModelConfig) -> dict[str, Any]:
    match config.layout:
        case "phi":
            return {
                "hidden_act": "gelu_new", "layer_norm_eps": config.rms_norm_eps, "qk_layernorm": False,
                "partial_rotary_factor": config.partial_rotary_factor, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
            }  # fmt: skip
        case "phi3" | "phi3_v":
            facts: dict[str, Any] = {
                "hidden_act": "silu", "rms_norm_eps": config.rms_norm_eps, "attention_dropout": 0.0, "embd_pdrop": 0.0,
                "resid_pdrop": 0.0, "partial_rotary_factor": config.partial_rotary_factor,
            }  # fmt: skip
            return facts if config.vision is None else facts | write_vision(config.vision)
        case "phi3small":
            sparse = config.blocksparse or BlockSparse()
            return {
                "hidden_act": "gegelu", "gegelu_limit": config.gegelu_limit, "gegelu_pad_to_256": True,
                "ff_intermediate_size": config.intermediate_size, "layer_norm_epsilon": config.rms_norm_eps,
                "rope_embedding_base": config.rope_theta, "rope_position_scale": 1.0, "mup_use_scaling": True,
                "mup_width_multiplier": config.logit_divisor, "mup_embedding_multiplier": config.embedding_multiplier,
                "mup_attn_multiplier": config.scale * config.head_dim, "blocksparse_block_size": sparse.block_size,
                "blocksparse_num_local_blocks": sparse.local_blocks, "blocksparse_vert_stride": sparse.stride,
                "blocksparse_triton_kernel_block_size": sparse.block_size, "blocksparse_homo_head_pattern": False,
                "dense_attention_every_n_layers": sparse.dense_every,
                "dummy_token_indices": list(config.dummy_token_ids), "pad_sequence_to_multiple_of_64": True,
            }  # fmt: skip
        case "phimoe":
            experts = config.experts or Experts()
            return {
                "hidden_act": "silu", "rms_norm_eps": config.rms_norm_eps, "attention_bias": config.attention_bias,
                "lm_head_bias": config.head_bias, "num_local_experts": experts.count, "num_experts_per_tok": 2,
                "router_jitter_noise": experts.jitter, "input_jitter_noise": 0.0,
                "router_aux_loss_coef": experts.auxiliary_weight,
            }  # fmt: skip
        case "llama":
            return {
                "hidden_act": "silu", "rms_norm_eps": config.rms_norm_eps, "attention_bias": config.attention_bias,
                "mlp_bias": config.mlp_bias,
            }  # fmt: skip
        case "starcoder2":
            return {
                "hidden_act": "gelu" if config.activation == "gelu" else "gelu_pytorch_tanh",
                "norm_epsilon": config.rms_norm_eps, "use_bias": config.mlp_bias,
            }  # fmt: skip
        case "qwen2":
            return {
                "hidden_act": "silu", "rms_norm_eps": config.rms_norm_eps,
                "use_sliding_window": config.sliding_window is not None,
            }  # fmt: skip
