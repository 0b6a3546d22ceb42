"""Threads that share the work of a step: each trains on its own rows with one thread of torch."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import torch
import torch.utils.deterministic
from torch import nn

from phial.model.decoder import Decoder

Result = TypeVar("Result")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


class Team:
    """A model and threads - 1 replicas, which share its weights' memory and have gradients of their own.

    Rows split over threads keep two cores busier than each small product split over them: nobody waits for the other
    core hundreds of times a step. Autograd runs a CPU graph in the thread that calls it.

    Args:
        model: its weights are changed in place only, or the replicas lose them.
        threads: 1 does everything in the calling thread.
    """

    def __init__(self, model: Decoder, threads: int) -> None:
        self.models = [model, *(_replica(model) for _ in range(threads - 1))]
        self._pool = ThreadPoolExecutor(threads, initializer=_prepare_thread) if threads > 1 else None
        self._parameters = [list(member.parameters()) for member in self.models]

    def run(self, tasks: Iterable[Callable[[], Result]]) -> list[Result]:
        """Results in the order of the tasks, whichever thread ran them."""
        if self._pool is None:
            return [task() for task in tasks]
        return [future.result() for future in [self._pool.submit(task) for task in tasks]]

    def gather_gradients(self) -> None:
        """Add the replicas' gradients to the model's, in order, and drop them."""
        own = self._parameters[0]
        for others in self._parameters[1:]:
            for parameter, other in zip(own, others, strict=True):
                if other.grad is not None:
                    parameter.grad = other.grad if parameter.grad is None else parameter.grad.add_(other.grad)
                    other.grad = None

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown()


def _replica(model: Decoder) -> Decoder:
    shared: dict[int, object] = {id(p): nn.Parameter(p.detach()) for p in model.parameters()}
    shared |= {id(buffer): buffer for buffer in model.buffers()}
    return copy.deepcopy(model, shared)


def _prepare_thread() -> None:
    torch.set_flush_denormal(True)  # the flag is the thread's


def spare_memory() -> None:
    """Keep torch and glibc from writing fresh memory before a step does.

    In deterministic mode torch fills what it allocates with NaN; nothing here reads what it did not write. And glibc
    is told to keep what is freed, for a step asks again for the same megabytes: otherwise every large buffer is mapped
    anew and each of its pages zeroed, which made the backward pass of SwiGLU take 2.6 ms instead of 1.0. Other C
    libraries are left as they are.
    """
    deterministic: Any = torch.utils.deterministic  # its attribute is made by a trick that type checkers do not see
    deterministic.fill_uninitialized_memory = False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 << 20)  # glibc takes no more
        mallopt(_TRIM_THRESHOLD, 1 << 30)
