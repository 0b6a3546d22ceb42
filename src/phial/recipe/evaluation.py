"""The evaluate stage: held-out problems, sampled answers, and published benchmarks when a folder is given."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from phial.engine.choice import load_engine
from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.log import score, scores_by
from phial.evals.run import run_task
from phial.evals.task import Task
from phial.evals.tasks.gsm8k import gsm8k_task
from phial.evals.tasks.problems import problems_task
from phial.evals.tasks.svamp import svamp_task
from phial.recipe.schema import Recipe
from phial.recipe.stage import Context
from phial.synth.textbook import HELDOUT_SPLITS

BENCHMARKS = {"gsm8k": gsm8k_task, "svamp": svamp_task}


def evaluate(context: Context[Recipe]) -> dict[str, Any]:
    """Answer every task with the stage's model; writes one sample log a task."""
    config = context.recipe.evaluate
    parent = next(artifact for name, artifact in context.inputs.items() if name.startswith("sft"))
    engine = load_engine(parent.path)
    greedy = Sampling(max_tokens=config.max_tokens)
    jobs: list[tuple[str, Task, Sampling]] = []
    for split in HELDOUT_SPLITS:
        jobs.append((split, problems_task(context.path("synth", f"{split}.jsonl"), config.items), greedy))
    if config.sampled:
        sampling = Sampling(temperature=config.temperature, max_tokens=config.max_tokens, seed=context.recipe.seed)
        jobs.append(
            ("in-range-sampled", problems_task(context.path("synth", "in-range.jsonl"), config.sampled), sampling)
        )
    jobs += [(task.name, task, greedy) for task in _benchmarks(config.benchmarks, config.benchmark_items)]
    metrics: dict[str, Any] = {}
    for name, task, sampling in jobs:
        started = time.perf_counter()
        with context.reporter.task(name, len(task.items), "answers") as track:
            samples = run_task(engine, task, sampling, context.draft.path / f"{name}.jsonl", track)
        tokens = sum(sample.tokens for sample in samples)
        metrics[name] = {
            "score": asdict(score(samples)),
            "by_family": {k: asdict(s) for k, s in scores_by(samples, lambda s: s.tags.get("family", "")).items()},
            "by_steps": {k: asdict(s) for k, s in scores_by(samples, lambda s: s.tags.get("steps", "")).items()},
            "protocol": task.protocol
            + (f", temperature {sampling.temperature}" if sampling.temperature else ", greedy"),
            "sha256": task.sha256,
            "no_answer": sum(sample.answer is None for sample in samples),
            "truncated": sum(sample.finish == "length" for sample in samples),
            "too_long": sum(sample.finish == "prompt-too-long" for sample in samples),
            "tokens": tokens,
            "tokens_per_second": round(tokens / (time.perf_counter() - started)),
        }
    return metrics


def _benchmarks(folder: str, limit: int) -> list[Task]:
    if not folder:
        return []
    found = [make(Path(folder) / name, limit) for name, make in BENCHMARKS.items() if (Path(folder) / name).is_dir()]
    if not found:
        raise PhialError(
            "no known benchmark in the folder", where=folder, do=f"give a folder with {' or '.join(BENCHMARKS)} in it"
        )
    return found
