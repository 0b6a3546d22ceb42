"""Measures: what LongRoPE's two ways over the original context differ in, `rope_switch="exact"` and `"by_request"`.

    python bench/rope_switch.py [--shape Phi-3.5-mini-instruct] [--layers 2] [--original 4096] [--window 64]
    python bench/rope_switch.py --model FOLDER [--original 4096] [--window 64]

A released model's shape, cut to a few layers, with random weights, queries and keys 1 and 2 times as large as they are
drawn: the more attention chooses, the more positions count; a trained model that knows both sets of factors is not
among these. With a checkpoint instead, its own weights and the standard library's text. What is said:
float logits of one text of original + window tokens, each token with the factors that the rule gives it ("exact":
short up to the original context, long for all tokens beyond), against the long factors throughout ("by_request", for
a request that will cross), and against keys that are kept as they are while new tokens turn with the long factors,
as a cache without a rule does. KL and how often the likeliest token is the same, over the window before and the window
behind the crossing. What it costs: int4 weights, a request that crosses beside one that does not; tokens computed,
seconds, and each one's longest wait for a token. There is no claim to hold; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

import phial
from phial.engine.backend import Work
from phial.engine.engine import Engine
from phial.engine.int4_backend import Int4Backend
from phial.engine.measure import random_quantized
from phial.engine.request import Request, RopeSwitch, Sampling
from phial.model.cache import KeyValueCache
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.presets import preset
from phial.tokens.tokenizer import train_tokenizer

SHARPNESS = (1.0, 2.0)  # of queries and keys
CHUNK = 512
NEW = 48  # tokens of an answer that crosses in its middle


@dataclass(frozen=True)
class Difference:
    """Of logits against those of the rule: mean KL in nats, and the share of tokens with the same likeliest one."""

    kl: float
    same: float


@dataclass(frozen=True)
class Cost:
    """Of a request that crosses, beside one that does not."""

    computed: int
    seconds: float
    longest_wait: float
    others_longest_wait: float


class Counting(Int4Backend):
    """Counts the tokens it computes."""

    computed = 0

    def run(self, work: Sequence[Work]) -> list[np.ndarray]:
        """Add tokens to sequences."""
        self.computed += sum(len(piece.ids) for piece in work)
        return super().run(work)


def random_model(config: ModelConfig, sharpness: float) -> Decoder:
    """A float decoder."""
    torch.manual_seed(0)
    model = Decoder(config).eval()
    turned = (config.num_attention_heads + config.num_key_value_heads) * config.head_dim
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)
                continue
            parameter.normal_(0.0, 1.0 if name.startswith("embed") else parameter.shape[-1] ** -0.5)
            if "qkv" in name:
                parameter[:turned] *= sharpness
    return model


@torch.no_grad()
def log_probabilities(model: Decoder, ids: list[int], switch: int, again: bool, window: int) -> torch.Tensor:
    """Of the last 2 * window tokens.

    Args:
        model: the decoder.
        ids: the text.
        switch: tokens from here on turn with the long factors.
        again: at the switch, all that stands before is computed again.
        window: tokens before and behind.
    """
    cache = KeyValueCache(model.config, 1)
    rows = []

    def read(start: int, end: int, long: bool) -> None:
        cache.long[0] = long
        for first in range(start, end, CHUNK):
            part = torch.tensor([ids[first : min(first + CHUNK, end)]])
            asked = min(part.shape[1], max(0, first + part.shape[1] - (len(ids) - 2 * window)))
            logits = model.append(part, cache, [0], [part.shape[1]], wanted=max(asked, 1))
            rows.append(logits[0, logits.shape[1] - asked :])

    read(0, switch, False)
    kept = list(rows)
    if again:
        cache.trim(0, 0)
        read(0, switch, True)
    rows = [*kept, *rows[2 * len(kept) :]] if again else rows
    read(switch, len(ids), True)
    return torch.cat(rows)[-2 * window :].log_softmax(-1)


def difference(rule: torch.Tensor, other: torch.Tensor) -> Difference:
    """Of two ways to compute log probabilities [tokens, vocab_size]."""
    kl = (rule.exp() * (rule - other)).sum(-1).mean()
    return Difference(float(kl), float((rule.argmax(-1) == other.argmax(-1)).float().mean()))


def differences(label: str, model: Decoder, ids: list[int]) -> dict[str, object]:
    """Print how the ways differ over a text that is a window longer than the original context."""
    assert model.config.longrope is not None
    original = model.config.longrope.original_max_position_embeddings
    window, result = len(ids) - original, {}
    rule = log_probabilities(model, ids, original, True, window)
    ways = {
        "by_request": log_probabilities(model, ids, 0, False, window),
        "keys kept": log_probabilities(model, ids, original, False, window),
    }
    for name, found in ways.items():
        for where, part in (("before", slice(window)), ("behind", slice(window, None))):
            got = difference(rule[part], found[part])
            print(
                f"{label}{name:<12}{where} the crossing: KL {got.kl:.4f}, same likeliest token {100 * got.same:.1f} %"
            )
            result[f"{label}{name} {where}"] = asdict(got)
    return result


def cost(config: ModelConfig, original: int, switch: RopeSwitch) -> Cost:
    """What it costs to answer over the crossing."""
    backend = Counting(random_quantized(config), 2 * original + 1024)
    engine = Engine(backend, train_tokenizer(["any text"] * 4, 300), ())
    source = np.random.default_rng(0)
    prompt = source.integers(300, config.vocab_size, original - NEW // 2).tolist()
    other = engine.submit(Request([301], Sampling(max_tokens=original)))
    crossing = engine.submit(Request(prompt, Sampling(max_tokens=NEW), rope_switch=switch))
    while len(crossing.lives[0].ids) == len(prompt):
        engine.step()
    backend.computed, started = 0, time.perf_counter()
    last, waits, lengths = [started, started], [0.0, 0.0], [len(s.lives[0].ids) for s in (crossing, other)]
    while not crossing.finished:
        engine.step()
        now = time.perf_counter()
        for index, stream in enumerate((crossing, other)):
            if len(stream.lives[0].ids) > lengths[index]:
                lengths[index] = len(stream.lives[0].ids)
                waits[index], last[index] = max(waits[index], now - last[index]), now
    other.cancel()
    return Cost(backend.computed, time.perf_counter() - started, *waits)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="Phi-3.5-mini-instruct")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--model", type=Path, help="a checkpoint with LongRoPE")
    parser.add_argument("--original", type=int, help="the crossing; the shape's own by default")
    parser.add_argument("--window", type=int, default=64)
    arguments = parser.parse_args()
    checkpoint = phial.load(arguments.model) if arguments.model else None
    config = checkpoint.config if checkpoint else preset(arguments.shape).config
    if config.longrope is None:
        parser.error("this model has no LongRoPE")
    original = arguments.original or config.longrope.original_max_position_embeddings
    rope = replace(config.longrope, original_max_position_embeddings=original)
    config = replace(config, longrope=rope)
    result: dict[str, object] = {"shape": arguments.shape, "original": original}
    if checkpoint:
        model = checkpoint.model
        model.config = model.rotary.config = config
        words = Path(argparse.__file__).read_text() * 4
        result |= differences("", model, checkpoint.tokenizer.encode(words)[: original + arguments.window])
        print(json.dumps(result))
        return 0
    config = replace(config, num_hidden_layers=arguments.layers, max_position_embeddings=32 * original)
    ids = np.random.default_rng(1).integers(300, config.vocab_size, original + arguments.window).tolist()
    for sharpness in SHARPNESS:
        result |= differences(f"sharpness {sharpness:g}, ", random_model(config, sharpness), ids)
    for switch in ("exact", "by_request"):
        spent = cost(config, original, switch)
        print(
            f"{switch:<12}{NEW - 1} tokens over the crossing: {spent.computed:,} computed, {spent.seconds:.2f} s; "
            f"longest wait {spent.longest_wait:.2f} s, of the other request {spent.others_longest_wait:.2f} s"
        )
        result[switch] = asdict(spent)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
