"""LoRA adapters of single rows of a batch, over a decoder in torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from phial.errors import PhialError
from phial.model.adapter import Adapter
from phial.model.decoder import Decoder

_Parts = dict[str, list[tuple[int, Tensor, Tensor]]]


class TorchAdapters:
    """Adds what adapters add to the linear layers of a decoder, while it computes a batch.

    The weights of the decoder are not touched, so they may change in between.

    Args:
        model: the decoder.
    """

    def __init__(self, model: Decoder) -> None:
        self._modules = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
        self._device = model.embed_tokens.weight.device
        self._held: WeakKeyDictionary[Adapter, _Parts] = WeakKeyDictionary()

    def hold(self, adapter: Adapter) -> _Parts:
        """Bring an adapter to the decoder's device.

        Raises:
            PhialError: it does not fit the model.
        """
        if adapter not in self._held:
            for name, parts in adapter.parts.items():
                module = self._modules.get(name)
                rows, columns = (0, 0) if module is None else module.weight.shape
                if any(part.lora_a.shape[1] != columns or part.first + len(part.lora_b) > rows for part in parts):
                    raise PhialError(f"the adapter does not fit {name}", where="engine", do="give the model's own")
            self._held[adapter] = {
                name: [(part.first, self._tensor(part.lora_a), self._tensor(part.lora_b)) for part in parts]
                for name, parts in adapter.parts.items()
            }
        return self._held[adapter]

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    @contextmanager
    def on(self, adapters: Sequence[Adapter | None]) -> Iterator[None]:
        """What the decoder computes inside is with an adapter for each row of the batch, or none."""
        rows: dict[Adapter, list[int]] = {}
        for row, adapter in enumerate(adapters):
            if adapter is not None:
                rows.setdefault(adapter, []).append(row)
        additions: dict[str, list[tuple[list[int], int, Tensor, Tensor]]] = {}
        for adapter, members in rows.items():
            for name, parts in self.hold(adapter).items():
                additions.setdefault(name, []).extend((members, *part) for part in parts)
        handles = [
            self._modules[name].register_forward_hook(
                lambda _, given, out, each=each: _add(given[0], out, each),
            )
            for name, each in additions.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _add(x: Tensor, out: Tensor, additions: Sequence[tuple[list[int], int, Tensor, Tensor]]) -> None:
    """To out [batch, time, rows], of x [batch, time, columns], in float32 and rounded once."""
    for members, first, lora_a, lora_b in additions:
        last = first + len(lora_b)
        added = x[members].float() @ lora_a.T @ lora_b.T
        out[members, :, first:last] = (out[members, :, first:last].float() + added).to(out.dtype)
