"""Task: items, how to ask them, how to read the reply and how to grade it, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phial.engine.request import Sampling
from phial.errors import PhialError

Messages = tuple[tuple[str, str], ...]  # (role, content); roles are "system", "user" and "assistant"


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        id: unique in its task.
        prompt: messages of a chat, or a string that is continued as it stands, without any chat format.
        gold: the right answer; JSON.
        tags: what results are split by ("subject", "level").
        options: continuations of the prompt whose log probabilities are asked for, instead of a reply.
        data: what the grader needs beside the right answer (tests, rules); JSON; not written to the log.
    """

    id: str
    prompt: Messages | str
    gold: Any
    tags: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OptionScore:
    """How likely one option was: the sum of its tokens' log probabilities (nats), and how many tokens it has."""

    logprob: float
    tokens: int


@dataclass(frozen=True)
class Extraction:
    """What a reply states as its answer.

    Attributes:
        answer: None where no rule found one.
        rule: the one that fired, as the report names it ("boxed", "answer-colon", "last-number"); "" where none did.
    """

    answer: str | None
    rule: str = ""


@dataclass(frozen=True)
class Grade:
    """How right an answer is.

    Attributes:
        score: 0 to 1; most benchmarks know only these two.
        detail: why, in a line: the test that failed, the rule that was broken, the tier that decided.
        parts: further figures of this reply as (share, weight): a figure is the sum of the shares by the sum of the
            weights, over all replies that have it. IFEval's instruction accuracy is (kept, asked); AMC's contest score
            is (points, 6).
    """

    score: float
    detail: str = ""
    parts: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """How a benchmark is put to a model; printed with every result.

    Attributes:
        name: "phi-4", "phi-4-reasoning", "simple-evals", "lm-eval", "phial" …
        description: one line: shots, wording, what is compared.
        sampling: of the answers.
        repeats: answers an item.
        system: the system message; "" for none.
        stop: strings that end an answer.
        extractor: of the task's, that makes the score.
    """

    name: str
    description: str
    sampling: Sampling
    repeats: int = 1
    system: str = ""
    stop: tuple[str, ...] = ()
    extractor: str = "phial"


Extract = Callable[[str, Item], Extraction]  # of a reply without its thinking


def likeliest(scores: Sequence[OptionScore], item: Item) -> Extraction:
    """The option of the greatest log probability, without the space around it; the first of equals."""
    best = max(range(len(scores)), key=lambda index: scores[index].logprob)
    return Extraction(item.options[best].strip(), "likeliest")


def nothing(item: Item) -> Grade:
    """Without an answer, nothing is earned."""
    return Grade(0.0)


@dataclass(frozen=True)
class Task:
    """A benchmark.

    Attributes:
        name: as results print it.
        protocol: how it is put to the model.
        items: the questions.
        extractors: by name; "phial" is ours, "compat:HARNESS" reads as that harness does, its faults included.
        grade: an extracted answer, which is never None, against its item.
        sha256: of the data the items were read from, or of the generator's version and seed.
        choose: reads the log probabilities of items with options.
        blank: the grade of a reply without an answer; its parts are those that other replies have.

    Raises:
        PhialError: there is no item, two have the same id, or there is no extractor of the protocol's name.
    """

    name: str
    protocol: Protocol
    items: tuple[Item, ...]
    extractors: Mapping[str, Extract]
    grade: Callable[[str, Item], Grade]
    sha256: str
    choose: Callable[[Sequence[OptionScore], Item], Extraction] = likeliest
    blank: Callable[[Item], Grade] = nothing

    def __post_init__(self) -> None:
        counts = Counter(item.id for item in self.items)
        twice = [name for name, count in counts.items() if count > 1]
        if twice or not counts:
            what = f"{len(twice)} ids are there more than once, such as {twice[0]!r}" if twice else "no items"
            raise PhialError(what, where=f"task {self.name}", do="look at the benchmark's files")
        if self.protocol.extractor not in self.extractors:
            what = f"the protocol {self.protocol.name!r} wants the extractor {self.protocol.extractor!r}"
            raise PhialError(what, where=f"task {self.name}", do=f"use one of {', '.join(self.extractors)}")

    @property
    def extract(self) -> Extract:
        """The extractor of the protocol."""
        return self.extractors[self.protocol.extractor]
