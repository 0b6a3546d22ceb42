"""What phial writes is read by transformers as it stands, and means the same there."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
transformers = pytest.importorskip("transformers")

import torch  # noqa: E402

from phial.engine.choice import load_engine  # noqa: E402
from phial.engine.request import Sampling  # noqa: E402
from phial.model.checkpoint import save_checkpoint  # noqa: E402
from phial.model.config import ModelConfig  # noqa: E402
from phial.model.decoder import Decoder  # noqa: E402
from phial.tokens.chat import encode_chat  # noqa: E402
from phial.tokens.tokenizer import train_tokenizer  # noqa: E402

CONFIG = ModelConfig(
    vocab_size=300,
    hidden_size=48,
    intermediate_size=80,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Decoder]:
    from dataclasses import replace

    torch.manual_seed(1)
    model = Decoder(replace(CONFIG, tie_word_embeddings=request.param)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(float(parameter.ndim == 1), 0.15)
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, model, train_tokenizer(["Ada has 12 pens. How many, naïvely?", "3 + 4 = 7 €"], 300))
    return folder, model


def test_logits_are_equal(saved: tuple[Path, Decoder]) -> None:
    folder, model = saved
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert type(theirs).__name__ == "Phi3ForCausalLM"
    ids = torch.randint(0, 300, (3, 64), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        difference = (theirs(ids).logits - model(ids)).abs().max()
    assert difference <= 1e-4
    assert sum(p.numel() for p in theirs.parameters()) == model.config.parameters


def test_greedy_answers_of_the_engine_are_equal(saved: tuple[Path, Decoder]) -> None:
    folder, _ = saved
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    engine = load_engine(folder)
    prompts = [np.random.default_rng(seed).integers(6, 300, 5 + seed).tolist() for seed in range(4)]
    ours = engine.generate(prompts, Sampling(max_tokens=20))
    for prompt, answer in zip(prompts, ours, strict=True):
        with torch.no_grad():
            written = theirs.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0].tolist()
        answered = [token for token in written[len(prompt) :] if token not in engine.tokenizer.stop_ids]
        assert list(answer.ids) == answered


def test_the_tokenizer_gives_equal_ids(saved: tuple[Path, Decoder]) -> None:
    folder, _ = saved
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    ours = load_engine(folder).tokenizer
    turns = [("user", "Ada has 12 pens.\n\nHow many?"), ("assistant", "12 €"), ("user", "naïvely?  ")]
    messages = [{"role": role, "content": content} for role, content in turns]
    for prompt in (True, False):
        text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
        expected, _ = encode_chat(ours, turns, generation_prompt=prompt)
        if not prompt:
            expected = expected[:-1]  # training closes a document with EOS, the template does not
        assert theirs(text, add_special_tokens=False)["input_ids"] == expected
    assert theirs.decode(ours.encode("3 + 4 = 7 €")) == "3 + 4 = 7 €"
    assert (theirs.bos_token_id, theirs.eos_token_id) == (ours.bos_id, ours.eos_id)
