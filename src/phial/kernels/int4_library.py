"""Opens the int4 kernels: the build that this machine runs, its functions declared, and its pool of threads."""

from __future__ import annotations

import ctypes
import os
import weakref
from ctypes import POINTER, c_char_p, c_float, c_int, c_long, c_void_p
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from phial.errors import PhialError
from phial.kernels.structures import ActivationsStruct, CacheStruct, MatrixStruct, SequenceStruct, VisibilityStruct

MOST_THREADS = 1024
_FOLDER = Path(__file__).parent
_MATRIX, _ACTIVATIONS = POINTER(MatrixStruct), POINTER(ActivationsStruct)
_CACHE, _SEQUENCES, _VISIBILITY = POINTER(CacheStruct), POINTER(SequenceStruct), POINTER(VisibilityStruct)
_BUILDS = ("avx512vnni", "avxvnni", "avx2", "i8mm", "dotprod", "any")  # the best first; see setup.py
_ARGUMENTS = {
    "quantize": [c_void_p, c_void_p, c_long, _ACTIVATIONS],
    "multiply": [c_void_p, _MATRIX, _ACTIVATIONS, c_void_p, c_long, c_void_p],
    "norm_quantize": [*[c_void_p] * 4, c_float, c_long, c_void_p, _ACTIVATIONS],
    "activate_quantize": [c_void_p, c_void_p, c_long, c_float, c_long, c_void_p, _ACTIVATIONS],
    "add_low_rank": [*[c_void_p] * 3, c_long, c_long, c_void_p, c_long, c_void_p, c_long],
    "rotate_keep": [c_void_p, c_void_p, c_long, c_void_p, c_void_p, c_long, _SEQUENCES, c_long, _CACHE],
    "attend": [c_void_p, c_void_p, c_long, c_float, _VISIBILITY, _SEQUENCES, c_long, _CACHE, c_void_p],
    "block": [*[c_void_p] * 5],
    "pool_close": [c_void_p],
    "read_once": [c_void_p, c_void_p, c_long],
}


def int4_build() -> str:
    """Which build of the int4 kernels runs: the first of `int4_builds`, or "none"; they give the same bits.

    `PHIAL_KERNELS`, one of those names or "none", overrides, as for the training kernels.
    """
    return _chosen(os.environ.get("PHIAL_KERNELS", ""))[0]


@cache
def int4_builds() -> tuple[str, ...]:
    """The builds that this machine runs, the best first: on x86-64 "avx512vnni", "avxvnni" and "avx2", on aarch64
    "i8mm" and "dotprod", and "any", for every machine of the architecture; () where none was built."""
    plain = _open("any")
    return tuple(name for name in _BUILDS if plain and plain.runs(name.encode()) and _open(name))


def int4_kernels() -> ctypes.CDLL:
    """The library of `int4_build`.

    Raises:
        PhialError: where the kernels were not built.
    """
    library = _chosen(os.environ.get("PHIAL_KERNELS", ""))[1]
    if library is None:
        raise PhialError(
            "the compiled int4 kernels are missing",
            where="phial.kernels",
            do="install a C++ compiler and install phial again, or run the float weights",
        )
    return library


class ThreadPool:
    """Threads that share the parts of a product, the calling thread among them.

    Idle threads sleep. Products of several callers at once are right: who finds the pool at work does its own alone,
    as does a child of fork, which has no threads. Results have the same bits in every case.
    """

    def __init__(self, threads: int | None = None) -> None:
        """Start the threads; None: one for each core that this process may use.

        Raises:
            PhialError: where the kernels were not built, and for numbers of threads that no machine has.
        """
        library = int4_kernels()
        if threads is not None and not 1 <= threads <= MOST_THREADS:
            raise PhialError(f"{threads:,} threads", where="phial.kernels", do=f"give 1 to {MOST_THREADS:,}")
        if threads is None:
            threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.handle: int | None = library.pool_open(threads)
        self.threads: int = library.pool_threads(self.handle)
        self._closing = weakref.finalize(self, library.pool_close, self.handle)

    def close(self) -> None:
        """End the threads; products go on without them."""
        self.handle, self.threads = None, 1
        self._closing()


@cache
def _chosen(wanted: str) -> tuple[str, ctypes.CDLL | None]:
    builds = int4_builds()
    if wanted == "none" or not builds:
        return "none", None
    name = wanted if wanted in builds else builds[0]
    return name, _open(name)


@cache
def _open(name: str) -> ctypes.CDLL | None:
    paths = [_FOLDER / f"int4_{name}{suffix}" for suffix in EXTENSION_SUFFIXES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        return declare(ctypes.CDLL(str(path)))
    except OSError:  # built for another machine
        return None


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Give the library's functions their types."""
    for function, arguments in _ARGUMENTS.items():
        getattr(library, function).argtypes = arguments
        getattr(library, function).restype = None
    library.block_room.argtypes, library.block_room.restype = [c_void_p, c_void_p, c_long, c_long], c_long
    library.runs.argtypes, library.runs.restype = [c_char_p], c_int
    library.peak.argtypes, library.peak.restype = [c_void_p, c_long], c_long
    library.pool_open.argtypes, library.pool_open.restype = [c_long], c_void_p
    library.pool_threads.argtypes, library.pool_threads.restype = [c_void_p], c_long
    return library
