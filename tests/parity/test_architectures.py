"""Every architecture that transformers has: the same logits from the same random checkpoint, both ways."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch

transformers = pytest.importorskip("transformers")

from phial.model.cache import KeyValueCache  # noqa: E402
from phial.model.checkpoint import load_weights, save_weights  # noqa: E402
from phial.model.files import read_config  # noqa: E402

TOLERANCE = 1e-4
SMALL = {
    "vocab_size": 97, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip
LONG = {
    "rope_type": "longrope", "short_factor": [1.0 + 0.01 * i for i in range(8)],
    "long_factor": [1.5 + 0.7 * i for i in range(8)], "original_max_position_embeddings": 48,
}  # fmt: skip
PARTIAL = LONG | {"short_factor": LONG["short_factor"][:6], "long_factor": LONG["long_factor"][:6]}


def rope(theta=1e4, **more):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta} | more}


CASES = {
    "phi-1": ("Phi", rope(partial_rotary_factor=0.5)),
    "phi-2": ("Phi", {"hidden_size": 80} | rope(partial_rotary_factor=0.4)),
    "phi-3-mini": ("Phi3", {"num_key_value_heads": 4, "sliding_window": 19}),
    "phi-3-medium": ("Phi3", {"num_key_value_heads": 2, "sliding_window": 19}),
    "phi-3-128k": ("Phi3", {"num_key_value_heads": 4, "original_max_position_embeddings": 48} | rope(**LONG)),
    "phi-4": ("Phi3", {"num_key_value_heads": 1} | rope(theta=250000.0)),
    "phi-4-mini": (
        "Phi3",
        {"num_key_value_heads": 2, "tie_word_embeddings": True, "original_max_position_embeddings": 48}
        | rope(partial_rotary_factor=0.75, **PARTIAL),
    ),
    "phi-3.5-moe": (
        "Phimoe",
        {"num_key_value_heads": 2, "num_local_experts": 6, "attention_bias": True, "lm_head_bias": True}
        | rope(short_mscale=1.24, long_mscale=1.31, **LONG),
    ),
    "llama": ("Llama", {"num_key_value_heads": 2}),
    "llama-3": (
        "Llama",
        {"num_key_value_heads": 2}
        | rope(
            theta=5e5,
            rope_type="llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=32,
        ),
    ),
    "phi-3-as-described": (
        "Starcoder2",
        {"num_key_value_heads": 2, "hidden_act": "gelu", "use_bias": False, "tie_word_embeddings": False},
    ),
    "starcoder2": ("Starcoder2", {"num_key_value_heads": 2}),
    "qwen2": ("Qwen2", {"num_key_value_heads": 2, "tie_word_embeddings": True}),
}
LENGTHS = (1, 7, 19, 20, 47, 48, 49, 90)


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory):
    """(their model, our model, folder) of one architecture with the same random weights."""
    kind, changes = CASES[request.param]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**SMALL | changes)
    theirs = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            noise = torch.randn_like(parameter)
            parameter.copy_(1 + 0.2 * noise if "norm" in name and "weight" in name else 0.15 * noise)
    folder = tmp_path_factory.mktemp(request.param)
    theirs.save_pretrained(folder)
    return theirs, load_weights(folder, read_config(folder)), folder


def reference(theirs, ids):
    """Their logits [time, vocab] of one sequence."""
    if theirs.config.model_type == "phimoe":
        # PhimoeRotaryEmbedding computes its frequencies without the length: always the short factors, under the long
        # scale. The published model uses the long ones, so the length is given here.
        init = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["longrope"]
        theirs.model.rotary_emb.rope_init_fn = lambda config: init(config, seq_len=len(ids))
    with torch.no_grad():
        return theirs(torch.tensor([ids]), use_cache=False).logits[0]


def draw(length, seed=0):
    return torch.randint(3, 97, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


@pytest.mark.parametrize("length", LENGTHS)
@torch.no_grad()
def test_prefill_logits_are_equal(pair, length):
    theirs, ours, _ = pair
    ids = draw(length)
    assert (ours(torch.tensor([ids]))[0] - reference(theirs, ids)).abs().max() <= TOLERANCE


@torch.no_grad()
def test_cached_decoding_is_equal_across_window_and_longrope(pair):
    theirs, ours, _ = pair
    ids = draw(60)
    cache = KeyValueCache(ours.config, 1)
    ours.extend(torch.tensor([ids[:40]]), cache)
    for length in range(41, 61):
        logits = ours.extend(torch.tensor([[ids[length - 1]]]), cache)
        assert (logits[0] - reference(theirs, ids[:length])[-1]).abs().max() <= TOLERANCE, length


@torch.no_grad()
def test_a_batch_of_mixed_lengths_is_each_sequence_alone(pair):
    theirs, ours, _ = pair
    lengths = [3, 46, 20, 60]
    rows = [draw(length, seed) for seed, length in enumerate(lengths)]
    ids = torch.zeros(4, 60, dtype=torch.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
    cache = KeyValueCache(ours.config, 4)
    logits = ours.extend(ids, cache, counts=lengths)
    for step in range(5):
        for index, row in enumerate(rows):
            assert (logits[index] - reference(theirs, row)[-1]).abs().max() <= TOLERANCE, (step, index)
        fresh = draw(4, 100 + step)
        for row, token in zip(rows, fresh, strict=True):
            row.append(token)
        logits = ours.extend(torch.tensor(fresh).unsqueeze(1), cache)


@torch.no_grad()
def test_a_saved_checkpoint_loads_in_transformers(pair, tmp_path):
    theirs, ours, _ = pair
    save_weights(tmp_path, ours, shard_bytes=100_000)
    again = type(theirs).from_pretrained(tmp_path).eval()
    ids = draw(50)
    assert (reference(again, ids) - reference(theirs, ids)).abs().max() <= TOLERANCE
    assert torch.equal(load_weights(tmp_path, read_config(tmp_path))(torch.tensor([ids])), ours(torch.tensor([ids])))


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_their_padded_batches_are_our_ragged_ones(pair, side):
    theirs, ours, _ = pair
    if ours.config.longrope is not None:
        pytest.skip("transformers chooses LongRoPE's factors for a batch as a whole")
    lengths = [3, 41, 20]
    rows = [draw(length, seed) for seed, length in enumerate(lengths)]
    padded = torch.full((3, 41), 2)
    mask = torch.zeros(3, 41, dtype=torch.int64)
    ids = torch.zeros(3, 41, dtype=torch.int64)
    for index, row in enumerate(rows):
        place = slice(41 - len(row), 41) if side == "left" else slice(0, len(row))
        padded[index, place] = ids[index, : len(row)] = torch.tensor(row)
        mask[index, place] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    found = theirs(padded, attention_mask=mask, position_ids=positions, use_cache=False).logits
    last = [-1] * 3 if side == "left" else [length - 1 for length in lengths]
    logits = ours.extend(ids, KeyValueCache(ours.config, 3), counts=lengths)
    assert (logits - found[range(3), last]).abs().max() <= TOLERANCE


@torch.no_grad()
def test_bfloat16_is_within_the_references_own_noise(pair):
    theirs, _, folder = pair
    ids = draw(40)
    exact = reference(theirs, ids)
    half = type(theirs).from_pretrained(folder, dtype=torch.bfloat16).eval()
    ours = load_weights(folder, read_config(folder), "bfloat16")
    noise = (reference(half, ids).float() - exact).abs()
    error = (ours(torch.tensor([ids]))[0].float() - exact).abs()
    # Rounding falls differently in every order of operations, so single logits differ; their spread must not be wider.
    assert error.mean() <= 1.15 * noise.mean()
    assert error.max() <= 1.5 * noise.max()
