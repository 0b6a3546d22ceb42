"""Phi-3-small against a straight-line float64 computation of its published description, one number at a time."""

import json
import math

import numpy as np
import pytest
import torch
from random_model import random_model

from phial.errors import PhialError
from phial.model.cache import KeyValueCache
from phial.model.checkpoint import load_weights, published_tensors, save_weights
from phial.model.config import BlockSparse, ModelConfig
from phial.model.files import read_config

CONFIG = ModelConfig(
    vocab_size=61, hidden_size=32, intermediate_size=24, num_hidden_layers=3, num_attention_heads=8,
    num_key_value_heads=2, max_position_embeddings=96, layout="phi3small", rope_theta=1e6, norm="layer",
    activation="gegelu", attention_bias=True, output_bias=True, mlp_bias=True,
    blocksparse=BlockSparse(block_size=4, local_blocks=3, stride=4, dense_every=2), embedding_multiplier=10.0,
    attention_scale=1 / 4, logit_divisor=8.0, gegelu_limit=1.5, dummy_token_ids=(50, 52, 60),
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


def layer_norm(x, weight, bias):
    return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * weight + bias


def turn(vector, position):
    half = len(vector) // 2
    out = vector.copy()
    for i in range(half):
        angle = position / 1e6 ** (2 * i / len(vector))
        a, b = vector[i], vector[i + half]
        out[i], out[i + half] = a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle)
    return out


def sees(layer, head, query, key):
    if key > query:
        return False
    if (layer + 1) % 2 == 0:
        return True
    q, k = query // 4, key // 4
    return q - k < 3 or (k + head * max(1, 4 // 8) + 1) % 4 == 0


def straight_line(tensors, ids):
    """Logits [time, vocab] from the published tensors."""
    t = {name: tensor.double().numpy() for name, tensor in tensors}
    states = [10.0 * t["model.embed_tokens.weight"][i] for i in ids]
    for layer in range(3):
        p = f"model.layers.{layer}."
        normed = [layer_norm(x, t[p + "input_layernorm.weight"], t[p + "input_layernorm.bias"]) for x in states]
        queries, keys, values = [], [], []
        for position, x in enumerate(normed):
            fused = t[p + "self_attn.query_key_value.weight"] @ x + t[p + "self_attn.query_key_value.bias"]
            groups = fused.reshape(2, 6, 4)  # a group: four query heads, then its key, then its value
            queries.append([turn(groups[h // 4, h % 4], position) for h in range(8)])
            keys.append([turn(groups[g, 4], position) for g in range(2)])
            values.append([groups[g, 5] for g in range(2)])
        for i in range(len(ids)):
            heads = []
            for h in range(8):
                visible = [j for j in range(len(ids)) if sees(layer, h, i, j)]
                scores = np.array([queries[i][h] @ keys[j][h // 4] / 4 for j in visible])
                weights = np.exp(scores - scores.max())
                weights /= weights.sum()
                heads.append(sum(w * values[j][h // 4] for w, j in zip(weights, visible, strict=True)))
            out = t[p + "self_attn.dense.weight"] @ np.concatenate(heads) + t[p + "self_attn.dense.bias"]
            states[i] = states[i] + out
        for i, x in enumerate(states):
            n = layer_norm(x, t[p + "post_attention_layernorm.weight"], t[p + "post_attention_layernorm.bias"])
            both = t[p + "mlp.up_proj.weight"] @ n + t[p + "mlp.up_proj.bias"]
            gelu, linear = np.minimum(both[::2], 1.5), np.clip(both[1::2], -1.5, 1.5)
            inner = gelu / (1 + np.exp(-1.702 * gelu)) * (linear + 1)
            states[i] = x + t[p + "mlp.down_proj.weight"] @ inner + t[p + "mlp.down_proj.bias"]
    logits = np.array([
        t["model.embed_tokens.weight"]
        @ layer_norm(x, t["model.final_layernorm.weight"], t["model.final_layernorm.bias"]) / 8
        for x in states
    ])  # fmt: skip
    logits[:, [50, 52, 60]] = -np.inf
    return logits


def close(found, expected, tolerance=2e-4):
    finite = np.isfinite(expected)
    assert (np.isfinite(found.numpy()) == finite).all()
    assert np.abs(found.numpy()[finite] - expected[finite]).max() <= tolerance


@torch.no_grad()
def test_prefill_and_cached_decoding_equal_the_description(model):
    ids = torch.randint(0, 61, (57,), generator=torch.Generator().manual_seed(1)).tolist()
    expected = straight_line(published_tensors(model), ids)
    close(model(torch.tensor([ids]))[0], expected)
    cache = KeyValueCache(CONFIG, 1)
    close(model.extend(torch.tensor([ids[:9]]), cache)[0], expected[8])
    close(model.extend(torch.tensor([ids[9:50]]), cache)[0], expected[49])
    for i in range(50, 57):
        close(model.extend(torch.tensor([[ids[i]]]), cache)[0], expected[i])


@torch.no_grad()
def test_the_published_layout_survives_a_round_trip(model, tmp_path):
    save_weights(tmp_path, model)
    config = read_config(tmp_path)
    again = load_weights(tmp_path, config)
    ids = torch.arange(40).unsqueeze(0)
    assert torch.equal(again(ids), model(ids))


@pytest.mark.parametrize(("dummies", "what"), [(["x"], "no list of ids"), (7, "no list of ids"), ([61], "outside")])
def test_dummy_ids_that_are_none_are_refused(model, tmp_path, dummies, what):
    save_weights(tmp_path, model)
    facts = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(facts | {"dummy_token_indices": dummies}))
    with pytest.raises(PhialError, match=what):
        read_config(tmp_path)
