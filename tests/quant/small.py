"""Small configurations, one for each kind of block that a quantizer has to know."""

from phial.model.config import BlockSparse, Experts, ModelConfig

SHAPE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
BIASED = {"attention_bias": True, "output_bias": True, "mlp_bias": True}
CONFIGS = {
    "phi3": ModelConfig(**SHAPE, tie_word_embeddings=False),
    "phi3-tied": ModelConfig(**SHAPE),
    "phi": ModelConfig(
        **SHAPE | {"num_key_value_heads": 4},
        **BIASED,
        layout="phi",
        norm="layer",
        parallel=True,
        activation="gelu_new",
        head_bias=True,
        partial_rotary_factor=0.5,
        tie_word_embeddings=False,
    ),
    "phi3small": ModelConfig(
        **SHAPE,
        **BIASED,
        layout="phi3small",
        norm="layer",
        activation="gegelu",
        blocksparse=BlockSparse(4, 2, 2, 2),
        embedding_multiplier=10.0,
        attention_scale=1 / 8,
        logit_divisor=8.0,
        dummy_token_ids=(57, 58),
    ),
    "phimoe": ModelConfig(**SHAPE, layout="phimoe", norm="layer", experts=Experts(4), tie_word_embeddings=False),
    "qwen2": ModelConfig(**SHAPE, layout="qwen2", attention_bias=True),
    "llama": ModelConfig(**SHAPE, layout="llama", tie_word_embeddings=False),
    "starcoder2": ModelConfig(**SHAPE, **BIASED, layout="starcoder2", norm="layer", activation="gelu_new"),
}
