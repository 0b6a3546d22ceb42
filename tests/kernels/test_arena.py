"""Arrays in large pages."""

from __future__ import annotations

import gc
from pathlib import Path

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


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not tell how memory is mapped")
def test_memory_is_of_a_kind_that_gets_large_pages() -> None:
    place = Arena(8 << 20).zeros((8 << 20,), np.uint8)
    place[:] = 1
    address, kind, flags = place.ctypes.data, "", ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head = line.split()
        if len(head) > 1 and "-" in head[0] and not head[0].endswith(":"):
            first, last = (int(part, 16) for part in head[0].split("-"))
            inside = first <= address < last
            kind = head[1] if inside else kind
        elif head[0] == "VmFlags:" and inside:
            flags = line
    assert kind.endswith("p"), "shared memory, which most systems keep in small pages"
    assert " hg" in flags
