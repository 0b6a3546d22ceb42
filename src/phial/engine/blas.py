"""One thread for numpy's matrix products while the engine computes.

OpenBLAS splits even small products over all cores, and its threads wait for each other by spinning. On a machine that
does anything else the wait lasts whole time slices: beside two other busy processes on two cores, a prompt of 40 tokens
took 300 ms instead of 3 ms. The engine therefore keeps each product on one thread and gives threads batches instead.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from types import TracebackType

import numpy as np

_NAMES = ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads")


class OneThread:
    """A context in which numpy's OpenBLAS uses one thread; contexts may nest and overlap between threads.

    Attributes:
        effective: whether numpy's library could be found; another library (MKL, Accelerate) is left as it is.
    """

    def __init__(self) -> None:
        self._get, self._set = _thread_functions()
        self.effective = self._set is not None
        self._lock = threading.Lock()
        self._inside = 0
        self._threads = 1

    def __enter__(self) -> None:
        if self._get and self._set:
            with self._lock:
                if self._inside == 0:
                    self._threads = self._get()
                    if self._threads != 1:
                        self._set(1)
                self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._set:
            with self._lock:
                self._inside -= 1
                if self._inside == 0 and self._threads != 1:
                    self._set(self._threads)


def _thread_functions() -> tuple[Callable[[], int] | None, Callable[[int], None] | None]:
    # A handle to numpy's own extension also resolves the symbols of the libraries that it is linked against.
    path = getattr(getattr(getattr(np, "_core", None), "_multiarray_umath", None), "__file__", None)
    if path:
        library = ctypes.CDLL(path)
        for name in _NAMES:
            if hasattr(library, name.format("set")):
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None, None


one_blas_thread = OneThread()
