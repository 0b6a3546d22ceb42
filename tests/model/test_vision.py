"""Phi-3-vision against transformers' tower and a straight-line float64 computation of the published description."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from phial.errors import PhialError
from phial.model.cache import KeyValueCache
from phial.model.checkpoint import load_weights, save_weights
from phial.model.config import LongRope, ModelConfig
from phial.model.decoder import Decoder
from phial.model.files import read_arrays, read_config
from phial.model.huggingface import read_huggingface
from phial.model.presets import preset
from phial.model.vision.config import VisionConfig
from phial.model.vision.crops import cut
from phial.model.vision.prompt import ImagePrompt, place_images

IMAGE = 50
VISION = VisionConfig(
    hidden_size=12, intermediate_size=20, num_hidden_layers=3, num_attention_heads=2, image_size=8, patch_size=2,
    max_crops=4, image_token_id=IMAGE,
)  # fmt: skip
CONFIG = ModelConfig(
    vocab_size=61, hidden_size=24, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3,
    num_key_value_heads=3, max_position_embeddings=128, layout="phi3_v", sliding_window=50,
    longrope=LongRope((1.0, 1.1, 1.2, 1.3), (1.5, 2.2, 2.9, 3.6), 60), vision=VISION, tie_word_embeddings=False,
    bos_token_id=1, eos_token_id=2, pad_token_id=2,
)  # fmt: skip
TOWER = "model.vision_embed_tokens.img_processor.vision_model."


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = Decoder(CONFIG).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            parameter.copy_(1 + 0.2 * noise if "norm" in name and name.endswith("weight") else 0.3 * noise)
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    save_weights(folder, model)
    return folder


@pytest.fixture(scope="module")
def tensors(folder):
    return {name: tensor.double().numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


def picture(width, height, seed):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


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


# Files


def test_files_have_the_published_names(folder, model):
    tensors = load_file(folder / "model.safetensors")
    outside = {name.removeprefix("model.vision_embed_tokens."): tuple(tensor.shape) for name, tensor in tensors.items()
               if "vision_embed_tokens" in name}  # fmt: skip
    block = {f"encoder.layers.2.{name}" for name in (
        "layer_norm1.weight", "layer_norm1.bias", "self_attn.q_proj.weight", "self_attn.q_proj.bias",
        "self_attn.k_proj.weight", "self_attn.k_proj.bias", "self_attn.v_proj.weight", "self_attn.v_proj.bias",
        "self_attn.out_proj.weight", "self_attn.out_proj.bias", "layer_norm2.weight", "layer_norm2.bias",
        "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias",
    )}  # fmt: skip
    vision = {name.removeprefix("img_processor.vision_model.") for name in outside}
    assert {name for name in vision if "encoder.layers.2." in name} == block
    assert {name for name in vision if "encoder" not in name} == {
        "embeddings.class_embedding", "embeddings.patch_embedding.weight", "embeddings.position_embedding.weight",
        "pre_layrnorm.weight", "pre_layrnorm.bias", "post_layernorm.weight", "post_layernorm.bias", "glb_GN", "sub_GN",
        "img_projection.0.weight", "img_projection.0.bias", "img_projection.2.weight", "img_projection.2.bias",
    }  # fmt: skip
    assert (outside["glb_GN"], outside["sub_GN"]) == ((1, 1, 48), (1, 1, 1, 48))
    facts = json.loads((folder / "config.json").read_text())
    assert (facts["model_type"], facts["architectures"]) == ("phi3_v", ["Phi3VForCausalLM"])
    assert facts["rope_scaling"]["type"] == "su" and facts["original_max_position_embeddings"] == 60
    assert facts["embd_layer"]["hd_transform_order"] == "sub_glb"
    assert json.loads((folder / "preprocessor_config.json").read_text()) == {
        "image_processor_type": "Phi3VImageProcessor", "processor_class": "Phi3VProcessor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "num_crops": 4, "num_img_tokens": 4,
    }  # fmt: skip


def test_saving_and_loading_bring_back_the_model(folder, model, tmp_path):
    config = read_config(folder)
    assert config == CONFIG
    loaded = load_weights(folder, config)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    save_weights(tmp_path, loaded, "bfloat16", shard_bytes=20_000)
    assert (tmp_path / "model.safetensors.index.json").is_file()
    rounded = load_weights(tmp_path, read_config(tmp_path))
    for name, tensor in rounded.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name].bfloat16().float())


def test_the_decoder_alone_is_read_as_arrays(folder, model):
    arrays = read_arrays(folder, read_config(folder))
    text = {name for name in model.state_dict() if not name.startswith("vision")}
    assert set(arrays) == text


def test_second_copies_of_tensors_are_passed_over(folder, model, tmp_path):
    tensors = load_file(folder / "model.safetensors")
    copies = {
        TOWER + "embeddings.position_ids": torch.arange(17),
        "model.vision_embed_tokens.wte.weight": torch.ones(2),
    }
    save_file(tensors | copies, tmp_path / "model.safetensors")
    loaded = load_weights(tmp_path, CONFIG)
    assert torch.equal(loaded.vision_embed_tokens.glb_GN, model.vision_embed_tokens.glb_GN)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: t.pop("model.vision_embed_tokens.glb_GN"), "glb_GN is missing"),
        (lambda t: t.update({TOWER + "pre_layrnorm.weight": torch.ones(13)}), r"pre_layrnorm.weight has shape \[13\]"),
        (lambda t: t.update({"model.vision_embed_tokens.more": torch.ones(1)}), "unexpected tensor model.vision"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(folder, tmp_path, change, what):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(PhialError, match=what):
        load_weights(tmp_path, CONFIG)


def published_facts(name):
    """config.json of a released vision model."""
    config = preset(name).config
    return {
        "architectures": ["Phi3VForCausalLM"], "model_type": "phi3_v", "vocab_size": 32064, "hidden_size": 3072,
        "auto_map": {"AutoConfig": "configuration_phi3_v.Phi3VConfig"}, "attention_dropout": 0.0,
        "intermediate_size": 8192, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
        "max_position_embeddings": 131072, "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "sliding_window": config.sliding_window, "tie_word_embeddings": False,
        "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 32000,
        "embd_layer": {
            "embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp",
            "use_hd_transform": True, "with_learnable_separator": True,
        },
        "img_processor": {
            "image_dim_out": 1024, "model_name": "openai/clip-vit-large-patch14-336", "name": "clip_vision_model",
            "num_img_tokens": 144,
        },
        "rope_scaling": {
            "type": "su", "short_factor": list(config.longrope.short_factor),
            "long_factor": list(config.longrope.long_factor),
        },
    }  # fmt: skip


@pytest.mark.parametrize(("name", "crops"), [("Phi-3-vision-128k-instruct", 16), ("Phi-3.5-vision-instruct", 4)])
def test_published_files_are_the_presets(name, crops, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(published_facts(name)))
    processor = {"num_crops": crops, "image_mean": [0.48145466, 0.4578275, 0.40821073], "auto_map": {}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    config = read_config(tmp_path)
    assert config == preset(name).config
    assert config.parameters == 4_146_621_440
    assert config.vision.side == 12 and config.vision.image_token_id == 32044


@pytest.mark.parametrize(
    ("room", "change", "what"),
    [
        ("img_processor", {"layer_idx": -1}, "img_processor.layer_idx -1 is not supported"),
        ("img_processor", {"name": "siglip"}, "img_processor.name 'siglip'"),
        ("img_processor", {"type_feature": "cls_patch"}, "type_feature 'cls_patch'"),
        ("embd_layer", {"hd_transform_order": "glb_sub"}, "hd_transform_order 'glb_sub'"),
        ("embd_layer", {"projection_cls": "linear"}, "projection_cls 'linear'"),
        ("embd_layer", {"use_hd_transform": False}, "use_hd_transform False"),
        ("embd_layer", {"with_learnable_separator": False}, "with_learnable_separator False"),
        ("img_processor", {"hidden_size": 1 << 40}, "hidden_size is 1099511627776"),
        ("img_processor", {"hidden_size": "wide"}, "hidden_size is 'wide'"),
        ("img_processor", {"num_hidden_layers": 1}, "no last but one"),
        ("img_processor", {"num_attention_heads": 7}, "does not divide into 7 heads"),
        ("img_processor", {"patch_size": 16}, "no even number of patches"),
        ("img_processor", {"num_crops": 0}, "max_crops is 0"),
        ("img_processor", {"image_token_id": 32064}, "outside a vocabulary"),
    ],
)
def test_towers_that_are_not_computed_here_are_refused(room, change, what):
    facts = published_facts("Phi-3-vision-128k-instruct")
    facts[room] |= change
    with pytest.raises(PhialError, match=what) as raised:
        read_huggingface(facts, "config.json")
    assert raised.value.where and raised.value.do


def test_settings_that_are_no_tables_are_refused(folder, tmp_path):
    for room in ("img_processor", "embd_layer"):
        with pytest.raises(PhialError, match=f"{room} is no table"):
            read_huggingface(published_facts("Phi-3-vision-128k-instruct") | {room: 3}, "config.json")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert read_config(tmp_path) == CONFIG  # without a preprocessor_config.json
    for text, what in (
        ("[]", "preprocessor_config.json is no object"),
        ("{", "no readable preprocessor_config.json"),
        ('{"num_crops": 1e9}', "max_crops is 1000000000.0"),
        ('{"image_std": [0.5, 0.5, 0.5]}', r"image_std \[0.5, 0.5, 0.5\] is not supported"),
    ):
        (tmp_path / "preprocessor_config.json").write_text(text)
        with pytest.raises(PhialError, match=what):
            read_config(tmp_path)


def test_drawn_weights_give_finite_embeddings(pictures):
    model = Decoder(CONFIG)
    model.initialise(0)
    text = Decoder(replace(CONFIG, layout="phi3", vision=None))
    text.initialise(0)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in text.state_dict().items())
    with torch.no_grad():
        embeddings = [model.embed_image(crops) for crops in pictures]
    assert all(0.01 < part.std() < 10 for part in embeddings)
