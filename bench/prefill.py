"""Claim: a prompt of 2,048 tokens is read at least as fast as by transformers, eager or sdpa, in float32.

    python bench/prefill.py [--model Phi-4-mini-instruct] [--layers 4] [--tokens 2048] [--rounds 5]

The shape of a released model cut to a few layers, random weights that both sides share, the keys and values kept, and
logits of the last position only on both sides. The contenders take turns; medians. The physical limit is the float32
rate of one large matrix product on the same threads, against the multiplications that the blocks and the head need.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import Tensor, nn

from phial.model.cache import KeyValueCache
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.huggingface import write_huggingface
from phial.model.presets import preset


def shared_models(config: ModelConfig) -> tuple[Decoder, nn.Module]:
    """Our decoder and transformers' model over the same memory."""
    import transformers

    transformers.logging.set_verbosity_error()
    facts = write_huggingface(config)
    torch.manual_seed(0)
    peer = transformers.AutoModelForCausalLM.from_config(transformers.Phi3Config(**facts)).eval()
    weights = {name.removeprefix("model."): tensor for name, tensor in peer.state_dict().items()}
    with torch.device("meta"):
        ours = Decoder(config)
    if config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    ours.load_state_dict(weights, assign=True)
    return ours.eval(), peer


def multiplications(config: ModelConfig, tokens: int) -> int:
    """Multiply-adds that the last position's logits need.

    Of the last block that is keys and values for every token, all else for one; of the head one row.
    """
    shapes = {name: rows for name, rows in config.shapes.items() if len(rows) == 2}
    last = f"layers.{config.num_hidden_layers - 1}."
    blocks = sum(a * b for name, (a, b) in shapes.items() if name.startswith("layers.") and not name.startswith(last))
    keys = 2 * config.num_key_value_heads * config.head_dim * config.hidden_size
    once = sum(a * b for name, (a, b) in shapes.items() if name.startswith(last)) - keys
    pairs = (config.num_hidden_layers - 1) * tokens * (tokens + 1) // 2 + tokens
    attention = 2 * config.num_attention_heads * config.head_dim * pairs
    return (blocks + keys) * tokens + once + attention + config.vocab_size * config.hidden_size


def matmul_rate(rounds: int) -> float:
    """Multiply-adds a second of a large float32 product."""
    a, b = torch.randn(2048, 3072), torch.randn(3072, 8192)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - started)
    return a.shape[0] * a.shape[1] * b.shape[1] / best


@torch.no_grad()
def main() -> None:
    """Run the contenders in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="Phi-4-mini-instruct")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    config = replace(preset(arguments.model).config, num_hidden_layers=arguments.layers)
    ours, peer = shared_models(config)
    ids = torch.randint(0, config.vocab_size, (1, arguments.tokens), generator=torch.Generator().manual_seed(1))

    def phial() -> Tensor:
        return ours.extend(ids, KeyValueCache(config, 1))

    def transformers(kind: str) -> Callable[[], Tensor]:
        def read() -> Tensor:
            peer.set_attn_implementation(kind)
            return peer(ids, use_cache=True, logits_to_keep=1).logits[:, -1]

        return read

    contenders = {"phial": phial, "sdpa": transformers("sdpa"), "eager": transformers("eager")}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    logits: dict[str, Tensor] = {}
    for turn in range(arguments.rounds + 1):
        for name, read in contenders.items():
            started = time.perf_counter()
            logits[name] = read()
            if turn:  # the first one warms up
                times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in times.items()}
    rate = matmul_rate(5)
    limit = multiplications(config, arguments.tokens) / rate
    for name, seconds in medians.items():
        speed, share = arguments.tokens / seconds, limit / seconds
        print(f"{name:<8} {speed:8,.0f} tokens/s   {seconds:6.2f} s   {share:4.0%} of peak")
    apart = max(float((logits["phial"] - logits[kind]).abs().max()) for kind in ("sdpa", "eager"))
    ratio = min(medians["sdpa"], medians["eager"]) / medians["phial"]
    print(f"{ratio:.2f} x the better one; peak {2 * rate / 1e9:.0f} GFLOP/s; largest difference of logits {apart:.1e}")
    print(
        json.dumps(
            {
                "claim": "prefill against transformers",
                "model": arguments.model,
                "layers": arguments.layers,
                "tokens": arguments.tokens,
                "seconds": medians,
                "ratio": round(ratio, 3),
                "share_of_peak": round(limit / medians["phial"], 3),
                "difference": apart,
            }
        )
    )


if __name__ == "__main__":
    main()
