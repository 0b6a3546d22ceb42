"""Activations of the feed-forward and their Hadamard transform, quantized: against float64 and for the same bits."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from bits import equal, same
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.kernels.int4_library import int4_build, int4_builds
from phial.kernels.layer import gegelu, gelu, swiglu
from phial.kernels.product import quantize
from phial.model.mlp import _gegelu

if int4_build() == "none":
    pytest.skip("the kernels were not built", allow_module_level=True)
drawn = settings(max_examples=60, deadline=None, derandomize=True)
BUILDS = int4_builds()
LIMIT = 5.0
KINDS = {  # kernel, float64 reference, how many inputs make an output
    "swiglu": (swiglu, lambda x: torch.nn.functional.silu(x.chunk(2, 1)[0]) * x.chunk(2, 1)[1], 2),
    "gegelu": (lambda x, *rest, **facts: gegelu(x, LIMIT, *rest, **facts), lambda x: _gegelu(x, LIMIT), 2),
    "gelu_new": (partial(gelu, tanh=True), lambda x: torch.nn.functional.gelu(x, approximate="tanh"), 1),
    "gelu": (partial(gelu, tanh=False), torch.nn.functional.gelu, 1),
}


def spread(activations):
    """The scale of every value, [tokens or 1, width]."""
    scales = activations.scales.T.astype(np.float64)
    if scales.shape[1] > 1:
        scales = np.repeat(scales, activations.group_size, axis=1)[:, : activations.width]
    return np.broadcast_to(scales, (len(activations.values), activations.width))


def values_of(activations):
    return activations.values[:, : activations.width] * spread(activations)


def hadamard(x):
    """Sylvester's matrices times the blocks of float64 [tokens, width]."""
    block = x.shape[1] & -x.shape[1]
    matrix = np.ones((1, 1))
    while len(matrix) < block:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return (x.reshape(len(x), -1, block) @ matrix).reshape(x.shape) / block**0.5


widths = st.one_of(st.integers(1, 300), st.sampled_from([2, 4, 8, 16, 32, 64, 96, 128, 256, 320, 512, 1024]))
shapes = st.tuples(st.integers(0, 2**32), st.integers(1, 20), widths, st.booleans(), st.booleans())


@pytest.mark.parametrize("kind", KINDS)
@drawn
@given(shapes)
def test_activation(choose_build, pool, kind, shape):
    seed, tokens, width, by_group, rotated = shape
    kernel, reference, inputs = KINDS[kind]
    x = np.random.default_rng(seed).standard_normal((tokens, inputs * width)).astype(np.float32) * 4
    exact = reference(torch.from_numpy(x).double()).numpy()
    exact = hadamard(exact) if rotated else exact
    facts = {"by_group": by_group, "rotated": rotated}
    outcomes = []
    for build in BUILDS:
        choose_build(build)
        out = kernel(x, 32, **facts)
        rounding = 2e-6 * np.abs(exact).max(initial=1e-3) * (1 + rotated)
        assert (np.abs(values_of(out) - exact) <= spread(out) * 0.5001 + rounding).all()
        assert equal(out, kernel(x, 32, pool=pool, **facts))
        part = kernel(x[tokens // 2 :], 32, **facts)
        assert same(part.values, out.values[tokens // 2 :])
        assert same(part.scales, np.ascontiguousarray(out.scales[:, tokens // 2 :]))
        room = np.empty(x.size + 1, np.float32)
        room[1:] = x.ravel()
        assert equal(out, kernel(room[1:].reshape(x.shape), 32, **facts)), "one element off"
        outcomes.append(out)
    assert equal(outcomes[0], outcomes[-1])


@pytest.mark.parametrize("kind", ["gelu_new", "gelu"])
def test_a_gelu_is_exact_to_the_last_bits(kind):
    kernel, reference, _ = KINDS[kind]
    x = np.concatenate([np.linspace(-12, 12, 5001), np.geomspace(1e-30, 1, 99), -np.geomspace(1e-30, 1, 99)])
    x = x.astype(np.float32).reshape(-1, 1)  # a token each: its scale is its magnitude
    exact = reference(torch.from_numpy(x).double()).numpy()[:, 0]
    ours = np.abs(kernel(x, 32).scales[0].astype(np.float64) * 127)
    # e^y has the relative error of its argument's last bits; 1 + erf, which the reference adds, that of 1.
    assert (np.abs(ours - np.abs(exact)) <= np.abs(exact) * np.maximum(5e-7, 2e-7 * x[:, 0] ** 2) + 1e-15).all()


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("kind", KINDS)
def test_extreme_values(choose_build, build, kind):
    choose_build(build)
    kernel, reference, inputs = KINDS[kind]
    extremes = np.array([0, -0.0, 1e-37, 1e-30, 1e10, -1e10, 3e38, -3e38, np.inf, -np.inf, np.nan, -200, 200, 5, -5])
    pairs = np.array(np.meshgrid(extremes, extremes)).reshape(2, -1).T if inputs == 2 else extremes[:, None]
    x = np.ascontiguousarray(pairs.astype(np.float32))
    exact = reference(torch.from_numpy(x).double())[:, 0].float().numpy()
    ours = values_of(kernel(x, 32))[:, 0]
    finite = np.isfinite(exact)
    assert np.array_equal(np.isnan(ours), ~finite), "what is not finite makes its token NaN"
    assert np.allclose(ours[finite], exact[finite], rtol=4e-6, atol=1e-30)


@drawn
@given(shapes)
def test_rotated_before_it_is_quantized(choose_build, pool, shape):
    seed, tokens, width, by_group, _ = shape
    x = np.random.default_rng(seed).standard_normal((tokens, width)).astype(np.float32)
    x[:, seed % width] = 100.0  # an outlier
    exact = hadamard(x.astype(np.float64))
    outcomes = []
    for build in BUILDS:
        choose_build(build)
        out = quantize(x, 64, by_group=by_group, rotated=True)
        assert (np.abs(values_of(out) - exact) <= spread(out) * 0.5001 + 1e-4).all()
        assert equal(out, quantize(x, 64, by_group=by_group, rotated=True, pool=pool))
        assert same(quantize(x[-1:], 64, by_group=by_group, rotated=True).values, out.values[-1:])
        outcomes.append(out)
    assert equal(outcomes[0], outcomes[-1])


def test_a_rotation_spreads_and_keeps_what_is_not_finite_visible():
    x = np.zeros((3, 64), np.float32)
    x[0, 7], x[1, 9], x[2, 3] = 16.0, np.nan, np.inf
    out = quantize(x, 32, rotated=True)
    assert (np.abs(out.values[0]) == 127).all() and out.scales[0, 0] * 127 == pytest.approx(2.0)
    assert np.isnan(out.scales[0, 1:]).all()


def test_gates_without_ups_are_refused():
    with pytest.raises(ValueError, match="gates"):
        swiglu(np.zeros((1, 3), np.float32))
