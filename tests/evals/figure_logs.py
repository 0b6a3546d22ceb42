"""Small logs for the tests of figures."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from phial.evals.log import Log, Run, Sample

RUN = {
    "task": "sums", "protocol": "phial", "description": "0-shot, boxed", "sha256": "ab" * 32, "items": 1,
    "model": "small", "identity": {"hash": "1"}, "sampling": {"temperature": 0.0, "max_tokens": 64}, "repeats": 1,
    "system": "", "extractor": "phial",
}  # fmt: skip
SAMPLE = {
    "prompt": [["user", "What is 1 + 1?"]], "reply": "It is 2.", "reasoning": "", "finish": "stop",
    "prompt_tokens": 9, "tokens": 4, "seconds": 0.5, "options": (), "gold": "2", "tags": {}, "answer": "2",
    "rule": "last-number", "truncated": False, "score": 1.0,
}  # fmt: skip


def sample(item: str, repeat: int = 0, **fields: Any) -> Sample:
    return Sample(item=item, repeat=repeat, **{**SAMPLE, **fields})


def log(samples: Sequence[Sample], **fields: Any) -> Log:
    items = len({one.item for one in samples})
    repeats = max((one.repeat for one in samples), default=0) + 1
    return Log(Run(**{**RUN, "items": items, "repeats": repeats, **fields}), tuple(samples))


def scored(scores: Mapping[str, Sequence[float]] | Sequence[Sequence[float]], **fields: Any) -> Log:
    """A log of these scores, by item."""
    named = scores if isinstance(scores, Mapping) else {f"i{number}": item for number, item in enumerate(scores)}
    samples = [sample(item, repeat, score=score) for item, row in named.items() for repeat, score in enumerate(row)]
    return log(samples, **fields)


def drawn(seed: int, items: int, repeats: int = 1, lead: float = 0.0, **fields: Any) -> Log:
    """A log of 0/1 scores, of items that are more or less difficult whatever the seed."""
    draw, difficulty = random.Random(seed), random.Random("difficulty")
    chances = [min(1.0, difficulty.betavariate(1, 1) + lead) for _ in range(items)]
    return scored([[float(draw.random() < chance) for _ in range(repeats)] for chance in chances], **fields)
