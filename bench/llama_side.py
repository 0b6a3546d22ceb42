"""llama.cpp's side of a comparison: a process of an interpreter with llama-cpp-python, see sides.py.

It needs numpy beside it and nothing of phial. A question names a measure, as phial_side.py answers it, and a cache:
"f16" (llama.cpp decides on flash attention), "f16 plain" (without it), "q8_0" (with it, as that cache needs).
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np

from sides import Facts, serve

BATCH = 512  # tokens of a prompt that are computed at a time
TILE = 512  # computed tokens that a long cache is filled with, over and over
LONG = 4096  # tokens from which on a cache is filled so
REST = 64  # tokens of a stream beside what is measured
CACHES = {
    "f16": (llama_cpp.GGML_TYPE_F16, llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO),
    "f16 plain": (llama_cpp.GGML_TYPE_F16, llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED),
    "q8_0": (llama_cpp.GGML_TYPE_Q8_0, llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED),
}


class Context:
    """A llama.cpp context over the process's one model."""

    def __init__(self, model: Any, threads: int, room: int, streams: int, cache: str, unified: bool = False) -> None:
        settings = llama_cpp.llama_context_default_params()
        # llama.cpp cuts the batch to the context
        settings.n_ctx, settings.n_seq_max, settings.kv_unified = max(room, BATCH), streams, unified
        settings.n_threads = settings.n_threads_batch = threads
        settings.n_batch = settings.n_ubatch = BATCH
        settings.type_k = settings.type_v = CACHES[cache][0]
        settings.flash_attn_type = CACHES[cache][1]
        self.handle = llama_cpp.llama_init_from_model(model, settings)
        if not self.handle:
            raise SystemExit(f"llama.cpp makes no context of {room} tokens with cache {cache}")
        self.memory = llama_cpp.llama_get_memory(self.handle)
        self.held = 0  # tokens that sequence 0 is known to hold
        self._batch = llama_cpp.llama_batch_init(BATCH, 0, 1)

    def run(self, ids: Sequence[int], starts: Sequence[int], rows: Sequence[int], wanted: bool = True) -> None:
        """Add tokens, as many to each sequence of `rows`; logits behind each sequence's last one, if wanted."""
        batch, count, place = self._batch, len(ids) // len(rows), 0
        batch.n_tokens = len(ids)
        for row, start in zip(rows, starts, strict=True):
            for step in range(count):
                batch.token[place], batch.pos[place] = ids[place], start + step
                batch.n_seq_id[place], batch.seq_id[place][0] = 1, row
                batch.logits[place] = wanted and step == count - 1
                place += 1
        if llama_cpp.llama_decode(self.handle, batch) != 0:
            raise SystemExit("llama_decode failed")
        llama_cpp.llama_synchronize(self.handle)

    def read(self, ids: Sequence[int], row: int = 0, wanted: bool = False) -> None:
        """Compute a prompt; the logits behind it, if wanted."""
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            self.run(part, [start], [row], wanted and start + BATCH >= len(ids))

    def clear(self) -> None:
        """Forget everything."""
        llama_cpp.llama_memory_clear(self.memory, True)
        self.held = 0

    def fill(self, length: int) -> None:
        """Have sequence 0 hold so many tokens: computed ones, or from LONG on those of a prompt of TILE, repeated."""
        if self.held == length:
            llama_cpp.llama_memory_seq_rm(self.memory, 0, length, -1)
            return
        self.clear()
        self.read([300 + place for place in range(min(length, TILE) if length >= LONG else length)])
        if length >= LONG:
            size = llama_cpp.llama_state_seq_get_size(self.handle, 0)
            state = (ctypes.c_uint8 * size)()
            llama_cpp.llama_state_seq_get_data(self.handle, state, size, 0)
            long = repeated(np.frombuffer(state, np.uint8), length // TILE)
            self.clear()
            buffer = (ctypes.c_uint8 * len(long)).from_buffer(long)
            if not llama_cpp.llama_state_seq_set_data(self.handle, buffer, len(long), 0):
                raise SystemExit("llama.cpp does not take the long state")
            if llama_cpp.llama_memory_seq_pos_max(self.memory, 0) != length - 1:
                raise SystemExit("llama.cpp has not understood the long state")
        self.held = length


def repeated(state: np.ndarray, times: int) -> bytearray:
    """A saved sequence's keys and values, several times in a row, at positions 0, 1, 2, …

    The layout is that of llama_state_seq_get_data: two words that are copied; streams, cells, then for each cell
    position, number of sequences and sequence; whether values are transposed, layers; each layer's type, bytes a row,
    and keys; each layer's type, bytes a row (or bytes an element, and elements), and values.
    """
    data, place, out = state.tobytes(), 0, bytearray()

    def take(count: int) -> bytes:
        nonlocal place
        place += count
        return data[place - count : place]

    def number(size: int = 4) -> int:
        return int.from_bytes(take(size), "little")

    def copied(size: int = 4) -> int:
        value = number(size)
        out.extend(value.to_bytes(size, "little"))
        return value

    out.extend(take(8))
    if copied() != 1:
        raise SystemExit("a saved sequence of several streams")
    cells = number()
    out.extend((cells * times).to_bytes(4, "little"))
    take(12 * cells)
    facts = np.zeros((cells * times, 3), np.int32)
    facts[:, 0], facts[:, 1] = np.arange(len(facts)), 1
    out.extend(facts.tobytes())
    transposed, layers = copied(), copied()
    for _ in range(layers):
        copied()
        out.extend(take(copied(8) * cells) * times)
    for _ in range(layers):
        copied()
        if transposed:
            size, rows = copied(), copied()
            values = np.frombuffer(take(size * rows * cells), np.uint8).reshape(rows, 1, -1)
            out.extend(np.tile(values, (1, times, 1)).tobytes())
        else:
            out.extend(take(copied(8) * cells) * times)
    if place != len(data):
        raise SystemExit("a saved sequence of another layout than expected")
    return out


class LlamaCpp:
    """What the process answers."""

    def __init__(self, facts: Facts) -> None:
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            facts["path"].encode(), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise SystemExit(f"llama.cpp does not load {facts['path']}")
        self._threads, self._contexts = facts["threads"], dict[tuple[Any, ...], Context]()

    def answer(self, question: Facts) -> Any:
        """Seconds a step of "decode N", "streams N" and "prefill N"; what `vote` and `replay` give."""
        cache = question["cache"]
        kind, _, number = question["measure"].partition(" ")
        match kind:
            case "vote":
                return self.vote(question, cache)
            case "replay":
                return self.replay(question, cache)
            case "prefill":
                context = self._context(int(number) + REST, 1, cache)
                context.clear()
                ids = [300 + place for place in range(int(number))]
                started = time.perf_counter()
                context.read(ids, wanted=True)
                return time.perf_counter() - started
            case "streams":
                return self._streams(int(number), cache)
            case "decode":
                context = self._context(int(number) + REST, 1, cache)
                context.fill(int(number))
                return self._steps(context, int(number), 1, 16 if int(number) < 1000 else 8)
        raise SystemExit(f"no measure {question['measure']!r}")

    def _context(self, room: int, streams: int, cache: str, unified: bool = False) -> Context:
        key = (streams, cache, unified)
        found = self._contexts.get(key)
        if found is None or llama_cpp.llama_n_ctx(found.handle) < room:
            if found is not None:
                llama_cpp.llama_free(found.handle)
            self._contexts[key] = Context(self._model, self._threads, room, streams, cache, unified)
        return self._contexts[key]

    def _streams(self, count: int, cache: str) -> float:
        context = self._context(count * REST, count, cache)
        context.clear()
        for row in range(count):
            context.read([300 + place for place in range(16)], row)
        return self._steps(context, 16, count, 6)

    def _steps(self, context: Context, length: int, streams: int, steps: int) -> float:
        rows = list(range(streams))
        started = time.perf_counter()
        for step in range(steps):
            context.run([400 + step + row for row in rows], [length + step] * streams, rows)
        return (time.perf_counter() - started) / steps

    def vote(self, question: Facts, cache: str) -> float:
        """Seconds of several answers to one prompt, drawn with a temperature, their prompt computed once."""
        samples, tokens, ids = question["samples"], question["tokens"], question["ids"]
        unified = question["unified"]
        room = (len(ids) + samples * tokens) if unified else samples * (len(ids) + tokens)
        context = self._context(room + REST * samples, samples, cache, unified)
        context.clear()
        chain = sampler(question["temperature"])
        rows, started = list(range(samples)), time.perf_counter()
        context.read(ids, wanted=True)
        for row in rows[1:]:
            llama_cpp.llama_memory_seq_cp(context.memory, 0, row, -1, -1)
        drawn = [llama_cpp.llama_sampler_sample(chain, context.handle, -1) for _ in rows]
        for step in range(tokens - 1):
            context.run(drawn, [len(ids) + step] * samples, rows)
            drawn = [llama_cpp.llama_sampler_sample(chain, context.handle, row) for row in rows]
        taken = time.perf_counter() - started
        llama_cpp.llama_sampler_free(chain)
        return taken

    def replay(self, question: Facts, cache: str) -> float:
        """Seconds of decoding given tokens behind a prompt, the likeliest token looked for after each."""
        ids, answer = question["ids"], question["answer"]
        context = self._context(len(ids) + len(answer) + REST, 1, cache)
        context.clear()
        context.read(ids)
        chain = sampler(0.0)
        started = time.perf_counter()
        for place, token in enumerate(answer):
            context.run([token], [len(ids) + place], [0])
            llama_cpp.llama_sampler_sample(chain, context.handle, -1)
        taken = time.perf_counter() - started
        llama_cpp.llama_sampler_free(chain)
        return taken


def sampler(temperature: float) -> Any:
    """Draws from the logits as they are, at a temperature; 0: the likeliest token."""
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    if temperature:
        llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_temp(temperature))
        llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_dist(0))
    else:
        llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_greedy())
    return chain


if __name__ == "__main__":
    serve(LlamaCpp(json.loads(sys.argv[1])).answer, {})
