"""Checkpoints: Hugging Face folders that `transformers` loads unchanged as `Phi3ForCausalLM`."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.tokens.chat import TEMPLATE
from phial.tokens.tokenizer import Tokenizer, load_tokenizer

WEIGHTS = "model.safetensors"
DTYPES = {"float32": torch.float32, "float16": torch.float16}


def save_checkpoint(folder: Path, model: Decoder, tokenizer: Tokenizer, dtype: str = "float32") -> None:
    """Write config.json, model.safetensors, the tokenizer, its chat template and generation_config.json.

    Args:
        folder: an existing folder.
        dtype: "float32" or "float16" on disk.
    """
    config = model.config
    tensors = {_published(name): tensor.to(DTYPES[dtype]).contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    facts = config.to_huggingface() | {"torch_dtype": dtype}
    (folder / "config.json").write_text(json.dumps(facts, indent=2) + "\n")
    tokenizer.save(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE + "\n")
    generation = {
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": list(tokenizer.stop_ids),
        "pad_token_id": config.pad_token_id,
        "do_sample": False,
    }
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def load_checkpoint(folder: Path) -> tuple[Decoder, Tokenizer]:
    """Load a model and its tokenizer from a checkpoint folder, weights widened to float32.

    Raises:
        PhialError: a missing or damaged file, or a tensor that is missing, extra or of the wrong shape.
    """
    config = read_config(folder)
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size > config.vocab_size:
        raise PhialError(
            f"tokenizer has {tokenizer.vocab_size} ids, the model only {config.vocab_size}",
            where=str(folder),
            do="use the tokenizer that the model was trained with",
        )
    model = Decoder(config)
    expected = {_published(name): tensor for name, tensor in model.state_dict().items()}
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="pt") as file:
            _check_shapes(path, expected, {name: file.get_slice(name).get_shape() for name in file.keys()})
            state = {_internal(name): file.get_tensor(name).float() for name in expected}
    except FileNotFoundError as error:
        raise PhialError("weights are missing", where=str(path), do="give a complete checkpoint folder") from error
    except SafetensorError as error:
        raise PhialError(f"weights are damaged: {error}", where=str(path), do="get or make the file again") from error
    model.load_state_dict(state)
    return model.eval(), tokenizer


def read_config(folder: Path) -> ModelConfig:
    """Read config.json.

    Raises:
        PhialError: it is missing, no JSON, or describes another architecture.
    """
    path = folder / "config.json"
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PhialError(f"no readable config.json: {error}", where=str(folder), do="give a checkpoint folder") from error
    return ModelConfig.from_huggingface(facts, str(path))


def _published(name: str) -> str:
    return name if name.startswith("lm_head") else f"model.{name}"


def _internal(name: str) -> str:
    return name.removeprefix("model.")


def _check_shapes(path: Path, expected: dict[str, Tensor], found: dict[str, list[int]]) -> None:
    for name, tensor in expected.items():
        if name not in found:
            raise PhialError(f"tensor {name} is missing", where=str(path), do="give a complete checkpoint")
        if list(tensor.shape) != list(found[name]):
            raise PhialError(
                f"tensor {name} has shape {list(found[name])}, config.json asks for {list(tensor.shape)}",
                where=str(path),
                do="use weights and config.json of the same model",
            )
    extra = sorted(set(found) - set(expected))
    if extra:
        raise PhialError(f"unexpected tensor {extra[0]}", where=str(path), do="use weights and config.json of one model")
