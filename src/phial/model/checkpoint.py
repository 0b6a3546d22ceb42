"""Checkpoints: Hugging Face folders that `transformers` loads unchanged as `Phi3ForCausalLM`."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from phial.model.decoder import Decoder
from phial.model.files import WEIGHTS, internal_name, published_name, read_config, read_tensors, read_tokenizer
from phial.tokens.tokenizer import Tokenizer

DTYPES = {"float32": torch.float32, "float16": torch.float16}


def save_checkpoint(folder: Path, model: Decoder, tokenizer: Tokenizer, dtype: str = "float32") -> None:
    """Write config.json, model.safetensors, the tokenizer, its chat template and generation_config.json.

    Args:
        folder: an existing folder.
        dtype: "float32" or "float16" on disk.
    """
    config = model.config
    tensors = {
        published_name(name): tensor.to(DTYPES[dtype]).contiguous() for name, tensor in model.state_dict().items()
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    facts = config.to_huggingface() | {"torch_dtype": dtype}
    (folder / "config.json").write_text(json.dumps(facts, indent=2) + "\n")
    tokenizer.save(folder)
    (folder / "chat_template.jinja").write_text(tokenizer.family.chat.template + "\n")
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
    tokenizer = read_tokenizer(folder, config)
    model = Decoder(config)
    tensors = read_tensors(folder, config, "pt")
    model.load_state_dict({internal_name(name): tensor.float() for name, tensor in tensors.items()})
    return model.eval(), tokenizer
