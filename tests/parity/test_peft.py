"""Adapters that peft has written mean here what they mean there."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"
pytest.importorskip("peft")
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

for room in ("engine", "quant"):
    sys.path.append(str(Path(__file__).parents[1] / room))
from lora_folders import LINEAR  # noqa: E402
from small import CONFIGS  # noqa: E402

from phial.engine.backend import Work  # noqa: E402
from phial.engine.torch_backend import TorchBackend  # noqa: E402
from phial.errors import PhialError  # noqa: E402
from phial.model.adapter import read_adapter  # noqa: E402
from phial.model.checkpoint import save_weights  # noqa: E402
from phial.model.decoder import Decoder  # noqa: E402

pytestmark = pytest.mark.oracle


def decoder(config):
    torch.manual_seed(0)
    model = Decoder(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            gain = "norm" in name and name.endswith("weight")
            parameter.normal_(1.0 if gain else 0.0, 0.2 if gain or parameter.ndim == 1 else parameter.shape[-1] ** -0.5)
    return model


SETTINGS = {
    "plain": {"r": 4, "lora_alpha": 8},
    "rslora": {"r": 4, "lora_alpha": 3, "use_rslora": True},
    "patterns": {"r": 4, "lora_alpha": 8, "rank_pattern": {"o_proj": 2, "layers.1.self_attn.qkv_proj": 6},
                 "alpha_pattern": {"^model.layers.0.self_attn.o_proj": 5, "down_proj": 1}},
    "some layers": {"r": 4, "lora_alpha": 8, "layers_to_transform": [1]},
}  # fmt: skip
CASES = [(family, "plain") for family in ("phi", "phi3", "phimoe", "llama", "qwen2", "starcoder2")]
CASES += [("phi3", name) for name in ("rslora", "patterns", "some layers")] + [("llama", "patterns")]


def adapted(family, folder, **settings):
    """(The decoder, peft's model over the same weights with a random adapter, which is saved in the folder)."""
    model = decoder(CONFIGS[family])
    (folder / "base").mkdir()
    save_weights(folder / "base", model)
    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, attn_implementation="eager")
    theirs = get_peft_model(base, LoraConfig(**settings)).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "lora_B" in name and parameter.ndim == 2:
                parameter.normal_(0.0, 0.5 * parameter.shape[1] ** -0.5)
    theirs.save_pretrained(folder / "lora")
    return model, theirs


@pytest.mark.parametrize(("family", "settings"), CASES)
def test_peft_and_the_engine_say_the_same(family, settings, tmp_path):
    targets = list(LINEAR[family])
    model, theirs = adapted(family, tmp_path, target_modules=targets, **SETTINGS[settings])
    adapter = read_adapter(tmp_path / "lora", model.config)
    ids = np.random.default_rng(0).integers(0, model.config.vocab_size, 30).tolist()
    backend = TorchBackend(model)
    [found] = backend.run([Work(backend.open()[0], ids, len(ids), (), adapter)])
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0].numpy()
        plain = model(torch.tensor([ids]))[0].numpy()
    assert np.abs(found - expected).max() < 1e-4 and np.abs(plain - expected).max() > 0.1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "lora_only"}, "bias"),
        ({"lora_bias": True}, "lora_bias"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"target_modules": ["o_proj", "embed_tokens"]}, "embed_tokens"),
    ],
)
def test_what_peft_does_beyond_plain_lora_is_refused(settings, said, tmp_path):
    model, _ = adapted("llama", tmp_path, **({"target_modules": ["q_proj"]} | settings))
    with pytest.raises(PhialError, match=said):
        read_adapter(tmp_path / "lora", model.config)


@pytest.mark.parametrize("start", [True, "gaussian", "orthogonal"])
def test_ways_to_begin_that_leave_the_base_as_it_is_are_read(start, tmp_path):
    model, _ = adapted("llama", tmp_path, target_modules="all-linear", init_lora_weights=start)
    assert len(read_adapter(tmp_path / "lora", model.config).parts) == 4 * model.config.num_hidden_layers
