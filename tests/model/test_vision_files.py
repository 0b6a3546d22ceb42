"""Phi-3-vision's files: the published names and settings, read and written; what is not computed here is refused."""

import json

import pytest
import torch
from random_model import random_model
from safetensors.torch import load_file, save_file
from small_vision import CONFIG, TOWER

from phial.errors import PhialError
from phial.model.checkpoint import load_weights, save_weights
from phial.model.files import read_arrays, read_config
from phial.model.huggingface import read_huggingface
from phial.model.presets import preset


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    save_weights(folder, model)
    return folder


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
