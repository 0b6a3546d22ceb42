"""Opens the compiled kernels with ctypes, which lets go of the interpreter lock during a call."""

from __future__ import annotations

import ctypes
import os
from ctypes import c_double, c_float, c_int, c_long, c_void_p
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

_FOLDER = Path(__file__).parent
_ARGUMENTS = {
    "attention_forward": [*[c_void_p] * 4, *[c_long] * 6, *[c_void_p] * 2],
    "attention_backward": [*[c_void_p] * 6, *[c_long] * 6, c_void_p],
    "norm_forward": [*[c_void_p] * 3, c_float, *[c_long] * 2, *[c_void_p] * 3],
    "norm_backward": [*[c_void_p] * 5, *[c_long] * 2, *[c_void_p] * 2],
    "swiglu_forward": [c_void_p, *[c_long] * 2, c_void_p],
    "swiglu_backward": [*[c_void_p] * 2, *[c_long] * 2, c_void_p],
    "cross_entropy": [*[c_void_p] * 2, *[c_long] * 2],
}
WITHOUT = (
    "the compiled training kernels are missing (no C++ compiler when phial was installed): "
    "training runs on torch alone, and staying inside documents costs it time instead of saving it"
)


def build_name() -> str:
    """Which build of the kernels this machine runs: "avx2", "any" (any machine of its architecture) or "none".

    They round differently, so it is part of a training stage's key. `PHIAL_KERNELS` = avx2, any or none overrides.
    """
    return _open(os.environ.get("PHIAL_KERNELS", ""))[0]


def kernels() -> ctypes.CDLL | None:
    """The library of `build_name`, its functions declared as in train.cpp; None when there is none."""
    return _open(os.environ.get("PHIAL_KERNELS", ""))[1]


@cache
def _open(wanted: str) -> tuple[str, ctypes.CDLL | None]:
    plain = _build("any")
    if wanted == "none" or plain is None:
        return "none", None
    fast = _build("avx2") if wanted != "any" and plain.has_avx2() else None
    return ("avx2", fast) if fast else ("any", plain)


def _build(name: str) -> ctypes.CDLL | None:
    paths = [_FOLDER / f"train_{name}{suffix}" for suffix in EXTENSION_SUFFIXES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # built for another machine
        return None
    for function, arguments in _ARGUMENTS.items():
        getattr(library, function).argtypes = arguments
        getattr(library, function).restype = None
    library.cross_entropy.restype = c_double
    library.has_avx2.restype = c_int
    return library
