"""The training stages: pretraining on a token shard, and fine-tuning in chat format."""

from __future__ import annotations

import time
from typing import Any

import torch

from phial.align.sft import adopt_roles
from phial.model.checkpoint import load_checkpoint, save_checkpoint
from phial.model.config import ModelConfig
from phial.model.decoder import Decoder
from phial.recipe.schema import Recipe, Train
from phial.recipe.stage import Context
from phial.recipe.stages import threads
from phial.tokens.shards import read_shard
from phial.tokens.tokenizer import load_tokenizer
from phial.train.loop import TrainConfig, train
from phial.train.optim import OptimizerConfig


def pretrain(context: Context[Recipe], shard: str) -> dict[str, Any]:
    """Train a fresh decoder on one shard of the tokenize stage ("pretrain" or "control")."""
    tokenizer = load_tokenizer(context.inputs["tokenizer"].path)
    config = ModelConfig(
        **context.recipe.model.model_dump(),
        vocab_size=tokenizer.vocab_size,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
        pad_token_id=tokenizer.eos_id,
    )
    model = Decoder(config)
    model.initialise(context.recipe.seed)
    return _train(context, model, shard, context.recipe.pretrain, "float32")


def sft(context: Context[Recipe]) -> dict[str, Any]:
    """Fine-tune the pretrained model of the stage's inputs on conversations."""
    parent = next(artifact for name, artifact in context.inputs.items() if name.startswith("pretrain"))
    model, tokenizer = load_checkpoint(parent.path, trainable=True)
    adopt_roles(model, tokenizer)
    return _train(context, model, "sft", context.recipe.sft, context.recipe.dtype)


def _train(context: Context[Recipe], model: Decoder, shard: str, config: Train, dtype: str) -> dict[str, Any]:
    shared = min(threads(context.recipe), config.batch_rows)
    torch.set_num_threads(threads(context.recipe) // shared)
    tokens, folder = context.inputs["tokenize"].path, context.draft.path
    context.draft.scratch |= {"state", "state.new", "state.old"}
    context.draft.volatile |= {"timing.jsonl"}
    settings = TrainConfig(
        tokens=config.tokens,
        batch_rows=config.batch_rows,
        micro_rows=config.micro_rows,
        seed=context.recipe.seed,
        document_mask=config.document_mask,
        threads=shared,
        evaluations=config.evaluations,
        save_seconds=config.save_seconds,
        warmup=config.warmup,
        warmdown=config.warmdown,
        optimizer=OptimizerConfig(matrix_lr=config.matrix_lr, scalar_lr=config.scalar_lr),
    )
    held_out = {name: read_shard(tokens / f"heldout-{name}") for name in ("textbook", "organic")}
    started = time.perf_counter()
    with context.reporter.task(folder.name.rpartition("-")[0], config.tokens, "tokens") as track:
        metrics = train(
            model.train(),
            read_shard(tokens / shard),
            held_out,
            settings,
            folder,
            lambda tokens, loss: track(tokens, f"loss {loss:.3f}"),
        )
    save_checkpoint(folder, model, load_tokenizer(context.inputs["tokenizer"].path), dtype)
    seconds = round(time.perf_counter() - started, 1)
    return metrics | {"parameters": model.config.parameters, "tokens": config.tokens, "train_seconds": seconds}
