"""The compiled kernels against float64 torch, and against the torch code they stand in for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.kernels.library import build_name, kernels
from phial.model.attention import _Attention
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.documents import Documents
from phial.model.mlp import _SwiGLU
from phial.model.norm import RMSNorm
from phial.model.rope import Rotary, rotate
from phial.train.objective import IGNORE, linear_cross_entropy

pytestmark = pytest.mark.skipif(kernels() is None, reason="the kernels were not built")
drawn = settings(max_examples=60, deadline=None, derandomize=True)


def tables(time, head_dim):
    """Cosines and sines, each [time, 1, head_dim / 2]."""
    config = ModelConfig(8, head_dim, 8, 1, 1, 1, time, rope_theta=100.0)
    return [table[:time] for table in Rotary(config).tables(time, False, torch.device("cpu"))]


@pytest.fixture(autouse=True, params=["any", "avx2"])
def build(request, monkeypatch):
    monkeypatch.setenv("PHIAL_KERNELS", request.param)
    if build_name() != request.param:
        pytest.skip("no such build on this machine")


def close(ours, theirs, tolerance=3e-6):
    """Equal within a share of the largest value."""
    assert ours.shape == theirs.shape
    assert (ours.double() - theirs).abs().max() <= tolerance * max(1.0, float(theirs.detach().abs().max()))


def reference(qkv, cos, sin, mask, heads, kv_heads):
    batch, time, fused = qkv.shape
    head_dim = fused // (heads + 2 * kv_heads)
    rotary, value = qkv.view(batch, time, -1, head_dim).split([heads + kv_heads, kv_heads], dim=2)
    query, key = rotate(rotary, cos, sin).split([heads, kv_heads], dim=2)
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    key, value = (part.repeat_interleave(heads // kv_heads, dim=1) for part in (key, value))
    scores = (query @ key.transpose(2, 3) / head_dim**0.5).masked_fill(~mask, -torch.inf)
    return (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, time, -1)


@st.composite
def attentions(draw):
    kv_heads, group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rows, time = draw(st.integers(1, 3)), draw(st.integers(1, 130))
    starts = torch.zeros(rows, time, dtype=torch.bool)
    for row in starts:
        for start in draw(st.lists(st.integers(0, time - 1), max_size=6)):
            row[start : start + draw(st.integers(1, 2))] = True  # two in a row: a document of one token
    spread = draw(st.sampled_from([0.1, 1.0, 6.0]))
    return kv_heads * group, kv_heads, 8 * draw(st.integers(1, 8)), starts, spread, draw(st.integers(0, 99))


@drawn
@given(attentions())
def test_attention(case):
    heads, kv_heads, head_dim, starts, spread, seed = case
    torch.manual_seed(seed)
    rows, time = starts.shape
    qkv = (spread * torch.randn(rows, time, (heads + 2 * kv_heads) * head_dim)).requires_grad_()
    cos, sin = tables(time, head_dim)
    documents, upstream = Documents(starts, starts), torch.randn(rows, time, heads * head_dim)
    ours = _Attention.apply(qkv, cos, sin, documents.bounds, heads, kv_heads)
    (gradient,) = torch.autograd.grad(ours, qkv, upstream)
    exact = qkv.detach().double().requires_grad_()
    theirs = reference(exact, cos.double(), sin.double(), documents.mask, heads, kv_heads)
    (expected,) = torch.autograd.grad(theirs, exact, upstream.double())
    close(ours, theirs, 1e-5)
    close(gradient, expected, 3e-5)


@drawn
@given(st.integers(1, 7), st.integers(1, 150), st.booleans(), st.booleans(), st.integers(0, 99))
def test_norm(rows, width, with_delta, keeps_sum, seed):
    torch.manual_seed(seed)
    norm = RMSNorm(width, 1e-5)
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(rows, width, requires_grad=True)
    delta = torch.randn(rows, width, requires_grad=True) if with_delta else None
    above, beside = torch.randn(rows, width), torch.randn(rows, width) * keeps_sum
    inputs = [x, norm.weight, *([delta] if delta is not None else [])]
    exact = [part.detach().double().requires_grad_() for part in inputs]
    added, out = norm(x, delta)
    wanted = exact[0] + (exact[2] if with_delta else 0)
    normal = exact[1] * wanted * torch.rsqrt(wanted.square().mean(-1, keepdim=True) + 1e-5)
    close(added, wanted)
    close(out, normal)
    ours = torch.autograd.grad((out * above).sum() + ((added * beside).sum() if keeps_sum else 0), inputs)
    theirs = torch.autograd.grad((normal * above).sum() + (wanted * beside).sum(), exact)
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other, 1e-5)


@drawn
@given(st.integers(1, 5), st.integers(1, 70), st.sampled_from([1.0, 30.0, 200.0]), st.integers(0, 99))
def test_swiglu(rows, width, spread, seed):
    torch.manual_seed(seed)
    x, above = (spread * torch.randn(rows, 2 * width)).requires_grad_(), torch.randn(rows, width)
    exact = x.detach().double().requires_grad_()
    gate, up = exact.chunk(2, -1)
    ours, theirs = _SwiGLU.apply(x), F.silu(gate) * up
    close(ours, theirs)
    close(torch.autograd.grad(ours, x, above)[0], torch.autograd.grad(theirs, exact, above.double())[0])


def test_the_exponential_is_exact_to_float32():
    gate = torch.linspace(-80, 80, 400_001)
    x = torch.stack([gate, torch.ones_like(gate)], 1)  # silu(gate) / gate = 1 / (1 + e^-gate)
    ours, exact = _SwiGLU.apply(x).flatten().double(), gate.double()
    theirs = exact * torch.sigmoid(exact)
    kept = exact != 0
    assert ((ours - theirs)[kept] / theirs[kept]).abs().max() < 4e-7


@drawn
@given(st.integers(1, 9), st.integers(1, 90), st.sampled_from([1.0, 50.0, 3e4]), st.integers(0, 99))
def test_cross_entropy(tokens, vocabulary, spread, seed):
    torch.manual_seed(seed)
    logits = spread * torch.randn(tokens, vocabulary)
    targets = torch.randint(0, vocabulary, (tokens,)).masked_fill(torch.rand(tokens) < 0.3, IGNORE)
    exact = logits.double().requires_grad_()
    theirs = F.cross_entropy(exact, targets, ignore_index=IGNORE, reduction="sum")
    (expected,) = torch.autograd.grad(theirs, exact)
    ours = kernels().cross_entropy(logits.data_ptr(), targets.data_ptr(), tokens, vocabulary)
    assert abs(ours - float(theirs.detach())) <= 2e-7 * max(10.0, float(theirs.detach()))
    close(logits, expected, 1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_reaches_the_result(bad):
    qkv = torch.randn(1, 20, 32)
    qkv[0, 7, 0] = bad
    cos, sin = tables(20, 8)
    documents = Documents(qkv[..., 0], torch.arange(20)[None] == 12)
    out = _Attention.apply(qkv, cos, sin, documents.bounds, 2, 1)
    assert not out[0, 7].isfinite().all() and out[0, :7].isfinite().all() and out[0, 12:].isfinite().all()
    assert not RMSNorm(20, 1e-5)(qkv[..., 0])[1].isfinite().all()
    assert not _SwiGLU.apply(qkv[..., :2].contiguous()).isfinite().all()
    hidden = torch.randn(3, 16, requires_grad=True)
    with torch.no_grad():
        hidden[1, 2] = bad
    assert not linear_cross_entropy(hidden, torch.randn(9, 16), torch.tensor([1, 2, 3])).isfinite()


def test_same_inputs_same_bits_wherever_they_lie():
    qkv, cos_sin = torch.randn(2, 77, 64), tables(77, 16)
    bounds = Documents(qkv[..., 0], torch.rand(2, 77) < 0.1).bounds
    outs = []
    for offset in range(4):
        moved = torch.empty(qkv.numel() + offset)[offset:].view_as(qkv).copy_(qkv).requires_grad_()
        out = _Attention.apply(moved, *cos_sin, bounds, 2, 1)
        outs.append((out, *torch.autograd.grad(out.square().sum(), moved)))
    assert all(torch.equal(a, b) for other in outs[1:] for a, b in zip(outs[0], other, strict=True))


@pytest.mark.parametrize("masked", [True, False])
def test_a_decoder_has_the_gradients_of_the_torch_path(masked, monkeypatch):
    torch.manual_seed(0)
    model = Decoder(ModelConfig(101, 48, 72, 3, 6, 2, 64))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(float(parameter.ndim == 1), 0.15)
    ids, targets = torch.randint(0, 101, (3, 61)), torch.randint(0, 101, (183,))
    starts = torch.rand(3, 61) < 0.1 if masked else None
    results = []
    for chosen in (os.environ["PHIAL_KERNELS"], "none"):
        monkeypatch.setenv("PHIAL_KERNELS", chosen)
        hidden = model.hidden(ids, starts)
        loss = linear_cross_entropy(hidden.flatten(0, 1), model.head_weight, targets)
        results.append((model(ids, starts), loss, *torch.autograd.grad(loss, list(model.parameters()))))
    for ours, theirs in zip(*results, strict=True):
        close(ours, theirs.double(), 2e-5)


def test_a_head_that_is_no_multiple_of_eight_goes_through_torch():
    config = ModelConfig(40, 24, 32, 1, 2, 1, 32)
    assert config.head_dim == 12
    model = Decoder(config)
    model.initialise(0)
    model(torch.zeros(1, 5, dtype=torch.long)).sum().backward()
    assert model.embed_tokens.weight.grad.isfinite().all()


def test_choosing_a_build_needs_no_torch():
    code = "import sys; from phial.kernels.library import build_name; build_name(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
