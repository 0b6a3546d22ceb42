"""Claim: decoding with LoRA adapters, one or eight different ones in a batch, takes less than 1.5 times as long.

    python bench/adapters.py [--shape Phi-3-mini-4k-instruct] [--layers 8] [--rank 16] [--rounds 5]

Int4 weights of a released model's shape, random, and random adapters of all linear layers. One stream and eight decode
a token a step, and a prompt of 512 tokens is read, without adapters and with them by turns: the ratio is that of the
medians. The physical limit is reading weights, or weights and adapters, once from memory: the ratio of those bytes is
printed beside it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from phial.engine.backend import Work
from phial.engine.int4_backend import Int4Backend
from phial.engine.measure import random_quantized
from phial.model.adapter import Adapter, LowRank
from phial.model.config import ModelConfig
from phial.model.presets import preset
from phial.quant.quantized import HEAD, matrix_shapes

MOST_RATIO = 1.5
STEPS = 12
PROMPT = 512


def random_adapter(config: ModelConfig, rank: int, seed: int) -> Adapter:
    """An adapter of every linear layer but the head."""
    source = np.random.default_rng(seed)
    parts = {}
    for name, (rows, columns) in matrix_shapes(config).items():
        if name != HEAD:
            lora_a = source.standard_normal((rank, columns), np.float32) * np.float32(columns**-0.5)
            lora_b = source.standard_normal((rows, rank), np.float32) * np.float32(0.1 * rank**-0.5)
            parts[name] = (LowRank(0, lora_a, lora_b),)
    return Adapter(str(seed), parts)


def decoded(backend: Int4Backend, adapters: Sequence[Adapter | None]) -> float:
    """Seconds of a step in which each sequence of these adapters gets a token; the median of some."""
    sequences = [backend.open(salt=b"%d" % index)[0] for index in range(len(adapters))]
    seconds = []
    for _ in range(STEPS):
        work = [Work(sequence, [7], 1, (), adapter) for sequence, adapter in zip(sequences, adapters, strict=True)]
        started = time.perf_counter()
        backend.run(work)
        seconds.append(time.perf_counter() - started)
    for sequence in sequences:
        backend.free(sequence)
    return statistics.median(seconds)


def read(backend: Int4Backend, adapter: Adapter | None) -> float:
    """Seconds of reading a prompt."""
    backend.forget()
    sequence, _ = backend.open()
    started = time.perf_counter()
    for start in range(0, PROMPT, backend.step_tokens):
        backend.run([Work(sequence, [7] * backend.step_tokens, int(start == 0), (), adapter)])
    seconds = time.perf_counter() - started
    backend.free(sequence)
    return seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="Phi-3-mini-4k-instruct")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    config = preset(arguments.shape).config
    model = random_quantized(replace(config, num_hidden_layers=arguments.layers))
    backend = Int4Backend(model, 1024, threads=arguments.threads)
    adapters = [random_adapter(model.config, arguments.rank, seed) for seed in range(8)]
    weights, own = sum(matrix.nbytes for matrix in model.matrices.values()), adapters[0].nbytes
    measures = {
        "decode": lambda on: decoded(backend, adapters[:1] if on else [None]),
        "8 streams, one adapter": lambda on: decoded(backend, adapters[:1] * 8 if on else [None] * 8),
        "8 streams, 8 adapters": lambda on: decoded(backend, adapters if on else [None] * 8),
        f"prefill {PROMPT}": lambda on: read(backend, adapters[0] if on else None),
    }
    for measure in measures.values():
        measure(True)
    result = {
        "shape": arguments.shape,
        "layers": arguments.layers,
        "rank": arguments.rank,
        "threads": arguments.threads,
    }
    worst = 0.0
    for name, measure in measures.items():
        pairs = [(measure(False), measure(True)) for _ in range(arguments.rounds)]
        without, having = (statistics.median(times) for times in zip(*pairs, strict=True))
        read_bytes = 1 + (8 if "8 adapters" in name else 1) * own / weights
        print(
            f"{name:<24}{1000 * without:8.1f} ms, with {1000 * having:8.1f} ms: {having / without:.2f} times as long; "
            f"bytes {read_bytes:.2f} times as many"
        )
        result[name] = {"seconds": without, "with_seconds": having, "ratio": having / without, "bytes": read_bytes}
        worst = max(worst, having / without)
    print(json.dumps(result | {"worst": worst}))
    return int(worst > MOST_RATIO)


if __name__ == "__main__":
    raise SystemExit(main())
