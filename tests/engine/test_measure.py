"""Rates beside the machine's limits."""

import json

import numpy as np
import pytest

from phial.engine.backend import Work
from phial.engine.int4_backend import Int4Backend
from phial.engine.measure import Limits, bench_engine, random_quantized, rate, seconds
from phial.errors import PhialError
from phial.kernels.int4_library import MOST_THREADS, ThreadPool, int4_build
from phial.model.adapter import Adapter, LowRank
from phial.model.config import Experts, ModelConfig
from phial.quant.form import Form, form_of

pytestmark = pytest.mark.skipif(int4_build() == "none", reason="the int4 kernels were not built")
SHAPE = {
    "vocab_size": 1000, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256,
}  # fmt: skip


def test_multiplications_are_those_of_the_matrices():
    model, limits = random_quantized(ModelConfig(**SHAPE), Form(32)), Limits(1e9, 1e9)
    layers = 2 * (32 * 64 + 32 * 32 + 3 * 32 * 64)
    one = rate(model, "decode 16", 0.5, limits)
    assert (one.tokens, one.multiplications) == (2, (layers + 32_000) / 0.5)
    cache = 2 * 16 * 2 * 2 * 8 * 2  # keys and values of 16 tokens, 2 layers, 2 heads of 8, 2 bytes
    assert one.bytes == (sum(matrix.nbytes for matrix in model.matrices.values()) + cache) / 0.5
    assert one.share == pytest.approx(one.multiplications / 1e9)
    assert rate(model, "streams 8", 1, limits).multiplications == 8 * (layers + 32_000)
    assert rate(model, "prefill 128", 1, limits).multiplications == 128 * layers + 32_000


def test_a_token_meets_two_experts():
    config = ModelConfig(**SHAPE, layout="phimoe", norm="layer", experts=Experts(8), tie_word_embeddings=False)
    found = rate(random_quantized(config, Form(32)), "decode 16", 1, Limits(1e9, 1e9))
    assert found.multiplications == 2 * (32 * 64 + 32 * 32 + 2 * 3 * 32 * 64) + 32_000


@pytest.mark.parametrize("form", [Form(64, by_group=True), Form(32, rotated=True, lifted=("lm_head", "*.down_proj"))])
def test_random_weights_have_the_form_that_is_asked_for(form):
    model = random_quantized(ModelConfig(**SHAPE | {"hidden_size": 64, "head_size": 8}), form)
    assert str(form_of(model)) == str(form).replace("*.down_proj", "*.mlp.down_proj")
    backend = Int4Backend(model, 256)
    assert seconds(backend, "decode 16") > 0
    part = LowRank(0, np.ones((1, 32), np.float32), np.ones((64, 1), np.float32))
    adapter = Adapter("any", {"layers.0.self_attn.o_proj": (part,)})  # which reads a rotated stream
    assert np.isfinite(backend.run([Work(backend.open()[0], [1, 2], 1, (), adapter)])[0]).all()


@pytest.mark.parametrize("measure", ["decode 16", "streams 3", "prefill 20"])
def test_measures_leave_nothing_behind(measure):
    backend = Int4Backend(random_quantized(ModelConfig(**SHAPE), Form(32)), 256)
    room = backend.room()
    assert seconds(backend, measure) > 0
    assert backend.room() == room


def test_the_verb_prints_rates(capsys, monkeypatch):
    model = random_quantized(ModelConfig(**SHAPE), Form(32))
    monkeypatch.setattr("phial.engine.measure._model", lambda name, layers, form: model)
    monkeypatch.setattr("phial.engine.measure.machine_limits", lambda threads: Limits(1e9, 1e9))
    bench_engine("any", None, 1, 8, ["decode 16"], json_output=True)
    assert json.loads(capsys.readouterr().out)["rates"][0]["name"] == "decode 16"
    bench_engine("any", None, 1, 16, ["prefill 20"])
    assert "of the limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("measure", "what"),
    [
        ("walk 3", "choose from"),
        ("decode 0", "choose from"),
        ("prefill 99999", "at most 192"),
        ("streams 9999", "1,024"),
    ],
)
def test_impossible_measures_are_refused(measure, what, monkeypatch):
    model = random_quantized(ModelConfig(**SHAPE), Form(32))
    monkeypatch.setattr("phial.engine.measure._model", lambda name, layers, form: model)
    monkeypatch.setattr("phial.engine.measure.machine_limits", lambda threads: Limits(1e9, 1e9))
    with pytest.raises(PhialError) as found:
        bench_engine("any", None, 1, 16, [measure])
    assert what in str(found.value.do)


def test_no_machine_has_so_many_threads_or_so_much_memory():
    for threads in (0, MOST_THREADS + 1):
        with pytest.raises(PhialError, match="threads"):
            ThreadPool(threads)
    with pytest.raises(PhialError, match="would take"):
        Int4Backend(random_quantized(ModelConfig(**SHAPE), Form(32)), 1 << 42)


def test_a_form_is_refused_where_it_is_not_known_and_where_the_folder_has_one(tmp_path):
    with pytest.raises(PhialError, match="says nothing about a form"):
        bench_engine("Phi-3-mini-4k-instruct", 1, 1, 16, ["decode 16"], form="g128 fast")
    with pytest.raises(PhialError, match="a folder has its form"):
        bench_engine(str(tmp_path), 1, 1, 16, ["decode 16"], form="g128")
