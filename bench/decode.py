"""Tokens a second of the numpy engine and of transformers' generate, on one checkpoint, in one run.

    python bench/decode.py [--model FOLDER] [--rounds 5]

Both sides decode greedily without stopping early; every number is the median over rounds in which the contenders take
turns. The physical limit of one stream is the time to read all weights once from where they lie, cache or memory: it is
measured as one matrix-vector product over as many bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from phial.engine.blas import one_blas_thread
from phial.engine.choice import load_engine
from phial.engine.engine import Engine
from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.model.files import read_config

PROMPT_TOKENS = 32
NEW_TOKENS = 64
BATCH = 64


def write_random_checkpoint(folder: Path) -> Path:
    """A nano-sized decoder (1.6 M parameters) with random weights; speed does not depend on their values."""
    import torch

    from phial.model.checkpoint import save_checkpoint
    from phial.model.config import ModelConfig
    from phial.model.decoder import Decoder
    from phial.tokens.tokenizer import train_tokenizer

    config = ModelConfig(
        vocab_size=1024,
        hidden_size=160,
        intermediate_size=448,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
    )
    torch.manual_seed(0)
    model = Decoder(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(float(parameter.ndim == 1), 0.05)
    save_checkpoint(folder, model, train_tokenizer(["one two three"], 300))
    return folder


def transformers_generate(folder: Path, threads: int) -> Callable[[list[list[int]]], int]:
    """A function that answers equally long prompts with transformers and counts the new tokens.

    Raises:
        PhialError: transformers is not installed.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import transformers
    except ImportError as error:
        advice = "pip install 'phial-lm[dev]'"
        raise PhialError("this comparison needs transformers", where="bench/decode.py", do=advice) from error
    import torch

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None  # both sides write all their tokens

    def generate(prompts: list[list[int]]) -> int:
        torch.set_num_threads(threads)
        ids = torch.tensor(prompts)
        with torch.no_grad():
            written = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False
            )
        return (written.shape[1] - ids.shape[1]) * len(prompts)

    return generate


def weight_passes_a_second(weight_bytes: int) -> float:
    """How often a second one core can read that many bytes, by the fastest of some matrix-vector products."""
    matrix = np.ones((256, weight_bytes // 4 // 256), dtype=np.float32)
    vector, out = np.ones(256, dtype=np.float32), np.empty(matrix.shape[1], dtype=np.float32)
    times = []
    with one_blas_thread:
        for _ in range(50):
            start = time.perf_counter()
            vector.dot(matrix, out)
            times.append(time.perf_counter() - start)
    return 1 / min(times)


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Medians of tokens a second, by contender, and the limit."""
    config = read_config(folder)
    loaded = load_engine(folder)
    engine = Engine(loaded.backend, loaded.tokenizer, stop_ids=())
    random = np.random.default_rng(0)
    prompts = random.integers(6, config.vocab_size, (BATCH, PROMPT_TOKENS)).tolist()
    sampling = Sampling(max_tokens=NEW_TOKENS)

    def ours(asked: list[list[int]], threads: int) -> int:
        return sum(len(answer.ids) for answer in engine.generate(asked, sampling, slots=BATCH, threads=threads))

    cores = os.cpu_count() or 1
    theirs = {threads: transformers_generate(folder, threads) for threads in sorted({1, cores})}
    contenders: dict[str, Callable[[], int]] = {
        # Several prompts, one after the other, so that a round lasts about as long as the peer's.
        "ours, 1 stream": lambda: sum(ours([prompt], 1) for prompt in prompts[:8]),
        f"ours, {BATCH} slots, 1 thread": lambda: ours(prompts, 1),
        f"ours, {BATCH} slots, 2 threads": lambda: ours(prompts, 2),
    }
    for threads, generate in theirs.items():
        contenders[f"transformers, 1 stream, torch threads {threads}"] = lambda g=generate: g(prompts[:1])
        contenders[f"transformers, batch {BATCH}, torch threads {threads}"] = lambda g=generate: g(prompts)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for contend in contenders.values():
        contend()  # the first call of each pays for allocations
    for _ in range(rounds):
        for name, contend in contenders.items():
            start = time.perf_counter()
            tokens = contend()
            rates[name].append(tokens / (time.perf_counter() - start))
    result = {name: statistics.median(values) for name, values in rates.items()}
    result["limit, 1 stream"] = weight_passes_a_second(4 * config.parameters)
    result["parameters"] = config.parameters
    return result


def report(result: dict[str, float]) -> dict[str, float]:
    """Print the table and return the summary."""

    def best(start: str) -> float:
        return max(rate for name, rate in result.items() if name.startswith(start))

    print(f"{result['parameters'] / 1e6:.2f} M parameters, float32, {PROMPT_TOKENS} tokens in, {NEW_TOKENS} out")
    for name, rate in result.items():
        if name != "parameters":
            print(f"{name:45} {rate:10,.0f} tokens/s")
    single, batched = best("ours, 1 stream"), best(f"ours, {BATCH}")
    peer, peer_batched = best("transformers, 1 stream"), best("transformers, batch")
    limit = result["limit, 1 stream"]
    print(
        f"1 stream: {single / peer:.1f} x transformers, {single / limit:.0%} of the limit (weights read once a token)"
    )
    print(f"batch {BATCH}: {batched / peer_batched:.1f} x transformers")
    return {
        "parameters": result["parameters"],
        "ours_single": round(single, 1),
        "ours_batched": round(batched, 1),
        "transformers_single": round(peer, 1),
        "transformers_batched": round(peer_batched, 1),
        "ratio_single": round(single / peer, 2),
        "ratio_batched": round(batched / peer_batched, 2),
        "limit_single": round(limit, 1),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Decoding speed against transformers.")
    parser.add_argument("--model", type=Path, help="a checkpoint folder; a random nano model if left out")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.model or write_random_checkpoint(Path(temporary))
            summary = report(measure(folder, options.rounds))
    except PhialError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return 1
    print(json.dumps({"bench": "decode", **summary}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
