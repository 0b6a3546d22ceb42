"""Opens the compiled text kernel with ctypes."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_long, c_void_p
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from phial.kernels.library import build_name


@cache
def text_kernel() -> ctypes.CDLL | None:
    """The library of text.cpp, its function declared; None without a build, or with `PHIAL_KERNELS` = none.

    One build serves every machine of its architecture: integers have no rounding to choose.
    """
    paths = [Path(__file__).parent / f"text_any{suffix}" for suffix in EXTENSION_SUFFIXES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None or build_name() == "none":
        return None
    library = ctypes.CDLL(str(path))
    library.hash_words.argtypes = [c_char_p, c_long, *[c_void_p] * 3]
    library.hash_words.restype = c_long
    return library
