"""What the int4 kernels and Python pass to each other: matrix.h and cache.h, field by field."""

from __future__ import annotations

from ctypes import Structure, c_int64, c_void_p


class MatrixStruct(Structure):
    """Packed weights."""

    _fields_ = (
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("zeros", c_void_p),
        ("rows", c_int64),
        ("columns", c_int64),
        ("group", c_int64),
        ("groups", c_int64),
        ("scale_groups", c_int64),
        ("bits", c_int64),
        ("half", c_int64),
    )


class ActivationsStruct(Structure):
    """Quantized vectors."""

    _fields_ = (
        ("values", c_void_p),
        ("sums", c_void_p),
        ("scales", c_void_p),
        ("tokens", c_int64),
        ("width", c_int64),
        ("group", c_int64),
        ("groups", c_int64),
        ("scale_groups", c_int64),
    )


class CacheStruct(Structure):
    """Keys and values of one layer."""

    _fields_ = (
        ("keys", c_void_p),
        ("values", c_void_p),
        ("key_scales", c_void_p),
        ("value_scales", c_void_p),
        ("kv_heads", c_int64),
        ("head_dim", c_int64),
        ("block_size", c_int64),
        ("bits", c_int64),
    )


class VisibilityStruct(Structure):
    """What a query sees."""

    _fields_ = (
        ("window", c_int64),
        ("block", c_int64),
        ("local", c_int64),
        ("stride", c_int64),
        ("step", c_int64),
    )


class SequenceStruct(Structure):
    """New tokens of a sequence and the blocks that hold it."""

    _fields_ = (("table", c_void_p), ("start", c_int64), ("count", c_int64))
