"""Phi-3-vision against transformers' tower and a straight-line float64 computation of the published description."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_model import random_model
from safetensors.torch import load_file
from small_vision import CONFIG, IMAGE, TOWER, VISION, picture

from phial.errors import PhialError
from phial.model.cache import KeyValueCache
from phial.model.checkpoint import save_weights
from phial.model.decoder import Decoder
from phial.model.vision.crops import cut
from phial.model.vision.prompt import ImagePrompt, place_images


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    save_weights(folder, model)
    return folder


@pytest.fixture(scope="module")
def tensors(folder):
    return {name: tensor.double().numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


@pytest.fixture(scope="module")
def pictures():
    """Two images: one tall, of 4 x 1 crops, one nearly square, of 2 x 2."""
    return [cut(picture(*size, seed), VISION) for seed, size in enumerate([(7, 30), (20, 17)])]


@pytest.fixture(scope="module")
def prompt(model, pictures):
    embeddings = [model.embed_image(crops).detach() for crops in pictures]
    return place_images([1, 7, 8, IMAGE, 1, 9, IMAGE, 1, 10, 11, 12], embeddings, VISION)


# The published description in float64, one token and one position at a time.


def layer_norm(x, t, name):
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / deviation * t[name + ".weight"] + t[name + ".bias"]


def linear(x, t, name):
    return x @ t[name + ".weight"].T + t[name + ".bias"]


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def tower(t, pixels):
    """Features [patches, hidden] of one crop [3, size, size]."""
    size, patch = VISION.image_size, VISION.patch_size
    kernel = t[TOWER + "embeddings.patch_embedding.weight"]
    tokens = [t[TOWER + "embeddings.class_embedding"]]
    for row in range(0, size, patch):
        for column in range(0, size, patch):
            window = pixels[:, row : row + patch, column : column + patch]
            tokens.append(np.array([(window * weights).sum() for weights in kernel]))
    x = np.array(tokens) + t[TOWER + "embeddings.position_embedding.weight"]
    x = layer_norm(x, t, TOWER + "pre_layrnorm")
    heads, head = VISION.num_attention_heads, VISION.hidden_size // VISION.num_attention_heads
    for layer in range(VISION.num_hidden_layers - 1):
        name = f"{TOWER}encoder.layers.{layer}."
        normal = layer_norm(x, t, name + "layer_norm1")
        q, k, v = (linear(normal, t, f"{name}self_attn.{part}_proj") for part in "qkv")
        mixed = np.zeros_like(x)
        for index in range(heads):
            part = slice(index * head, (index + 1) * head)
            mixed[:, part] = softmax(q[:, part] @ k[:, part].T / math.sqrt(head)) @ v[:, part]
        x = x + linear(mixed, t, name + "self_attn.out_proj")
        inner = linear(layer_norm(x, t, name + "layer_norm2"), t, name + "mlp.fc1")
        x = x + linear(inner / (1 + np.exp(-1.702 * inner)), t, name + "mlp.fc2")
    return x[1:]


def image_tokens(t, crops):
    """Embeddings of one image, line by line."""
    name = "model.vision_embed_tokens."
    features = [tower(t, pixels) for pixels in crops.pixels.double().numpy()]
    patches, side = VISION.patches, VISION.patches // 2
    line_end, between = t[name + "sub_GN"].ravel(), t[name + "glb_GN"].ravel()

    def lines(parts, rows, columns):
        for row in range(rows * side):
            for column in range(columns * side):
                part = parts[row // side * columns + column // side]
                r, c = 2 * (row % side), 2 * (column % side)
                yield np.concatenate([part[(r + i) * patches + c + j] for i in (0, 1) for j in (0, 1)])
            yield line_end

    merged = [*lines(features[1:], crops.rows, crops.columns), between, *lines(features[:1], 1, 1)]
    inner = linear(np.array(merged), t, name + "img_projection.0")
    gelu = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
    return linear(gelu, t, name + "img_projection.2")


def rms_norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def straight_line(t, x):
    """Logits [time, vocab] of embeddings [time, hidden]."""
    time, width = x.shape
    heads, head = CONFIG.num_attention_heads, CONFIG.head_dim
    original = CONFIG.longrope.original_max_position_embeddings
    factors = CONFIG.longrope.long_factor if time > original else CONFIG.longrope.short_factor
    scale = math.sqrt(1 + math.log(CONFIG.max_position_embeddings / original) / math.log(original))

    def turn(vector, position):
        out = vector.copy()
        for i, factor in enumerate(factors):
            angle = position / (factor * 1e4 ** (2 * i / head))
            a, b = vector[i], vector[i + head // 2]
            out[i] = scale * (a * math.cos(angle) - b * math.sin(angle))
            out[i + head // 2] = scale * (b * math.cos(angle) + a * math.sin(angle))
        return out

    for layer in range(CONFIG.num_hidden_layers):
        name = f"model.layers.{layer}."
        fused = rms_norm(x, t[name + "input_layernorm.weight"]) @ t[name + "self_attn.qkv_proj.weight"].T
        mixed = np.zeros_like(x)
        for h in range(heads):
            q, k, v = (fused[:, part * width + h * head : part * width + (h + 1) * head] for part in range(3))
            q, k = (np.array([turn(row, position) for position, row in enumerate(part)]) for part in (q, k))
            for i in range(time):
                first = max(0, i - CONFIG.sliding_window + 1)
                weights = softmax(q[i] @ k[first : i + 1].T / math.sqrt(head))
                mixed[i, h * head : (h + 1) * head] = weights @ v[first : i + 1]
        x = x + mixed @ t[name + "self_attn.o_proj.weight"].T
        both = rms_norm(x, t[name + "post_attention_layernorm.weight"]) @ t[name + "mlp.gate_up_proj.weight"].T
        gate, up = both[:, : CONFIG.intermediate_size], both[:, CONFIG.intermediate_size :]
        x = x + (gate / (1 + np.exp(-gate)) * up) @ t[name + "mlp.down_proj.weight"].T
    return rms_norm(x, t["model.norm.weight"]) @ t["lm_head.weight"].T


def spliced(t, pictures):
    """Embeddings of the prompt, images put where they belong."""
    embed = t["model.embed_tokens.weight"]
    first, second = (image_tokens(t, crops) for crops in pictures)
    return np.concatenate([embed[[1, 7, 8]], first, embed[[1, 9]], second, embed[[1, 10, 11, 12]]])


def reference(t, pictures, more=()):
    return straight_line(t, np.concatenate([spliced(t, pictures), t["model.embed_tokens.weight"][list(more)]]))


def extend(model, cache, prompt, start, stop):
    ids, images = prompt.part(start, stop)
    return model.extend(torch.tensor([ids]), cache, images=images)[0].double().numpy()


@torch.no_grad()
def test_the_tower_is_that_of_transformers(model, pictures):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.CLIPVisionModel(
        transformers.CLIPVisionConfig(
            hidden_size=VISION.hidden_size,
            intermediate_size=VISION.intermediate_size,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=8,
            patch_size=2,
            hidden_act="quick_gelu",
        )
    ).eval()
    ours = model.vision_embed_tokens.img_processor.vision_model
    state = ours.state_dict()
    prefix = "vision_model." if any(name.startswith("vision_model.") for name in theirs.state_dict()) else ""
    missing, extra = theirs.load_state_dict({prefix + name: state[name] for name in state}, strict=False)
    assert not extra and all("position_ids" in name for name in missing)
    for crops in pictures:
        states = theirs(crops.pixels, output_hidden_states=True).hidden_states
        assert (ours(crops.pixels) - states[-2][:, 1:]).abs().max() <= 1e-5


@torch.no_grad()
def test_embeddings_of_an_image_are_those_of_the_description(model, pictures, tensors):
    assert [(crops.rows, crops.columns) for crops in pictures] == [(4, 1), (2, 2)]
    for crops in pictures:
        embeddings = model.embed_image(crops)
        assert embeddings.shape == (crops.tokens, CONFIG.hidden_size)
        assert np.abs(embeddings.numpy() - image_tokens(tensors, crops)).max() <= 1e-4


def test_images_take_the_places_of_their_tokens(prompt, pictures):
    first, second = (crops.tokens for crops in pictures)
    assert prompt.ids == (1, 7, 8, *[IMAGE] * first, 1, 9, *[IMAGE] * second, 1, 10, 11, 12)
    assert [place for place, _ in prompt.images] == [3, 5 + first]


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
@torch.no_grad()
def test_logits_are_those_of_the_description(model, prompt, pictures, tensors, pieces):
    """Whole, and in pieces whose borders lie inside images; the LongRoPE switch lies inside the second image."""
    whole = spliced(tensors, pictures)
    assert len(whole) == len(prompt.ids) > CONFIG.longrope.original_max_position_embeddings
    size = -(-len(whole) // pieces)
    cache = KeyValueCache(CONFIG, 1)
    checked = {len(whole), 30, 59, 60, 61, 3, 4}
    for start in range(0, len(whole), size):
        stop = min(start + size, len(whole))
        logits = extend(model, cache, prompt, start, stop)
        if pieces < 10 or stop in checked:
            assert np.abs(logits - straight_line(tensors, whole[:stop])[-1]).max() <= 1e-4, stop


@torch.no_grad()
def test_decoding_goes_on_behind_images(model, prompt, pictures, tensors):
    cache = KeyValueCache(CONFIG, 1)
    logits = extend(model, cache, prompt, 0, len(prompt.ids))
    answer = []
    for _ in range(4):
        expected = reference(tensors, pictures, answer)[-1]
        assert np.abs(logits - expected).max() <= 1e-4
        answer.append(int(logits.argmax()))
        logits = model.extend(torch.tensor([answer[-1:]]), cache)[0].double().numpy()
    fresh = KeyValueCache(CONFIG, 1)
    again = ImagePrompt((*prompt.ids, *answer), prompt.images)
    assert np.abs(extend(model, fresh, again, 0, len(again.ids)) - logits).max() <= 1e-5


@torch.no_grad()
def test_the_long_factors_recompute_images_too(model, pictures, tensors, monkeypatch):
    monkeypatch.setattr("phial.model.decoder.PREFILL", 10)  # the image lies in several parts
    prompt = place_images([1, IMAGE, 3], [model.embed_image(pictures[0])], VISION)
    cache = KeyValueCache(CONFIG, 1)
    logits = extend(model, cache, prompt, 0, len(prompt.ids))
    ids = list(range(3, 40))[: 62 - len(prompt.ids)]
    embed = tensors["model.embed_tokens.weight"]
    x = np.concatenate([embed[[1]], image_tokens(tensors, pictures[0]), embed[[3, *ids]]])
    for count, token in enumerate(ids, start=len(prompt.ids) + 1):
        logits = model.extend(torch.tensor([[token]]), cache)[0].double().numpy()
        if count in (60, 61, 62):
            assert np.abs(logits - straight_line(tensors, x[:count])[-1]).max() <= 1e-4, count
    assert cache.long == [True]


@torch.no_grad()
def test_a_batch_of_prompts_is_each_alone(model, prompt, pictures):
    other = place_images([1, 5, IMAGE, 6], [model.embed_image(pictures[1])], VISION)
    text = ImagePrompt((1, 2, 3), ())
    prompts = [prompt, text, other]
    ids = torch.zeros(3, len(prompt.ids), dtype=torch.int64)
    images = []
    for row, one in enumerate(prompts):
        part, inside = one.part(0, len(one.ids), row)
        ids[row, : len(part)] = torch.tensor(part)
        images += inside
    cache = KeyValueCache(CONFIG, 3)
    logits = model.extend(ids, cache, counts=[len(one.ids) for one in prompts], images=images)
    for row, one in enumerate(prompts):
        alone = extend(model, KeyValueCache(CONFIG, 1), one, 0, len(one.ids))
        assert np.abs(logits[row].numpy() - alone).max() <= 1e-5


@torch.no_grad()
def test_a_cache_with_images_is_forked_trimmed_and_brought_back(model, prompt, pictures, tensors):
    cache = KeyValueCache(CONFIG, 1)
    extend(model, cache, prompt, 0, 55)  # ends inside the second image
    kept = cache.snapshot()
    fork = cache.fork([0, 0])
    fork.trim(0, 20)  # inside the first image
    tail = list(range(3, 45))
    model.extend(torch.tensor([tail[:20]]), fork, rows=[0])
    ids = torch.tensor([tail[20:], tail[:22]])
    logits = model.extend(ids, fork, counts=[22, 1])  # row 0 crosses into the long factors
    x = spliced(tensors, pictures)
    embed = tensors["model.embed_tokens.weight"]
    short = np.concatenate([x[:20], embed[tail]])
    assert len(short) > CONFIG.longrope.original_max_position_embeddings
    assert np.abs(logits[0].numpy() - straight_line(tensors, short)[-1]).max() <= 1e-4
    assert np.abs(logits[1].numpy() - straight_line(tensors, np.concatenate([x[:55], embed[[3]]]))[-1]).max() <= 1e-4
    back = KeyValueCache(CONFIG, 1)
    back.restore(kept)
    ends = [extend(model, state, prompt, 55, len(prompt.ids)) for state in (cache, back)]
    assert np.abs(ends[0] - ends[1]).max() == 0
    assert np.abs(ends[0] - reference(tensors, pictures)[-1]).max() <= 1e-4


@torch.no_grad()
def test_text_alone_is_the_text_model(model):
    text = Decoder(replace(CONFIG, layout="phi3", vision=None)).eval()
    text.load_state_dict({name: model.state_dict()[name] for name in text.state_dict()})
    ids = torch.tensor([[1, 5, 9, 3, 20, 40]])
    assert torch.equal(model(ids), text(ids))
    assert torch.equal(model.extend(ids, KeyValueCache(CONFIG, 1)), text.extend(ids, KeyValueCache(text.config, 1)))
    with pytest.raises(PhialError, match="does not read images"):
        text.embed_image(cut(picture(9, 9, 0), VISION))


@pytest.mark.parametrize(
    ("ids", "count", "what"),
    [
        ([1, 2], 1, "0 places for 1 images"),
        ([1, IMAGE], 0, "1 places for 0 images"),
        ([IMAGE] * 3, 2, "3 places for 2"),
    ],
)
def test_images_without_their_places_are_refused(ids, count, what):
    with pytest.raises(PhialError, match=what):
        place_images(ids, [torch.zeros(3, 24)] * count, VISION)


@pytest.mark.parametrize("place", [-1, 3, 5])
def test_images_outside_their_rows_are_refused(model, place):
    with pytest.raises(PhialError, match=f"an image at {place} to {place + 3} of 5 tokens"):
        model.extend(
            torch.zeros(1, 5, dtype=torch.int64), KeyValueCache(CONFIG, 1), images=[(0, place, torch.zeros(3, 24))]
        )


def test_drawn_weights_give_finite_embeddings(pictures):
    model = Decoder(CONFIG)
    model.initialise(0)
    text = Decoder(replace(CONFIG, layout="phi3", vision=None))
    text.initialise(0)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in text.state_dict().items())
    with torch.no_grad():
        embeddings = [model.embed_image(crops) for crops in pictures]
    assert all(0.01 < part.std() < 10 for part in embeddings)
