"""Continuous batching over one backend: a sequence that ends gives its slot to the next one at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from phial.engine.backend import Backend
from phial.engine.request import FinishReason, Sampling
from phial.engine.sampler import choose, random_stream
from phial.errors import PhialError


@dataclass(slots=True)
class Running:
    """A prompt and the answer that it has so far.

    Attributes:
        index: place among the prompts of its call.
        prompt: token ids.
        sampling: how its tokens are drawn.
        room: tokens the answer may have.
        random: its random stream, if it draws at all.
        ids: the answer so far.
        finish_reason: set when the answer is complete.
    """

    index: int
    prompt: Sequence[int]
    sampling: Sampling
    room: int
    random: np.random.Generator | None
    ids: list[int] = field(default_factory=list)
    finish_reason: FinishReason | None = None


def admit(index: int, prompt: Sequence[int], sampling: Sampling, max_length: int) -> Running:
    """Check a prompt against the context.

    Raises:
        PhialError: the prompt is empty or leaves no room for an answer.
    """
    where = f"prompt {index}"
    if not len(prompt):
        raise PhialError("the prompt is empty", where=where, do="begin it with the BOS token")
    room = max_length - len(prompt)
    if room < 1:
        raise PhialError(
            f"the prompt has {len(prompt)} tokens; the model's context is {max_length}, answer included",
            where=where,
            do="shorten the prompt or use a model with a longer context",
        )
    random = random_stream(sampling.seed) if sampling.temperature > 0 else None
    return Running(index, prompt, sampling, min(room, sampling.max_tokens), random)


class Scheduler:
    """Owns the slots of a backend; several callers may have sequences in it, but not from several threads."""

    def __init__(self, backend: Backend, stop_ids: Iterable[int]) -> None:
        self.backend = backend
        self._stop_ids = frozenset(stop_ids)
        self._live: dict[int, Running] = {}

    def start(self, running: Running) -> int:
        """Take the lowest free slot, read the prompt and draw the first token.

        Returns:
            The slot; it is free again already if the first token ended the answer.
        """
        slot = next(slot for slot in range(len(self._live) + 1) if slot not in self._live)
        self._live[slot] = running
        try:
            self._advance([slot], self.backend.prefill(slot, running.prompt)[None])
        except BaseException:
            self.drop(slot)
            raise
        return slot

    def step(self, slots: Sequence[int]) -> None:
        """Draw one more token for each of these live slots; those whose answer ends become free."""
        self._advance(slots, self.backend.decode(slots, [self._live[slot].ids[-1] for slot in slots]))

    def drop(self, slot: int) -> None:
        """Free a slot whether or not its answer is complete."""
        self._live.pop(slot, None)
        self.backend.free(slot)

    def run(self, waiting: deque[Running], slots: int, finished: Callable[[Running], None]) -> None:
        """Take sequences from a queue until it is empty and all that were taken are complete.

        Args:
            waiting: may be shared with other schedulers in other threads.
            slots: sequences decoded together at most.
            finished: called with each sequence when it is complete.
        """
        mine: dict[int, Running] = {}
        try:
            while True:
                while len(mine) < slots and (running := _next(waiting)):
                    slot = self.start(running)
                    if running.finish_reason:
                        finished(running)
                    else:
                        mine[slot] = running
                if not mine:
                    return
                self.step(list(mine))
                for slot in [slot for slot, running in mine.items() if running.finish_reason]:
                    finished(mine.pop(slot))
        finally:
            for slot in mine:
                self.drop(slot)

    def _advance(self, slots: Sequence[int], logits: np.ndarray) -> None:
        each = [self._live[slot] for slot in slots]
        tokens = choose(logits, [running.sampling for running in each], [running.random for running in each])
        for slot, running, token in zip(slots, each, tokens, strict=True):
            if token in self._stop_ids:
                running.finish_reason = "stop"
            else:
                running.ids.append(token)
                if len(running.ids) == running.room:
                    running.finish_reason = "length"
            if running.finish_reason:
                self.drop(slot)


def _next(waiting: deque[Running]) -> Running | None:
    try:  # asking first whether the queue is empty would race with other threads
        return waiting.popleft()
    except IndexError:
        return None
