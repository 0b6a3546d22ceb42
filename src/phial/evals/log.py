"""The sample log: a line about the run, then one JSON line a reply; every score is a pure function of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from phial.errors import PhialError
from phial.evals.line_file import objects

FORMAT = 1
_T = TypeVar("_T")


@dataclass(frozen=True)
class Run:
    """Whose answers a log holds, to what, and how they were asked for; all but `made` decides the answers.

    Attributes:
        task: its name.
        protocol: its name.
        description: the protocol in a line.
        sha256: of the task's data.
        items: how many of them are asked.
        model: as the report names it.
        identity: what tells this model from others of its name: content hash, revision, quantization.
        sampling: of the protocol, as it was used.
        repeats: answers an item.
        system: the system message.
        extractor: that graded the log.
        made: when, by which version, on what machine, from which address.
    """

    task: str
    protocol: str
    description: str
    sha256: str
    items: int
    model: str
    identity: Mapping[str, Any]
    sampling: Mapping[str, Any]
    repeats: int
    system: str
    extractor: str
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One reply and its grade.

    Attributes:
        item: its item's id.
        repeat: 0 for the first or only reply.
        prompt: the item's: messages, which the run's system message stands before, or a string that was continued.
        reply: the model's text, thinking included.
        reasoning: thinking that the server kept apart.
        finish: "stop", "length", "prompt-too-long", "refused".
        prompt_tokens: None where the server did not say.
        tokens: of the reply, thinking included.
        seconds: from question to end of the answer; others were answered beside it.
        options: (log probability, tokens) of each option, for items that have them; NaN where the model gave none.
        gold: the right answer.
        tags: of the item.
        answer: what was extracted, None if nothing.
        rule: that extracted it.
        truncated: the reply ended before the answer began, or by its token limit.
        score: the grade, 0 to 1.
        detail: why.
        parts: further figures, as in `Grade`.
        cpu_seconds: of this process, since the reply before it ended: what is computed for several replies at a time
            can't be told apart, but the sum is right. None for a server elsewhere.
        joules: of the machine's processors, in the same way; None where the machine does not tell.
    """

    item: str
    repeat: int
    prompt: Any
    reply: str
    reasoning: str
    finish: str
    prompt_tokens: int | None
    tokens: int | None
    seconds: float
    options: tuple[tuple[float, int], ...]
    gold: Any
    tags: Mapping[str, str]
    answer: str | None
    rule: str
    truncated: bool
    score: float
    detail: str = ""
    parts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    cpu_seconds: float | None = None
    joules: float | None = None


@dataclass(frozen=True)
class Log:
    """A log that was read: about the run, and its samples in the order they were written."""

    run: Run
    samples: tuple[Sample, ...]


def line(record: Run | Sample) -> str:
    """One line of a log, its line feed included; JSON of text that UTF-8 can hold, whatever a model wrote."""
    fields = asdict(record)
    if isinstance(record, Run):
        fields = {"format": FORMAT, **fields}
    else:
        fields["options"] = [[value if math.isfinite(value) else None, count] for value, count in record.options]
    # Half a surrogate pair becomes the escape that JSON has for it.
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def read(path: Path) -> Log:
    """Read a whole log.

    Raises:
        PhialError: there is none, or a line is damaged.
    """
    lines = objects(path)
    first = next(lines, None)
    if first is None:
        raise PhialError("an empty sample log", where=str(path), do="remove it and evaluate again")
    return Log(read_run(*first), tuple(read_sample(fields, where) for fields, where in lines))


def read_run(fields: dict[str, Any], where: str) -> Run:
    """The run that a log's first line tells of.

    Raises:
        PhialError: it is of another version, or damaged.
    """
    if fields.pop("format", None) != FORMAT:
        raise PhialError("no sample log of this version", where=where, do="evaluate again with this version")
    return _made(Run, fields, where)


def read_sample(fields: dict[str, Any], where: str) -> Sample:
    """The sample of another line.

    Raises:
        PhialError: it is damaged.
    """
    sample = _made(Sample, fields, where)
    try:
        options = tuple((math.nan if value is None else float(value), int(count)) for value, count in sample.options)
        parts = {name: (float(share), float(weight)) for name, (share, weight) in sample.parts.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise _damaged(error, where) from error
    prompt = sample.prompt if isinstance(sample.prompt, str) else tuple(map(tuple, sample.prompt))
    return replace(sample, prompt=prompt, options=options, parts=parts)


def write(path: Path, log: Log) -> None:
    """Put a whole log in the place of what is there, in one moment."""
    aside = path.with_name(path.name + ".partial")
    with aside.open("w", encoding="utf-8") as file:
        file.writelines(line(record) for record in (log.run, *log.samples))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _made(kind: type[_T], fields: dict[str, Any], where: str) -> _T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise _damaged(error, where) from error


def _damaged(error: Exception, where: str) -> PhialError:
    return PhialError(f"damaged sample log: {error}", where=where, do="cut the file before that line")
