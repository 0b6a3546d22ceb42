"""Claim: evaluation takes at most 3 % more time than the engine's bare generation of the same answers.

    python bench/evals_overhead.py FOLDER [--items 200] [--max-tokens 256] [--pairs 3] [--benchmarks DIR]

FOLDER is a model as `phial eval` takes it (quantized, or a small checkpoint). Bare generation is `Engine.generate` on
the encoded prompts, its answers thrown away; evaluation asks the same prompts with the same seeds, keeps every reply in
a file, takes its thinking away, extracts, grades, and logs. They take turns in alternating order, with an empty cache.
With --benchmarks the items are GSM8K's; without, those of the arithmetic ladder. Beside the ratio stands what the
harness's own work takes alone: the same replies from memory, over the time of generation. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from phial.engine.engine import Engine
from phial.engine.int4_backend import Int4Backend
from phial.evals.engine_respondent import SLOTS, EngineRespondent, open_engine
from phial.evals.log import Log
from phial.evals.respondent import Key, Question, Reply, Take
from phial.evals.run import evaluate, questions_of
from phial.evals.task import Task
from phial.evals.task_by_name import asked_so, load_task
from phial.tokens.chat import encode_chat

MOST = 1.03


class FromMemory:
    """Gives replies that are there already."""

    name, address = "memory", ""
    identity = {"opened": False}  # noqa: RUF012

    def __init__(self, log: Log) -> None:
        self._replies = {
            (one.item, one.repeat): Reply(one.reply, finish=one.finish, tokens=one.tokens) for one in log.samples
        }

    def answer(self, questions: Sequence[Question], known: Collection[Key], take: Take) -> None:
        """See `Respondent.answer`."""
        for question in questions:
            take(question, self._replies[question.key])

    def close(self) -> None:
        """Nothing is held."""


def bare(engine: Engine, task: Task) -> tuple[float, int]:
    """Seconds of generation alone, and tokens written."""
    _forget(engine)
    questions = questions_of(task)
    started = time.perf_counter()
    prompts = [encode_chat(engine.tokenizer, question.prompt, generation_prompt=True)[0] for question in questions]
    threads = None if isinstance(engine.backend, Int4Backend) else 1
    answers = engine.generate(prompts, [question.sampling for question in questions], SLOTS, threads=threads)
    return time.perf_counter() - started, sum(len(answer.ids) for answer in answers)


def evaluated(engine: Engine, task: Task, folder: Path) -> tuple[float, Log]:
    """Seconds of the whole evaluation, and its log."""
    _forget(engine)
    respondent = EngineRespondent(engine, "model", {})
    started = time.perf_counter()
    log = evaluate(respondent, task, folder / "log.jsonl")
    return time.perf_counter() - started, log


def _forget(engine: Engine) -> None:
    if isinstance(engine.backend, Int4Backend):
        engine.backend.forget()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--benchmarks", type=Path)
    arguments = parser.parse_args()
    name = "gsm8k" if arguments.benchmarks else "ladder"
    task = asked_so(load_task(name, arguments.benchmarks, arguments.items), arguments.max_tokens)
    engine = open_engine(arguments.folder)
    bare(engine, load_task("ladder", limit=4))  # pages and caches of everything are warm
    ratios, alone, tokens = [], [], 0
    for pair in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            if pair % 2:
                seconds, log = evaluated(engine, task, folder)
                plain, tokens = bare(engine, task)
            else:
                plain, tokens = bare(engine, task)
                seconds, log = evaluated(engine, task, folder)
            started = time.perf_counter()
            evaluate(FromMemory(log), task, folder / "memory.jsonl")
            own = time.perf_counter() - started
        ratios.append(seconds / plain)
        alone.append(own / plain)
        print(f"bare {plain:7.2f} s, {tokens / plain:7.1f} tokens/s; evaluation {seconds:7.2f} s, "
              f"{seconds / plain:.4f} of it; harness alone {own:.3f} s, {own / plain:.4f}")  # fmt: skip
    ratio = statistics.median(ratios)
    print(f"median {ratio:.4f} of bare generation; to reach: {MOST}")
    print(json.dumps({
        "task": name, "items": len(task.items), "tokens": tokens, "ratio": round(ratio, 4),
        "ratios": [round(one, 4) for one in ratios], "harness_alone": round(statistics.median(alone), 4),
        "most": MOST, "ok": ratio <= MOST,
    }))  # fmt: skip
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
