"""What the engine needs from a model: logits of sequences whose keys and values the backend keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from phial.model.adapter import Adapter
from phial.model.config import ModelConfig


class NoRoom(Exception):
    """The cache can't hold what a step would add; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Work:
    """New tokens of one sequence in one step.

    Attributes:
        sequence: a handle of `Backend.open` or `Backend.fork`; at most one piece of work a step has it.
        ids: 1 or more tokens, to stand behind what the sequence holds.
        wanted: logits of the last so many of these tokens: 0 for a prompt's chunk that is not its last, more than 1 to
            check drafts.
        images: (place among ids, embeddings [tokens, hidden_size]) that stand instead of the ids' own embeddings.
        adapter: the LoRA adapter that computes these tokens, or None.
    """

    sequence: int
    ids: Sequence[int]
    wanted: int = 1
    images: Sequence[tuple[int, np.ndarray]] = ()
    adapter: Adapter | None = None


def chunk(
    sequence: int,
    ids: Sequence[int],
    start: int,
    end: int,
    wanted: int,
    images: Sequence[tuple[int, np.ndarray]] = (),
    adapter: Adapter | None = None,
) -> Work:
    """Work on the tokens from `start` to `end` of ids, with the parts of images (place among ids, …) among them."""
    parts = []
    for place, embeddings in images:
        first, last = max(place, start), min(place + len(embeddings), end)
        if first < last:
            parts.append((first - start, embeddings[first - place : last - place]))
    return Work(sequence, ids[start:end], wanted, parts, adapter)


class Backend(Protocol):
    """A model and its cache; handles are small integers that are used again after `free`.

    Attributes:
        config: the model's shape.
        max_length: longest sequence, prompt and answer together, in tokens.
    """

    config: ModelConfig

    @property
    def max_length(self) -> int:
        """Longest sequence, in tokens."""
        ...

    def open(self, ids: Sequence[int] = (), long: bool = False, salt: bytes = b"") -> tuple[int, int]:
        """Begin a sequence.

        Args:
            ids: what will be computed in it, as far as it is known.
            long: LongRoPE's long factors for the whole sequence.
            salt: sequences share computed tokens only where it is equal: it stands for tenant, adapter and images.

        Returns:
            The handle, and how many of the first ids the sequence holds already: fewer than all of them, so that one
            is left to compute logits from; 0 where the backend shares nothing.
        """
        ...

    def fork(self, sequence: int) -> int:
        """A new sequence that holds the same tokens; what either adds, the other never sees."""
        ...

    def length(self, sequence: int) -> int:
        """Tokens that a sequence holds."""
        ...

    def trim(self, sequence: int, length: int) -> None:
        """Forget the newest tokens, so that `length` are left; nothing happens where no more are held."""
        ...

    def free(self, sequence: int) -> None:
        """Forget a sequence."""
        ...

    def room(self) -> int:
        """New tokens that can be stored beside those of the live sequences; what could be evicted counts as room."""
        ...

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        """Add tokens to sequences.

        Args:
            work: pieces of different sequences, each within max_length.

        Returns:
            float32 [wanted, vocab_size] of each piece, in order; the caller does not write to them, and the next call
            does not change them.

        Raises:
            NoRoom: nothing was changed.
        """
        ...


@runtime_checkable
class Twinning(Protocol):
    """A backend that may be used by several threads, each with a cache of its own."""

    def twin(self) -> Backend:
        """A backend with an empty cache over the same weights."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A backend that knows how many tokens make a good step."""

    @property
    def step_tokens(self) -> int:
        """What it reads in a fraction of a second, so that nobody's next token waits longer than for that."""
        ...


@runtime_checkable
class Invariant(Protocol):
    """A backend whose logits have the same bits whatever is computed beside them."""

    @property
    def batch_invariant(self) -> bool:
        """True."""
        ...


@runtime_checkable
class Storing(Protocol):
    """A backend that can keep a sequence's keys and values in a folder."""

    def save(self, sequence: int, folder: Path) -> None:
        """Write what a sequence holds into an existing, empty folder."""
        ...

    def load(self, folder: Path, salt: bytes = b"") -> int:
        """A new sequence that holds what was saved, and that later ones share where the backend shares at all.

        Args:
            folder: that `save` has written into.
            salt: of the sequence that was saved; see `Backend.open`.

        Raises:
            PhialError: the folder is damaged or of another model.
            NoRoom: the cache is too full.
        """
        ...


@runtime_checkable
class Reloading(Protocol):
    """A backend whose weights can be exchanged while it lives."""

    def load_weights(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Take other values of the same parameters; called while no sequence is open, and nothing older is shared.

        Raises:
            PhialError: the tensors do not fit; nothing was changed.
        """
        ...


@runtime_checkable
class Adapting(Protocol):
    """A backend that computes LoRA adapters, several in one call of `run`."""

    def adapt(self, adapter: Adapter) -> None:
        """Prepare for work with an adapter, which would otherwise be done when the first of it comes.

        Raises:
            PhialError: it does not fit the model.
        """
        ...
