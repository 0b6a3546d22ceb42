"""Where a quantizer reads a model's parameters: one after another, from the memory map where that is possible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from phial.errors import PhialError
from phial.model.checkpoint import DTYPES, Weights
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import open_tensors, read_config
from phial.model.gguf_files import GGUFFile
from phial.model.layout import Source, sources


class Parameters(Protocol):
    """A float model, one parameter at a time."""

    @property
    def config(self) -> ModelConfig:
        """The model's shape."""

    def get(self, name: str) -> Tensor:
        """A parameter by its name in memory, in the type it is stored in; not to be written to."""


class DecoderParameters:
    """The parameters of a decoder in memory."""

    def __init__(self, model: Decoder) -> None:
        self.config = model.config
        self._parameters = dict(model.named_parameters())

    def get(self, name: str) -> Tensor:
        """A parameter by its name."""
        return self._parameters[name].detach()


class FileParameters:
    """The parameters of a checkpoint folder or a GGUF file that is open."""

    def __init__(self, config: ModelConfig, files: Weights, plan: dict[str, Source]) -> None:
        self.config, self._files, self._plan = config, files, plan

    def get(self, name: str) -> Tensor:
        """A parameter by its name: mapped, or a copy where its tensors have to be joined or decoded."""
        source = self._plan[name]
        parts = [self._read(*part) for part in zip(source.names, source.shapes, strict=True)]
        rows = parts[0] if len(parts) == 1 else torch.cat(parts)
        return (rows if source.order is None else rows[torch.from_numpy(source.order)]).view(self.config.shapes[name])

    def _read(self, name: str, shape: tuple[int, ...]) -> Tensor:
        for dtype in DTYPES:
            mapped = self._files.mapped(name, dtype)
            if mapped is not None:
                return mapped
        out = torch.empty(shape)
        self._files.copy(name, out)
        return out


@contextmanager
def open_parameters(path: Path) -> Iterator[FileParameters]:
    """Open a checkpoint folder or a GGUF file.

    Raises:
        PhialError: a missing or damaged file, a model that is not of the family, or a tensor that is missing, extra or
            of the wrong shape.
    """
    if path.is_dir():
        config = read_config(path)
        with open_tensors(path, config, "pt") as files:
            yield FileParameters(config, files, dict(sources(config)))
    elif path.is_file():
        with GGUFFile(path) as file:
            yield FileParameters(file.config, file, dict(file.sources()))
    else:
        raise PhialError(f"there is no {path}", where="quantize", do="give a checkpoint folder or a .gguf file")
