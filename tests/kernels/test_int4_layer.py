"""Norms, rotary positions and cached attention of the int4 kernels, against float64 and for the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from bits import equal, same
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.kernels.int4_library import int4_build, int4_builds
from phial.kernels.layer import Span, attend, layer_cache, norm, rotate_keep
from phial.kernels.product import quantize
from phial.model.config import BlockSparse

if int4_build() == "none":
    pytest.skip("the kernels were not built", allow_module_level=True)
drawn = settings(max_examples=60, deadline=None, derandomize=True)
BUILDS = int4_builds()


def close(ours, exact, tolerance=2e-6):
    assert np.abs(ours - exact).max(initial=0) <= tolerance * max(1.0, np.abs(exact).max(initial=0))


shapes = st.tuples(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 300), st.booleans())


@drawn
@given(shapes, st.booleans(), st.booleans())
def test_norm(choose_build, pool, shape, centred, with_bias):
    seed, tokens, width, by_group = shape
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((tokens, width)) * 3 + 1).astype(np.float32)
    weight, bias = rng.standard_normal((2, width)).astype(np.float32)
    facts = {"bias": bias if with_bias else None, "centred": centred, "by_group": by_group}
    wide = x.astype(np.float64)
    wide = wide - wide.mean(1, keepdims=True) if centred else wide
    exact = wide / np.sqrt((wide**2).mean(1, keepdims=True) + 1e-5) * weight + (bias if with_bias else 0)
    outcomes = []
    for build in BUILDS:
        choose_build(build)
        activations, normed = norm(x, weight, 1e-5, 32, keep=True, **facts)
        close(normed, exact, 1e-4 if centred and width < 5 else 4e-6)
        assert equal(activations, quantize(normed, 32, by_group=by_group))
        assert equal(activations, norm(x, weight, 1e-5, 32, pool=pool, **facts)[0])
        assert same(norm(x[tokens // 2 :], weight, 1e-5, 32, keep=True, **facts)[1], normed[tokens // 2 :])
        outcomes.append(normed)
    assert same(*outcomes)


class Layer:
    """Sequences in a cache of scattered blocks, and the same in float64 arrays."""

    def __init__(self, seed, heads, kv_heads, head_dim, half, block_size, bits, lengths, window=None, sparse=None):
        self.rng = np.random.default_rng(seed)
        self.heads, self.kv_heads, self.head_dim, self.half = heads, kv_heads, head_dim, half
        self.bits, self.window, self.block_size, self.sparse = bits, window, block_size, sparse
        counts = [-(-length // block_size) for length in lengths]
        order = self.rng.permutation(sum(counts)).astype(np.int32)
        self.tables = np.split(order, np.cumsum(counts)[:-1])
        self.blocks = sum(counts)
        width = (heads + 2 * kv_heads) * head_dim
        self.qkv = [self.rng.standard_normal((length, width)).astype(np.float32) for length in lengths]
        if not half:  # keys and values are then kept as they are
            self.qkv = [qkv.astype(np.float16).astype(np.float32) for qkv in self.qkv]
        self.angles = self.rng.standard_normal((max(lengths), half)).astype(np.float32)

    def compute(self, cuts, pool=None):
        """Outputs by sequence, computed in steps: cuts[step][sequence] = how many tokens."""
        cache = layer_cache(self.blocks, self.kv_heads, self.block_size, self.head_dim, bits=self.bits)
        outputs, done = [[] for _ in self.qkv], [0] * len(self.qkv)
        for counts in cuts:
            spans = [Span(self.tables[s], done[s], n) for s, n in enumerate(counts)]
            qkv = np.concatenate([self.qkv[s][done[s] : done[s] + n] for s, n in enumerate(counts)])
            angles = np.concatenate([self.angles[done[s] : done[s] + n] for s, n in enumerate(counts)])
            tables = (np.cos(angles), np.sin(angles)) if self.half else (None, None)
            rotate_keep(qkv, self.heads, *tables, spans, cache, pool=pool)
            sees = {"window": self.window, "sparse": self.sparse}
            out = attend(qkv, self.heads, self.head_dim**-0.5, spans, cache, pool=pool, **sees)
            for s, part in enumerate(np.split(out, np.cumsum(counts)[:-1])):
                outputs[s].append(part)
                done[s] += counts[s]
        self.cache = cache
        return [np.concatenate(parts) for parts in outputs]

    def stored(self, s):
        """Keys and values of a sequence as the cache holds them: float64 [time, kv_heads, head_dim] each."""
        time = len(self.qkv[s])
        cache, table = self.cache, self.tables[s]
        parts = []
        for array, scales in ((cache.keys, cache.key_scales), (cache.values, cache.value_scales)):
            wide = array.astype(np.float64) * (1 if scales is None else scales[..., None])
            parts.append(wide[table].swapaxes(1, 2).reshape(-1, self.kv_heads, self.head_dim)[:time])
        return parts

    def exact(self, s, stored=False):
        time, half = len(self.qkv[s]), self.half
        heads = self.qkv[s].astype(np.float64).reshape(time, -1, self.head_dim)
        rotated = heads.copy()
        c, n = (f(self.angles[:time, None].astype(np.float64)) for f in (np.cos, np.sin))
        rotated[..., :half] = heads[..., :half] * c - heads[..., half : 2 * half] * n
        rotated[..., half : 2 * half] = heads[..., half : 2 * half] * c + heads[..., :half] * n
        query, key = rotated[:, : self.heads], rotated[:, self.heads : self.heads + self.kv_heads]
        value = heads[:, self.heads + self.kv_heads :]
        if stored:
            key, value = self.stored(s)
        key, value = (np.repeat(part, self.heads // self.kv_heads, axis=1) for part in (key, value))
        scores = np.einsum("qhd,khd->hqk", query, key) / self.head_dim**0.5
        place = np.arange(time)
        seen = place[None] <= place[:, None]
        if self.window:
            seen &= place[None] > place[:, None] - self.window
        if self.sparse:
            query_block, key_block = place[:, None] // self.sparse.block_size, place[None] // self.sparse.block_size
            offsets = np.arange(self.heads) * max(1, self.sparse.stride // self.heads)
            far = (key_block + offsets[:, None, None] + 1) % self.sparse.stride == 0
            seen = seen & ((query_block - key_block < self.sparse.local_blocks) | far)
        scores = np.where(seen, scores, -np.inf)
        weights = np.exp(scores - scores.max(2, keepdims=True))
        return np.einsum("hqk,khd->qhd", weights / weights.sum(2, keepdims=True), value).reshape(time, -1)


sparsities = st.builds(BlockSparse, st.sampled_from([1, 7, 16, 64, 128]), st.integers(1, 3), st.integers(1, 9))


@st.composite
def layers(draw):
    kv_heads, head_dim = draw(st.integers(1, 3)), draw(st.sampled_from([8, 16, 24, 64, 80, 96, 104]))
    lengths = draw(st.lists(st.integers(1, 150), min_size=1, max_size=3))
    if draw(st.integers(0, 4)) == 0:  # more than one part
        kv_heads, head_dim, lengths = 1, 16, [draw(st.integers(500, 1300)), *lengths]
    return Layer(
        draw(st.integers(0, 2**32)),
        kv_heads * draw(st.sampled_from([1, 2, 3, 5, 20])),
        kv_heads,
        head_dim,
        draw(st.integers(0, head_dim // 2)),
        draw(st.sampled_from([1, 7, 16, 64, 1000])),
        draw(st.sampled_from([8, 16])),
        lengths,
        draw(st.sampled_from([None, None, 1, 5, 64, 100])),
        draw(st.one_of(st.none(), sparsities)),
    )


@settings(drawn, max_examples=40)
@given(layers())
def test_attention_is_that_of_float64(choose_build, layer):
    outcomes = []
    for build in BUILDS:
        choose_build(build)
        outcomes.append(layer.compute([[len(qkv) for qkv in layer.qkv]]))
        for s, ours in enumerate(outcomes[-1]):
            close(ours, layer.exact(s), 6e-2 if layer.bits == 8 else (4e-3 if layer.half else 4e-6))
            close(ours, layer.exact(s, stored=True), 1e-4 if layer.bits == 8 else 4e-6)
    assert same(*map(np.concatenate, outcomes))


@settings(drawn, max_examples=40)
@given(layers(), st.data())
def test_attention_has_the_same_bits_however_it_is_cut(pool, layer, data):
    lengths = [len(qkv) for qkv in layer.qkv]
    whole = layer.compute([lengths])
    left, cuts = list(lengths), []
    while any(left):
        most = data.draw(st.sampled_from([1, 3, 17, 90, 600]))
        cuts.append([min(n, data.draw(st.integers(0, most))) for n in left])
        if not any(cuts[-1]):
            cuts[-1] = [min(n, most) for n in left]
        left = [n - taken for n, taken in zip(left, cuts[-1], strict=True)]
        if len(cuts) > 12:
            cuts.append(left)
            break
    for threads in (None, pool):
        for ours, expected in zip(layer.compute(cuts, threads), whole, strict=True):
            assert same(ours, expected)


def test_half_precision_rounds_as_numpy_does(choose_build):
    edges = [0, -0.0, 1e-8, 2.9e-8, 3e-8, 6e-8, 6.1e-5, 6.097e-5, 65504, 65519, 65520, 1e30, np.inf, -np.inf, np.nan]
    rng = np.random.default_rng(0)
    several = np.exp2(rng.uniform(-28, 17, 40000)) * rng.choice([-1, 1], 40000)
    x = np.concatenate([edges, [1 + 2**-11, 1 + 3 * 2**-11, -1 - 2**-11], several]).astype(np.float32)
    x = np.concatenate([x, np.zeros(-len(x) % 16, np.float32)]).reshape(-1, 1, 8)
    for build in BUILDS:
        choose_build(build)
        cache = layer_cache(1, 1, len(x), 8)
        qkv = np.concatenate([x, x, x], axis=1).reshape(len(x), 24)
        spans = [Span(np.zeros(1, np.int32), 0, len(x))]
        rotate_keep(qkv, 1, None, None, spans, cache)
        with np.errstate(over="ignore"):
            assert np.array_equal(cache.values.view(np.float16)[0, 0], x[:, 0].astype(np.float16), equal_nan=True)
        if build != "any":
            continue
        read = attend(qkv, 1, 0.0, spans, cache, window=1)  # every token sees itself: its value comes back
        finite = np.isfinite(cache.values[0, 0].astype(np.float32)).all(1)
        assert np.array_equal(read[finite], cache.values[0, 0].astype(np.float32)[finite])


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("bits", [8, 16])
def test_attention_passes_on_what_is_not_finite(build, bits, choose_build):
    choose_build(build)
    for fault in (np.nan, np.inf):
        layer = Layer(0, 2, 1, 16, 4, 16, bits, [90, 90])
        layer.qkv[0][70, 2 * 16 + 5] = fault  # a key
        bad, good = layer.compute([[90, 90]])
        assert np.isfinite(good).all() and np.isfinite(bad[:70]).all()
        assert np.isnan(bad[70:]).all() or fault == np.inf
        with np.errstate(invalid="ignore"):
            close(good, layer.exact(1), 6e-2)


def test_blocks_behind_the_window_may_be_gone():
    layer = Layer(1, 4, 2, 32, 16, 16, 16, [100], window=20)
    whole = layer.compute([[100]])[0]
    cache = layer_cache(layer.blocks, 2, 16, 32)
    for start, count in ((0, 99), (99, 1)):
        qkv, angles = layer.qkv[0][start : start + count].copy(), layer.angles[start : start + count]
        table = layer.tables[0].copy()
        if start:
            table[:5] = -1
        span = [Span(table, start, count)]
        rotate_keep(qkv, 4, np.cos(angles), np.sin(angles), span, cache)
    assert same(attend(qkv, 4, 32**-0.5, span, cache, window=20), whole[99:])
    with pytest.raises(ValueError, match="-1"):
        attend(qkv, 4, 32**-0.5, span, cache)


def test_what_does_not_fit_is_refused():
    cache, table = layer_cache(2, 1, 16, 8), np.arange(2, dtype=np.int32)
    qkv = np.zeros((3, 24), np.float32)
    for span, match in (
        (Span(table, 30, 3), "positions"),
        (Span(table, -1, 3), "positions"),
        (Span(table + 1, 15, 3), "blocks"),
        (Span(table.astype(np.int64), 0, 3), "int64"),
        (Span(table, 0, 2), "qkv"),
    ):
        with pytest.raises(ValueError, match=match):
            rotate_keep(qkv, 1, None, None, [span], cache)
    with pytest.raises(ValueError, match="angles"):
        rotate_keep(qkv, 1, np.ones((3, 5), np.float32), np.ones((3, 5), np.float32), [Span(table, 0, 3)], cache)
    with pytest.raises(ValueError, match="head_dim 12"):
        layer_cache(1, 1, 1, 12)
