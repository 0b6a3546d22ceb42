"""What `phial chat NAME` runs."""

import pytest
import torch

from phial.embedded import embedded_model
from phial.engine.choice import load_engine
from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.kernels.int4_library import int4_build
from phial.model.checkpoint import save_checkpoint
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.quant.folder import is_quantized
from phial.recipe.quantization import find_weights, ready_model
from phial.tokens.tokenizer import train_tokenizer

CONFIG = ModelConfig(
    vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=1024, layout="qwen2", attention_bias=True,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A checkpoint that is no plain Phi-3 block, and an empty cache."""
    monkeypatch.setenv("PHIAL_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "model"
    place.mkdir()
    torch.manual_seed(0)
    save_checkpoint(place, Decoder(CONFIG).eval(), train_tokenizer(["Ada has 12 pens."] * 4, 300))
    return place


def test_a_small_phi_runs_as_it_is(tmp_path):
    assert ready_model(str(embedded_model()), tmp_path, pytest.fail) == embedded_model()


@pytest.mark.skipif(int4_build() == "none", reason="the int4 kernels were not built")
def test_another_model_is_quantized_once(folder, tmp_path):
    said = []
    made = ready_model(str(folder), tmp_path, said.append)
    assert is_quantized(made) and made.is_relative_to(tmp_path / "cache")
    assert "quantizing model to int4, once" in said[0] and any("mean KL" in line for line in said)
    assert ready_model(str(folder), tmp_path, pytest.fail) == made
    assert load_engine(made).generate([[5, 6, 7]], Sampling(max_tokens=4))[0].ids
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes())  # another time: another model, for all that is known
    assert ready_model(str(folder), tmp_path, said.append) != made


def test_without_kernels_torch_runs_the_floats(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PHIAL_KERNELS", "none")
    said = []
    assert ready_model(str(folder), tmp_path, said.append) == folder
    assert len(said) == 1 and "kernels are missing" in said[0]
    assert load_engine(folder).generate([[5, 6, 7]], Sampling(max_tokens=4))[0].ids


def test_what_is_nowhere_is_said(tmp_path):
    with pytest.raises(PhialError, match="no run or checkpoint folder"):
        find_weights("nothing", tmp_path)
