"""Arena-Hard (Li et al. 2024): hard prompts of users; a judge compares each answer with that of a baseline model.

This task only collects the answers. `judged` makes the second task, which asks the judge, and `arena.table` reads that
task's log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.files import rows
from phial.evals.items import checked, field, place, protocol_of
from phial.evals.judge import answered, whole_reply
from phial.evals.log import Log
from phial.evals.pairwise import pairwise
from phial.evals.presets import PHI_4_REASONING
from phial.evals.task import Item, Protocol, Task

QUESTIONS = ("question.jsonl*", "v0.1_question.jsonl*", "*question.jsonl*")
BASELINES = ("*baseline*.jsonl*", "model_answer/gpt-4-0314.jsonl*", "gpt-4-0314.jsonl*")
JUDGES = ("judge_config.yaml", "config/judge_config.yaml")

_ANSWERS = "zero-shot answers to 500 prompts; the score is the share that was answered, a judge decides the rest"
PROTOCOLS: Mapping[str, Protocol] = {
    "phial": Protocol("phial", f"{_ANSWERS}; greedy", Sampling(max_tokens=4096)),
    "arena-hard": Protocol("arena-hard", f"{_ANSWERS}; temperature 0, 4,096 tokens", Sampling(max_tokens=4096)),
    "phi-4-reasoning": Protocol("phi-4-reasoning", f"{_ANSWERS}; sampled as the report does", PHI_4_REASONING),
}


def load(folder: Path, protocol: str = "phial", limit: int | None = None) -> Task:
    """The prompts.

    Args:
        folder: has v0.1's `question.jsonl` with the columns uid, category, cluster and prompt, or in its earlier form
            question_id and turns.
        protocol: its name.
        limit: items at most.
    """
    found, sha256 = rows(folder, QUESTIONS, (), limit)
    items = []
    for row in found:
        turns = row.get("turns")
        prompt = turns[0].get("content") if turns and isinstance(turns[0], dict) else field(row, "prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise PhialError("a prompt that is no text", where=place(row), do="give the published file")
        tags = {"cluster": str(row.get("cluster") or "")}
        items.append(Item(str(field(row, "uid", "question_id")), (("user", prompt),), "judged apart", tags))
    chosen = protocol_of(PROTOCOLS, protocol, "arena-hard")
    return Task("arena-hard-answers", chosen, checked(items, folder), {"phial": whole_reply}, answered, sha256)


def baseline(folder: Path) -> dict[str, str]:
    """The baseline model's answers by the prompts' ids.

    Args:
        folder: has the answers of gpt-4-0314 as published with v0.1: uid and messages, whose last content is an object
            with "answer"; or in the earlier form question_id and choices[0].turns[0].content.
    """
    found, _ = rows(folder, BASELINES, ())
    return {str(field(row, "uid", "question_id")): _answer(row) for row in found}


def _answer(row: Mapping[str, Any]) -> str:
    try:
        message = row["choices"][0]["turns"][0] if "choices" in row else row["messages"][-1]
        answer = message["content"]
        answer = answer["answer"] if isinstance(answer, dict) else answer
    except (LookupError, TypeError) as error:
        raise PhialError(f"no answer: {error!r}", where=place(row), do="give the published file") from error
    if not isinstance(answer, str):
        raise PhialError("an answer that is no text", where=place(row), do="give the published file")
    return answer


def judged(log: Log, folder: Path, protocol: str = "phial") -> Task:
    """The second task: the judge compares every answer of a log with the baseline's, in both orders.

    Args:
        log: of this task.
        folder: has the baseline's answers; for the protocol "arena-hard" the published `judge_config.yaml` as well,
            whose system prompt the judge then gets.
        protocol: "phial" for our words to the judge, or "arena-hard".
    """
    if log.run.task != "arena-hard-answers":
        raise PhialError(f"a log of {log.run.task}", where="arena-hard", do="give a log of arena-hard's answers")
    system = _published_system(folder) if protocol == "arena-hard" else ""
    return pairwise(log, baseline(folder), "arena-hard", protocol, system)


def _published_system(folder: Path) -> str:
    """The judge's system prompt out of the published YAML file, where it is one line between quotation marks."""
    for name in JUDGES:
        if (folder / name).is_file():
            for line in (folder / name).read_text(encoding="utf-8").splitlines():
                key, _, value = line.partition(":")
                if key.strip() == "system_prompt":
                    try:
                        return str(json.loads(value.strip()))
                    except ValueError as error:
                        raise PhialError(
                            f"can't read system_prompt: {error}", where=str(folder / name), do="give the published file"
                        ) from error
    raise PhialError(
        f"no {JUDGES[0]} with a system_prompt",
        where=str(folder),
        do='put that file of the arena-hard-auto repository there, or use the protocol "phial"',
    )
