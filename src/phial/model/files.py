"""What is in a checkpoint folder, read without torch: configuration, tokenizer and weights, all checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.tokens.tokenizer import Tokenizer, load_tokenizer

WEIGHTS = "model.safetensors"
DTYPES = {"F32": "float32", "F16": "float16"}  # safetensors' names of what numpy and torch both read


def published_name(name: str) -> str:
    """The tensor name that Hugging Face uses for a `Decoder` parameter."""
    return name if name.startswith("lm_head") else f"model.{name}"


def internal_name(name: str) -> str:
    """The `Decoder` parameter that a published tensor name belongs to."""
    return name.removeprefix("model.")


def tensor_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor that a checkpoint of this configuration holds, by published name."""
    width, inner = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads + 2 * config.num_key_value_heads
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.vocab_size, width)}
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}."
        shapes |= {
            layer + "input_layernorm.weight": (width,),
            layer + "self_attn.qkv_proj.weight": (heads * config.head_dim, width),
            layer + "self_attn.o_proj.weight": (width, width),
            layer + "post_attention_layernorm.weight": (width,),
            layer + "mlp.gate_up_proj.weight": (2 * inner, width),
            layer + "mlp.down_proj.weight": (width, inner),
        }
    shapes["model.norm.weight"] = (width,)
    if not config.tie_word_embeddings:
        shapes["lm_head.weight"] = (config.vocab_size, width)
    return shapes


def read_config(folder: Path) -> ModelConfig:
    """Read config.json.

    Raises:
        PhialError: it is missing, no JSON, or describes another architecture.
    """
    path = folder / "config.json"
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        advice = "give a checkpoint folder"
        raise PhialError(f"no readable config.json: {error}", where=str(folder), do=advice) from error
    return ModelConfig.from_huggingface(facts, str(path))


def read_tokenizer(folder: Path, config: ModelConfig) -> Tokenizer:
    """Read the tokenizer of a checkpoint.

    Raises:
        PhialError: it is missing, damaged, or has more ids than the model.
    """
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size > config.vocab_size:
        raise PhialError(
            f"tokenizer has {tokenizer.vocab_size} ids, the model only {config.vocab_size}",
            where=str(folder),
            do="use the tokenizer that the model was trained with",
        )
    return tokenizer


def read_tensors(folder: Path, config: ModelConfig, framework: Literal["np", "pt"]) -> dict[str, Any]:
    """Read model.safetensors after checking its names, shapes and types against the configuration.

    Args:
        folder: a checkpoint folder.
        config: what config.json says.
        framework: "np" for numpy arrays, "pt" for torch tensors.

    Returns:
        Every tensor as stored, by published name.

    Raises:
        PhialError: the file is missing or damaged, or a tensor is missing, extra, or of the wrong shape or type.
    """
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework=framework) as file:
            shapes = tensor_shapes(config)
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            _check_shapes(path, shapes, {name: tuple(found.get_shape()) for name, found in slices.items()})
            _check_types(path, {name: found.get_dtype() for name, found in slices.items()})
            return {name: file.get_tensor(name) for name in shapes}
    except FileNotFoundError as error:
        raise PhialError("weights are missing", where=str(path), do="give a complete checkpoint folder") from error
    except SafetensorError as error:
        raise PhialError(f"weights are damaged: {error}", where=str(path), do="get or make the file again") from error


def _check_shapes(path: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    for name, shape in expected.items():
        if name not in found:
            raise PhialError(f"tensor {name} is missing", where=str(path), do="give a complete checkpoint")
        if shape != found[name]:
            raise PhialError(
                f"tensor {name} has shape {list(found[name])}, config.json asks for {list(shape)}",
                where=str(path),
                do="use weights and config.json of the same model",
            )
    extra = sorted(set(found) - set(expected))
    if extra:
        advice = "use weights and config.json of the same model"
        raise PhialError(f"unexpected tensor {extra[0]}", where=str(path), do=advice)


def _check_types(path: Path, found: dict[str, str]) -> None:
    for name, dtype in found.items():
        if dtype not in DTYPES:
            raise PhialError(
                f"tensor {name} is stored as {dtype}", where=str(path), do=f"store it as {' or '.join(DTYPES.values())}"
            )
