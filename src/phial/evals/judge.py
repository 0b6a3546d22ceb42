"""A judge's task made from a finished log: what a judge model is asked about each reply, and how its words are read.

The judge's replies are a log like any other: they can be looked at, resumed, and read anew by another extractor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from phial.engine.request import Sampling
from phial.errors import PhialError
from phial.evals.log import Log, Sample
from phial.evals.task import Extract, Extraction, Grade, Item, Protocol, Task

VERSION = 1  # of the words to the judge
LOOKED_AT = 100_000  # characters at the end of a judge's reply
JUDGING = Sampling(max_tokens=4096)


@dataclass(frozen=True)
class Judging:
    """How replies are judged.

    Attributes:
        task: name of the judge's task.
        protocol: how the judge is asked; its system message says what its work is.
        ask: the questions about one reply; an item's `gold` has all that its grade needs, so that scores stay a pure
            function of the judge's log.
        extractors: of the judge's replies.
        grade: a verdict.
    """

    task: str
    protocol: Protocol
    ask: Callable[[Sample], Iterable[Item]]
    extractors: Mapping[str, Extract]
    grade: Callable[[str, Item], Grade]


def judged(log: Log, judging: Judging) -> Task:
    """The second task: every reply of a finished log, put to a judge.

    What the judge is shown of a reply is what the log's extractor read, so never the thinking.

    Raises:
        PhialError: the log lacks replies.
    """
    wanted = log.run.items * log.run.repeats
    if len(log.samples) != wanted:
        raise PhialError(
            f"a log of {len(log.samples)} replies, where {wanted} were asked for",
            where=log.run.task,
            do="let that evaluation end first",
        )
    items = tuple(item for sample in log.samples for item in judging.ask(sample))
    told = [
        VERSION,
        log.run.model,
        log.run.identity,
        judging.protocol.system,
        [[i.id, i.prompt, i.gold] for i in items],
    ]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return Task(judging.task, judging.protocol, items, judging.extractors, judging.grade, digest.hexdigest())


def whole_reply(reply: str, item: Item) -> Extraction:
    """The reply as the judge will be shown it; nothing where it is empty."""
    return Extraction(reply.strip(), "reply") if reply.strip() else Extraction(None)


def answered(answer: str, item: Item) -> Grade:
    """1: before the judge has spoken, all that is known is that there is an answer."""
    return Grade(1.0, "judged apart")


def shown(sample: Sample) -> str:
    """The reply as the judge is shown it."""
    return sample.answer or "(The answer is empty.)"


def question(sample: Sample) -> str:
    """What the reply was asked: the user's message, or all turns where there are more."""
    if isinstance(sample.prompt, str):
        return sample.prompt
    turns = [(role, content) for role, content in sample.prompt if role != "system"]
    if len(turns) == 1:
        return str(turns[0][1])
    return "\n\n".join(f"{role}: {content}" for role, content in turns)


def place(sample: Sample) -> str:
    """An id for what is asked about a reply."""
    return f"{sample.item}#{sample.repeat}"
