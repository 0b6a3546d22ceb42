"""From replies to graded samples, when they come and again later."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from phial.errors import PhialError
from phial.evals.log import Log, Sample
from phial.evals.respondent import Reply
from phial.evals.task import Extraction, Grade, Item, OptionScore, Task
from phial.evals.thinking import closes_unopened, left_open, visible

NOT_ASKED = ("prompt-too-long", "refused")


def graded(reply: Reply, item: Item, repeat: int, task: Task, opened: bool = False) -> Sample:
    """A reply as a sample: its thinking removed, its answer extracted and graded by the task's protocol.

    Args:
        reply: what came back.
        item: what was asked.
        repeat: for the how-manieth time, from 0.
        task: reads and grades.
        opened: the respondent's prompts end with an opening tag.
    """
    options = tuple((score.logprob, score.tokens) for score in reply.options)
    sample = Sample(
        item=item.id, repeat=repeat, prompt=item.prompt, reply=reply.text, reasoning=reply.reasoning,
        finish=reply.finish, prompt_tokens=reply.prompt_tokens, tokens=reply.tokens, seconds=reply.seconds,
        options=options, gold=item.gold, tags=dict(item.tags), answer=None, rule="", truncated=False, score=0.0,
        cpu_seconds=reply.cpu_seconds, joules=reply.joules,
    )  # fmt: skip
    return _regraded(sample, item, task, task.protocol.extractor, opened)


def rescore(log: Log, task: Task, extractor: str) -> Log:
    """The same replies under another extractor, or another version of the task's code.

    Args:
        log: stays as it is.
        task: of the same data.
        extractor: of the task's.

    Raises:
        PhialError: the log is of other data, or the task has no such extractor.
    """
    if extractor not in task.extractors:
        do = f"use one of {', '.join(task.extractors)}"
        raise PhialError(f"{task.name} has no extractor {extractor!r}", where="rescore", do=do)
    if log.run.sha256 != task.sha256:
        what = f"the log's data has sha256 {log.run.sha256[:12]}…, the task's {task.sha256[:12]}…"
        raise PhialError(what, where=f"task {task.name}", do="give the data that the log was made with")
    items = {item.id: item for item in task.items}
    unknown = [sample.item for sample in log.samples if sample.item not in items]
    if unknown:
        what = f"{len(unknown)} items of the log are not in the task, such as {unknown[0]!r}"
        raise PhialError(what, where=f"task {task.name}", do="give the task its whole data, without a limit")
    opened = begins_in_thinking(log)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        samples = pool.map(lambda one: _regraded(one, items[one.item], task, extractor, opened), log.samples)
        return Log(replace(log.run, extractor=extractor), tuple(samples))


def begins_in_thinking(log: Log) -> bool:
    """Whether the prompts of a log ended with an opening tag: its run says so, or most replies tell it.

    A server applies its template unseen. Where most of the replies that ended by themselves close thinking that they
    did not open, the others were thinking, too.
    """
    if log.run.identity.get("opened"):
        return True
    ended = [sample for sample in log.samples if sample.finish == "stop" and sample.reply and not sample.options]
    return 2 * sum(closes_unopened(sample.reply) for sample in ended) > len(ended)


def changed(samples: Iterable[Sample]) -> list[Sample]:
    """Those whose answer is another where prompts turn out to have ended with an opening tag."""
    return [
        one
        for one in samples
        if visible(one.reply, one.reasoning, one.finish, True) != visible(one.reply, one.reasoning, one.finish)
    ]


def _regraded(sample: Sample, item: Item, task: Task, extractor: str, opened: bool) -> Sample:
    found, truncated, why = _answer(sample, item, task, extractor, opened)
    try:
        grade = _grade(found, item, task, why)
    except Exception as error:
        error.add_note(f"while {task.name}, item {sample.item!r}, repeat {sample.repeat} was graded")
        raise
    if not 0 <= grade.score <= 1:  # NaN is neither
        raise ValueError(f"{task.name} graded item {sample.item!r} with {grade.score}, not with 0 to 1")
    return replace(
        sample, answer=found.answer, rule=found.rule, truncated=truncated, score=float(grade.score),
        detail=grade.detail, parts=dict(grade.parts),
    )  # fmt: skip


def _grade(found: Extraction, item: Item, task: Task, why: str) -> Grade:
    if found.answer is None:
        blank = task.blank(item)
        return blank if blank.detail else replace(blank, detail=why)
    return task.grade(found.answer, item)


def _answer(sample: Sample, item: Item, task: Task, extractor: str, opened: bool) -> tuple[Extraction, bool, str]:
    """What a sample says, whether it was cut off, and why it says nothing where it does."""
    if sample.finish in NOT_ASKED:
        return Extraction(None), False, sample.finish
    if item.options:
        if not all(math.isfinite(value) for value, _ in sample.options):
            return Extraction(None), False, "a log probability is not a number"
        return task.choose([OptionScore(*option) for option in sample.options], item), False, "no option"
    opens = opened or left_open(item.prompt if isinstance(item.prompt, str) else item.prompt[-1][1])
    shown = visible(sample.reply, sample.reasoning, sample.finish, opens)
    if not shown.text.strip():
        return Extraction(None), shown.truncated, "truncated" if shown.truncated else "an empty reply"
    return task.extractors[extractor](shown.text, item), shown.truncated, "no answer"
