"""Arrays in large pages."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from phial.kernels.arena import Arena, padded, resident
from phial.kernels.layer import layer_cache
from phial.kernels.packing import dequantize
from phial.quant.rtn import round_to_nearest


def test_matrices_are_the_same_in_an_arena():
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((11, 100)).astype(np.float32)
    matrices = {
        "a": round_to_nearest(weight, zero_points=True),
        "b": round_to_nearest(weight, group_size=32),
        "c": round_to_nearest(weight, bits=8, per_row=True),
    }
    moved = resident(matrices)
    del matrices["c"]
    gc.collect()
    assert list(moved) == ["a", "b", "c"]
    for name, matrix in matrices.items():
        assert np.array_equal(dequantize(moved[name]), dequantize(matrix))
        assert moved[name].weights.ctypes.data != matrix.weights.ctypes.data
    first = moved["a"].weights
    assert first.ctypes.data % (2 << 20) == 0 and moved["b"].weights.ctypes.data - first.ctypes.data < 1 << 16


def test_a_cache_in_an_arena():
    shape = (4, 2, 16, 24)
    size = 4 * 2 * 16 * 24
    cache = layer_cache(*shape, bits=8, arena=Arena(2 * padded(size) + 2 * padded(size // 24 * 4)))
    assert cache.keys.shape == shape and cache.values.dtype == np.int8
    assert cache.key_scales.shape == cache.value_scales.shape == shape[:3] and not cache.key_scales.any()
    assert cache.struct.values == cache.values.ctypes.data


def test_an_arena_is_zeroed_and_bounded():
    arena = Arena(padded(3) + padded(4 * 5))
    small, floats = arena.zeros((3,), np.int8), arena.zeros((5,), np.float32)
    assert not small.any() and not floats.any() and floats.ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="0 are left"):
        arena.zeros((1,), np.int8)
