"""Checkpoints: Hugging Face folders in each family's own layout, loaded tensor by tensor from the memory map."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import INDEX, PREPROCESSOR, WEIGHTS, open_tensors, read_config, read_tokenizer
from phial.model.huggingface import write_huggingface
from phial.model.layout import Source, sources
from phial.model.vision.config import write_preprocessor
from phial.tokens.tokenizer import Tokenizer

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
SHARD_BYTES = 5_000_000_000


def save_checkpoint(
    folder: Path, model: Decoder, tokenizer: Tokenizer, dtype: str = "float32", shard_bytes: int = SHARD_BYTES
) -> None:
    """Write config.json, the weights, the tokenizer, its chat template and generation_config.json.

    Args:
        folder: an existing folder.
        model: the decoder.
        tokenizer: its tokenizer.
        dtype: "float32", "float16" or "bfloat16" on disk.
        shard_bytes: largest weight file; more of them get an index.

    Raises:
        PhialError: the model's flags have no published layout.
    """
    config = model.config
    save_weights(folder, model, dtype, shard_bytes)
    tokenizer.save(folder)
    (folder / "chat_template.jinja").write_text(tokenizer.family.chat.template + "\n")
    generation = {
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": list(tokenizer.stop_ids),
        "pad_token_id": config.pad_token_id,
        "do_sample": False,
    }
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def save_weights(folder: Path, model: Decoder, dtype: str = "float32", shard_bytes: int = SHARD_BYTES) -> None:
    """Write config.json, preprocessor_config.json of a vision model, and the weights; see `save_checkpoint`."""
    facts = write_huggingface(model.config) | {"torch_dtype": dtype}
    shards: list[dict[str, Tensor]] = [{}]
    size = total = 0
    for name, tensor in published_tensors(model):
        tensor = tensor.to(DTYPES[dtype]).contiguous()
        bytes_ = tensor.numel() * tensor.element_size()
        if size and size + bytes_ > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size, total = size + bytes_, total + bytes_
    names = [WEIGHTS] if len(shards) == 1 else [
        f"model-{index:05d}-of-{len(shards):05d}.safetensors" for index in range(1, len(shards) + 1)
    ]  # fmt: skip
    for name, tensors in zip(names, shards, strict=True):
        save_file(tensors, folder / name, metadata={"format": "pt"})
    if len(shards) > 1:
        places = {tensor: name for name, tensors in zip(names, shards, strict=True) for tensor in tensors}
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n")
    (folder / "config.json").write_text(json.dumps(facts, indent=2) + "\n")
    if model.config.vision is not None:
        (folder / PREPROCESSOR).write_text(json.dumps(write_preprocessor(model.config.vision), indent=2) + "\n")


def published_tensors(model: Decoder) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a checkpoint of this model, by its published name."""
    state = model.state_dict()
    for name, source in sources(model.config):
        rows = state[name].reshape(-1, *source.shapes[0][1:])
        if source.order is not None:
            stored = torch.empty_like(rows)
            stored[torch.from_numpy(source.order)] = rows
            rows = stored
        if len(source.names) == 1:
            yield source.names[0], rows
            continue
        parts = rows.split([shape[0] for shape in source.shapes])
        yield from zip(source.names, (part.clone() for part in parts), strict=True)


def load_checkpoint(
    folder: Path, dtype: str = "float32", device: str = "cpu", trainable: bool = False
) -> tuple[Decoder, Tokenizer]:
    """Load a model and its tokenizer from a checkpoint folder.

    Args:
        folder: a Hugging Face folder of any layout of the family.
        dtype: "float32", "float16" or "bfloat16". A tensor stored in this type, whole and in its final order, is not
            copied: it stays in the file's memory map, and pages that are not used are never read.
        device: where the weights go.
        trainable: copy every weight out of the file and ask for its gradient.

    Raises:
        PhialError: a missing or damaged file, or a tensor that is missing, extra or of the wrong shape.
    """
    config = read_config(folder)
    tokenizer = read_tokenizer(folder, config)
    model = load_weights(folder, config, dtype, device)
    if trainable:
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()
            parameter.requires_grad_(True)
    return model, tokenizer


def load_weights(folder: Path, config: ModelConfig, dtype: str = "float32", device: str = "cpu") -> Decoder:
    """Load the weights only; see `load_checkpoint`."""
    target = _device(dtype, device)
    with open_tensors(folder, config, "pt") as files:
        return fill(config, files, dtype, target)


def load_gguf(path: Path, dtype: str = "float32", device: str = "cpu") -> tuple[Decoder, Mapping[str, Any]]:
    """Load the weights of a GGUF file, dequantized; a tensor stored in `dtype` stays in the file's memory map.

    Returns:
        The model, and the file's metadata.

    Raises:
        PhialError: a missing or damaged file, a model that is not of the family, or a tensor that is missing, extra or
            of the wrong shape.
    """
    from phial.model.gguf_files import GGUFFile

    target = _device(dtype, device)
    with GGUFFile(path) as file:
        file.check()
        return fill(file.config, file, dtype, target, file.sources()), file.header.metadata


def _device(dtype: str, device: str) -> torch.device:
    if dtype not in DTYPES:
        raise PhialError(f"dtype {dtype!r}", where="load", do=f"choose from {', '.join(DTYPES)}")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise PhialError(f"device {device!r}", where="load", do='give "cpu" or "cuda"') from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise PhialError(f"device {device!r}, but torch finds no CUDA device", where="load", do='give "cpu"')
    return found


class Weights(Protocol):
    """Where `fill` reads tensors: safetensors files, or a GGUF file."""

    def mapped(self, name: str, dtype: str) -> Tensor | None:
        """One tensor in the file's memory map, None where it is stored in another type."""

    def copy(self, name: str, out: Tensor) -> None:
        """Read one tensor into a part of a parameter."""


def fill(
    config: ModelConfig,
    files: Weights,
    dtype: str,
    device: torch.device,
    plan: Iterable[tuple[str, Source]] | None = None,
) -> Decoder:
    """A decoder whose parameters are read one after another, so that no second copy of the weights ever exists.

    Args:
        config: the model.
        files: its tensors.
        dtype: of the parameters.
        device: where they go.
        plan: every parameter with the tensors it is made of; by default those of the layout's safetensors.
    """
    with torch.device("meta"), _Undrawn():
        model = Decoder(config)
    modules = dict(model.named_modules())
    for name, source in sources(config) if plan is None else plan:
        tensor = _assemble(files, source, dtype, device).view(config.shapes[name])
        module, _, attribute = name.rpartition(".")
        setattr(modules[module], attribute, nn.Parameter(tensor, requires_grad=False))
    return model.eval()


class _Undrawn(TorchFunctionMode):
    """Leaves weights undrawn that are replaced at once.

    On the meta device torch imports its compiler to draw them: 1.3 s, more than a folder of a gigabyte takes.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _assemble(files: Weights, source: Source, dtype: str, device: torch.device) -> Tensor:
    if len(source.names) == 1 and source.order is None and device.type == "cpu":
        mapped = files.mapped(source.names[0], dtype)
        if mapped is not None:
            return mapped
    rows = sum(part[0] for part in source.shapes)
    out = torch.empty((rows, *source.shapes[0][1:]), dtype=DTYPES[dtype], device=device)
    start = 0
    for name, part in zip(source.names, source.shapes, strict=True):
        files.copy(name, out[start : start + part[0]])
        start += part[0]
    return out if source.order is None else out[torch.from_numpy(source.order).to(device)]
