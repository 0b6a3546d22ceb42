"""Guesses at the next tokens, which the model then checks in one step; the answer stays what it would be without.

A guess is a point mass, so rejection sampling (Leviathan et al. 2023; Chen et al. 2023) accepts it with the probability
that the model gives it. Drawing the model's token from the answer's own random numbers and comparing accepts it just as
often, and leaves more than the distribution as it was: every single token is the one that would have been drawn without
guesses. So an answer depends neither on whether guesses are made nor on when they are switched off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from phial.engine.backend import Backend, Work

# What one more token in a step costs, as a share of a step of one token: a batch of 8 takes some 3 times as long where
# weights are int4 and the arithmetic, not the memory, bounds it.
COST = 0.35
_DECAY = 0.85  # a step's weight a step later: an edit goes from copying to writing and back within few steps
_LONGEST_PAUSE = 64


class Proposer(Protocol):
    """Guesses how one sequence goes on."""

    def propose(self, ids: Sequence[int], most: int) -> Sequence[int]:
        """At most `most` tokens that may follow ids, a sequence that only ever grows; maybe none."""
        ...

    def close(self) -> None:
        """The sequence has ended."""
        ...


class PromptLookup:
    """Goes on as the sequence did where its last tokens stood in it before (Saxena 2023).

    Of several such places the one nearest to where the last guesses were copied from, had every token since been one of
    theirs: code repeats itself, and a text that is copied with changes is copied from one place. Replayed edits by two
    models of 0.5 and 1.5 B come to 78 % of what checking in batches allows so, with the newest place to 72 %.

    Args:
        longest: tokens compared at most.
        shortest: tokens compared at least.
    """

    def __init__(self, longest: int = 4, shortest: int = 2) -> None:
        self._sizes = range(longest, shortest - 1, -1)
        self._behind: dict[tuple[int, ...], list[int]] = {}  # where what followed an n-gram began, in order
        self._read = 0
        self._distance: int | None = None  # from the end of the sequence back to what is copied

    def propose(self, ids: Sequence[int], most: int) -> Sequence[int]:
        """See `Proposer.propose`."""
        for end in range(self._read + 1, len(ids)):  # the last n-gram, with nothing behind it, is not for finding
            for size in self._sizes:
                if size <= end:
                    self._behind.setdefault(tuple(ids[end - size : end]), []).append(end)
        self._read = max(self._read, len(ids) - 1)
        for size in self._sizes:
            places = self._behind.get(tuple(ids[len(ids) - size :])) if size <= len(ids) else None
            if places:
                place = places[-1] if self._distance is None else _nearest(places, len(ids) - self._distance)
                self._distance = len(ids) - place
                return ids[place : place + most]
        return []

    def close(self) -> None:
        """Nothing is held."""


def _nearest(places: Sequence[int], wanted: int) -> int:
    """The one of ascending numbers that is nearest to another; of two equally near ones the later."""
    after = bisect_left(places, wanted)
    return min(reversed(places[max(after - 1, 0) : after + 1]), key=lambda place: abs(place - wanted))


class SmallModel:
    """Takes the likeliest tokens of a smaller model with the same vocabulary.

    Args:
        backend: of the smaller model; several sequences may share it, but not several threads.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._handle: int | None = None
        self._ids: list[int] = []

    def propose(self, ids: Sequence[int], most: int) -> Sequence[int]:
        """See `Proposer.propose`."""
        most = min(most, self._backend.max_length - len(ids))
        if most < 1:
            return []
        if self._handle is None:
            self._handle, found = self._backend.open(ids)
            self._ids = list(ids[:found])
        same = next((i for i, (a, b) in enumerate(zip(self._ids, ids, strict=False)) if a != b), len(self._ids))
        same = min(same, len(ids) - 1)
        self._backend.trim(self._handle, same)
        guesses: list[int] = []
        fresh = list(ids[same:])
        for _ in range(most):
            [logits] = self._backend.run([Work(self._handle, fresh)])
            guesses.append(int(logits[0].argmax()))
            fresh = guesses[-1:]
        self._ids = [*ids, *guesses[:-1]]
        return guesses

    def close(self) -> None:
        """Give the smaller model's cache back."""
        if self._handle is not None:
            self._backend.free(self._handle)
            self._handle = None


class Drafts:
    """How many guesses are worth checking, by how many were right lately.

    Args:
        proposer: guesses.
        longest: most guesses a step.
        cost: of one more token in a step, as a share of a step.

    Attributes:
        offered: guesses that were checked.
        accepted: those of them that were right.
    """

    def __init__(self, proposer: Proposer, longest: int = 32, cost: float = COST) -> None:
        self._proposer, self._longest, self._cost = proposer, longest, cost
        self._right, self._tried = 1.4, 2.0  # as if 70 % had been right: guesses are tried at first, and given up soon
        self._pause = self._waited = 0
        self.offered = self.accepted = 0

    @property
    def length(self) -> int:
        """Guesses a step that promise the most tokens for the time; 0 when none is worth its cost."""
        rate = self._right / self._tried
        best, best_length, tokens, power = 1.0, 0, 1.0, 1.0
        for length in range(1, self._longest + 1):
            power *= rate
            tokens += power
            gain = tokens / (1 + self._cost * length)
            if gain > best:
                best, best_length = gain, length
        return best_length

    def propose(self, ids: Sequence[int], most: int) -> Sequence[int]:
        """Guesses to check behind ids; none, mostly, while they are switched off."""
        wanted = min(self.length, most)
        if wanted < 1:
            self._waited += 1
            if self._waited <= self._pause or most < 1:
                return []
            wanted = 1  # text may have become repetitive: one guess now and then finds out
        return self._proposer.propose(ids, wanted)

    def learn(self, offered: int, accepted: int) -> None:
        """Told how many of the guesses were right."""
        self.offered += offered
        self.accepted += accepted
        if self._waited > self._pause:
            self._waited = 0
            self._pause = 0 if accepted else min(max(4, 2 * self._pause), _LONGEST_PAUSE)
        self._right = self._right * _DECAY + accepted
        self._tried = self._tried * _DECAY + accepted + (accepted < offered)

    def close(self) -> None:
        """The sequence has ended."""
        self._proposer.close()
