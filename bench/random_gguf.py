"""A GGUF file of a model's shape with random Q4_0 weights, for llama.cpp to load."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from phial.model.config import ModelConfig

Q4_0 = gguf.GGMLQuantizationType.Q4_0
_NOISE = 16 << 20  # bytes of random weights, which are repeated


def architecture(config: ModelConfig) -> str | None:
    """llama.cpp's name of a layout; None where it has none."""
    if config.blocksparse is not None:
        return None
    return {"phi": "phi2", "phi3": "phi3", "phimoe": "phimoe"}.get(config.layout)


def write_gguf(path: Path, config: ModelConfig) -> None:
    """Write the file.

    Args:
        path: of it.
        config: a shape that `architecture` knows; without LongRoPE factors and a sliding window.
    """
    name = architecture(config)
    assert name is not None
    writer = gguf.GGUFWriter(path, name)
    _describe(writer, config)
    _add_tensors(writer, config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    writer.add_context_length(40_960)
    writer.add_rope_scaling_orig_ctx_len(40_960)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_layer_norm_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.rotary_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_sliding_window(0)
    if config.experts is not None:
        writer.add_expert_count(config.experts.count)
        writer.add_expert_used_count(2)
    vocab = config.vocab_size
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([b"<unk>", b"<s>", b"</s>", *(b"t%d" % index for index in range(3, vocab))])
    writer.add_token_scores([0.0] * vocab)
    writer.add_token_types([2, 3, 3] + [1] * (vocab - 3))


def _add_tensors(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    noise = np.frombuffer(np.random.default_rng(0).bytes(_NOISE), np.uint8)
    made: dict[tuple[int, ...], np.ndarray] = {}  # layers share their weights until they are in the file

    def matrix(name: str, *shape: int, bias: bool = False) -> None:
        if shape not in made:
            blocks = np.empty((*shape[:-1], shape[-1] // 32, 18), np.uint8)
            blocks[..., 2:] = np.resize(noise, (*blocks.shape[:-1], 16))
            blocks[..., :2] = np.frombuffer(np.float16(0.004).tobytes(), np.uint8)
            made[shape] = blocks.reshape(*shape[:-1], -1)
        writer.add_tensor(f"{name}.weight", made[shape], raw_dtype=Q4_0)
        if bias:
            writer.add_tensor(f"{name}.bias", np.full(shape[0], 0.01, np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(config.hidden_size, np.float32))
        if config.norm == "layer":
            writer.add_tensor(f"{name}.bias", np.zeros(config.hidden_size, np.float32))

    width, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads * config.head_dim
    matrix("token_embd", config.vocab_size, width)
    norm("output_norm")
    if not config.tie_word_embeddings:
        matrix("output", config.vocab_size, width, bias=config.head_bias)
    for index in range(config.num_hidden_layers):
        layer = f"blk.{index}."
        norm(f"{layer}attn_norm")
        qkv = heads + 2 * config.num_key_value_heads * config.head_dim
        matrix(f"{layer}attn_qkv", qkv, width, bias=config.attention_bias)
        matrix(f"{layer}attn_output", width, heads, bias=config.output_bias)
        if not config.parallel:
            norm(f"{layer}ffn_norm")
        if config.experts is None:
            matrix(f"{layer}ffn_up", inner * (2 if config.gated else 1), width, bias=config.mlp_bias)
            matrix(f"{layer}ffn_down", width, inner, bias=config.mlp_bias)
        else:
            count = config.experts.count
            router = np.random.default_rng(index).standard_normal((count, width), np.float32)
            writer.add_tensor(f"{layer}ffn_gate_inp.weight", router * np.float32(0.02))
            for name, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
                matrix(f"{layer}ffn_{name}_exps", count, *shape)
