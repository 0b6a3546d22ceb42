"""LoRA adapters (Hu et al. 2021, arXiv 2106.09685) in peft's layout: some matrices W compute W x + scale B A x."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from phial.errors import PhialError
from phial.model.config import ModelConfig
from phial.model.files import DTYPES
from phial.model.layout import sources

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PREFIX, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
_HEAD = "lm_head"

# What may stand in adapter_config.json without changing more than A, B and their scale. Anything else that is set is
# refused: a setting that is not known could change what the adapter computes.
_HARMLESS = frozenset((
    "peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
    "r", "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "bias", "use_rslora", "init_lora_weights",
    "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "megatron_config", "megatron_core",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "runtime_config",
    "ensure_weight_tying",
))  # fmt: skip
_INITIALISATIONS = (True, False, None, "gaussian", "eva", "orthogonal")  # the others change the base weights too
_MERGE = "train plain LoRA, or merge the adapter into the weights with peft"
_NAMES = re.compile(r"\^?(?:\w|\\?\.)+")


@dataclass(frozen=True, eq=False)
class LowRank:
    """What is added to some consecutive rows of a matrix's output.

    Attributes:
        first: of the rows.
        lora_a: float32 [rank, columns], columns being those of the matrix.
        lora_b: float32 [rows, rank], times the adapter's scale.
    """

    first: int
    lora_a: NDArray[np.float32]
    lora_b: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA adapter for one shape of model.

    Attributes:
        key: hash of its contents: adapters of equal keys compute the same.
        parts: by the matrix's name in memory ("layers.0.self_attn.qkv_proj", "lm_head"); where the published model
            has several matrices in place of one in memory, one part each.
    """

    key: str
    parts: Mapping[str, tuple[LowRank, ...]]

    @property
    def nbytes(self) -> int:
        """Bytes of all matrices."""
        return sum(part.lora_a.nbytes + part.lora_b.nbytes for parts in self.parts.values() for part in parts)


@dataclass(frozen=True)
class _Place:
    """Where a published matrix lies in memory."""

    name: str
    first: int
    shape: tuple[int, int]
    order: np.ndarray | None


@dataclass(frozen=True)
class _Settings:
    """What adapter_config.json says of ranks and scales."""

    rank: int
    alpha: float
    rank_stabilised: bool
    ranks: Mapping[str, int]
    alphas: Mapping[str, float]

    def __post_init__(self) -> None:
        for rank in (self.rank, *self.ranks.values()):
            if type(rank) is not int or rank < 1:
                raise ValueError(f"r = {rank!r}")
        for alpha in (self.alpha, *self.alphas.values()):
            if type(alpha) not in (int, float) or not math.isfinite(alpha):
                raise ValueError(f"lora_alpha = {alpha!r}")

    def rank_of(self, module: str) -> int:
        """Rank of one module."""
        return int(_match(self.ranks, module, self.rank))

    def scale_of(self, module: str) -> float:
        """Scale of one module: alpha / rank, or alpha / sqrt(rank) (Kalajdzievski 2023, arXiv 2312.03732)."""
        alpha, rank = _match(self.alphas, module, self.alpha), self.rank_of(module)
        return float(alpha) / (math.sqrt(rank) if self.rank_stabilised else rank)


def read_adapter(folder: Path, config: ModelConfig) -> Adapter:
    """Read adapter_config.json and adapter_model.safetensors.

    Nothing is read of a tensor before its shape was compared with the model's.

    Args:
        folder: as peft's `save_pretrained` writes it.
        config: the model that it is for.

    Raises:
        PhialError: a missing or damaged file, something other than plain LoRA of linear layers, a tensor that the model
            has no place for, of the wrong shape or type or without its partner, or a value that is not finite.
    """
    settings = _read_settings(folder / CONFIG)
    places, path = _places(config), folder / WEIGHTS
    try:
        with safe_open(path, framework="np") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            kinds = {file.get_slice(name).get_dtype() for name in shapes}
        modules = _modules(shapes, places, settings, path)
        if kinds - set(DTYPES):
            what = f"tensors are stored as {', '.join(sorted(kinds - set(DTYPES)))}"
            raise PhialError(what, where=str(path), do=f"store them as {' or '.join(DTYPES.values())}")
        # numpy has no bfloat16
        with safe_open(path, framework="pt" if "BF16" in kinds else "np") as file:
            parts: dict[str, list[LowRank]] = {}
            for module in modules:
                lora_a, lora_b = (_floats(file.get_tensor(_PREFIX + module + kind)) for kind in (_A, _B))
                with np.errstate(over="ignore"):  # infinity is found below
                    scaled = lora_b * np.float32(settings.scale_of(module))
                if not (np.isfinite(lora_a).all() and np.isfinite(scaled).all()):
                    raise PhialError(f"a value of {module} is not finite", where=str(path), do="train it again")
                place = places[module]
                rows = scaled if place.order is None else scaled[place.order]
                parts.setdefault(place.name, []).append(LowRank(place.first, lora_a, np.ascontiguousarray(rows)))
    except FileNotFoundError as error:
        raise PhialError(f"{WEIGHTS} is missing", where=str(folder), do="give a folder that peft wrote") from error
    except (SafetensorError, OSError) as error:
        raise PhialError(f"the adapter is damaged: {error}", where=str(path), do="get or make it again") from error
    together = {name: tuple(sorted(found, key=lambda part: part.first)) for name, found in sorted(parts.items())}
    return Adapter(_hash(together), together)


def _floats(tensor: Any) -> NDArray[np.float32]:
    array = tensor if isinstance(tensor, np.ndarray) else tensor.float().numpy()
    return np.ascontiguousarray(array, dtype=np.float32)


def _places(config: ModelConfig) -> dict[str, _Place]:
    """Every linear layer that can have an adapter, by its published name."""
    places: dict[str, _Place] = {}
    for name, source in sources(config):
        linear = name.startswith("layers.") and len(config.shapes[name]) == 2 and ".moe." not in name
        if not linear and name != f"{_HEAD}.weight":
            continue
        first = 0
        for published, shape in zip(source.names, source.shapes, strict=True):
            matrix, module = name.removesuffix(".weight"), published.removesuffix(".weight")
            places[module] = _Place(matrix, first, (shape[0], shape[1]), source.order)
            first += shape[0]
    return places


def _modules(
    shapes: Mapping[str, tuple[int, ...]], places: Mapping[str, _Place], settings: _Settings, path: Path
) -> list[str]:
    """The published modules that have an adapter, all of whose shapes fit."""
    where = str(path)
    for name in shapes:
        if not (name.startswith(_PREFIX) and name.endswith((_A, _B))):
            raise PhialError(f"tensor {name} is no LoRA tensor of a linear layer", where=where, do=_MERGE)
    modules = sorted({name.removeprefix(_PREFIX).removesuffix(_A).removesuffix(_B) for name in shapes})
    for name in (_PREFIX + module + kind for module in modules for kind in (_A, _B)):
        if name not in shapes:
            raise PhialError(f"tensor {name} is missing", where=where, do="get or make the adapter again")
    for module in modules:
        place = places.get(module)
        if place is None:
            what = f"the model has no linear layer {module} that could have an adapter"
            raise PhialError(what, where=where, do="use the model that the adapter was trained with, " + _MERGE)
        (rows, columns), rank = place.shape, settings.rank_of(module)
        for kind, shape in ((_A, (rank, columns)), (_B, (rows, rank))):
            if (found := shapes[_PREFIX + module + kind]) != shape:
                what = f"{module}{kind} is {list(found)}; rank {rank} of a matrix of {rows} x {columns} asks for "
                what += f"{list(shape)}"
                raise PhialError(what, where=where, do="use the model that the adapter was trained with")
    if not modules:
        raise PhialError("the adapter is empty", where=where, do="give a folder that peft wrote")
    return modules


def _read_settings(path: Path) -> _Settings:
    where = str(path)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = f"no readable {CONFIG}: {error}"
        raise PhialError(what, where=str(path.parent), do="give a folder that peft wrote") from error
    if not isinstance(facts, dict) or facts.get("peft_type") != "LORA":
        raise PhialError("this is no LoRA adapter", where=where, do="give a folder that peft wrote for LoRA")
    for key, value in facts.items():
        unknown = value and key not in _HARMLESS
        if unknown or (key == "bias" and value != "none") or (key == "init_lora_weights" and _initialises(value)):
            raise PhialError(f"{key} = {str(value)[:60]!r} is more than plain LoRA", where=where, do=_MERGE)
    ranks, alphas = facts.get("rank_pattern") or {}, facts.get("alpha_pattern") or {}
    for name, patterns in (("rank_pattern", ranks), ("alpha_pattern", alphas)):
        if not isinstance(patterns, dict) or not all(map(_NAMES.fullmatch, patterns)):
            # a stranger's regular expression can take for ever
            raise PhialError(f"{name} has more than names of modules", where=where, do="write each module's name")
    try:
        return _Settings(facts["r"], facts["lora_alpha"], bool(facts.get("use_rslora")), ranks, alphas)
    except (KeyError, ValueError, OverflowError) as error:
        what = f"{CONFIG} has no sensible ranks and scales: {error}"
        raise PhialError(what, where=where, do="give a folder that peft wrote") from error


def _initialises(value: object) -> bool:
    return not isinstance(value, bool | str | None) or value not in _INITIALISATIONS


def _match(patterns: Mapping[str, float], module: str, default: float) -> float:
    """The first pattern that names a module or the end of its path, as peft matches them."""
    for pattern, value in patterns.items():
        name = pattern.removeprefix("^").replace("\\.", ".")
        if module == name or (not pattern.startswith("^") and module.endswith("." + name)):
            return value
    return default


def _hash(parts: Mapping[str, tuple[LowRank, ...]]) -> str:
    digest = hashlib.sha256()
    for name, each in parts.items():
        for part in each:
            digest.update(f"{name} {part.first} {part.lora_a.shape} {part.lora_b.shape} ".encode())
            digest.update(part.lora_a.data)
            digest.update(part.lora_b.data)
    return digest.hexdigest()
