"""Packed weights on the disk: safetensors files that are written as they are made and read from their memory map.

The files are written here and not by the library, because a kernel reads 32 bytes at a time: packed weights come first,
their sizes are multiples of 64 bytes, and the header is filled up, so that each of them begins a cache line.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from phial.errors import PhialError
from phial.model.files import INDEX, WEIGHTS, weight_files

SHARD_BYTES = 1 << 30  # held in memory until a file is full
_ALIGNMENT = 4096
_TYPES: dict[str, type[np.generic]] = {"U8": np.uint8, "F16": np.float16, "F32": np.float32}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_LATER = {"F32": 1, "F16": 2}  # in this order behind the packed weights; what follows stays aligned to its elements

Array = NDArray[Any]


class PackedWriter:
    """Writes arrays into safetensors files, a new one whenever `shard_bytes` are full; `close` writes the index."""

    def __init__(self, folder: Path, metadata: Mapping[str, str], shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.metadata, self.shard_bytes = folder, dict(metadata), shard_bytes
        self._held: dict[str, Array] = {}
        self._files: list[tuple[Path, list[str]]] = []
        self._total = 0

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Take arrays that belong together into one file."""
        self._held |= arrays
        if sum(array.nbytes for array in self._held.values()) >= self.shard_bytes:
            self._flush()

    def close(self) -> None:
        """Write what is left, give the files their names, and write the index where there are several."""
        self._flush()
        count, places = len(self._files), {}
        for number, (path, names) in enumerate(self._files, 1):
            name = WEIGHTS if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors"
            path.rename(self.folder / name)
            places |= dict.fromkeys(names, name)
        if count > 1:
            facts = {"metadata": {"total_size": self._total}, "weight_map": dict(sorted(places.items()))}
            (self.folder / INDEX).write_text(json.dumps(facts, indent=1) + "\n")

    def _flush(self) -> None:
        if not self._held:
            return
        kinds = {name: _NAMES[array.dtype] for name, array in self._held.items()}
        order = sorted(self._held, key=lambda name: _order(kinds[name], self._held[name]))
        facts: dict[str, Any] = {"__metadata__": self.metadata}
        start = 0
        for name in order:
            array = self._held[name]
            offsets = [start, start + array.nbytes]
            facts[name] = {"dtype": kinds[name], "shape": list(array.shape), "data_offsets": offsets}
            start += array.nbytes
        header = json.dumps(facts, separators=(",", ":")).encode()
        header += b" " * (-(8 + len(header)) % _ALIGNMENT)
        path = self.folder / f"shard-{len(self._files)}"
        with path.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for name in order:
                np.ascontiguousarray(self._held[name]).tofile(file)
        self._files.append((path, order))
        self._total += start
        self._held = {}


def _order(kind: str, array: Array) -> int:
    return _LATER.get(kind, 3 if array.nbytes % 64 else 0)


def read_packed(folder: Path) -> dict[str, Array]:
    """Every tensor of a folder's safetensors files, in their memory map and not to be written to.

    The library checks the header of each file against its size first.

    Raises:
        PhialError: a missing or damaged file, a tensor of another type, or one that is in two files or, against what
            the index says, in none.
    """
    found: dict[str, Array] = {}
    for path in weight_files(folder):
        again = "quantize the float model again"
        try:
            with safe_open(path, framework="np") as file:
                names = list(file.keys())
            with path.open("rb") as raw:
                view = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise PhialError("weights are missing", where=str(path), do=again) from error
        except (SafetensorError, OSError, ValueError) as error:
            raise PhialError(f"weights are damaged: {error}", where=str(path), do=again) from error
        start = 8 + int.from_bytes(view[:8], "little")
        facts = json.loads(view[8:start])
        for name in names:
            kind, shape = _TYPES.get(facts[name]["dtype"]), facts[name]["shape"]
            if kind is None or name in found:
                fault = "is in two files" if kind else f"is stored as {facts[name]['dtype']}"
                raise PhialError(f"tensor {name} {fault}", where=str(path), do=again)
            count = int(np.prod(shape, dtype=np.int64))
            offset = start + facts[name]["data_offsets"][0]
            found[name] = np.frombuffer(view, kind, count, offset).reshape(shape)
    return found
