"""Fine-tuning of a given checkpoint on the conversations of a recipe for data."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import torch

from phial.artifact import file_sha256
from phial.errors import PhialError
from phial.kernels.library import build_name
from phial.model.checkpoint import load_checkpoint, save_checkpoint
from phial.model.files import read_config
from phial.recipe.data_schema import DataRecipe, Tune
from phial.recipe.stage import Context
from phial.tokens.shards import read_shard
from phial.train.loop import TrainConfig, train
from phial.train.optim import OptimizerConfig


def context_length(checkpoint: Path) -> int:
    """The longest row that a checkpoint can read."""
    return read_config(checkpoint).max_position_embeddings


def facts(recipe: DataRecipe, checkpoint: Path) -> dict[str, Any]:
    """What decides the tuned model beside its data: the settings, and the checkpoint by its content."""
    section = _section(recipe)
    files = sorted(path for path in checkpoint.glob("*") if path.suffix in (".json", ".safetensors"))
    left_out = {"checkpoint", "save_seconds", "threads"}
    return {
        "settings": section.model_dump(mode="json", exclude=left_out),
        "checkpoint": {path.name: file_sha256(path) for path in files},
        "threads": _threads(section),  # a sum over two rounds otherwise than over one
        "kernels": build_name(),
        "seed": recipe.seed,
    }


def tune(checkpoint: Path, context: Context[DataRecipe]) -> dict[str, Any]:
    """Train on the conversations, and write the checkpoint.

    Raises:
        PhialError: there is no conversation to train on, or the checkpoint cannot be read.
    """
    section, shards, folder = _section(context.recipe), context.inputs["shards"].path, context.draft.path
    if not (shards / "sft").is_dir():
        do = "add a flow that makes conversations, such as exercises, or raise shards.row_length"
        raise PhialError("no conversation to fine-tune on", where=str(shards), do=do)
    shard = read_shard(shards / "sft")
    held_out = {"heldout": read_shard(shards / "heldout")} if (shards / "heldout").is_dir() else {}
    context.draft.scratch |= {"state", "state.new", "state.old"}
    context.draft.volatile |= {"timing.jsonl"}
    model, tokenizer = load_checkpoint(checkpoint, trainable=True)
    shared = min(_threads(section), section.batch_rows)
    torch.set_num_threads(_threads(section) // shared)
    step = section.batch_rows * (shard.ids.shape[1] - 1)
    tokens = max(step, round(section.epochs * shard.rows * (shard.ids.shape[1] - 1) / step) * step)
    settings = TrainConfig(
        tokens=tokens,
        batch_rows=section.batch_rows,
        micro_rows=section.micro_rows,
        seed=context.recipe.seed,
        threads=shared,
        evaluations=section.evaluations,
        save_seconds=section.save_seconds,
        warmup=section.warmup,
        warmdown=section.warmdown,
        optimizer=OptimizerConfig(matrix_lr=section.matrix_lr, scalar_lr=section.scalar_lr),
    )
    with context.reporter.task("tune", tokens, "tokens") as track:
        metrics = train(model.train(), shard, held_out, settings, folder, partial(_show, track))
    save_checkpoint(folder, model, tokenizer, section.dtype)
    return metrics | {"parameters": model.config.parameters, "tokens": tokens}


def _show(track: Any, tokens: int, loss: float) -> None:
    track(tokens, f"loss {loss:.3f}")


def _section(recipe: DataRecipe) -> Tune:
    assert recipe.tune is not None  # the stage is in the graph only then
    return recipe.tune


def _threads(section: Tune) -> int:
    return section.threads or os.cpu_count() or 1
