"""The form of a quantized model: what decides its speed and its quality alike, in one line of words."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from phial.errors import PhialError
from phial.kernels.packing import GROUP_SIZES
from phial.model.config import ModelConfig
from phial.quant.quantize import Settings
from phial.quant.quantized import HEAD, QuantizedModel, matrix_shapes
from phial.quant.rotate import rotated_inputs

_WORDS = "g32, g64 or g128; token or group; head4 or head8; rotated; int8:NAME, with * for any part of a matrix's name"


@dataclass(frozen=True)
class Form:
    """How the matrices are packed, and how their inputs are rounded and turned; `str` writes what `parse_form` reads.

    Attributes:
        group_size: inputs of a row that share a scale.
        by_group: activations get a scale a group, not one a token.
        rotated: the model is turned (QuaRot), and with it the inputs of some matrices, online.
        lifted: names of the matrices with 8 bits, or patterns of such names; the others have 4.
    """

    group_size: int = 128
    by_group: bool = False
    rotated: bool = False
    lifted: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Such as "g128 token head8 rotated int8:*.down_proj"."""
        words = [f"g{self.group_size}", "group" if self.by_group else "token"]
        words.append("head8" if HEAD in self.lifted else "head4")
        words += ["rotated"] * self.rotated
        return " ".join(words + [f"int8:{name}" for name in self.lifted if name != HEAD])

    def bits(self, config: ModelConfig) -> dict[str, int]:
        """8 by the name of each matrix that has 8 bits, as `Settings.bits` wants it.

        Raises:
            PhialError: a pattern that no matrix of the model has.
        """
        names = matrix_shapes(config)
        found: dict[str, int] = {}
        for pattern in self.lifted:
            matching = [name for name in names if fnmatchcase(name, pattern)]
            if not matching:
                do = f"name some of its matrices, such as {next(iter(names))}"
                raise PhialError(f"the model has no matrix {pattern}", where=f"form {str(self)!r}", do=do)
            found |= dict.fromkeys(matching, 8)
        return found

    def settings(self, config: ModelConfig, method: str = "gptq", damping: float = 0.3) -> Settings:
        """What quantizes a model to this form."""
        return Settings(
            method, self.group_size, rotate=self.rotated, by_group=self.by_group, damping=damping,
            bits=self.bits(config),
        )  # fmt: skip


# The form that speeds are measured in, and that its quality stands beside.
STANDARD = Form(rotated=True)


def standard_form(config: ModelConfig) -> Form:
    """`STANDARD`, as far as a model can have it."""
    return fitting(STANDARD, config)


def fitting(form: Form, config: ModelConfig) -> Form:
    """A form without its rotation where the model can't be turned."""
    if not form.rotated:
        return form
    try:
        rotated_inputs(config)
    except PhialError:
        return replace(form, rotated=False)
    return form


def parse_form(text: str) -> Form:
    """A form from its words, in any order; what is left out is as in `Form()`.

    Raises:
        PhialError: a word that is not known.
    """
    facts: dict[str, bool | int] = {}
    lifted: list[str] = []
    for word in text.split():
        if word in (f"g{size}" for size in GROUP_SIZES):
            facts["group_size"] = int(word[1:])
        elif word in ("token", "group"):
            facts["by_group"] = word == "group"
        elif word == "rotated":
            facts["rotated"] = True
        elif word == "head8":
            lifted.append(HEAD)
        elif word.startswith("int8:") and len(word) > len("int8:"):
            lifted.append(word.removeprefix("int8:"))
        elif word != "head4":
            raise PhialError(f"{word!r} says nothing about a form", where=f"form {text!r}", do=f"choose from {_WORDS}")
    return Form(lifted=tuple(lifted), **facts)  # type: ignore[arg-type]


def form_of(model: QuantizedModel) -> Form:
    """The form that a quantized model has.

    Raises:
        PhialError: its matrices have groups of several sizes.
    """
    sizes = {matrix.group_size for matrix in model.matrices.values()}
    if len(sizes) > 1:
        what = f"groups of {' and '.join(map(str, sorted(sizes)))} in one model"
        raise PhialError(what, where="form", do="quantize all matrices in groups of one size")
    kinds: dict[str, list[str]] = defaultdict(list)  # names of the matrices that differ in their layer alone
    for name in model.matrices:
        kinds["*." + name.split(".", 2)[2] if name.startswith("layers.") else name].append(name)
    lifted: list[str] = []
    for kind, names in kinds.items():
        high = [name for name in names if model.matrices[name].bits == 8]
        lifted += [kind] if len(high) == len(names) else high
    return Form(sizes.pop(), model.by_group, bool(model.rotated), tuple(lifted))
