"""Low-rank additions to products: against float64, and for the same bits in every company."""

from __future__ import annotations

import numpy as np
import pytest
from bits import same
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.kernels.int4_library import int4_build
from phial.kernels.lora import add_low_rank, bind_additions
from phial.model.adapter import LowRank

if int4_build() == "none":
    pytest.skip("the kernels were not built", allow_module_level=True)
drawn = settings(max_examples=60, deadline=None, derandomize=True)
BUILDS = ["any", "avx2"] if int4_build() == "avx2" else ["any"]
shapes = st.tuples(
    st.integers(0, 2**32), st.integers(0, 12), st.integers(1, 300), st.integers(1, 1200), st.integers(1, 40)
)


def additions(source, rows, columns, most):
    """Up to three parts at random rows, which may meet."""
    parts = []
    for _ in range(source.integers(1, 4)):
        rank, first = int(source.integers(1, most + 1)), int(source.integers(0, rows))
        count = int(source.integers(1, rows - first + 1))
        shape_a, shape_b = (rank, columns), (count, rank)
        parts.append(LowRank(first, *(source.standard_normal(shape, np.float32) for shape in (shape_a, shape_b))))
    return parts


@drawn
@given(shapes)
def test_additions(choose_build, pool, shape):
    seed, tokens, columns, rows, most = shape
    source = np.random.default_rng(seed)
    kinds = [None, *(additions(source, rows, columns, most) for _ in range(2))]
    bound = [None if parts is None else bind_additions(parts, rows, columns) for parts in kinds]
    chosen = source.integers(0, 3, tokens).tolist()
    x, y = (source.standard_normal((tokens, width), np.float32) for width in (columns, rows))
    exact, size = y.astype(np.float64), np.abs(y).astype(np.float64)
    for token, kind in enumerate(chosen):
        for part in kinds[kind] or ():
            a, b = part.lora_a.astype(np.float64), part.lora_b.astype(np.float64)
            exact[token, part.first : part.first + len(b)] += b @ (a @ x[token])
            size[token, part.first : part.first + len(b)] += np.abs(b) @ (np.abs(a) @ np.abs(x[token]))
    outs = []
    for build in BUILDS:
        choose_build(build)
        for threads in (None, pool):
            out = y.copy()
            add_low_rank([bound[kind] for kind in chosen], x, out, pool=threads)
            outs.append(out)
        alone = y.copy()
        for token, kind in enumerate(chosen):
            add_low_rank([bound[kind]], x[token : token + 1], alone[token : token + 1])
        outs.append(alone)
    assert same(*outs)
    assert (np.abs(outs[0] - exact) <= 1e-6 * (8 + most + columns / 16) * size).all()
    untouched = [token for token, kind in enumerate(chosen) if kind == 0]
    assert same(outs[0][untouched], y[untouched])


def test_a_value_that_is_not_finite_stays_with_its_token():
    source = np.random.default_rng(0)
    bound = bind_additions(additions(source, 40, 30, 5), 40, 30)
    x, out = source.standard_normal((3, 30), np.float32), np.zeros((3, 40), np.float32)
    x[1, 7] = np.nan
    add_low_rank([bound] * 3, x, out)
    assert np.isnan(out[1]).any() and np.isfinite(out[[0, 2]]).all()


@pytest.mark.parametrize(("first", "rows", "columns"), [(0, 41, 30), (39, 2, 30), (-1, 3, 30), (0, 4, 29)])
def test_what_does_not_fit_is_refused(first, rows, columns):
    part = LowRank(first, np.zeros((2, columns), np.float32), np.zeros((rows, 2), np.float32))
    with pytest.raises(ValueError, match="40 x 30"):
        bind_additions([part], 40, 30)
    bound = bind_additions([], 40, 30)
    with pytest.raises(ValueError, match="tokens"):
        add_low_rank([bound], np.zeros((2, 30), np.float32), np.zeros((2, 40), np.float32))
