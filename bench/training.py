"""Claim: the loop trains the nano shape faster than a plain `transformers` loop on the same two cores.

    python bench/training.py

Three ways through the same exercises, alternating, medians:
  phial        packed rows, our decoder, attention inside documents, Muon and AdamW, rows shared out between threads
  plain        Phi3ForCausalLM and AdamW, documents shuffled into batches and padded, as the usual tutorial loop does
  plain-rows   the same, but fed our packed rows
All take the recipe's step of 1,024 positions, each in a process of its own. Tokens are document tokens that went
through the model; padding counts for nothing. The physical limit is the float32 matrix rate that this machine reaches
on large products. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

from phial.kernels.library import build_name
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.model.huggingface import write_huggingface
from phial.record import Record
from phial.synth.textbook import Rejects, exercises
from phial.tokens.encode import encode_records
from phial.tokens.shards import Document, Shard, read_shard, write_shard
from phial.tokens.tokenizer import train_tokenizer
from phial.train.loader import Loader, Position
from phial.train.loop import TrainConfig, accumulate
from phial.train.optim import Optimizer, OptimizerConfig
from phial.train.team import Team, spare_memory

CONTEXT = 256
STEP_POSITIONS = 1024
PAD = 1
CONFIG = ModelConfig(1024, 128, 320, 4, 4, 2, CONTEXT)
LOOPS = ("phial", "plain", "plain-rows")


def document_tokens(ids: torch.Tensor) -> int:
    """Tokens of [rows, time] that are not padding: the pad token is also the one that ends a document."""
    real = ids != PAD
    real[:, 1:] |= ids[:, :-1] != PAD
    return int(real.sum())


def phial_loop(shard: Shard, threads: int) -> Callable[[], int]:
    """One call is one step of our loop; returns the document tokens it trained on."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    spare_memory()
    model = Decoder(CONFIG)
    model.initialise(0)
    optimizer = Optimizer(model.named_parameters(), OptimizerConfig())
    loader = Loader(shard, STEP_POSITIONS // CONTEXT, Position(0))
    team, config = Team(model, threads), TrainConfig(1)

    def step() -> int:
        batch = loader.next()
        accumulate(team, batch, config)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(1.0, team.run)
        for parameter in model.parameters():
            parameter.grad = None
        return document_tokens(batch.ids)

    return step


def plain_loop(batches: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> Callable[[], int]:
    """One call is one step of a transformers loop over (ids, labels) batches."""
    from transformers import Phi3Config, Phi3ForCausalLM

    model = Phi3ForCausalLM(Phi3Config(**write_huggingface(CONFIG)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> int:
        ids, labels = batches()
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return document_tokens(ids)

    return step


def padded(documents: list[Document]) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Shuffled documents, as many a batch as fill the step on average, padded to the longest of the batch."""
    order = np.random.default_rng(0).permutation(len(documents))
    mean = sum(len(d.ids) for d in documents) / len(documents)
    size = round(STEP_POSITIONS / mean)
    state = {"at": 0}

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        chosen = [documents[i].ids for i in np.take(order, range(state["at"], state["at"] + size), mode="wrap")]
        state["at"] += size
        ids = torch.full((size, max(map(len, chosen))), PAD)
        labels = torch.full_like(ids, -100)
        for row, tokens in enumerate(chosen):
            ids[row, : len(tokens)] = labels[row, : len(tokens)] = torch.tensor(tokens)
        return ids, labels

    return batch


def packed(shard: Shard) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Our packed rows as (ids, labels)."""
    loader = Loader(shard, STEP_POSITIONS // CONTEXT, Position(0))

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        made = loader.next()
        # transformers shifts by itself: labels are the inputs, ignored where the target carries no loss
        labels = torch.cat([torch.full_like(made.ids[:, :1], -100), made.targets[:, :-1]], dim=1)
        return made.ids, labels

    return batch


_step: Callable[[], int]


def begin(name: str, folder: str, documents: list[Document], threads: int) -> None:
    """Prepare one of the loops in this process."""
    global _step
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    shard = read_shard(Path(folder))
    if name == "phial":
        _step = phial_loop(shard, threads)
    else:
        _step = plain_loop(padded(documents) if name == "plain" else packed(shard))


def rate(seconds: float) -> float:
    """Document tokens a second over about `seconds`."""
    _step()
    tokens, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        tokens += _step()
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
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    records: list[Record] = list(exercises(6000, 0, Rejects()))
    tokenizer = train_tokenizer([r.content for r in records], 1024)
    documents, _ = encode_records(tokenizer, records, CONTEXT + 1)
    processes = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        write_shard(Path(folder), documents, CONTEXT + 1, 1024, PAD)
        pools = {name: processes.Pool(1, begin, (name, folder, documents, arguments.threads)) for name in LOOPS}
        rounds = [
            {n: pool.apply(rate, (arguments.seconds,)) for n, pool in pools.items()} for _ in range(arguments.rounds)
        ]
        for pool in pools.values():
            pool.terminate()
    torch.set_num_threads(arguments.threads)
    peak = matrix_peak()
    attention = 12 * CONFIG.num_hidden_layers * CONFIG.hidden_size * statistics.fmean(len(d.ids) for d in documents) / 2
    flops = 6 * CONFIG.parameters + attention
    medians = {name: statistics.median(one[name] for one in rounds) for name in LOOPS}
    for name, value in medians.items():
        print(f"{name:<11}{value:>8,.0f} tokens/s  {100 * value * flops / peak:3.0f} % of {peak / 1e9:.0f} GFLOP/s")
    ratios = {rival: statistics.median(one["phial"] / one[rival] for one in rounds) for rival in LOOPS[1:]}
    print(f"against plain {ratios['plain']:.2f}x, against plain on our rows {ratios['plain-rows']:.2f}x, "
          f"limit {peak / flops:,.0f} tokens/s")  # fmt: skip
    line = {"claim": "training tokens/s", **{name: round(value) for name, value in medians.items()}}
    line |= {"ratio": round(ratios["plain"], 3), "ratio_same_rows": round(ratios["plain-rows"], 3)}
    line |= {"limit": round(peak / flops), "threads": arguments.threads, "kernels": build_name()}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
