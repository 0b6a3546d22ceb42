import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checkpoints import random_decoder, tiny_config, torch_logits, write_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.engine.backend import Work
from phial.engine.blas import OneThread, one_blas_thread
from phial.engine.numpy_backend import NumpyBackend
from phial.errors import PhialError
from phial.model.checkpoint import load_checkpoint
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import read_arrays, read_config

TOLERANCE = 1e-4


class Slots:
    """The backend by slots that a test names itself."""

    def __init__(self, backend: NumpyBackend) -> None:
        self.backend = backend
        self.handles: dict[int, int] = {}

    def prefill(self, slot: int, ids: list[int]) -> np.ndarray:
        self.free(slot)
        self.handles[slot], found = self.backend.open(ids)
        assert found == 0
        [logits] = self.backend.run([Work(self.handles[slot], ids)])
        return logits[0]

    def decode(self, slots: list[int], ids: list[int]) -> np.ndarray:
        work = [Work(self.handles[slot], [token]) for slot, token in zip(slots, ids, strict=True)]
        return np.concatenate(self.backend.run(work))

    def free(self, slot: int) -> None:
        if slot in self.handles:
            self.backend.free(self.handles.pop(slot))

    def twin(self) -> "Slots":
        return Slots(self.backend.twin())


def backend_of(model: Decoder) -> Slots:
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return Slots(NumpyBackend(model.config, tensors))


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    kv_heads = draw(st.integers(1, 3))
    heads = kv_heads * draw(st.integers(1, 3))
    return tiny_config(
        vocab_size=draw(st.integers(2, 90)),
        hidden_size=heads * 2 * draw(st.integers(1, 6)),
        intermediate_size=draw(st.integers(1, 40)),
        num_hidden_layers=draw(st.integers(1, 3)),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=32,
        rope_theta=draw(st.sampled_from([100.0, 10_000.0])),
        rms_norm_eps=draw(st.sampled_from([1e-5, 1e-2])),
        tie_word_embeddings=draw(st.booleans()),
    )


@settings(max_examples=25, deadline=None)
@given(configs(), st.integers(0, 1000), st.integers(1, 30), st.integers(0, 12))
def test_logits_equal_the_torch_decoder(config: ModelConfig, seed: int, prompt: int, answer: int) -> None:
    model = random_decoder(config, seed)
    answer = min(answer, config.max_position_embeddings - prompt)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, prompt + answer).tolist()
    expected = torch_logits(model, ids)
    backend = backend_of(model)
    assert np.abs(backend.prefill(0, ids[:prompt]) - expected[prompt - 1]).max() <= TOLERANCE
    for position in range(prompt, prompt + answer):
        logits = backend.decode([0], [ids[position]])
        assert logits.shape == (1, config.vocab_size)
        assert np.abs(logits[0] - expected[position]).max() <= TOLERANCE


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_interleaved_sequences_never_see_each_other(data: st.DataObject) -> None:
    """Any order of beginning, stepping (any slots, in any order) and freeing gives each sequence its own logits."""
    model = random_decoder(tiny_config(max_position_embeddings=24))
    backend = backend_of(model)
    live: dict[int, list[int]] = {}
    tokens = st.integers(0, 299)
    for _ in range(data.draw(st.integers(1, 12))):
        growing = [slot for slot, ids in live.items() if len(ids) < 24]
        action = data.draw(st.sampled_from(["begin", "free", "step", "step"] if growing else ["begin"]))
        if action == "begin":
            slot = data.draw(st.integers(0, 6))
            live[slot] = data.draw(st.lists(tokens, min_size=1, max_size=10))
            check(model, live[slot], backend.prefill(slot, live[slot]))
        elif action == "free":
            slot = data.draw(st.sampled_from(sorted(live)))
            backend.free(slot)
            del live[slot]
        else:
            slots = data.draw(st.lists(st.sampled_from(growing), min_size=1, unique=True))
            added = [data.draw(tokens) for _ in slots]
            for slot, token in zip(slots, added, strict=True):
                live[slot].append(token)
            for slot, logits in zip(slots, backend.decode(slots, added), strict=True):
                check(model, live[slot], logits)


def test_parts_forks_and_trims_give_the_logits_of_the_whole() -> None:
    model = random_decoder(tiny_config())
    backend, ids = backend_of(model).backend, list(range(20, 50))
    expected = torch_logits(model, ids)
    one, two = backend.open()[0], backend.open()[0]
    nothing, row = backend.run([Work(one, ids[:9], 0), Work(two, ids[:5])])
    assert nothing.shape[0] == 0
    copy = backend.fork(two)
    backend.run([Work(copy, [7] * 6), Work(one, ids[9:10], 0)])
    rows = [row, *backend.run([Work(two, ids[5:9], 4), Work(one, ids[10:11])])]
    backend.trim(copy, 5)
    rows += backend.run([Work(one, ids[11:13], 2), Work(two, ids[9:13], 3), Work(copy, ids[5:6])])
    backend.free(one)
    rows += backend.run([Work(copy, ids[6:7]), Work(two, ids[13:14])])
    assert (backend.length(two), backend.length(copy)) == (14, 7)
    places = ([4], [5, 6, 7, 8], [10], [11, 12], [10, 11, 12], [5], [6], [13])
    for got, place in zip(rows, places, strict=True):
        assert np.abs(got - expected[place]).max() <= TOLERANCE


def check(model: Decoder, ids: list[int], logits: np.ndarray) -> None:
    assert np.abs(logits - torch_logits(model, ids)[-1]).max() <= TOLERANCE


def test_a_returned_row_is_not_overwritten_by_the_next_step() -> None:
    backend = backend_of(random_decoder(tiny_config()))
    first = backend.prefill(0, [1, 2, 3])
    kept = first.copy()
    second = backend.decode([0], [4])
    kept_second = second.copy()
    backend.decode([0], [5])
    assert (first == kept).all() and (second == kept_second).all()


def test_a_twin_shares_weights_but_no_sequences() -> None:
    model = random_decoder(tiny_config())
    backend = backend_of(model)
    twin = backend.twin()
    backend.prefill(0, [1, 2, 3])
    twin.prefill(0, [7, 8])
    check(model, [1, 2, 3, 4], backend.decode([0], [4])[0])
    check(model, [7, 8, 9], twin.decode([0], [9])[0])
    assert twin.backend._head is backend.backend._head


def test_a_sequence_longer_than_the_cache_is_refused() -> None:
    backend = backend_of(random_decoder(tiny_config(max_position_embeddings=8)))
    with pytest.raises(ValueError, match="9 more tokens"):
        backend.prefill(0, [1] * 9)
    backend.prefill(0, [1] * 8)
    with pytest.raises(IndexError):
        backend.decode([0], [1])


def test_float16_weights_are_widened(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, random_decoder(tiny_config()), "float16")
    model, _ = load_checkpoint(folder)  # the torch model of the same rounded weights
    config = read_config(folder)
    check(model, [5, 6, 7], Slots(NumpyBackend(config, read_arrays(folder, config))).prefill(0, [5, 6, 7]))


@pytest.mark.parametrize("tied", [True, False])
def test_tensor_shapes_are_those_of_the_decoder(tied: bool) -> None:
    config = tiny_config(tie_word_embeddings=tied)
    state = Decoder(config).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == config.shapes


def test_damaged_checkpoints_are_refused_with_advice(folder: Path, tmp_path: Path) -> None:
    config = read_config(folder)
    with pytest.raises(PhialError, match="weights are missing"):
        read_arrays(tmp_path, config)
    (tmp_path / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(PhialError, match="damaged"):
        read_arrays(tmp_path, config)
    with pytest.raises(PhialError, match=r"shape \[300, 32\].*asks for \[301, 32\]"):
        read_arrays(folder, tiny_config(vocab_size=301))
    with pytest.raises(PhialError, match=r"tensor model\.layers\.2.* is missing"):
        read_arrays(folder, tiny_config(num_hidden_layers=3))
    with pytest.raises(PhialError, match=r"unexpected tensor model\.layers\.1"):
        read_arrays(folder, tiny_config(num_hidden_layers=1))


def test_another_number_type_is_refused(folder: Path, tmp_path: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    for name, facts in header.items():
        if name != "__metadata__":
            facts["dtype"] = "I32"
    written = json.dumps(header).encode().ljust(size)
    (tmp_path / "model.safetensors").write_bytes(len(written).to_bytes(8, "little") + written + content[8 + size :])
    with pytest.raises(PhialError, match="stored as I32"):
        read_arrays(tmp_path, read_config(folder))


def test_models_of_other_kinds_are_refused() -> None:
    for changes in ({"sliding_window": 4}, {"norm": "layer"}, {"partial_rotary_factor": 0.5}, {"attention_bias": True}):
        config = replace(tiny_config(), **changes)
        with pytest.raises(PhialError, match="plain Phi-3 block"):
            NumpyBackend(config, {})


def test_one_blas_thread_restores_the_setting() -> None:
    if one_blas_thread._get is None:
        pytest.skip("numpy is built with another library")
    before = one_blas_thread._get()
    with one_blas_thread, one_blas_thread:
        assert one_blas_thread._get() == 1
    assert one_blas_thread._get() == before
    assert OneThread().effective


def test_the_engine_never_imports_torch(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from phial.engine.console import run_ask;"
        f"assert run_ask(Path({str(folder)!r}), 'How many?', True, 4, 0.0) == 0;"
        "heavy = {'torch', 'transformers', 'pyarrow', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["question"] == "How many?"
