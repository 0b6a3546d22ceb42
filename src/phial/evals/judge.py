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
from phial.evals.grading import begins_in_thinking
from phial.evals.log import Log, Sample
from phial.evals.task import Extract, Extraction, Grade, Item, Protocol, Task, nothing
from phial.evals.thinking import visible

VERSION = 1  # of the words to the judge
LOOKED_AT = 100_000  # characters at the end of a judge's reply
JUDGING = Sampling(max_tokens=4096)


@dataclass(frozen=True)
class Judging:
    """How replies are judged.

    Attributes:
        task: name of the judge's task.
        protocol: how the judge is asked; its system message says what its work is.
        ask: the questions about one reply, which it is given as the log has it and as the judge is shown it. An item's
            `gold` has all that its grade needs, so that scores stay a pure function of the judge's log.
        extractors: of the judge's replies.
        grade: a verdict.
        blank: the grade where the judge gave none.
    """

    task: str
    protocol: Protocol
    ask: Callable[[Sample, str], Iterable[Item]]
    extractors: Mapping[str, Extract]
    grade: Callable[[str, Item], Grade]
    blank: Callable[[Item], Grade] = nothing


def judged(log: Log, judging: Judging) -> Task:
    """The second task: every reply of a finished log, put to a judge.

    The judge is shown a reply without its thinking.

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
    opened = begins_in_thinking(log)
    items = tuple(item for sample in log.samples for item in judging.ask(sample, _shown(sample, opened)))
    told = [
        VERSION,
        log.run.model,
        log.run.identity,
        judging.protocol.system,
        [[i.id, i.prompt, i.gold] for i in items],
    ]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    sha256 = digest.hexdigest()
    return Task(judging.task, judging.protocol, items, judging.extractors, judging.grade, sha256, blank=judging.blank)


def whole_reply(reply: str, item: Item) -> Extraction:
    """The reply as the judge will be shown it; nothing where it is empty."""
    return Extraction(reply.strip(), "reply") if reply.strip() else Extraction(None)


def answered(answer: str, item: Item) -> Grade:
    """1: before the judge has spoken, all that is known is that there is an answer."""
    return Grade(1.0, "judged apart")


def _shown(sample: Sample, opened: bool) -> str:
    answer = visible(sample.reply, sample.reasoning, sample.finish, opened).text.strip()
    return answer or "(The answer is empty.)"


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
