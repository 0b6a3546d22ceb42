"""Claim: the loop trains the nano shape faster than a plain `transformers` loop on the same two cores.

    python bench/training.py

Three ways through the same exercises, alternating, medians:
  phial        packed rows, our decoder, Muon and AdamW
  plain        Phi3ForCausalLM and AdamW, documents shuffled into batches and padded, as the usual tutorial loop does
  plain-rows   the same, but fed our packed rows
Tokens are document tokens; padding counts for nothing. The physical limit is the float32 matrix rate that this machine
reaches on large products. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.record import Record
from phial.synth.textbook import Rejects, exercises
from phial.tokens.encode import encode_records
from phial.tokens.shards import Document, Shard, read_shard, write_shard
from phial.tokens.tokenizer import train_tokenizer
from phial.train.loader import Loader, Position
from phial.train.loop import next_token
from phial.train.optim import Optimizer, OptimizerConfig

CONTEXT = 256
STEP_TOKENS = 4096


def phial_loop(config: ModelConfig, shard: Shard) -> Callable[[], int]:
    """One call is one step of our loop; returns the document tokens it trained on."""
    model = Decoder(config)
    model.initialise(0)
    optimizer = Optimizer(model.named_parameters(), OptimizerConfig())
    loader = Loader(shard, STEP_TOKENS // CONTEXT, Position(0))

    def step() -> int:
        batch = loader.next()
        (next_token(model, batch, None) / batch.count).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(1.0)
        for parameter in model.parameters():
            parameter.grad = None
        return batch.count

    return step


def plain_loop(config: ModelConfig, batches: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> Callable[[], int]:
    """One call is one step of a transformers loop over (ids, labels) batches."""
    from transformers import Phi3Config, Phi3ForCausalLM

    model = Phi3ForCausalLM(Phi3Config(**config.to_huggingface()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> int:
        ids, labels = batches()
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return int((labels[:, 1:] != -100).sum())

    return step


def padded(documents: list[Document], pad: int) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Shuffled documents, as many a batch as fill the step, padded to the longest of the batch."""
    order = np.random.default_rng(0).permutation(len(documents))
    mean = sum(len(d.ids) for d in documents) / len(documents)
    size = round(STEP_TOKENS / mean)
    state = {"at": 0}

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        chosen = [documents[i].ids for i in np.take(order, range(state["at"], state["at"] + size), mode="wrap")]
        state["at"] += size
        ids = torch.full((size, max(map(len, chosen))), pad)
        labels = torch.full_like(ids, -100)
        for row, tokens in enumerate(chosen):
            ids[row, : len(tokens)] = labels[row, : len(tokens)] = torch.tensor(tokens)
        return ids, labels

    return batch


def packed(shard: Shard) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Our packed rows as (ids, labels)."""
    loader = Loader(shard, STEP_TOKENS // CONTEXT, Position(0))

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        made = loader.next()
        # transformers shifts by itself: labels are the inputs, ignored where the target carries no loss
        labels = torch.cat([torch.full_like(made.ids[:, :1], -100), made.targets[:, :-1]], dim=1)
        return made.ids, labels

    return batch


def rate(step: Callable[[], int], seconds: float) -> float:
    """Document tokens a second over about `seconds`."""
    step()
    tokens, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        tokens += step()
    return tokens / (time.perf_counter() - started)


def matrix_peak() -> float:
    """Best float32 multiply rate of large square products, FLOP/s."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    records: list[Record] = list(exercises(6000, 0, Rejects()))
    tokenizer = train_tokenizer([r.content for r in records], 1024)
    documents, _ = encode_records(tokenizer, records, CONTEXT + 1)
    config = ModelConfig(1024, 128, 320, 4, 4, 2, CONTEXT)
    with tempfile.TemporaryDirectory() as folder:
        write_shard(Path(folder), documents, CONTEXT + 1, 1024, 1)
        shard = read_shard(Path(folder))
        loops = {
            "phial": phial_loop(config, shard),
            "plain": plain_loop(config, padded(documents, 1)),
            "plain-rows": plain_loop(config, packed(shard)),
        }
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(arguments.rounds):
            for name, step in loops.items():
                rates[name].append(rate(step, arguments.seconds))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    peak = matrix_peak()
    flops = 6 * config.parameters + 12 * config.num_hidden_layers * config.hidden_size * CONTEXT // 2
    for name, value in medians.items():
        print(f"{name:<11}{value:>8,.0f} tokens/s  {100 * value * flops / peak:3.0f} % of {peak / 1e9:.0f} GFLOP/s")
    print(f"against plain {medians['phial'] / medians['plain']:.2f}x, against plain on our rows "
          f"{medians['phial'] / medians['plain-rows']:.2f}x, limit {peak / flops:,.0f} tokens/s")  # fmt: skip
    line = {"claim": "training tokens/s", **{name: round(value) for name, value in medians.items()}}
    line |= {"ratio": round(medians["phial"] / medians["plain"], 3), "threads": torch.get_num_threads()}
    line |= {"ratio_same_rows": round(medians["phial"] / medians["plain-rows"], 3), "limit": round(peak / flops)}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
