"""When the compiled kernels may be used."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from phial.kernels.library import kernels


def library_for(*tensors: Tensor) -> ctypes.CDLL | None:
    """The kernels, if there are any and all tensors are contiguous float32 on the CPU; None: use torch."""
    if all(t.dtype == torch.float32 and t.device.type == "cpu" and t.is_contiguous() for t in tensors):
        return kernels()
    return None


def require_kernels() -> ctypes.CDLL:
    """The kernels, where `library_for` has said that there are some."""
    library = kernels()
    assert library is not None
    return library


def pointer(tensor: Tensor | None) -> int | None:
    """Address of a tensor's data, or the null pointer."""
    return None if tensor is None else tensor.data_ptr()
