"""The engine: prompts in, answers out, many at a time."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from phial.engine.backend import Backend
from phial.engine.numpy_backend import NumpyBackend
from phial.engine.request import Generation, Sampling
from phial.engine.scheduler import Running, Scheduler, admit
from phial.engine.text_stream import TextStream
from phial.model.files import read_arrays, read_config, read_tokenizer
from phial.tokens.tokenizer import Tokenizer

# Two threads are what was measured; many more would wait for Python's lock between numpy's small calls.
MAX_THREADS = 2
# Below this many prompts a thread, sharing them out costs more than it saves.
MIN_PROMPTS_A_THREAD = 16


class Engine:
    """Generates answers with one model; one caller at a time.

    Args:
        backend: computes logits and keeps the cache.
        tokenizer: turns answers into text.
        stop_ids: tokens that end an answer; the tokenizer's if left out.
    """

    def __init__(self, backend: Backend, tokenizer: Tokenizer, stop_ids: Iterable[int] | None = None) -> None:
        self.tokenizer = tokenizer
        self._stop_ids = frozenset(tokenizer.stop_ids if stop_ids is None else stop_ids)
        self._schedulers = [Scheduler(backend, self._stop_ids)]

    @property
    def backend(self) -> Backend:
        """Computes logits; its other copies, for other threads, share its weights."""
        return self._schedulers[0].backend

    @property
    def max_length(self) -> int:
        """Longest prompt and answer together, in tokens."""
        return self.backend.max_length

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        samplings: Sampling | Sequence[Sampling],
        slots: int = 64,
        watch: Callable[[int], None] | None = None,
        threads: int | None = None,
    ) -> list[Generation]:
        """Answer prompts with continuous batching: a sequence that finishes gives its slot to the next prompt.

        An answer does not depend on what else is in the batch, up to the last bits of the logits: matrix products
        of different sizes add in different orders, so two tokens with all but equal logits may change places.

        Args:
            prompts: token ids of each prompt.
            samplings: one for all, or one a prompt; requests with the same seed draw the same random numbers.
            slots: sequences decoded together at most, over all threads.
            watch: called after each finished answer with the number finished, by any of the threads, one at a time.
            threads: at most so many; as many as suit the machine and the number of prompts if left out.

        Returns:
            One answer a prompt, in the order of the prompts.

        Raises:
            PhialError: a prompt is empty or leaves no room in the context; nothing is generated then.
        """
        each = [samplings] * len(prompts) if isinstance(samplings, Sampling) else list(samplings)
        if len(each) != len(prompts) or slots < 1:
            raise ValueError(f"{len(prompts)} prompts, {len(each)} samplings, {slots} slots")
        requests = [admit(index, prompts[index], each[index], self.max_length) for index in range(len(prompts))]
        # Similar lengths side by side waste the least attention, and the longest do not come last.
        waiting = deque(sorted(requests, key=lambda running: -len(running.prompt)))
        answers: dict[int, Generation] = {}
        lock = threading.Lock()

        def finished(running: Running) -> None:
            answer = self._generation(running)
            with lock:
                answers[running.index] = answer
                if watch:
                    watch(len(answers))

        count = min(threads or _cores(), slots, max(1, len(prompts) // MIN_PROMPTS_A_THREAD))
        self._run(waiting, count, slots, finished)
        return [answers[index] for index in range(len(prompts))]

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling) -> Generator[str, None, None]:
        """Answer one prompt piece by piece; the pieces, joined, are the text that `generate` gives.

        Args:
            prompt_ids: the prompt.
            sampling: how to draw the answer.

        Returns:
            Text as it becomes certain, never half a character. Close the iterator to stop early.

        Raises:
            PhialError: the prompt is empty or leaves no room in the context.
        """
        return self._stream(admit(0, prompt_ids, sampling, self.max_length))

    def _stream(self, running: Running) -> Generator[str, None, None]:
        scheduler, text = self._schedulers[0], TextStream(self.tokenizer)
        slot = scheduler.start(running)
        read = 0
        try:
            while True:
                piece = "".join(text.push(token) for token in running.ids[read:])
                read = len(running.ids)
                if running.finish_reason:
                    piece += text.finish()
                if piece:
                    yield piece
                if running.finish_reason:
                    return
                scheduler.step([slot])
        finally:
            if not running.finish_reason:
                scheduler.drop(slot)

    def _run(self, waiting: deque[Running], count: int, slots: int, finished: Callable[[Running], None]) -> None:
        while len(self._schedulers) < count:
            self._schedulers.append(Scheduler(self.backend.twin(), self._stop_ids))
        first, *others = self._schedulers[:count]
        if not others:
            first.run(waiting, slots, finished)
            return
        with ThreadPoolExecutor(len(others)) as pool:
            futures = [pool.submit(scheduler.run, waiting, slots // count, finished) for scheduler in others]
            try:
                first.run(waiting, slots // count, finished)
            except BaseException:
                waiting.clear()  # the other threads end with what they have begun
                raise
            for future in futures:
                future.result()

    def _generation(self, running: Running) -> Generation:
        assert running.finish_reason
        return Generation(tuple(running.ids), self.tokenizer.decode(running.ids), running.finish_reason)


def load_engine(folder: Path) -> Engine:
    """An engine over a checkpoint folder, computing in float32 with numpy.

    Raises:
        PhialError: a missing or damaged file, or a tensor that is missing, extra or of the wrong shape or type.
    """
    config = read_config(folder)
    tokenizer = read_tokenizer(folder, config)
    return Engine(NumpyBackend(config, read_arrays(folder, config)), tokenizer)


def _cores() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MAX_THREADS)
