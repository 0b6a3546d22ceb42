"""How likely texts are that nobody draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phial.engine.backend import Work
from phial.engine.request import Request
from phial.engine.scheduler import Scheduler
from phial.errors import PhialError
from phial.model.adapter import Adapter
from phial.model.config import uses_long_factors

_ROWS = 128  # of logits at a time: those of a large vocabulary take half a megabyte each


def score(
    scheduler: Scheduler, prompt: Sequence[int], continuations: Sequence[Sequence[int]], adapter: Adapter | None
) -> list[np.ndarray]:
    """Log probabilities of the tokens of continuations; see `Engine.score`."""
    backend = scheduler.backend
    longest = len(prompt) + max(map(len, continuations), default=0)
    if not len(prompt) or longest > backend.max_length:
        what = f"{len(prompt)} tokens and a continuation make {longest}; the model's context is {backend.max_length}"
        raise PhialError(what, where="engine", do="give a prompt of one token at least, or shorten it")
    request = Request(prompt)
    salt = request.sharing_salt(adapter.key if adapter else None)
    with scheduler.turn:
        long = uses_long_factors(backend.config, longest)
        handle, found = scheduler.residents.open(prompt, long, salt)
        try:
            scheduler.residents.read(handle, request, adapter, found, len(prompt) - 1)
            [behind] = backend.run([Work(handle, prompt[-1:], 1, (), adapter)])
            return [_continued(scheduler, handle, behind, ids, adapter) for ids in continuations]
        finally:
            backend.free(handle)


def _continued(
    scheduler: Scheduler, prompt: int, behind: np.ndarray, ids: Sequence[int], adapter: Adapter | None
) -> np.ndarray:
    """Log probabilities of ids behind a computed prompt, whose last row of logits is [1, vocab_size]."""
    if not len(ids):
        return np.empty(0)
    backend, found = scheduler.backend, [_logprobs(behind, ids[:1])]
    if len(ids) > 1:
        handle = backend.fork(prompt)
        try:
            for start in range(0, len(ids) - 1, _ROWS):
                read = ids[start : min(start + _ROWS, len(ids) - 1)]
                [rows] = backend.run([Work(handle, read, len(read), (), adapter)])
                found.append(_logprobs(rows, ids[start + 1 : start + 1 + len(read)]))
        finally:
            backend.free(handle)
    return np.concatenate(found)


def _logprobs(rows: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """log softmax of rows [tokens, vocab_size] at one id each, in float64."""
    wide = rows.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return wide[np.arange(len(ids)), np.asarray(ids)] - np.log(np.exp(wide).sum(axis=1))
