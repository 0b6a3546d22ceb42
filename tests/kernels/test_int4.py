"""Products of packed weights against float64, and their contract: the same bits in every company, in every build."""

from __future__ import annotations

import multiprocessing
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from bits import same
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.kernels.int4_library import ThreadPool, int4_build, int4_builds, int4_kernels
from phial.kernels.packing import GROUP_SIZES, PackedMatrix, dequantize
from phial.kernels.product import Activations, bind, multiply, quantize
from phial.quant.rtn import round_to_nearest

if int4_build() == "none":
    pytest.skip("the kernels were not built", allow_module_level=True)
drawn = settings(max_examples=60, deadline=None, derandomize=True)
BUILDS = int4_builds()


@st.composite
def products(draw):
    """A matrix, its inputs, a bias or none, and whether activations have a scale a group."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(1, 70)), draw(st.integers(1, 700))
    bits = draw(st.sampled_from([4, 4, 8]))
    form = {"zero_points": draw(st.booleans())} if bits == 4 else {"per_row": draw(st.booleans())}
    weight = rng.standard_normal((rows, columns)).astype(np.float32)
    kind, group = draw(st.sampled_from([np.float16, np.float32])), draw(st.sampled_from(GROUP_SIZES))
    matrix = round_to_nearest(weight, bits=bits, group_size=group, scale_type=kind, **form)
    x = (rng.standard_normal((draw(st.integers(1, 40)), columns)) * 10.0 ** draw(st.integers(-20, 20))).astype(
        np.float32
    )
    bias = rng.standard_normal(rows).astype(np.float32) if draw(st.booleans()) else None
    return matrix, x.astype(np.float32), bias, draw(st.booleans())


def values_of(activations: Activations):
    """float64 [tokens, width]."""
    scales = activations.scales.T.astype(np.float64)
    if scales.shape[1] > 1:
        scales = np.repeat(scales, activations.group_size, axis=1)
    return (activations.values * scales)[:, : activations.width]


@drawn
@given(products())
@pytest.mark.parametrize("build", BUILDS)
def test_products_are_those_of_float64(build, choose_build, given_):
    choose_build(build)
    matrix, x, bias, by_group = given_
    activations = quantize(x, matrix.group_size, by_group=by_group)
    ours = multiply(bind(matrix), activations, bias)
    values, weights = values_of(activations), dequantize(matrix).astype(np.float64)
    wide = 0 if bias is None else bias.astype(np.float64)
    bound = np.abs(values) @ np.abs(weights).T + np.abs(wide)
    assert (np.abs(ours - (values @ weights.T + wide)) <= 4e-6 * bound + 1e-30).all()


@drawn
@given(products())
def test_every_build_quantizes_and_multiplies_to_the_same_bits(choose_build, given_):
    matrix, x, bias, by_group = given_
    outcomes = []
    for build in BUILDS:
        choose_build(build)
        activations = quantize(x, matrix.group_size, by_group=by_group)
        outcomes.append((activations, multiply(bind(matrix), activations, bias)))
    for activations, product in outcomes[1:]:
        assert same(activations.values, outcomes[0][0].values) and same(activations.scales, outcomes[0][0].scales)
        assert same(activations.sums, outcomes[0][0].sums) and same(product, outcomes[0][1])


@drawn
@given(products(), st.data())
def test_a_token_alone_has_the_bits_it_has_in_a_batch(pool, given_, data):
    matrix, x, bias, by_group = given_
    bound = bind(matrix)

    def outputs(some, threads=None):
        return multiply(bound, quantize(some, matrix.group_size, by_group=by_group), bias, pool=threads)

    whole = outputs(x)
    assert same(outputs(x, pool), whole)
    first = data.draw(st.integers(0, len(x) - 1))
    last = data.draw(st.integers(first + 1, len(x)))
    assert same(outputs(np.ascontiguousarray(x[first:last])), whole[first:last])
    assert same(outputs(np.ascontiguousarray(x[first : first + 1])), whole[first : first + 1])


@pytest.mark.parametrize("tokens", [2, 8, 9, 131, 200])
@pytest.mark.parametrize("bits", [4, 8])
def test_the_same_bits_where_work_is_shared_and_cut(pool, tokens, bits):
    rng = np.random.default_rng(tokens)
    matrix = bind(round_to_nearest(rng.standard_normal((205, 3328)).astype(np.float32), bits=bits))
    x = rng.standard_normal((tokens, 3328)).astype(np.float32)
    whole = multiply(matrix, quantize(x, pool=pool), pool=pool)
    for token in (0, tokens // 2, tokens - 1):
        assert same(multiply(matrix, quantize(x[token : token + 1])), whole[token : token + 1])


@pytest.mark.parametrize("bits", [4, 8])
def test_no_tokens_write_nothing(pool, bits):
    matrix = bind(round_to_nearest(np.ones((64, 64), np.float32), bits=bits, group_size=32))
    held = np.full((8, 64), 7.0, np.float32)
    multiply(matrix, quantize(np.empty((0, 64), np.float32), 32), add_to=held[:0], pool=pool)
    assert (held == 7.0).all()


def test_added_to_what_is_there():
    rng = np.random.default_rng(3)
    matrix = bind(round_to_nearest(rng.standard_normal((13, 64)).astype(np.float32), group_size=32))
    activations, bias = quantize(rng.standard_normal((5, 64)).astype(np.float32), 32), np.full(13, 2, np.float32)
    before = rng.standard_normal((5, 13)).astype(np.float32)
    sums = before.copy()
    assert multiply(matrix, activations, bias, add_to=sums) is sums
    assert same(sums, before + multiply(matrix, activations, bias))


def misaligned(array):
    """The same array one element off every alignment but its own."""
    room = np.empty(array.nbytes + 64 + array.itemsize, np.uint8)
    start = -room.ctypes.data % 64 + array.itemsize
    out = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


@drawn
@given(products())
@pytest.mark.parametrize("build", BUILDS)
def test_addresses_need_no_alignment(build, choose_build, given_):
    choose_build(build)
    matrix, x, bias, by_group = given_
    moved = replace(
        matrix,
        weights=misaligned(matrix.weights),
        scales=misaligned(matrix.scales),
        zeros=None if matrix.zeros is None else misaligned(matrix.zeros),
    )
    straight = quantize(x, matrix.group_size, by_group=by_group)
    activations = quantize(misaligned(x), matrix.group_size, by_group=by_group)
    assert same(activations.values, straight.values)
    product = multiply(bind(moved), activations, None if bias is None else misaligned(bias))
    assert same(product, multiply(bind(matrix), straight, bias))


@drawn
@given(st.integers(0, 2**32), st.integers(1, 300), st.sampled_from(GROUP_SIZES), st.booleans())
def test_quantized_to_the_nearest_step(seed, width, group, by_group):
    x = np.random.default_rng(seed).standard_normal((3, width)).astype(np.float32)
    activations = quantize(x, group, by_group=by_group)
    scales = np.repeat(activations.scales.T, group, axis=1)[:, :width] if by_group else activations.scales.T
    assert (np.abs(values_of(activations) - x) <= scales * 0.5001).all()
    assert np.abs(activations.values).max() == 127
    assert not activations.values[:, width:].any()
    grouped = activations.values.astype(np.int64).reshape(3, -1, group)
    assert np.array_equal(grouped.sum(2), activations.sums.T)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("by_group", [False, True])
def test_extreme_values(build, bits, by_group, choose_build):
    choose_build(build)
    largest = np.finfo(np.float32).max
    x = np.zeros((9, 256), np.float32)
    x[1, 200], x[2, 3], x[3, 4] = np.nan, np.inf, -np.inf
    x[4, :], x[5, :], x[6, 7] = largest, 1e-45, -largest / 2
    x[7, :] = 127 * np.where(np.arange(256) % 2, 1, -1)
    x[8, :] = 127
    weight = np.ones((8, 256), np.float32)
    weight[1] = -1
    matrix = bind(round_to_nearest(weight, bits=bits))
    product = multiply(matrix, quantize(x, by_group=by_group))
    assert np.isnan(product[1:4]).all(), "what is not finite reaches every output of its token"
    assert not np.isnan(product[[0, 4, 5, 6, 7, 8]]).any()
    assert not product[0].any() and not product[5].any()
    weights = dequantize(matrix.matrix)
    assert np.allclose(product[7:], x[7:] @ weights.T, rtol=1e-5)
    assert np.isinf(product[4]).all() and np.allclose(product[6], -largest / 2 * weights[:, 7])


@pytest.mark.parametrize("build", BUILDS)
def test_the_largest_sums_do_not_overflow(build, choose_build):
    choose_build(build)
    for stored, bits in ((0, 4), (255, 4), (0, 8), (255, 8)):
        weights = np.full((1, 4, 128 * bits // 32, 32), stored, np.uint8)
        matrix = PackedMatrix(weights, np.ones((1, 4, 8), np.float32), None, 8, 512, bits, 128)
        for sign in (1, -1):
            for tokens in (1, 12):
                x = np.full((tokens, 512), sign * 127, np.float32)
                weight = dequantize(matrix)[0, 0]
                assert (multiply(bind(matrix), quantize(x)) == sign * 127 * 512 * weight).all()


def test_what_does_not_fit_is_refused():
    matrix = bind(round_to_nearest(np.ones((8, 64), np.float32), group_size=32))
    with pytest.raises(ValueError, match="groups"):
        multiply(matrix, quantize(np.ones((1, 64), np.float32), 64))
    with pytest.raises(ValueError, match="shape"):
        multiply(matrix, quantize(np.ones((1, 64), np.float32), 32), np.ones(9, np.float32))
    with pytest.raises(ValueError, match="float32"):
        quantize(np.ones((1, 64)))
    with pytest.raises(ValueError, match="contiguous"):
        quantize(np.ones((64, 2), np.float32).T)


def test_without_kernels_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PHIAL_KERNELS", "none")
    with pytest.raises(PhialError, match="compiler"):
        int4_kernels()


def large_product():
    rng = np.random.default_rng(5)
    matrix = bind(round_to_nearest(rng.standard_normal((512, 1024)).astype(np.float32)))
    return matrix, quantize(rng.standard_normal((4, 1024)).astype(np.float32))


def test_callers_at_once_share_a_pool(pool):
    matrix, activations = large_product()
    alone = multiply(matrix, activations)
    faults = []

    def repeat(mine):
        faults.extend(None for _ in range(200) if not same(multiply(matrix, activations, pool=mine), alone))

    other = ThreadPool(2)
    threads = [threading.Thread(target=repeat, args=(mine,)) for mine in (pool, pool, other, None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert not faults


def test_pools_open_and_close():
    matrix, activations = large_product()
    alone = multiply(matrix, activations)
    for threads in (1, 2, 5, None):
        mine = ThreadPool(threads)
        assert mine.threads >= 1
        assert same(multiply(matrix, activations, pool=mine), alone)
        mine.close()
        mine.close()
        assert same(multiply(matrix, activations, pool=mine), alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_fork_computes_alone(pool):
    matrix, activations = large_product()
    here = multiply(matrix, activations, pool=pool)

    def child(results):
        results.put(same(multiply(matrix, activations, pool=pool), here))

    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=child, args=(results,))
    process.start()
    assert results.get(timeout=60)
    process.join(60)
    assert process.exitcode == 0
    assert same(multiply(matrix, activations, pool=pool), here)


def test_idle_threads_sleep(pool):
    matrix, activations = large_product()
    multiply(matrix, activations, pool=pool)
    threading.Event().wait(0.05)
    before = os.times()
    threading.Event().wait(0.3)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.1
