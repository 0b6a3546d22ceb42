"""A model run over several texts one block at a time, so that one block's float weights exist at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phial.kernels.packing import ROWS, PackedMatrix, dequantize
from phial.model.config import ModelConfig
from phial.model.decoder import Block
from phial.model.documents import Documents
from phial.model.moe import MoE, route
from phial.model.norm import make_norm
from phial.model.rope import Rotary, uses_long_factors
from phial.model.step import Step
from phial.quant.hadamard import hadamard
from phial.quant.quantized import EMBEDDING, FINAL_NORM, HEAD, QuantizedModel, matrices_of
from phial.quant.weights import Parameters

HEAD_ROWS = 8192  # of the head that are widened at a time

Touch = Callable[[str, Tensor], Tensor]


class Readable(Protocol):
    """A model's parameters in float32, as a block needs them."""

    config: ModelConfig

    def get(self, name: str) -> Tensor:
        """A parameter that belongs to a block or to the final norm, or a bias of the head."""
        ...

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [tokens, hidden_size]."""
        ...

    def head(self) -> Iterator[Tensor]:
        """The head's rows, some at a time."""
        ...


class FloatReadable(Readable):
    """The float model."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters, self.config = parameters, parameters.config

    def get(self, name: str) -> Tensor:
        """A parameter."""
        return self.parameters.get(name).float()

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [tokens, hidden_size]."""
        return self.parameters.get(EMBEDDING)[ids].float() * self.config.embedding_multiplier

    def head(self) -> Iterator[Tensor]:
        """The head's rows."""
        return (part.float() for part in self._head.split(HEAD_ROWS))

    @cached_property
    def _head(self) -> Tensor:
        return self.parameters.get(EMBEDDING if self.config.tie_word_embeddings else "lm_head.weight")


class QuantizedReadable(Readable):
    """A quantized model, dequantized."""

    def __init__(self, model: QuantizedModel) -> None:
        self.model, self.config = model, model.config

    def get(self, name: str) -> Tensor:
        """A parameter."""
        shape = self.config.shapes[name]
        names = matrices_of(name, shape)
        if not names:
            return torch.tensor(self.model.floats[name], dtype=torch.float32)
        parts = [torch.from_numpy(dequantize(self.model.matrices[matrix])) for matrix in names]
        return torch.stack(parts) if len(shape) == 3 else parts[0]

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [tokens, hidden_size]."""
        return torch.from_numpy(self.model.embed(ids.numpy()))

    def head(self) -> Iterator[Tensor]:
        """The head's rows."""
        return dequantized_rows(self.model.matrices[HEAD])


def dequantized_rows(matrix: PackedMatrix) -> Iterator[Tensor]:
    """All rows of a packed matrix in float32, some at a time."""
    for start in range(0, matrix.rows, HEAD_ROWS):
        yield torch.from_numpy(dequantize(some_rows(matrix, start, min(start + HEAD_ROWS, matrix.rows))))


def some_rows(matrix: PackedMatrix, start: int, stop: int) -> PackedMatrix:
    """Rows of a packed matrix from a multiple of 8 on, without a copy."""
    blocks = slice(start // ROWS, -(-stop // ROWS))
    zeros = None if matrix.zeros is None else matrix.zeros[blocks]
    facts = matrix.columns, matrix.bits, matrix.group_size
    return PackedMatrix(matrix.weights[blocks], matrix.scales[blocks], zeros, stop - start, *facts)


@dataclass(frozen=True)
class Inputs:
    """What happens to the input of every packed matrix before the product.

    Attributes:
        rotated: names whose input is turned by `hadamard`.
        groups: None: inputs stay floats; 0: rounded to int8 as the kernels round, one scale a token; 32, 64 or 128: one
            scale a group of so many.
        observe: called with each matrix's name and its input [tokens, columns], turned but not rounded.
    """

    rotated: frozenset[str] = frozenset()
    groups: int | None = None
    observe: Callable[[str, Tensor], None] | None = None

    def __call__(self, name: str, x: Tensor) -> Tensor:
        """The input that the product reads."""
        x = hadamard(x) if name in self.rotated else x
        if self.observe is not None:
            self.observe(name, x.reshape(-1, x.shape[-1]))
        return x if self.groups is None else round_to_int8(x, self.groups)


def round_to_int8(x: Tensor, group_size: int = 0) -> Tensor:
    """The values that products with int8 activations see: the largest magnitude becomes 127.

    Args:
        x: float32 [..., width].
        group_size: values that share a scale; 0: all of a vector.
    """
    width = x.shape[-1]
    size = group_size or width
    padded = F.pad(x, (0, -width % size)).unflatten(-1, (-1, size))
    most = padded.abs().amax(-1, keepdim=True)
    tiny = most < 2.0**-100
    inverse = torch.where(tiny, 0.0, 127.0 / most)
    steps = torch.round(padded * inverse)
    return (steps * torch.where(tiny, 0.0, most / 127.0)).flatten(-2)[..., :width]


class _Experts(nn.Module):
    """`MoE` with each expert's inputs passed through `touch`."""

    def __init__(self, moe: MoE, prefix: str, touch: Touch) -> None:
        super().__init__()
        self.moe, self.prefix, self.touch = moe, prefix, touch

    def forward(self, x: Tensor) -> Tensor:
        """x [batch, time, hidden_size] -> the same shape."""
        moe, flat = self.moe, x.reshape(-1, x.shape[-1])
        weights, indices = route(moe.gate(flat), moe.experts)
        out = torch.zeros_like(flat)
        for expert in indices.unique().tolist():
            token, place = (indices == expert).nonzero(as_tuple=True)
            given = self.touch(f"{self.prefix}gate_up_proj.{expert}", flat[token])
            gate, up = F.linear(given, moe.gate_up_proj[expert]).chunk(2, dim=-1)
            inner = self.touch(f"{self.prefix}down_proj.{expert}", F.silu(gate) * up)
            part = F.linear(inner, moe.down_proj[expert])
            out.index_add_(0, token, part * weights[token, place].unsqueeze(-1))
        return out.view_as(x)


class StreamedModel:
    """A model of which one block is in memory at a time.

    Args:
        readable: its parameters.
        inputs: what happens to the inputs of matrices.
    """

    def __init__(self, readable: Readable, inputs: Inputs | None = None) -> None:
        self.readable, self.config = readable, readable.config
        self.inputs = inputs or Inputs()
        self._rotary = Rotary(self.config)

    def block(self, layer: int) -> Block:
        """One block with its weights in float32."""
        with torch.device("meta"):
            block = Block(self.config, layer)
        prefix = f"layers.{layer}."
        self._fill(block, prefix)
        for name, module in block.named_modules():
            if isinstance(module, nn.Linear) and not name.endswith("moe.gate"):
                matrix = prefix + name
                module.register_forward_pre_hook(lambda _, given, matrix=matrix: (self.inputs(matrix, given[0]),))
        if self.config.experts is not None:
            experts = _Experts(block.moe, f"{prefix}moe.", lambda name, x: self.inputs(name, x))
            block.add_module("moe", experts)
        return block.eval()

    def step(self, x: Tensor) -> Step:
        """What the layers share for texts of x's [batch, time, hidden_size] length."""
        time = x.shape[1]
        tables = self._rotary.tables(time, uses_long_factors(self.config, time), x.device)
        cos, sin = (table[:time] for table in tables)
        return Step(torch.arange(time).expand(x.shape[:2]), cos, sin, Documents(x[..., 0], None))

    def embed(self, windows: Sequence[Tensor]) -> list[Tensor]:
        """Embeddings [1, time, hidden_size] of ids [time]."""
        together = self.readable.embed(torch.cat(list(windows)))  # once: a turned embedding is made for every call
        return [part.unsqueeze(0) for part in together.split([len(ids) for ids in windows])]

    def through(self, block: Block, states: Sequence[Tensor]) -> list[Tensor]:
        """States after a block."""
        out = []
        with torch.no_grad():
            for x in states:
                rest, delta = block(x, None, self.step(x))
                out.append(rest + delta)
        return out

    def hidden(self, windows: Sequence[Tensor]) -> list[Tensor]:
        """The head's inputs [time, hidden_size] of ids [time]."""
        states = self.embed(windows)
        for layer in range(self.config.num_hidden_layers):
            states = self.through(self.block(layer), states)
        return [x[0] for x in self.finish(states)]

    def finish(self, states: Sequence[Tensor]) -> list[Tensor]:
        """The head's inputs of the last block's states, both [batch, time, hidden_size]."""
        with torch.device("meta"):
            norm = make_norm(self.config)
        self._fill(norm, "norm.")
        turned = FINAL_NORM in self.inputs.rotated
        with torch.no_grad():
            return [self.inputs(HEAD, norm(hadamard(x) if turned else x)[1]) for x in states]

    def logits(self, hidden: Tensor, head: PackedMatrix | None = None) -> Tensor:
        """Logits [tokens, vocab_size] of the head's inputs [tokens, hidden_size], by another head if one is given."""
        config = self.config
        out = hidden.new_empty(len(hidden), config.vocab_size)
        start = 0
        with torch.no_grad():
            for rows in self.readable.head() if head is None else dequantized_rows(head):
                torch.matmul(hidden, rows.T, out=out[:, start : start + len(rows)])
                start += len(rows)
            if config.head_bias:
                out += self.readable.get("lm_head.bias")
            if config.logit_divisor != 1.0:
                out /= config.logit_divisor
            if config.dummy_token_ids:
                out[:, list(config.dummy_token_ids)] = -torch.inf
        return out

    def _fill(self, module: nn.Module, prefix: str) -> None:
        owners = dict(module.named_modules())
        for name, _ in list(module.named_parameters()):
            owner, _, attribute = name.rpartition(".")
            value = nn.Parameter(self.readable.get(prefix + name), requires_grad=False)
            setattr(owners[owner], attribute, value)


def simulated(model: QuantizedModel, *, int8: bool = True) -> StreamedModel:
    """A quantized model computed by torch with dequantized weights.

    Args:
        model: the model.
        int8: round the activations as the kernels do; else they stay floats.
    """
    groups: int | None = None
    if int8:
        groups = min(matrix.group_size for matrix in model.matrices.values()) if model.by_group else 0
    return StreamedModel(QuantizedReadable(model), Inputs(model.rotated, groups))


def as_windows(ids: Sequence[int], length: int, most: int) -> list[Tensor]:
    """The first ids in texts of equal length.

    Args:
        ids: of a long text.
        length: tokens of a window.
        most: tokens altogether.

    Returns:
        int64 [length] each; one shorter window where there is less than that altogether.
    """
    taken = torch.from_numpy(np.asarray(ids[:most], np.int64))
    count = len(taken) // length
    return list(taken[: count * length].split(length)) if count else [taken]
