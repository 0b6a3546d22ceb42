"""The one thing the engine needs from a model: logits of sequences that live in slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Backend(Protocol):
    """A model and its cache; a slot is a small integer that names one live sequence."""

    @property
    def max_length(self) -> int:
        """Longest sequence, prompt and answer together, in tokens."""
        ...

    def prefill(self, slot: int, ids: Sequence[int]) -> np.ndarray:
        """Begin a sequence in a slot, in place of any that was there.

        Args:
            slot: 0 or more.
            ids: 1 to max_length tokens.

        Returns:
            float32 [vocab_size], logits of the token after the last.
        """
        ...

    def decode(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray:
        """Add one token to each of several sequences.

        Args:
            slots: different live slots, each with room for a token.
            ids: the token of each.

        Returns:
            float32 [len(slots), vocab_size], logits of the token after each, in the order of `slots`.
        """
        ...

    def free(self, slot: int) -> None:
        """Forget the sequence in a slot, if there is one."""
        ...

    def twin(self) -> Backend:
        """A backend with an empty cache of its own over the same weights, for use by another thread."""
        ...
