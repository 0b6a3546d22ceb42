"""A small Phi-3-vision, and random pictures."""

import numpy as np
from PIL import Image

from phial.model.config import LongRope, ModelConfig
from phial.model.vision.config import VisionConfig

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


def picture(width, height, seed):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)
