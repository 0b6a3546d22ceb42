"""The training loop: the only one."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from phial.errors import PhialError
from phial.model.decoder import Decoder
from phial.tokens.shards import Shard
from phial.train.loader import Batch, Loader, Position, rows_to_batch
from phial.train.objective import linear_cross_entropy
from phial.train.optim import Optimizer, OptimizerConfig
from phial.train.schedule import Schedule
from phial.train.state import Progress, load_state, save_state
from phial.train.team import Team, spare_memory


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        tokens: budget, in row positions seen (padding included: it costs the same time).
        batch_rows: rows a step.
        micro_rows: rows a forward pass; gradients add up to the step.
        seed: of the order of the rows.
        document_mask: attention stays inside documents; otherwise rows are only aligned at BOS.
        threads: that share the rows of a step; a sum over two rounds otherwise than over one.
        clip: largest global gradient norm.
        evaluations: how often bits-per-byte is measured over the run, the end included.
        save_seconds: time between saved states; it changes nothing but how much a kill costs.
        schedule: shares of warm-up and warm-down.
        optimizer: rates and moments.
    """

    tokens: int
    batch_rows: int = 16
    micro_rows: int = 16
    seed: int = 0
    document_mask: bool = True
    threads: int = 1
    clip: float = 1.0
    evaluations: int = 10
    save_seconds: float = 20.0
    warmup: float = 0.02
    warmdown: float = 0.6
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


class Watcher(Protocol):
    """Told of every step; draws the progress bar."""

    def __call__(self, tokens: int, loss: float) -> None: ...


Objective = Callable[[Decoder, Batch, Tensor | None], Tensor]


def next_token(model: Decoder, batch: Batch, starts: Tensor | None) -> Tensor:
    """Sum of next-token cross-entropies over the batch's scored targets, in nats."""
    hidden = model.hidden(batch.ids, starts)
    return linear_cross_entropy(hidden.flatten(0, 1), model.head_weight, batch.targets.flatten())


def bits_per_byte(team: Team, shard: Shard, masked: bool, rows: int = 4) -> float:
    """Bits of cross-entropy per UTF-8 byte of scored text: comparable between tokenizers."""

    @torch.no_grad()
    def nats(start: int) -> float:
        batch = rows_to_batch(shard, np.arange(start, min(start + rows, shard.rows)))
        return float(next_token(team.models[0], batch, batch.starts if masked else None))

    parts = team.run(partial(nats, start) for start in range(0, shard.rows, rows))
    return sum(parts) / math.log(2) / shard.scored_bytes


def train(
    model: Decoder,
    shard: Shard,
    held_out: dict[str, Shard],
    config: TrainConfig,
    folder: Path,
    watch: Watcher,
    objective: Objective = next_token,
) -> dict[str, float]:
    """Train `model` in place for `config.tokens`, resuming where `folder` says an earlier call stopped.

    Writes `metrics.jsonl` (one line a step; a pure function of the inputs) and `timing.jsonl` (seconds and rates), and
    keeps `state` up to date. Two calls, or one call killed and repeated, end with the same bits.

    Args:
        model: initialised; overwritten by a saved state if there is one.
        shard: rows to train on.
        held_out: shards whose bits-per-byte is followed, by name.
        config: budget, batch, rates.
        folder: the run's folder.
        watch: called after every step.
        objective: (model, batch, starts or None) -> summed loss.

    Returns:
        The last metrics: loss, and bits-per-byte by held-out name.

    Raises:
        PhialError: the loss is no longer finite.
    """
    torch.use_deterministic_algorithms(True)
    spare_memory()
    # Denormals in the moments of rare tokens slow AVX2 several times. The flag is the thread's: it is put back after.
    torch.set_flush_denormal(True)
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = Optimizer(model.named_parameters(), config.optimizer)
    progress = load_state(folder, model, optimizer) or Progress(0, 0, Position(config.seed), 0)
    loader = Loader(shard, config.batch_rows, progress.position)
    schedule = Schedule(config.tokens, config.warmup, config.warmdown)
    step_tokens = config.batch_rows * (shard.ids.shape[1] - 1)
    steps = max(1, config.tokens // step_tokens)
    evaluate_at = {round(steps * (i + 1) / config.evaluations) for i in range(config.evaluations)} | {steps}
    metrics_path = folder / "metrics.jsonl"
    metrics_path.touch()
    os.truncate(metrics_path, progress.metric_bytes)  # lines after the saved state will be written again
    last: dict[str, float] = {}
    saved = time.monotonic()
    finite = torch.ones((), dtype=torch.bool)

    with (
        Team(model, min(config.threads, config.batch_rows)) as team,
        metrics_path.open("a") as metrics,
        (folder / "timing.jsonl").open("a") as timing,
    ):
        for step in range(progress.step + 1, steps + 1):
            started = time.perf_counter()
            batch = loader.next()
            loss = accumulate(team, batch, config, objective)
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            # The check of the step before is read here, so an accelerator never waits for the host.
            if not finite:
                raise PhialError(
                    f"loss or gradient is not finite at step {step - 1}",
                    where=str(metrics_path),
                    do="lower the learning rates (optimizer.matrix_lr, optimizer.scalar_lr) and run again",
                )
            finite = torch.isfinite(loss) & torch.isfinite(norm)
            scale = schedule.at((step - 1) * step_tokens + step_tokens // 2)
            optimizer.step(scale, team.run)
            for parameter in model.parameters():
                parameter.grad = None
            value = float(loss)
            line = {"step": step, "tokens": step * step_tokens, "loss": value, "norm": float(norm), "scale": scale}
            if step in evaluate_at:
                model.eval()
                line |= {f"bpb_{k}": bits_per_byte(team, s, config.document_mask) for k, s in held_out.items()}
                model.train()
            metrics.write(json.dumps(line) + "\n")
            last = {"loss": value, **{k: v for k, v in line.items() if k.startswith("bpb_")}}
            seconds = time.perf_counter() - started
            timing.write(json.dumps({"step": step, "seconds": round(seconds, 4)}) + "\n")
            watch(step * step_tokens, value)
            if time.monotonic() - saved > config.save_seconds or step == steps:
                metrics.flush()
                os.fsync(metrics.fileno())
                position = Progress(step * step_tokens, step, loader.position, metrics.tell())
                save_state(folder, model, optimizer, position)
                saved = time.monotonic()
    torch.set_flush_denormal(False)
    if not finite:
        raise PhialError("loss is not finite at the last step", where=str(metrics_path), do="lower the learning rates")
    return last or _last_metrics(metrics_path)


def accumulate(team: Team, batch: Batch, config: TrainConfig, objective: Objective = next_token) -> Tensor:
    """Gradient of the step's mean loss: each thread takes its rows micro-batch by micro-batch; returns that mean."""
    rows, count, members = batch.ids.shape[0], max(batch.count, 1), len(team.models)
    edges = [rows * member // members for member in range(members + 1)]

    def share(member: int) -> Tensor:
        total = torch.zeros(())
        for start in range(edges[member], edges[member + 1], config.micro_rows):
            part = slice(start, min(start + config.micro_rows, edges[member + 1]))
            micro = Batch(batch.ids[part], batch.targets[part], batch.starts[part], batch.count)
            loss = objective(team.models[member], micro, micro.starts if config.document_mask else None) / count
            loss.backward()
            total += loss.detach()
        return total

    losses = team.run(partial(share, member) for member in range(members))
    team.gather_gradients()
    return torch.stack(losses).sum()


def _last_metrics(path: Path) -> dict[str, float]:
    """The last line's metrics, for a run that was already finished when it was resumed."""
    lines = path.read_text().splitlines()
    line = json.loads(lines[-1])
    return {"loss": line["loss"], **{k: v for k, v in line.items() if k.startswith("bpb_")}}
