"""The evaluate stage: held-out problems, sampled answers, and published benchmarks when a folder is given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from phial.engine.choice import load_engine
from phial.errors import PhialError
from phial.evals.engine_respondent import EngineRespondent, folder_identity
from phial.evals.log import Log, Sample, write
from phial.evals.run import evaluate as evaluate_task
from phial.evals.statistics import Score, wilson
from phial.evals.task import Task
from phial.evals.task_by_name import asked_so, load_task
from phial.evals.tasks import problems
from phial.recipe.schema import Evaluate, Recipe
from phial.recipe.stage import Context
from phial.synth.textbook import HELDOUT_SPLITS

SAMPLED = "in-range-sampled"
BENCHMARKS = ("gsm8k", "svamp")


def evaluate(context: Context[Recipe]) -> dict[str, Any]:
    """Answer every task with the stage's model; writes one sample log a task."""
    parent = next(artifact for name, artifact in context.inputs.items() if name.startswith("sft"))
    respondent = EngineRespondent(load_engine(parent.path), context.recipe.name, folder_identity(parent.path))
    metrics: dict[str, Any] = {}
    for name, task in _tasks(context):
        started, path = time.perf_counter(), context.draft.path / f"{name}.jsonl"
        with context.reporter.task(name, len(task.items), "answers") as track:
            log = evaluate_task(respondent, task, path, track)
        write(path, timeless(log))
        metrics[name] = figures(log)
        metrics[name]["tokens_per_second"] = round(metrics[name]["tokens"] / (time.perf_counter() - started))
    return metrics


def figures(log: Log) -> dict[str, Any]:
    """A log's scores with their intervals, protocol and counts, as a manifest keeps them."""
    samples, sampling = log.samples, log.run.sampling
    drawn = f"temperature {sampling['temperature']}" if sampling["temperature"] else "greedy"
    return {
        "score": asdict(score(samples)),
        "by_family": _by(samples, "family"),
        "by_steps": _by(samples, "steps"),
        "protocol": f"{log.run.description}; {drawn}",
        "sha256": log.run.sha256,
        "no_answer": sum(sample.answer is None for sample in samples),
        "truncated": sum(sample.finish == "length" for sample in samples),
        "too_long": sum(sample.finish == "prompt-too-long" for sample in samples),
        "tokens": sum(sample.tokens or 0 for sample in samples),
    }


def score(samples: Sequence[Sample]) -> Score:
    """The share of right replies, one an item."""
    return wilson(sum(sample.score >= 1 for sample in samples), len(samples))


def timeless(log: Log) -> Log:
    """The log without times and machine facts, so that the same run makes the same artifact."""
    samples = (replace(sample, seconds=0.0, cpu_seconds=None, joules=None) for sample in log.samples)
    return Log(replace(log.run, made={}), tuple(samples))


def _by(samples: Sequence[Sample], tag: str) -> dict[str, Any]:
    names = sorted({sample.tags[tag] for sample in samples if tag in sample.tags})
    return {name: asdict(score([sample for sample in samples if sample.tags.get(tag) == name])) for name in names}


def _tasks(context: Context) -> Iterator[tuple[str, Task]]:
    config, held_out = context.recipe.evaluate, context.path("synth", "")
    for split in HELDOUT_SPLITS:
        yield split, asked_so(problems.load(held_out, limit=config.items, split=split), config.max_tokens)
    if config.sampled:
        task = problems.load(held_out, limit=config.sampled, split="in-range")
        yield SAMPLED, asked_so(task, config.max_tokens, config.temperature, seed=context.recipe.seed)
    for task in benchmarks(config):
        yield task.name, task


def benchmarks(config: Evaluate) -> list[Task]:
    """The published benchmarks that lie in the recipe's folder, each asked with its question alone.

    Raises:
        PhialError: there is none.
    """
    if not config.benchmarks:
        return []
    folder = Path(config.benchmarks)
    found = [name for name in BENCHMARKS if (folder / name).is_dir()]
    if not found:
        do = f"give a folder with {' or '.join(BENCHMARKS)} in it"
        raise PhialError("no known benchmark in the folder", where=str(folder), do=do)
    tasks = (load_task(f"{name}:plain", folder, config.benchmark_items) for name in found)
    return [asked_so(task, config.max_tokens) for task in tasks]
