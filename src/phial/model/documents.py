"""Where the documents of a batch lie: what attention needs to stay inside them."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor


class Documents:
    """The documents of [batch, time] positions; the first position of a row starts one in any case.

    Args:
        ids: int64 [batch, time]; only its shape and device are used.
        starts: bool [batch, time], True at the first token of each document, or None: one document a row.
    """

    def __init__(self, ids: Tensor, starts: Tensor | None) -> None:
        self.shape, self.device, self.starts = ids.shape, ids.device, starts

    @cached_property
    def bounds(self) -> Tensor:
        """int32 [documents, 3]: row, first position, length."""
        rows, time = self.shape
        first = torch.zeros(rows, time, dtype=torch.bool) if self.starts is None else self.starts.clone()
        first[:, :1] = True
        flat = first.flatten().nonzero().flatten()
        lengths = torch.diff(flat, append=torch.tensor([rows * time]))
        return torch.stack([flat // time, flat % time, lengths], dim=1).int()

    @cached_property
    def mask(self) -> Tensor | None:
        """bool [batch, 1, time, time], True where attention is allowed; None for plain causal attention."""
        if self.starts is None:
            return None
        document = self.starts.cumsum(1)
        same = document.unsqueeze(2) == document.unsqueeze(1)
        return (same & torch.ones(same.shape[-2:], dtype=torch.bool, device=self.device).tril()).unsqueeze(1)
