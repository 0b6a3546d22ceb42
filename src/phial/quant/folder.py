"""Quantized models as folders: config.json, packed safetensors, the tokenizer, and the report without which none is
published."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phial.artifact import fsync_tree
from phial.errors import PhialError
from phial.kernels.packing import PackedMatrix
from phial.model.config import ModelConfig
from phial.model.files import PREPROCESSOR, read_config
from phial.model.huggingface import write_huggingface
from phial.model.vision.config import write_preprocessor
from phial.quant.packed_files import PackedWriter, read_packed
from phial.quant.quality import QualityReport, read_report, write_report
from phial.quant.quantized import QuantizedModel, matrix_shapes
from phial.tokens.tokenizer import Tokenizer

FORMAT = 1
_WEIGHTS, _SCALES, _ZEROS = ".weight_packed", ".weight_scale", ".weight_zero_point"
_FOLDED = "rotation."
_AGAIN = "quantize the float model again"
# Everything of a checkpoint folder that says how text becomes ids.
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "generation_config.json",
)  # fmt: skip


class Draft:
    """A folder of a quantized model that is being made."""

    def __init__(self, path: Path, config: ModelConfig) -> None:
        self.path, self.config = path, config
        self._writer = PackedWriter(path, {"format": "phial-packed", "version": str(FORMAT)})
        self._forms: dict[str, tuple[int, int]] = {}
        self._facts = write_huggingface(config)
        self.published = False

    def add(self, name: str, part: PackedMatrix | NDArray[Any]) -> None:
        """Take a matrix or a float parameter by its name; it is written soon and can be forgotten then."""
        if isinstance(part, PackedMatrix):
            arrays: dict[str, NDArray[Any]] = {name + _WEIGHTS: part.weights, name + _SCALES: part.scales}
            if part.zeros is not None:
                arrays[name + _ZEROS] = part.zeros
            self._forms[name] = part.bits, part.group_size
            self._writer.add(arrays)
        else:
            self._writer.add({name: part})

    def add_folded(self, folded: Mapping[str, NDArray[np.float32]]) -> None:
        """Take what a rotation has folded into the matrices; see `QuantizedModel.folded`."""
        for name, array in folded.items():
            self._writer.add({_FOLDED + name: array})

    def close(self, *, by_group: bool = False, rotated: frozenset[str] = frozenset()) -> QuantizedModel:
        """Write config.json and what is left of the weights, and read the model back, mapped."""
        self._writer.close()
        facts = {"quantization_config": _describe(self._forms, by_group, rotated)}
        (self.path / "config.json").write_text(json.dumps(self._facts | facts, indent=1) + "\n")
        if self.config.vision is not None:
            (self.path / PREPROCESSOR).write_text(json.dumps(write_preprocessor(self.config.vision), indent=2) + "\n")
        return _read(self.path)

    def publish(self, report: QualityReport, tokenizer: Path | Tokenizer | None) -> None:
        """Add the report and the tokenizer's files; leaving `drafting` then gives the folder its name.

        Raises:
            PhialError: the report has measured nothing.
        """
        write_report(self.path, report)
        if isinstance(tokenizer, Path):
            for name in _TOKENIZER_FILES:
                if (tokenizer / name).is_file():
                    shutil.copyfile(tokenizer / name, self.path / name)
        elif tokenizer is not None:
            tokenizer.save(self.path)
            (self.path / "chat_template.jinja").write_text(tokenizer.family.chat.template + "\n")
        self.published = True


@contextmanager
def drafting(folder: Path, config: ModelConfig) -> Iterator[Draft]:
    """Make a folder aside, one maker at a time; it gets its name once it was published and flushed to the disk.

    Raises:
        PhialError: the folder exists, another process is making it, or the body did not publish it.
    """
    if folder.exists():
        raise PhialError(f"{folder} exists", where="quantize", do="give another folder, or delete it first")
    aside = folder.with_name(folder.name + ".partial")
    lock_path = folder.with_name(folder.name + ".lock")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            what = "another process is quantizing into this folder"
            raise PhialError(what, where=str(folder), do="wait for it, or give another folder") from error
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            draft = Draft(aside, config)
            yield draft
            if not draft.published:
                raise PhialError("a quantized model needs its quality report", where=str(folder), do="measure it first")
            fsync_tree(aside)
            os.rename(aside, folder)
            _fsync(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            lock_path.unlink()


def write_quantized(
    folder: Path, model: QuantizedModel, tokenizer: Path | Tokenizer | None, report: QualityReport
) -> None:
    """Publish a quantized model that is in memory.

    Args:
        folder: must not exist yet.
        model: the model.
        tokenizer: the folder that its tokenizer's files are copied from, or the tokenizer; None: without.
        report: how it compares with the float model.

    Raises:
        PhialError: the folder exists, the report has measured nothing, or no config.json can say the configuration.
    """
    with drafting(folder, model.config) as draft:
        for parts in (model.matrices, model.floats):
            for name, part in parts.items():
                draft.add(name, part)
        draft.add_folded(model.folded)
        draft.close(by_group=model.by_group, rotated=model.rotated)
        draft.publish(report, tokenizer)


def is_quantized(folder: Path) -> bool:
    """Whether a folder's config.json describes packed weights of this project."""
    try:
        facts = json.loads((folder / "config.json").read_text())
        return facts["quantization_config"]["format"] == "phial-packed"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def read_quantized(folder: Path) -> QuantizedModel:
    """Read a quantized model, its arrays in the memory map.

    Raises:
        PhialError: a missing or damaged file, a newer format, a tensor that is missing, extra or of the wrong shape, a
            scale that is not finite, or no quality report.
    """
    model = _read(folder)
    read_report(folder)
    return model


def _read(folder: Path) -> QuantizedModel:
    where = str(folder / "config.json")
    config = read_config(folder)
    forms, by_group, rotated = _understand(json.loads((folder / "config.json").read_text()), where)
    arrays = read_packed(folder)
    matrices: dict[str, PackedMatrix] = {}
    for name, (rows, columns) in matrix_shapes(config).items():
        if name not in forms:
            raise PhialError(f"config.json does not say how {name} is packed", where=where, do=_AGAIN)
        bits, group_size = forms[name]
        weights, scales = (_take(arrays, name + kind, folder) for kind in (_WEIGHTS, _SCALES))
        matrices[name] = PackedMatrix(weights, scales, arrays.pop(name + _ZEROS, None), rows, columns, bits, group_size)
        if not np.isfinite(scales).all():
            raise PhialError(f"a scale of {name} is not finite", where=str(folder), do=_AGAIN)
    folded = {name.removeprefix(_FOLDED): arrays.pop(name) for name in list(arrays) if name.startswith(_FOLDED)}
    return QuantizedModel(config, matrices, arrays, by_group, rotated, folded)


def _take(arrays: dict[str, NDArray[Any]], name: str, folder: Path) -> NDArray[Any]:
    if name not in arrays:
        raise PhialError(f"tensor {name} is missing", where=str(folder), do=_AGAIN)
    return arrays.pop(name)


def _describe(forms: Mapping[str, tuple[int, int]], by_group: bool, rotated: frozenset[str]) -> dict[str, Any]:
    """A quantization_config in the keys of compressed-tensors; its `format` keeps others from reading the tensors."""
    activations = {"num_bits": 8, "type": "int", "symmetric": True, "dynamic": True}
    groups: dict[str, Any] = {}
    for number, (bits, group_size) in enumerate(sorted(set(forms.values()))):
        groups[f"group_{number}"] = {
            "targets": [name for name, form in forms.items() if form == (bits, group_size)],
            "weights": {"num_bits": bits, "type": "int", "strategy": "group", "group_size": group_size},
            "input_activations": activations | {"strategy": "group" if by_group else "token"},
        }
    return {
        "quant_method": "compressed-tensors",
        "format": "phial-packed",
        "version": FORMAT,
        "config_groups": groups,
        "rotated_inputs": sorted(rotated),
        "ignore": [],
    }


def _understand(facts: dict[str, Any], where: str) -> tuple[dict[str, tuple[int, int]], bool, frozenset[str]]:
    found = facts.get("quantization_config")
    if not isinstance(found, dict) or found.get("format") != "phial-packed":
        raise PhialError("this is no model quantized by phial", where=where, do="quantize it: phial quantize --help")
    if found.get("version") != FORMAT:
        what = f"quantized in format {found.get('version')!r}, this phial reads {FORMAT}"
        raise PhialError(what, where=where, do="upgrade phial, or quantize the float model again")
    forms: dict[str, tuple[int, int]] = {}
    strategies: set[str] = set()
    try:
        for group in found["config_groups"].values():
            form = group["weights"]["num_bits"], group["weights"]["group_size"]
            strategies.add(group["input_activations"]["strategy"])
            forms |= {str(name): form for name in group["targets"]}
        rotated = frozenset(str(name) for name in found["rotated_inputs"])
    except (KeyError, TypeError, AttributeError) as error:
        raise PhialError(f"quantization_config is damaged: {error!r}", where=where, do=_AGAIN) from error
    return forms, strategies == {"group"}, rotated


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
