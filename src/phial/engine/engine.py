"""The engine: prompts in, answers out, many at a time.

Whoever waits for an answer computes: iterating over a stream, `generate` and `step` take turns at stepping, and every
step serves all requests. A program that has something else to do while answers are made, as a server has, calls `start`
once: a thread then steps whenever there is work. `async for` over a stream starts it by itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from phial.engine.adapters import Adapters
from phial.engine.backend import Backend, Paced, Work
from phial.engine.constraint import Matcher
from phial.engine.lanes import Lanes
from phial.engine.plan import Limits
from phial.engine.request import Generation, Request, Sampling, longest
from phial.engine.resident import Pin
from phial.engine.scheduler import Scheduler
from phial.engine.score import score
from phial.engine.sequence import Live
from phial.engine.speculate import Drafts
from phial.engine.stepper import Stepper
from phial.engine.stream import Stream
from phial.model.adapter import Adapter
from phial.model.config import uses_long_factors
from phial.tokens.tokenizer import Tokenizer


class Engine:
    """Generates answers with one model. Its methods may be called from any thread.

    Args:
        backend: computes logits and keeps the cache.
        tokenizer: turns answers into text.
        stop_ids: tokens that end an answer; the tokenizer's if left out.
        limits: of a step and of the cache; what suits the backend if left out.
        drafts: makes what guesses at the next tokens of one sequence, such as `lambda: Drafts(PromptLookup())`; none
            are made if left out. Worth it where checking several tokens costs little more than computing one.
        adapters: folders of LoRA adapters by the names that requests will have; see `load_adapter`.
    """

    def __init__(
        self,
        backend: Backend,
        tokenizer: Tokenizer,
        stop_ids: Iterable[int] | None = None,
        limits: Limits | None = None,
        drafts: Callable[[], Drafts] | None = None,
        adapters: Mapping[str, Path] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.limits = limits or (Limits(backend.step_tokens) if isinstance(backend, Paced) else Limits())
        self._stop_ids = frozenset(tokenizer.stop_ids if stop_ids is None else stop_ids)
        self._drafts = drafts
        self._scheduler = Scheduler(backend, self.limits)
        self._lanes = Lanes(self._scheduler, self.limits)
        self._adapters = Adapters(self._scheduler)
        self._stepper = Stepper(self._scheduler)
        for name, folder in (adapters or {}).items():
            self.load_adapter(name, folder)

    @property
    def backend(self) -> Backend:
        """Computes logits; its other copies, for other threads, share its weights."""
        return self._scheduler.backend

    @property
    def max_length(self) -> int:
        """Longest prompt and answer together, in tokens."""
        return self.backend.max_length

    def submit(self, request: Request) -> Stream:
        """Have a request answered.

        Returns:
            Its events; see `Stream`.

        Raises:
            PhialError: the prompt is empty or leaves no room in the context, the grammar is unusable, or no adapter has
                the request's name.
        """
        stream = Stream(self, request)
        first = self._live(request, "prompt", stream=stream)
        for sample in range(1, request.n):
            matcher = first.matcher.copy() if first.matcher else None  # a grammar is compiled once for all
            first.siblings.append(self._live(request, "prompt", sample, stream, matcher=matcher))
        stream.lives = [first, *first.siblings]
        self._scheduler.submit(first)
        self._stepper.wake()
        return stream

    def fork(self, stream: Stream, sampling: Sampling | None = None, sample: int = 0, n: int = 1) -> Stream:
        """Go on from where an answer stands, in another way; the answer itself goes on as it would.

        Args:
            stream: of the answer; what of it is computed is shared, while it lives.
            sampling: how the new answer is drawn, with its own seed and max_tokens; as the old one if left out.
            sample: which of the stream's answers.
            n: new answers.

        Returns:
            The new answers, to a prompt that consists of the old prompt and the old answer so far.

        Raises:
            PhialError: the context is full.
        """
        prompt = stream.lives[sample]
        child = Stream(self, replace(stream.request, sampling=sampling or stream.request.sampling, n=n))

        def begin(ids: list[int]) -> Live:
            child.request = replace(child.request, ids=ids) if not child.lives else child.request
            child.lives.append(self._live(child.request, "fork", len(child.lives), child, adapter=prompt.adapter))
            return child.lives[-1]

        for _ in range(n):
            self._scheduler.fork(prompt, begin)
        self._stepper.wake()
        return child

    def cancel(self, live: Live) -> None:
        """Have an answer end before the next step; see `Stream.cancel`."""
        self._scheduler.cancel(live)
        self._stepper.wake()

    def step(self) -> bool:
        """Compute one step for all requests; whether there was anything to do."""
        return self._scheduler.step()

    def start(self) -> None:
        """Step in a thread of its own whenever there is work, until `stop`."""
        self._stepper.start()

    def stop(self) -> None:
        """End the thread; requests that are not answered wait for whoever steps next."""
        self._stepper.stop()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Step until something is ready."""
        while not ready():
            if not self.step() and not ready():
                raise RuntimeError("an answer is awaited that nobody works on")

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        samplings: Sampling | Sequence[Sampling],
        slots: int = 64,
        watch: Callable[[int], None] | None = None,
        threads: int | None = None,
        adapter: str | None = None,
        stop: tuple[str, ...] = (),
        take: Callable[[int, Generation, float], None] | None = None,
    ) -> list[Generation]:
        """Answer prompts with continuous batching: a sequence that finishes gives its slot to the next prompt.

        An answer does not depend on what else is in the batch where the backend's logits do not. The numpy and torch
        backends' do in their last bits, since matrix products of different sizes add in different orders: two tokens
        with all but equal logits may then change places.

        Args:
            prompts: token ids of each prompt.
            samplings: one for all, or one a prompt; requests with the same seed draw the same random numbers.
            slots: sequences decoded together at most, over all threads.
            watch: called after each finished answer with the number finished, by any of the threads, one at a time.
            threads: at most so many; as many as suit the machine and the number of prompts if left out. Backends that
                can't be used by several have one.
            adapter: LoRA adapter of all, by name.
            stop: strings that end an answer; see `Request`.
            take: called as `watch` is, with the prompt's index, its answer, and the seconds since its turn came.

        Returns:
            One answer a prompt, in the order of the prompts.

        Raises:
            PhialError: a prompt is empty or leaves no room in the context, or the adapter is not loaded; nothing is
                generated then.
        """
        each = [samplings] * len(prompts) if isinstance(samplings, Sampling) else list(samplings)
        if len(each) != len(prompts) or slots < 1:
            raise ValueError(f"{len(prompts)} prompts, {len(each)} samplings, {slots} slots")
        count, lock = 0, threading.Lock()

        def finished(index: int, live: Live) -> None:
            nonlocal count
            if live.finish_reason in ("stop", "length"):
                try:
                    with lock:
                        count += 1
                        if take:
                            take(index, live.generation(), time.perf_counter() - live.began)
                        if watch:
                            watch(count)
                except Exception as error:  # to be raised here, not where the step was made
                    live.error = error

        lives = [
            self._live(
                Request(ids, sampling, adapter=adapter, stop=stop), f"prompt {index}", done=partial(finished, index)
            )
            for index, (ids, sampling) in enumerate(zip(prompts, each, strict=True))
        ]
        # Similar lengths side by side waste the least attention, and the longest do not come last.
        waiting = deque(sorted(lives, key=lambda live: -live.start))
        self._lanes.run(waiting, threads, slots)
        return [live.generation() for live in lives]

    def stream(
        self, prompt_ids: Sequence[int], sampling: Sampling, adapter: str | None = None
    ) -> Generator[str, None, None]:
        """Answer one prompt piece by piece; the pieces, joined, are the text that `generate` gives.

        Args:
            prompt_ids: the prompt.
            sampling: how to draw the answer.
            adapter: LoRA adapter by name.

        Returns:
            Text as it becomes certain, never half a character. Close the iterator to stop early.

        Raises:
            PhialError: the prompt is empty or leaves no room in the context, or the adapter is not loaded.
        """
        request = Request(prompt_ids, sampling, adapter=adapter)
        self._live(request, "prompt 0")  # a fault is told now, although nothing begins before the first text is wanted
        return self._stream(request)

    def _stream(self, request: Request) -> Generator[str, None, None]:
        stream = self.submit(request)
        try:
            for event in stream:
                if event.error:
                    raise event.error
                if event.text:
                    yield event.text
        finally:
            if not stream.finished:
                stream.cancel()
                self._scheduler.settle()

    def logits(self, prompts: Sequence[Sequence[int]], last: int = 1, adapter: str | None = None) -> list[np.ndarray]:
        """Logits behind prompts, computed one after the other.

        Args:
            prompts: token ids of each, at least `last`.
            last: rows wanted: those behind the last so many tokens.
            adapter: LoRA adapter by name.

        Returns:
            float32 [last, vocab_size] of each.

        Raises:
            PhialError: the adapter is not loaded.
        """
        found = self._adapters.find(adapter)
        return [self._logits(ids, last, found) for ids in prompts]

    def _logits(self, ids: Sequence[int], last: int, adapter: Adapter | None) -> np.ndarray:
        if not 1 <= last <= len(ids) <= self.max_length:
            raise ValueError(f"{last} rows of logits of {len(ids)} tokens; the context is {self.max_length}")
        scheduler, before, request = self._scheduler, len(ids) - last, Request(ids)
        salt = request.sharing_salt(adapter.key if adapter else None)
        with scheduler.turn:
            long = uses_long_factors(self.backend.config, len(ids))
            handle, found = scheduler.residents.open(ids[: before + 1], long, salt)
            try:
                scheduler.residents.read(handle, request, adapter, found, before)
                [rows] = self.backend.run([Work(handle, ids[before:], last, (), adapter)])
                return rows
            finally:
                self.backend.free(handle)

    def score(
        self, prompt: Sequence[int], continuations: Sequence[Sequence[int]], adapter: str | None = None
    ) -> list[np.ndarray]:
        """How likely each token of some continuations of a prompt is; the prompt is computed once.

        Args:
            prompt: at least one token.
            continuations: token ids of each.
            adapter: LoRA adapter by name.

        Returns:
            float64 [tokens] of each: natural logarithms of the model's probabilities.

        Raises:
            PhialError: a continuation does not fit the context, or the adapter is not loaded.
        """
        return score(self._scheduler, prompt, continuations, self._adapters.find(adapter))

    def pin(self, request: Request) -> Pin:
        """Keep a prompt computed, for requests that begin with it and have its salt, adapter and images.

        Raises:
            PhialError: the prompt is empty or longer than the context, or its adapter is not loaded.
            NoRoom: it does not fit the cache beside what is pinned and running.
        """
        longest(request, self.max_length, self.backend.config.vocab_size, "prompt")
        adapter = self._adapters.find(request.adapter)
        with self._scheduler.turn:
            return self._scheduler.residents.add(request, adapter)

    def unpin(self, pin: Pin) -> None:
        """Let a pinned prompt go."""
        with self._scheduler.turn:
            self._scheduler.residents.remove(pin)

    def snapshot(self, pin: Pin, folder: Path) -> None:
        """Write a pinned prompt, keys and values included, into a new folder; see `Residents.save`."""
        with self._scheduler.turn:
            self._scheduler.residents.save(pin, folder)

    def restore(self, folder: Path) -> Pin:
        """Pin what `snapshot` wrote, without computing it again; see `Residents.load`."""
        with self._scheduler.turn:
            return self._scheduler.residents.load(folder, self._adapters.find)

    def load_weights(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Exchange the weights between two steps; what is being answered goes on with the new ones.

        Args:
            tensors: every parameter by its name in memory, of the same shapes.

        Raises:
            PhialError: the backend can't, or the tensors do not fit.
        """
        self._lanes.forget_copies()  # they have the old weights
        self._scheduler.exchange(tensors)

    def load_adapter(self, name: str, adapter: Path | Adapter) -> None:
        """Have a LoRA adapter ready for requests with `adapter=name`; adapters of several requests share a step.

        Args:
            name: for requests.
            adapter: a folder as peft writes it, or what `read_adapter` made of it.

        Raises:
            PhialError: the name is taken, the backend has no adapters, or the adapter is damaged, of another model, or
                more than plain LoRA; see `read_adapter`.
        """
        self._adapters.load(name, adapter)

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter: new requests with its name are refused, those that have begun end with it.

        Raises:
            PhialError: no adapter has that name.
        """
        self._adapters.remove(name)

    @property
    def adapters(self) -> list[str]:
        """Names of the adapters that are loaded."""
        return self._adapters.names

    def _live(
        self,
        request: Request,
        where: str,
        sample: int = 0,
        stream: Stream | None = None,
        done: Callable[[Live], None] | None = None,
        matcher: Matcher | None = None,
        adapter: Adapter | None = None,
    ) -> Live:
        limit = longest(request, self.max_length, self.backend.config.vocab_size, where)
        adapter = adapter or self._adapters.find(request.adapter)
        drafts = self._drafts() if self._drafts else None
        emit = stream.put if stream else None
        return Live(request, limit, self._stop_ids, self.tokenizer, sample, emit, done, drafts, matcher, adapter)
