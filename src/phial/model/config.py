"""ModelConfig: one decoder, described by plain flags; each field says what it does and which models use it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from phial.errors import PhialError
from phial.model.vision.config import VisionConfig

# Far above any published model; they keep a damaged or hostile config.json from sizing a table before the tensors of
# the file are compared with it.
_LARGEST = {
    "vocab_size": 1 << 24, "hidden_size": 1 << 16, "intermediate_size": 1 << 19, "num_hidden_layers": 512,
    "num_attention_heads": 1 << 12, "num_key_value_heads": 1 << 12, "max_position_embeddings": (1 << 31) - 1,
}  # fmt: skip
_MOST_EXPERTS = 256

Layout = Literal["phi", "phi3", "phi3small", "phimoe", "phi3_v", "llama", "qwen2", "starcoder2"]


@dataclass(frozen=True)
class LongRope:
    """LongRoPE (Ding et al. 2024): each rotary frequency is divided by a searched factor.

    A sequence longer than `original_max_position_embeddings` uses the long factors for all of its tokens, a shorter
    one the short factors; keys of one kind are wrong for queries of the other. Used by every 128k model.

    Attributes:
        short_factor: one divisor a frequency, rotary_dim / 2 of them.
        long_factor: the same, for long sequences.
        original_max_position_embeddings: longest sequence that uses the short factors.
        short_scale: multiplies cosines and sines with the short factors; None for the rule
            sqrt(1 + ln(max / original) / ln(original)). Phi-3.5-MoE and Phi-3-small store their own.
        long_scale: the same, for the long factors.
    """

    short_factor: tuple[float, ...]
    long_factor: tuple[float, ...]
    original_max_position_embeddings: int
    short_scale: float | None = None
    long_scale: float | None = None


@dataclass(frozen=True)
class BlockSparse:
    """Phi-3-small's attention: in sparse layers a query block sees its neighbours and every stride-th block before.

    Key block k is seen from query block q by head h iff q - k < local_blocks, or (k + h * step + 1) % stride == 0 with
    step = max(1, stride // heads); inside a block the mask is causal.

    Attributes:
        block_size: tokens of a block.
        local_blocks: neighbouring blocks that are seen, the query's own included.
        stride: distance of the far blocks that are seen.
        dense_every: layer i is dense when (i + 1) % dense_every == 0.
    """

    block_size: int = 64
    local_blocks: int = 16
    stride: int = 8
    dense_every: int = 2


@dataclass(frozen=True)
class Experts:
    """Phi-3.5-MoE's feed-forward: SparseMixer picks two experts a token (Liu et al. 2023, 2024).

    Attributes:
        count: experts of a layer.
        jitter: an expert within a relative gap of 2 * jitter of the best competes with it for the routing weight.
        auxiliary_weight: weight of the load-balancing loss in training.
    """

    count: int = 16
    jitter: float = 0.01
    auxiliary_weight: float = 0.001


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a decoder. The defaults are the Phi-3 block: RMSNorm, rotary positions, SwiGLU, no biases.

    Attributes:
        vocab_size: rows of the embedding.
        hidden_size: width of the residual stream.
        intermediate_size: width of the feed-forward between its projections (of one expert in Phi-3.5-MoE).
        num_hidden_layers: number of blocks.
        num_attention_heads: query heads.
        num_key_value_heads: key and value heads, each shared by a group of query heads (GQA): Phi-3-medium and -small,
            Phi-3.5-MoE, Phi-4 and Phi-4-mini have fewer than query heads, the others as many.
        max_position_embeddings: longest sequence, in tokens.
        layout: names, order and fusion of the tensors on disk; "phi3" is also the in-memory one.
        rope_theta: base of the rotary frequencies: 10,000; 250,000 in Phi-4, 500,000 in Phi-4-reasoning, 1,000,000 in
            Phi-3-small.
        partial_rotary_factor: share of each head that is rotated: 0.5 in phi-1 and phi-1.5, 0.4 in phi-2, 0.75 in
            Phi-4-mini.
        longrope: factors of the 128k models.
        norm: "rms" (Phi-3, Phi-4), or "layer" with bias (phi-1 to phi-2, Phi-3-small, Phi-3.5-MoE).
        rms_norm_eps: added to the mean square, or to the variance, inside the norm.
        parallel: attention and feed-forward read the same norm and are added together (phi-1 to phi-2).
        activation: "silu" gated (SwiGLU); "gelu_new" of phi-1 to phi-2 with one up projection; "gegelu", Phi-3-small's
            clamped gated quick-GELU; "gelu", a plain up and down projection, as Phi-3 is often described.
        attention_bias: biases of query, key and value projections (phi-1 to phi-2, Phi-3-small, Phi-3.5-MoE, Qwen2).
        output_bias: bias of attention's output projection (those but Qwen2).
        mlp_bias: biases of the feed-forward (phi-1 to phi-2, Phi-3-small).
        head_bias: bias of the output head (phi-1 to phi-2, Phi-3.5-MoE).
        sliding_window: keys a query sees, itself included (2,047 in the 4k models); None for all.
        blocksparse: Phi-3-small's sparse layers.
        experts: Phi-3.5-MoE's experts.
        vision: the image tower of Phi-3-vision.
        embedding_multiplier: scales the embeddings (muP; 10 in Phi-3-small).
        attention_scale: scale of the scores; None for 1 / sqrt(head_dim) (1 / 128 in Phi-3-small).
        logit_divisor: divides the logits (muP; 8 in Phi-3-small).
        gegelu_limit: clamp of the "gegelu" branches.
        dummy_token_ids: ids whose logits are minus infinity (Phi-3-small's unused ones).
        head_size: width of one head where it is not hidden_size / num_attention_heads.
        tie_word_embeddings: the output head is the embedding, transposed (Phi-4-mini, Phi-3-small).
        bos_token_id: opens a document.
        eos_token_id: closes a document.
        pad_token_id: fills batches; never scored.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int
    layout: Layout = "phi3"
    rope_theta: float = 10_000.0
    partial_rotary_factor: float = 1.0
    longrope: LongRope | None = None
    norm: Literal["rms", "layer"] = "rms"
    rms_norm_eps: float = 1e-5
    parallel: bool = False
    activation: Literal["silu", "gelu_new", "gelu", "gegelu"] = "silu"
    attention_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    sliding_window: int | None = None
    blocksparse: BlockSparse | None = None
    experts: Experts | None = None
    vision: VisionConfig | None = None
    embedding_multiplier: float = 1.0
    attention_scale: float | None = None
    logit_divisor: float = 1.0
    gegelu_limit: float = 20.0
    dummy_token_ids: tuple[int, ...] = ()
    head_size: int | None = None
    tie_word_embeddings: bool = True
    bos_token_id: int = 0
    eos_token_id: int = 1
    pad_token_id: int = 1

    def __post_init__(self) -> None:
        for name, most in _LARGEST.items():
            if not 0 < getattr(self, name) <= most:
                _refuse(f"{name} = {getattr(self, name):,}", f"give 1 to {most:,}")
        if self.head_size is not None and not 0 < self.head_size <= self.hidden_size:
            _refuse(f"head_size = {self.head_size:,}", f"give 1 to hidden_size, {self.hidden_size:,}")
        if self.experts is not None and not 1 < self.experts.count <= _MOST_EXPERTS:
            _refuse(f"{self.experts.count:,} experts", f"give 2 to {_MOST_EXPERTS:,}")
        if not all(0 <= index < self.vocab_size for index in self.dummy_token_ids):
            _refuse(f"dummy_token_ids outside a vocabulary of {self.vocab_size:,}", "choose them among the ids")
        if self.head_size is None and self.hidden_size % self.num_attention_heads:
            _refuse(
                f"hidden_size {self.hidden_size} does not divide into {self.num_attention_heads} heads",
                "choose hidden_size as a multiple of num_attention_heads, or give head_size",
            )
        if self.rotary_dim % 2 or not 0 < self.rotary_dim <= self.head_dim:
            _refuse(
                f"{self.rotary_dim} of {self.head_dim} dimensions of a head are rotated",
                "choose an even number of them: an even head size, or another partial_rotary_factor",
            )
        if self.num_attention_heads % self.num_key_value_heads:
            _refuse(
                f"{self.num_attention_heads} query heads can't share {self.num_key_value_heads} key-value heads",
                "choose num_key_value_heads as a divisor of num_attention_heads",
            )
        if self.vision is not None and self.vision.image_token_id >= self.vocab_size:
            _refuse(
                f"image_token_id {self.vision.image_token_id} is outside a vocabulary of {self.vocab_size}",
                "choose image_token_id among the ids",
            )
        if self.longrope is not None:
            for name in ("short_factor", "long_factor"):
                factors = getattr(self.longrope, name)
                if len(factors) != self.rotary_dim // 2 or not all(math.isfinite(f) and f > 0 for f in factors):
                    _refuse(
                        f"longrope {name} has {len(factors)} factors for {self.rotary_dim // 2} frequencies",
                        "give one finite, positive factor a frequency",
                    )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.head_size or self.hidden_size // self.num_attention_heads

    @property
    def rotary_dim(self) -> int:
        """Dimensions of a head that are rotated; the others carry no position."""
        return int(self.head_dim * self.partial_rotary_factor)

    @property
    def scale(self) -> float:
        """Scale of the attention scores."""
        return self.head_dim**-0.5 if self.attention_scale is None else self.attention_scale

    @property
    def gated(self) -> bool:
        """Whether the feed-forward multiplies two branches."""
        return self.activation in ("silu", "gegelu")

    def is_dense(self, layer: int) -> bool:
        """Whether a layer's attention sees every earlier key (inside the sliding window)."""
        return self.blocksparse is None or (layer + 1) % self.blocksparse.dense_every == 0

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter, by its name in memory; the image tower's come last."""
        width, inner, head = self.hidden_size, self.intermediate_size, self.head_dim
        qkv = (self.num_attention_heads + 2 * self.num_key_value_heads) * head
        up = ("gate_up_proj", 2 * inner) if self.gated else ("up_proj", inner)
        shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (self.vocab_size, width)}

        def norm(name: str) -> None:
            shapes[f"{name}.weight"] = (width,)
            if self.norm == "layer":
                shapes[f"{name}.bias"] = (width,)

        def linear(name: str, rows: int, columns: int, bias: bool) -> None:
            shapes[f"{name}.weight"] = (rows, columns)
            if bias:
                shapes[f"{name}.bias"] = (rows,)

        for index in range(self.num_hidden_layers):
            layer = f"layers.{index}."
            norm(layer + "input_layernorm")
            linear(layer + "self_attn.qkv_proj", qkv, width, self.attention_bias)
            linear(layer + "self_attn.o_proj", width, self.num_attention_heads * head, self.output_bias)
            if not self.parallel:
                norm(layer + "post_attention_layernorm")
            if self.experts is None:
                linear(layer + f"mlp.{up[0]}", up[1], width, self.mlp_bias)
                linear(layer + "mlp.down_proj", width, inner, self.mlp_bias)
            else:
                shapes[layer + "moe.gate.weight"] = (self.experts.count, width)
                shapes[layer + "moe.gate_up_proj"] = (self.experts.count, 2 * inner, width)
                shapes[layer + "moe.down_proj"] = (self.experts.count, width, inner)
        norm("norm")
        if not self.tie_word_embeddings:
            shapes["lm_head.weight"] = (self.vocab_size, width)
        if self.head_bias:
            shapes["lm_head.bias"] = (self.vocab_size,)
        return shapes if self.vision is None else shapes | self.vision.shapes(width)

    @property
    def parameters(self) -> int:
        """Exact number of parameters: a tied head counts once, an image tower counts."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def active_parameters(self) -> int:
        """Parameters that one token meets: two experts of a layer instead of all."""
        if self.experts is None:
            return self.parameters
        idle = (self.experts.count - 2) * 3 * self.intermediate_size * self.hidden_size * self.num_hidden_layers
        return self.parameters - idle

    def cache_bytes(self, element_bytes: float = 2) -> float:
        """Bytes that one token's keys and values take in all layers."""
        return 2 * self.num_hidden_layers * self.num_key_value_heads * self.head_dim * element_bytes


def uses_long_factors(config: ModelConfig, length: int) -> bool:
    """The LongRoPE rule: a sequence longer than the original context uses the long factors, for all of its tokens.

    Keys that were rotated with the other set are wrong for it, so a cached sequence that grows past the original
    context must be computed again. This is the only place that decides.

    Args:
        config: the model.
        length: tokens of one sequence, its cached ones included.
    """
    return config.longrope is not None and length > config.longrope.original_max_position_embeddings


def _refuse(what: str, do: str) -> None:
    raise PhialError(what, where="model configuration", do=do)
