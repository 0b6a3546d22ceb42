"""The sample log: a line about the run, then one JSON line a reply; every score is a pure function of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from phial.errors import PhialError

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
        prompt: as it was asked: messages, or a string that was continued.
        reply: the model's text, thinking included.
        reasoning: thinking that the server kept apart.
        finish: "stop", "length", "prompt-too-long", "refused".
        prompt_tokens: None where the server did not say.
        tokens: of the reply, thinking included.
        seconds: from question to end of the answer; others were answered beside it.
        options: (log probability, tokens) of each option, for items that have them.
        gold: the right answer.
        tags: of the item.
        answer: what was extracted, None if nothing.
        rule: that extracted it.
        truncated: the reply ended before the answer began, or by its token limit.
        score: the grade, 0 to 1.
        detail: why.
        parts: further figures, as in `Grade`.
        cpu_seconds: of all that was computed for this reply; None for a server elsewhere.
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


@dataclass(frozen=True)
class Log:
    """A log that was read: about the run, and its samples in the order they were written."""

    run: Run
    samples: tuple[Sample, ...]


def line(record: Run | Sample) -> str:
    """One line of a log, its line feed included."""
    fields = {"format": FORMAT, **asdict(record)} if isinstance(record, Run) else asdict(record)
    return json.dumps(fields, ensure_ascii=False) + "\n"


def read(path: Path) -> Log:
    """Read a whole log.

    Raises:
        PhialError: there is none, or a line is damaged.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise PhialError("an empty sample log", where=str(path), do="remove it and evaluate again")
    number, fields = first
    if fields.pop("format", None) != FORMAT:
        raise PhialError("no sample log of this version", where=str(path), do="evaluate again with this version")
    run = _made(Run, fields, path, number)
    return Log(run, tuple(_made(Sample, fields, path, number) for number, fields in lines))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                fields = json.loads(text)
                if not isinstance(fields, dict):
                    raise PhialError("damaged sample log: no object", where=f"{path}, line {number}")
                yield number, fields
    except (OSError, ValueError) as error:
        raise PhialError(f"can't read sample log: {error}", where=str(path)) from error


def _made(kind: type[_T], fields: dict[str, Any], path: Path, number: int) -> _T:
    try:
        return kind(**fields)
    except TypeError as error:
        raise PhialError(
            f"damaged sample log: {error}", where=f"{path}, line {number}", do="cut the file before that line"
        ) from error
