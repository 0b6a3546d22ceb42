"""The packed form of quantized weights, and round-to-nearest into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from phial.errors import PhialError
from phial.kernels.packing import GROUP_SIZES, PackedMatrix, dequantize, pack, unpack
from phial.quant.rtn import round_to_nearest

drawn = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def quantized(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns, group = draw(st.integers(1, 40)), draw(st.integers(1, 300)), draw(st.sampled_from(GROUP_SIZES))
    groups = -(-columns // group)
    wide, per_row = draw(st.booleans()), draw(st.booleans())
    if wide:
        values = rng.integers(-128, 128, (rows, columns)).astype(np.int8)
    else:
        values = rng.integers(0, 16, (rows, columns), np.uint8)
    kind = draw(st.sampled_from([np.float16, np.float32]))
    scales = rng.standard_normal((rows, 1 if per_row else groups)).astype(kind)
    zeros = rng.integers(0, 16, (rows, groups), np.uint8) if not wide and draw(st.booleans()) else None
    return values, scales, zeros, group


@drawn
@given(quantized())
def test_unpack_is_the_inverse_of_pack(given_):
    values, scales, zeros, group = given_
    matrix = pack(values, scales, zeros, group_size=group)
    again, scales_again, zeros_again = unpack(matrix)
    assert again.dtype == values.dtype and np.array_equal(again, values)
    assert scales_again.dtype == scales.dtype and np.array_equal(scales_again, scales)
    assert (zeros is None) == (zeros_again is None)
    assert zeros is None or np.array_equal(zeros_again, zeros)
    second = pack(again, scales_again, zeros_again, group_size=group)
    assert np.array_equal(second.weights, matrix.weights) and np.array_equal(second.scales, matrix.scales)


def test_a_byte_holds_the_same_place_of_two_steps():
    values = (np.arange(8 * 32).reshape(8, 32) % 16).astype(np.uint8)
    values[3, 2], values[3, 6] = 5, 9
    packed = pack(values, np.ones((8, 1), np.float16), group_size=32).weights[0, 0]
    assert packed[0, 3 * 4 + 2] == 5 | 9 << 4


def test_the_filling_weighs_nothing():
    matrix = pack(
        np.full((3, 5), 15, np.uint8), np.ones((3, 1), np.float32), np.full((3, 1), 7, np.uint8), group_size=32
    )
    full = replace(matrix, rows=8, columns=32)
    weights = dequantize(full)
    assert (weights[:3, :5] == 8).all()
    weights[:3, :5] = 0
    assert not weights.any()


def test_arrays_lie_in_safetensors(tmp_path):
    rng = np.random.default_rng(0)
    matrix = round_to_nearest(rng.standard_normal((11, 100)).astype(np.float32), zero_points=True, group_size=32)
    save_file({"w": matrix.weights, "s": matrix.scales, "z": matrix.zeros}, tmp_path / "x.safetensors")
    read = load_file(tmp_path / "x.safetensors")
    again = PackedMatrix(read["w"], read["s"], read["z"], 11, 100, 4, 32)
    assert np.array_equal(dequantize(again), dequantize(matrix))


@pytest.mark.parametrize(
    "fault",
    [
        {"version": 2},
        {"bits": 3},
        {"group_size": 64},
        {"rows": 17},
        {"columns": 33},
        {"rows": 0},
        {"weights": np.zeros((2, 1, 4, 32), np.int8)},
        {"weights": np.zeros((32, 4, 1, 2), np.uint8).T},
        {"scales": np.zeros((2, 1, 8), np.float64)},
        {"scales": np.zeros((2, 2, 8), np.float16)},
        {"zeros": np.zeros((2, 1, 4), np.uint8)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(fault):
    matrix = pack(np.zeros((16, 32), np.uint8), np.ones((16, 1), np.float16), group_size=32)
    with pytest.raises(PhialError, match="not a packed matrix"):
        replace(matrix, **fault)


def test_values_out_of_range_are_refused():
    with pytest.raises(PhialError, match="16"):
        pack(np.full((8, 32), 16, np.uint8), np.ones((8, 1), np.float16), group_size=32)


@drawn
@given(
    st.integers(0, 2**32),
    st.integers(1, 20),
    st.integers(1, 200),
    st.sampled_from(GROUP_SIZES),
    st.sampled_from([(4, False, False), (4, True, False), (8, False, False), (8, False, True)]),
    st.sampled_from([np.float16, np.float32]),
)
def test_round_to_nearest_is_within_a_step(seed, rows, columns, group, form, kind):
    bits, zero_points, per_row = form
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((rows, columns)).astype(np.float32)
    weight[rng.integers(rows)] = 0
    matrix = round_to_nearest(
        weight, bits=bits, group_size=group, scale_type=kind, zero_points=zero_points, per_row=per_row
    )
    scales = np.abs(matrix.scales.transpose(0, 2, 1).reshape(-1, matrix.scales.shape[1])[:rows].astype(np.float32))
    step = scales if per_row else np.repeat(scales, group, axis=1)[:, :columns]
    assert (np.abs(dequantize(matrix) - weight) <= step * (1.01 if bits == 4 else 0.6)).all()
    assert matrix.scales.dtype == kind and (matrix.zeros is not None) == zero_points


def test_quantizing_again_changes_nothing():
    weight = np.random.default_rng(1).standard_normal((16, 256)).astype(np.float32)
    for form in ({"bits": 4}, {"bits": 8}, {"bits": 8, "per_row": True}):
        once = dequantize(round_to_nearest(weight, scale_type=np.float32, **form))
        twice = dequantize(round_to_nearest(once, scale_type=np.float32, **form))
        assert np.allclose(once, twice, rtol=1e-6)
