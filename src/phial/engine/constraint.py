"""What a grammar must offer to hold an answer to it; the grammars themselves live elsewhere."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from phial.tokens.tokenizer import Tokenizer


class Matcher(Protocol):
    """Follows one answer through a grammar."""

    @property
    def finished(self) -> bool:
        """Whether the answer is complete, and nothing may follow."""
        ...

    def mask(self, logits: np.ndarray) -> None:
        """Set the logits [vocab_size] of tokens that may not come next to minus infinity, in place."""
        ...

    def copy(self) -> Matcher:
        """Another one at the same place."""
        ...

    def accept(self, token: int) -> None:
        """The answer goes on with a token; a stop token ends it."""
        ...


class Constraint(Protocol):
    """A grammar, as a request names it."""

    def start(self, tokenizer: Tokenizer) -> Matcher:
        """A matcher at the beginning of an answer.

        Raises:
            PhialError: the grammar is no grammar, or too large.
        """
        ...
