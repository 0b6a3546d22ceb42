"""GGUF files as checkpoints: mapped, read and dequantized one tensor at a time, in the decoder's own order."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.model.gguf_config import FACTORS, read_gguf_config
from phial.model.gguf_header import Header, TensorInfo, read_header, require_gguf
from phial.model.layout import Source
from phial.model.streaming import stream, stream_stored

_TORCH = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_LONGEST_FACTORS = 4096
_MODULES = {
    "self_attn.o_proj": "attn_output",
    "mlp.down_proj": "ffn_down",
    "mlp.up_proj": "ffn_up",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "moe.gate": "ffn_gate_inp",
}


class GGUFFile:
    """The tensors of one GGUF file; the surface of `TensorFiles` for `checkpoint.fill`.

    Opening reads and checks the header only. A matrix is shown as rows: a stack of experts has all their rows.

    Attributes:
        path: the file.
        header: its metadata and its tensors' places.
        config: the model it describes.

    Raises:
        PhialError: the file is missing or damaged, or its model is not of the family.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, str(path)
        self._stack = ExitStack()
        if not path.is_file() or path.stat().st_size == 0:  # opening a pipe would wait for a writer
            raise PhialError("no file, or an empty one", where=self.where, do="give a .gguf file")
        try:
            self._file = self._stack.enter_context(path.open("rb", buffering=0))
        except OSError as error:
            raise PhialError(f"can't open: {error.strerror}", where=self.where, do="give a .gguf file") from error
        with self._stack.pop_all() as opened:  # closed again, should anything below fail
            # A private mapping: torch wants memory it could write to, and a write must never reach the file.
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
            self.header: Header = read_header(self._map, self.where)
            factors = {name: self._factors(name) for name in FACTORS if name in self.header.tensors}
            self.config = read_gguf_config(self.header, factors, self.where)
            self._stack = opened.pop_all()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor, a matrix or stack of them as rows."""
        return {name: _rows(info.shape) for name, info in self.header.tensors.items()}

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Every parameter of the decoder with the tensors it is made of, each checked before it is handed out.

        Raises:
            PhialError: a tensor that is missing, extra, or of the wrong shape.
        """
        left = set(self.header.tensors) - set(FACTORS)
        for name, shape in self.config.shapes.items():
            source = self._source(name, shape)
            left -= set(source.names)
            yield name, source
        for name in sorted(left):
            raise PhialError(
                f"unexpected tensor {name}", where=self.where, do="give a GGUF of the architecture it names"
            )

    def check(self) -> None:
        """Raise the faults of `sources` before anything is allocated."""
        for _ in self.sources():
            pass

    def mapped(self, name: str, dtype: str) -> Tensor | None:
        """A tensor in the file's memory map, None where it is stored in another type."""
        info = self.header.tensors[name]
        stored = _TORCH.get(info.type_name)
        if stored is None or stored != getattr(torch, dtype):
            return None
        count = info.bytes // info.block_bytes
        found = torch.frombuffer(self._map, dtype=stored, count=count, offset=info.offset)
        return found.view(_rows(info.shape))

    def copy(self, name: str, out: Tensor) -> None:
        """Read a tensor into a part of a parameter.

        Raises:
            PhialError: the file has shrunk, or its type can't be dequantized.
        """
        info = self.header.tensors[name]
        if info.type_name in _TORCH:
            stream_stored(self._file, info.offset, out, _TORCH[info.type_name], name)
        else:
            block = info.block, info.block_bytes
            stream(self._file, info.offset, out, block, lambda raw: _decode(raw, info, name, self.where), name)

    def __enter__(self) -> GGUFFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()  # the mapping lives as long as a tensor in it

    def _factors(self, name: str) -> tuple[float, ...]:
        info = self.header.tensors[name]
        if info.type_name != "F32" or len(info.shape) != 1 or info.shape[0] > _LONGEST_FACTORS:
            raise PhialError(f"tensor {name} is no short float32 vector", where=self.where, do="get the file again")
        return tuple(np.frombuffer(self._map[info.offset : info.offset + info.bytes], "<f4").tolist())

    def _source(self, name: str, shape: tuple[int, ...]) -> Source:
        config, tensors = self.config, self.header.tensors
        if not name.startswith("layers."):
            module, _, kind = name.rpartition(".")
            known = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
            return self._checked((f"{known[module]}.{kind}",), (shape,))
        _, index, inner = name.split(".", 2)
        layer = f"blk.{index}."
        if inner in ("moe.gate_up_proj", "moe.down_proj"):
            return self._experts(layer, inner, shape)
        module, _, kind = inner.rpartition(".")
        if module == "self_attn.qkv_proj":
            query, key_value = (heads * config.head_dim for heads in _heads(config))
            if f"{layer}attn_qkv.{kind}" in tensors:
                found = self._checked((f"{layer}attn_qkv.{kind}",), (shape,))
            else:
                names = tuple(f"{layer}attn_{part}.{kind}" for part in "qkv")
                found = self._checked(names, tuple((rows, *shape[1:]) for rows in (query, key_value, key_value)))
            return Source(found.names, found.shapes, _pairs_apart(config)) if config.layout == "llama" else found
        if module == "mlp.gate_up_proj":
            if f"{layer}ffn_gate.{kind}" not in tensors:
                return self._checked((f"{layer}ffn_up.{kind}",), (shape,))
            half = (config.intermediate_size, *shape[1:])
            return self._checked((f"{layer}ffn_gate.{kind}", f"{layer}ffn_up.{kind}"), (half, half))
        return self._checked((f"{layer}{_MODULES[module]}.{kind}",), (shape,))

    def _experts(self, layer: str, inner: str, shape: tuple[int, ...]) -> Source:
        count, rows, columns = shape
        if inner == "moe.down_proj":
            return self._checked((f"{layer}ffn_down_exps.weight",), ((count * rows, columns),))
        names = (f"{layer}ffn_gate_exps.weight", f"{layer}ffn_up_exps.weight")
        found = self._checked(names, ((count * rows // 2, columns),) * 2)
        # the file has all gates, then all ups; a parameter has each expert's gate and up together
        order = np.arange(count * rows).reshape(2, count, rows // 2).swapaxes(0, 1).ravel()
        return Source(found.names, found.shapes, order)

    def _checked(self, names: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]) -> Source:
        for name, shape in zip(names, shapes, strict=True):
            info = self.header.tensors.get(name)
            if info is None:
                raise PhialError(f"tensor {name} is missing", where=self.where, do="give a complete GGUF file")
            if _rows(info.shape) != shape:
                raise PhialError(
                    f"tensor {name} has shape {list(_rows(info.shape))}, the metadata ask for {list(shape)}",
                    where=self.where,
                    do="get or make the file again",
                )
        return Source(names, shapes)


def _heads(config: ModelConfig) -> tuple[int, int]:
    return config.num_attention_heads, config.num_key_value_heads


def _rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) < 2:
        return shape
    rows = 1
    for size in shape[:-1]:
        rows *= size
    return rows, shape[-1]


def _pairs_apart(config: ModelConfig) -> np.ndarray:
    """llama.cpp's llama architecture rotates neighbours (2i, 2i + 1), so its files store q and k with the two halves
    of each head interleaved; this order of rows takes them apart again."""
    parts, start = [], 0
    for heads in _heads(config):
        rows = np.arange(start, start + heads * config.head_dim)
        parts.append(rows.reshape(heads, config.head_dim // 2, 2).swapaxes(1, 2).ravel())
        start += len(rows)
    return np.concatenate([*parts, np.arange(start, start + config.num_key_value_heads * config.head_dim)])


def _decode(raw: bytearray, info: TensorInfo, name: str, where: str) -> Tensor:
    """Elements of whole blocks, in float32."""
    gguf = require_gguf()
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, info.block_bytes)
    try:
        with np.errstate(all="ignore"):  # what a damaged file holds is its own affair
            values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType(info.type))
    except NotImplementedError as error:  # the package knows the type's size, not its arithmetic
        raise PhialError(
            f"tensor {name} is stored as {info.type_name}, which can't be dequantized",
            where=where,
            do="use a file of another quantization, such as Q8_0 or Q4_K",
        ) from error
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).view(-1)
