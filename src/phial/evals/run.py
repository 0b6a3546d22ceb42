"""Ask a model every item of a task and log the graded replies."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from phial.engine.engine import Engine
from phial.engine.request import Sampling
from phial.evals.log import Sample, append, read
from phial.evals.task import Item, Task
from phial.tokens.chat import encode_chat

CHUNK = 256


def run_task(
    engine: Engine, task: Task, sampling: Sampling, path: Path, watch: Callable[[int], None] | None = None
) -> list[Sample]:
    """Answer a task's items, in chunks that are logged whole.

    A killed run goes on after its last whole chunk. Chunks start at the same items every time, so the batches, and
    with them the last bits of the logits, are those of an undisturbed run.

    Args:
        engine: answers.
        task: asks and grades.
        sampling: greedy or not; sampled items get their own seeds.
        path: the log, created or continued.
        watch: told of the number of items answered.

    Returns:
        All samples of the log.
    """
    done = _whole_chunks(path)
    for start in range(len(done), len(task.items), CHUNK):
        items = task.items[start : start + CHUNK]
        prompts = [encode_chat(engine.tokenizer, [("user", i.prompt)], generation_prompt=True)[0] for i in items]
        # An answer ends where the context does; only a question that leaves it no room at all is not asked.
        fitting = [index for index, prompt in enumerate(prompts) if len(prompt) < engine.max_length]
        replies = engine.generate(
            [prompts[index] for index in fitting],
            [replace(sampling, seed=sampling.seed + start + index) for index in fitting],
        )
        by_index = dict(zip(fitting, replies, strict=True))
        samples = [_graded(task, item, by_index.get(index)) for index, item in enumerate(items)]
        append(path, samples)
        done.extend(samples)
        if watch is not None:
            watch(len(done))
    return done


def _graded(task: Task, item: Item, reply) -> Sample:  # type: ignore[no-untyped-def]
    """Grade one reply; an item longer than the model's context counts as wrong and says why."""
    text, tokens, finish = (
        ("", 0, "prompt-too-long") if reply is None else (reply.text, len(reply.ids), reply.finish_reason)
    )
    answer = task.extract(text)
    right = answer is not None and task.grade(answer, item.gold)
    return Sample(task.name, item.id, 0, item.prompt, text, answer, item.gold, right, tokens, finish, dict(item.tags))


def _whole_chunks(path: Path) -> list[Sample]:
    if not path.exists():
        return []
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    keep = whole[: len(whole) // CHUNK * CHUNK]
    os.truncate(path, sum(len(line) for line in keep))
    return list(read(path))
