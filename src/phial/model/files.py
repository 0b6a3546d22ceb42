"""What is in a checkpoint folder, read without torch: configuration, tokenizer and weights, all checked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.model.huggingface import read_huggingface
from phial.model.layout import Source, published_shapes, sources
from phial.model.vision.config import MODULE, read_preprocessor
from phial.tokens.tokenizer import Tokenizer, load_tokenizer

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
PREPROCESSOR = "preprocessor_config.json"
# The decoder's embedding under a second name, and CLIP's range 0, 1, 2, …: some writers store them, they say nothing.
_VISION_COPIES = (f"model.{MODULE}.wte.", f"model.{MODULE}.img_processor.vision_model.embeddings.position_ids")
_SAME_MODEL = "use weights and config.json of the same model"


def read_config(folder: Path) -> ModelConfig:
    """Read config.json; for a vision model also preprocessor_config.json, which says how many crops an image has.

    Raises:
        PhialError: a file is missing, no JSON, or describes another architecture.
    """
    config = read_huggingface(_object(folder / "config.json"), str(folder / "config.json"))
    path = folder / PREPROCESSOR
    if config.vision is None or not path.is_file():
        return config
    return replace(config, vision=read_preprocessor(config.vision, _object(path), str(path)))


def _object(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        advice = "give a checkpoint folder"
        raise PhialError(f"no readable {path.name}: {error}", where=str(path.parent), do=advice) from error
    if not isinstance(facts, dict):
        raise PhialError(f"{path.name} is no object", where=str(path), do="give a checkpoint folder")
    return facts


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


class TensorFiles:
    """The safetensors files of a folder, memory-mapped: a tensor is read when it is asked for.

    Opening reads and checks the headers only; nothing is allocated from what they claim.

    Attributes:
        shapes: shape of every tensor.
        dtypes: how each is stored, as safetensors names it.

    Raises:
        PhialError: no weights, a damaged file, a tensor that the index promises and no file has, or one in two files.
    """

    def __init__(self, folder: Path, framework: Literal["np", "pt"]) -> None:
        self.folder = folder
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, str] = {}
        self._files: dict[str, Any] = {}
        self._places: dict[str, tuple[FileIO, int]] = {}
        self._stack = ExitStack()
        paths = weight_files(folder)
        for path in paths:
            try:
                file = self._stack.enter_context(safe_open(path, framework=framework))
                raw = self._stack.enter_context(path.open("rb", buffering=0))
                offsets = _offsets(raw)
                for name in file.keys():  # noqa: SIM118 (it is no dict)
                    if name in self._files:
                        raise PhialError(f"tensor {name} is in two files", where=str(path), do="get the folder again")
                    found = file.get_slice(name)
                    self._files[name] = file
                    self._places[name] = raw, offsets[name]
                    self.shapes[name], self.dtypes[name] = tuple(found.get_shape()), found.get_dtype()
            except FileNotFoundError as error:
                advice = "give a complete checkpoint folder"
                raise PhialError("weights are missing", where=str(path), do=advice) from error
            except (SafetensorError, OSError) as error:
                advice = "get or make the file again"
                raise PhialError(f"weights are damaged: {error}", where=str(path), do=advice) from error

    def get(self, name: str) -> Any:
        """One tensor, as stored; torch tensors keep to the file's memory map."""
        return self._files[name].get_tensor(name)

    def mapped(self, name: str, dtype: str) -> Any:
        """One torch tensor in the file's memory map, None where it is stored in another type."""
        return self.get(name) if DTYPES[self.dtypes[name]] == dtype else None

    def copy(self, name: str, out: Any) -> None:
        """Read one torch tensor into a part of a parameter.

        Raises:
            PhialError: the file has changed since it was opened.
        """
        import torch

        from phial.model.streaming import stream_stored

        file, offset = self._places[name]
        stream_stored(file, offset, out, getattr(torch, DTYPES[self.dtypes[name]]), name)

    def check(self, expected: dict[str, tuple[int, ...]], ignored: Iterable[str] = ()) -> None:
        """Compare names, shapes and types with what a configuration asks for.

        Args:
            expected: shapes by name.
            ignored: prefixes of names that may be there besides.

        Raises:
            PhialError: the first tensor that is missing, extra, or of the wrong shape or type.
        """
        where = str(self.folder)
        for name, shape in expected.items():
            if name not in self.shapes:
                raise PhialError(f"tensor {name} is missing", where=where, do="give a complete checkpoint")
            if shape != self.shapes[name]:
                raise PhialError(
                    f"tensor {name} has shape {list(self.shapes[name])}, config.json asks for {list(shape)}",
                    where=where,
                    do=_SAME_MODEL,
                )
            if self.dtypes[name] not in DTYPES:
                stored = " or ".join(DTYPES.values())
                raise PhialError(
                    f"tensor {name} is stored as {self.dtypes[name]}", where=where, do=f"store it as {stored}"
                )
        allowed = tuple(ignored)
        for name in self.shapes:
            if name not in expected and not name.startswith(allowed) and not name.endswith("rotary_emb.inv_freq"):
                raise PhialError(f"unexpected tensor {name}", where=where, do=_SAME_MODEL)

    def __enter__(self) -> TensorFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def open_tensors(folder: Path, config: ModelConfig, framework: Literal["np", "pt"]) -> TensorFiles:
    """The weights of a checkpoint, checked against its configuration.

    Raises:
        PhialError: see `TensorFiles`.
    """
    files = TensorFiles(folder, framework)
    ignored = list(_VISION_COPIES) if config.vision is not None else []
    if config.tie_word_embeddings:
        ignored.append("lm_head.weight")  # some writers store the shared matrix twice
    files.check(published_shapes(config), ignored)
    return files


def read_arrays(folder: Path, config: ModelConfig) -> dict[str, np.ndarray]:
    """Every parameter of the decoder as a numpy array, by its name in memory, in the type it is stored in.

    The image tower is left out: what reads arrays reads text.

    Raises:
        PhialError: see `TensorFiles`; or a tensor is bfloat16, which numpy has no type for.
    """
    with open_tensors(folder, config, "np") as files:
        for name, dtype in files.dtypes.items():
            if dtype == "BF16":
                raise PhialError(f"tensor {name} is bfloat16", where=str(folder), do="load it with torch")
        return {
            name: _assemble(files, source, config.shapes[name])
            for name, source in sources(config)
            if not name.startswith(MODULE)
        }


def _assemble(files: TensorFiles, source: Source, shape: tuple[int, ...]) -> np.ndarray:
    parts = [files.get(name) for name in source.names]
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return (rows if source.order is None else rows[source.order]).reshape(shape)


def _offsets(file: FileIO) -> dict[str, int]:
    """Where each tensor of a safetensors file begins; the library has checked the header, and keeps that to itself."""
    start = 8 + int.from_bytes(file.read(8), "little")
    facts = json.loads(file.read(start - 8))
    return {name: start + facts[name]["data_offsets"][0] for name in facts if name != "__metadata__"}


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's weights, whether they are there or not.

    Raises:
        PhialError: the index can't be read, or names what is no file of the folder.
    """
    index = folder / INDEX
    if not index.is_file():
        return [folder / WEIGHTS]
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PhialError(f"not an index of weights: {error!r}", where=str(index), do="get the folder again") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise PhialError(f"the index names {name!r}, no file of this folder", where=str(index), do="do not use it")
    return [folder / name for name in names]
