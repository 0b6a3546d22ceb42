"""Claim: attention of one new token over a long context comes near what memory gives, by heads alone or in groups.

    python bench/attention.py [--threads 2] [--rounds 5] [--clock wall]

One token after 2,048 and after 32,768 others, with a cache of half precision and of int8, for the heads of Phi-3-mini,
Phi-4-mini and Phi-4; several layers' caches one after another, so that no processor cache holds them. The limit is
reading memory once from first to last, measured around every sample. Then a prompt of 512 tokens, in multiply-adds.
The clocks are those of bench/kernels.py. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable

import numpy as np

from kernels import Machine
from phial.kernels.int4_library import ThreadPool, int4_build
from phial.kernels.layer import LayerCache, Span, attend, layer_cache

HEADS = {"phi-3-mini": (32, 32, 96), "phi-4-mini": (24, 8, 128), "phi-4": (40, 10, 128)}  # heads, kv_heads, head_dim
CONTEXTS = (2048, 32768)
PROMPT = 512  # tokens
BLOCK = 32  # positions
ENOUGH = 200 << 20  # bytes of all layers' caches together


def filled(context: int, kv_heads: int, head_dim: int, bits: int) -> LayerCache:
    """A cache of drawn keys and values."""
    cache = layer_cache(-(-context // BLOCK), kv_heads, BLOCK, head_dim, bits=bits)
    rng = np.random.default_rng(context)
    for part in (cache.keys, cache.values):
        part[...] = rng.integers(-127, 128, part.shape, np.int8)
        if bits == 16:
            part *= np.float16(1 / 64)
    for scales in (cache.key_scales, cache.value_scales):
        if scales is not None:
            scales[...] = 1 / 64
    return cache


def work(heads: int, start: int, count: int, caches: list[LayerCache], pool: ThreadPool) -> Callable[[], None]:
    """Attention of tokens [start, start + count) over each cache."""
    kv_heads, head_dim = caches[0].struct.kv_heads, caches[0].struct.head_dim
    rng = np.random.default_rng(start)
    qkv = rng.standard_normal((count, (heads + 2 * kv_heads) * head_dim)).astype(np.float32)
    span = [Span(np.arange(len(caches[0].keys), dtype=np.int32), start, count)]

    def run() -> None:
        for cache in caches:
            attend(qkv, heads, head_dim**-0.5, span, cache, pool=pool)

    run()  # warms up
    return run


def decode(model: str, context: int, bits: int, rounds: int, machine: Machine) -> dict[str, float]:
    """GB/s of keys and values, and their share of reading memory."""
    heads, kv_heads, head_dim = HEADS[model]
    size = context * kv_heads * 2 * (head_dim * bits // 8 + (4 if bits == 8 else 0))
    caches = [filled(context, kv_heads, head_dim, bits) for _ in range(max(1, ENOUGH // size))]
    run = work(heads, context - 1, 1, caches, machine.pool)
    rates, shares = [], []
    for _ in range(rounds):
        before = machine.rates()[0]
        rate = size * len(caches) / machine.seconds(run)
        rates.append(rate)
        shares.append(rate / max(before, machine.rates()[0]))
    return {"gb_s": round(statistics.median(rates) / 1e9, 2), "share": round(statistics.median(shares), 3)}


def prompt(model: str, bits: int, rounds: int, machine: Machine) -> dict[str, float]:
    """Multiply-adds a second, scores and values together."""
    heads, kv_heads, head_dim = HEADS[model]
    run = work(heads, 0, PROMPT, [filled(PROMPT, kv_heads, head_dim, bits)], machine.pool)
    took = statistics.median(machine.seconds(run) for _ in range(rounds))
    return {"gmac_s": round(heads * head_dim * PROMPT * (PROMPT + 1) / took / 1e9, 2), "ms": round(took * 1e3, 2)}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    arguments = parser.parse_args()
    machine = Machine(ThreadPool(arguments.threads), arguments.clock)
    result: dict[str, object] = {"claim": "attention over a long context near the memory's rate", "build": int4_build()}
    result |= {"threads": arguments.threads, "clock": arguments.clock}
    for model in HEADS:
        for bits in (16, 8):
            for context in CONTEXTS:
                line = decode(model, context, bits, arguments.rounds, machine)
                print(f"{model:<10} {bits:>2} bits {context:>6} tokens {line['gb_s']:7.1f} GB/s {line['share']:6.0%}")
                result[f"{model}_{bits}_{context}"] = line
            line = prompt(model, bits, arguments.rounds, machine)
            print(f"{model:<10} {bits:>2} bits prompt of {PROMPT} {line['gmac_s']:6.1f} GMAC/s {line['ms']:6.1f} ms")
            result[f"{model}_{bits}_prompt"] = line
    print(json.dumps(result))


if __name__ == "__main__":
    main()
