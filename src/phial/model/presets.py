"""Every released Phi model on one screen: what differs between them is what is written here.

`published` is the exact number of parameters. Where a model's LongRoPE factors were never published apart from its
checkpoint, `longrope` is left out and `note` says so; a loaded checkpoint always brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from phial.errors import PhialError
from phial.model import longrope_tables as tables
from phial.model.config import BlockSparse, Experts, LongRope, ModelConfig
from phial.model.vision.config import VisionConfig


@dataclass(frozen=True)
class Preset:
    """One released model.

    Attributes:
        name: as its makers write it.
        hub: where its weights are.
        config: its dimensions.
        published: parameters of the released checkpoint, an image tower included; of a variant, its own.
        note: what the configuration here does not hold.
    """

    name: str
    hub: str
    config: ModelConfig
    published: int
    note: str = ""


_PHI_1 = ModelConfig(
    vocab_size=51200,
    hidden_size=2048,
    intermediate_size=8192,
    num_hidden_layers=24,
    num_attention_heads=32,
    num_key_value_heads=32,
    max_position_embeddings=2048,
    layout="phi",
    partial_rotary_factor=0.5,
    norm="layer",
    parallel=True,
    activation="gelu_new",
    attention_bias=True,
    output_bias=True,
    mlp_bias=True,
    head_bias=True,
    tie_word_embeddings=False,
    bos_token_id=50256,
    eos_token_id=50256,
    pad_token_id=50256,
)
_PHI_2 = replace(_PHI_1, hidden_size=2560, intermediate_size=10240, num_hidden_layers=32, partial_rotary_factor=0.4)
_PHI_3_MINI = ModelConfig(
    vocab_size=32064,
    hidden_size=3072,
    intermediate_size=8192,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    max_position_embeddings=4096,
    sliding_window=2047,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=32000,
    pad_token_id=32000,
)
_PHI_3_MINI_128K = replace(_PHI_3_MINI, max_position_embeddings=131072, sliding_window=262144)
_PHI_3_MEDIUM = replace(
    _PHI_3_MINI,
    hidden_size=5120,
    intermediate_size=17920,
    num_hidden_layers=40,
    num_attention_heads=40,
    num_key_value_heads=10,
)
_PHI_3_SMALL = ModelConfig(
    vocab_size=100352,
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=8192,
    layout="phi3small",
    rope_theta=1_000_000.0,
    norm="layer",
    activation="gegelu",
    attention_bias=True,
    output_bias=True,
    mlp_bias=True,
    blocksparse=BlockSparse(),
    embedding_multiplier=10.0,
    attention_scale=1 / 128,
    logit_divisor=8.0,
    dummy_token_ids=(100256, 100258, 100259, 100260, 100264, 100265, *range(100267, 100352)),
    bos_token_id=100257,
    eos_token_id=100257,
    pad_token_id=100257,
)
_PHI_3_5_MOE = ModelConfig(
    vocab_size=32064,
    hidden_size=4096,
    intermediate_size=6400,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=131072,
    layout="phimoe",
    norm="layer",
    attention_bias=True,
    output_bias=True,
    head_bias=True,
    sliding_window=131072,
    experts=Experts(),
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=32000,
    pad_token_id=32000,
)
_PHI_4 = replace(
    _PHI_3_MEDIUM,
    vocab_size=100352,
    max_position_embeddings=16384,
    rope_theta=250_000.0,
    sliding_window=None,
    bos_token_id=100257,
    eos_token_id=100265,
    pad_token_id=100349,
)
_PHI_4_REASONING = replace(_PHI_4, max_position_embeddings=32768, rope_theta=500_000.0)
_PHI_4_MINI = replace(
    _PHI_3_MINI_128K,
    vocab_size=200064,
    num_attention_heads=24,
    num_key_value_heads=8,
    partial_rotary_factor=0.75,
    longrope=LongRope(tables.PHI_4_MINI_SHORT, tables.PHI_4_MINI_LONG, 4096),
    tie_word_embeddings=True,
    bos_token_id=199999,
    eos_token_id=199999,
    pad_token_id=199999,
)
_PHI_3_5_MINI = replace(_PHI_3_MINI_128K, longrope=LongRope(tables.PHI_3_5_MINI_SHORT, tables.PHI_3_5_MINI_LONG, 4096))
_PHI_3_VISION = replace(
    _PHI_3_MINI_128K,
    layout="phi3_v",
    sliding_window=131072,
    longrope=LongRope(tables.PHI_3_VISION_SHORT, tables.PHI_3_VISION_LONG, 4096),
    vision=VisionConfig(),
    eos_token_id=2,
)
_PHI_3_5_VISION = replace(
    _PHI_3_VISION,
    sliding_window=262144,
    longrope=LongRope(tables.PHI_3_5_VISION_SHORT, tables.PHI_3_5_MINI_LONG, 4096),
    vision=VisionConfig(max_crops=4),
)
_FACTORS = "its LongRoPE factors come with the checkpoint"

PRESETS: Final = tuple(
    Preset(name, f"microsoft/{name}", config, published, note)
    for name, config, published, note in (
        ("phi-1", _PHI_1, 1_418_270_720, ""),
        ("phi-1_5", _PHI_1, 1_418_270_720, ""),
        ("phi-2", _PHI_2, 2_779_683_840, ""),
        ("Phi-3-mini-4k-instruct", _PHI_3_MINI, 3_821_079_552, ""),
        ("Phi-3-mini-128k-instruct", _PHI_3_MINI_128K, 3_821_079_552, _FACTORS),
        ("Phi-3-small-8k-instruct", _PHI_3_SMALL, 7_392_272_384, ""),
        (
            "Phi-3-small-128k-instruct",
            replace(_PHI_3_SMALL, max_position_embeddings=131072),
            7_392_272_384,
            _FACTORS,
        ),
        ("Phi-3-medium-4k-instruct", _PHI_3_MEDIUM, 13_960_238_080, ""),
        (
            "Phi-3-medium-128k-instruct",
            replace(_PHI_3_MEDIUM, max_position_embeddings=131072, sliding_window=131072),
            13_960_238_080,
            _FACTORS,
        ),
        ("Phi-3.5-mini-instruct", _PHI_3_5_MINI, 3_821_079_552, ""),
        ("Phi-3.5-MoE-instruct", _PHI_3_5_MOE, 41_873_153_344, _FACTORS),
        ("Phi-3-vision-128k-instruct", _PHI_3_VISION, 4_146_621_440, ""),
        ("Phi-3.5-vision-instruct", _PHI_3_5_VISION, 4_146_621_440, ""),
        ("phi-4", _PHI_4, 14_659_507_200, ""),
        ("Phi-4-reasoning", _PHI_4_REASONING, 14_659_507_200, ""),
        ("Phi-4-reasoning-plus", _PHI_4_REASONING, 14_659_507_200, ""),
        ("Phi-4-mini-instruct", _PHI_4_MINI, 3_836_021_760, ""),
        ("Phi-4-mini-reasoning", _PHI_4_MINI, 3_836_021_760, ""),
    )
)


# Configurations that were never released.
VARIANTS: Final = (
    Preset(
        "phi-3-as-described",
        "",
        replace(
            _PHI_3_MINI,
            layout="starcoder2",
            norm="layer",
            activation="gelu",
            sliding_window=None,
            intermediate_size=12288,
        ),
        3_821_279_232,
        "Phi-3-mini's dimensions with the block it is often described with: LayerNorm and a plain GELU feed-forward",
    ),
)


def preset(name: str) -> Preset:
    """The preset of a name or of a Hub name, capitals ignored.

    Raises:
        PhialError: there is none.
    """
    for found in (*PRESETS, *VARIANTS):
        if name.lower() in (found.name.lower(), found.hub.lower() or None):
            return found
    raise PhialError(f"no model {name!r}", where="presets", do="see `phial models` for the names")
