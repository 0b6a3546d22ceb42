"""Every sample of a report, small enough to be carried in the page: an index, and texts in gzipped parts."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phial.evals.log import Sample
from phial.evals.report.logs import Contest, Entry, Logs
from phial.page.printable import cut, printable

# A sample's marks, as samples.js knows them.
NONE, TRUNCATED, DISAGREE, BETTER, WORSE, CLEAN, PARTIAL, DIRTY = 1, 2, 4, 8, 16, 32, 64, 128
PART = 400_000  # characters of text in a part, so that none takes a browser long to unpack
HEAD, TAIL = 16_000, 8_000  # what is shown of a text that is longer than both together
QUESTION, ANSWER = 160, 60  # characters in a line of the list
COLUMNS = ("model", "item", "repeat", "outcome", "rule", "mark", "prompt")


@dataclass(frozen=True)
class Packed:
    """What the page carries, each ready to be written between tags.

    Attributes:
        index: names, questions' first words, and the columns that the list shows and filters by.
        prompts: parts of the list of prompts.
        texts: parts of the list of what else there is to a sample, in the order of the index.
        count: of the samples.
    """

    index: str
    prompts: tuple[str, ...]
    texts: tuple[str, ...]
    count: int


def pack(logs: Logs, marks: Mapping[tuple[int, int, str], int]) -> Packed:
    """Pack all samples of all runs.

    Args:
        logs: the report's.
        marks: of an item's samples beside those that a sample tells itself, by contest, model and item.
    """
    tags, rules, prompts, items = _Numbers(), _Numbers(), _Numbers(), _Numbers()
    about: list[Any] = []
    rows: list[tuple[int, ...]] = []
    answers: list[str] = []
    texts: list[Any] = []
    for number, contest in enumerate(logs.contests):
        variants = {
            entry.path: {
                name: {(sample.item, sample.repeat): sample for sample in log.samples}
                for name, log in entry.variants.items()
            }
            for entry in contest.entries
        }
        for entry, sample in _ordered(contest):
            item = items.of((number, sample.item))
            if item == len(about):
                chosen = [tags.of(f"{name}: {value}") for name, value in sample.tags.items()]
                about.append([number, *map(label, (sample.item, _question(sample.prompt))), _gold(sample), chosen])
            others = [
                (name, read.answer, read.rule, read.score)
                for name, replies in variants[entry.path].items()
                if (read := replies.get((sample.item, sample.repeat)))
            ]
            mark = marks.get((number, entry.model, sample.item), 0)
            mark |= NONE * (sample.answer is None) | TRUNCATED * sample.truncated
            mark |= DISAGREE * any(answer != sample.answer for _, answer, _, _ in others)
            prompt = prompts.of(json.dumps(_prompt(sample.prompt, entry.log.run.system)))
            rule = rules.of(label(sample.rule))
            rows.append((entry.model, item, sample.repeat, outcome(sample), rule, mark, prompt))
            answers.append("" if sample.answer is None else label(sample.answer))
            texts.append(_text(sample, others))
    prompt_parts, prompt_starts = _parts([json.loads(prompt) for prompt in prompts.known])
    text_parts, text_starts = _parts(texts)
    index = {
        "models": [label(name) for name in logs.models],
        "tasks": [label(contest.title) for contest in logs.contests],
        "tags": [label(tag) for tag in tags.known],
        "rules": list(rules.known),
        "items": about,
        **{name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)},
        "answer": answers,
        "prompts": prompt_starts,
        "texts": text_starts,
    }
    return Packed(_squeezed(json.dumps(index)), prompt_parts, text_parts, len(rows))


def outcome(sample: Sample) -> int:
    """0 for wrong, 1 for right, 2 for anything between."""
    return 1 if sample.score >= 1 else 0 if sample.score <= 0 else 2


class _Numbers:
    """Numbers of things, in the order in which they were first seen."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def of(self, thing: Any) -> int:
        return self.known.setdefault(thing, len(self.known))


def _ordered(contest: Contest) -> list[tuple[Entry, Sample]]:
    """Item by item in the order of the first log, so that all replies to a question stand together."""
    places = _Numbers()
    samples = [(entry, sample) for entry in contest.entries for sample in entry.log.samples]
    for _, sample in samples:
        places.of(sample.item)
    return sorted(samples, key=lambda one: (places.of(one[1].item), one[0].model, one[1].repeat))


def _text(sample: Sample, others: list[tuple[str, str | None, str, float]]) -> list[Any]:
    """What the page shows of an opened sample; samples.js knows the order."""
    gold = sample.gold if isinstance(sample.gold, str) else json.dumps(sample.gold, ensure_ascii=False)
    return [
        _long(sample.reply),
        _long(sample.reasoning),
        _long(gold),
        None if sample.answer is None else _long(sample.answer),
        _long(sample.detail),
        label(sample.finish),
        _finite(sample.score),
        sample.prompt_tokens,
        sample.tokens,
        _finite(sample.seconds),
        _finite(sample.cpu_seconds),
        _finite(sample.joules),
        [[label(name), _finite(share), _finite(weight)] for name, (share, weight) in sample.parts.items()],
        [[_finite(logprob), tokens] for logprob, tokens in sample.options],
        [[label(name), answer and label(answer), label(rule), _finite(score)] for name, answer, rule, score in others],
    ]


def _prompt(prompt: Any, system: str) -> Any:
    """A prompt as it was asked: the run's system message stands before a chat's own."""
    if isinstance(prompt, str):
        return _long(prompt)
    before = [("system", system)] if system else []
    return [[label(role), _long(text)] for role, text in (*before, *prompt)]


def _question(prompt: Any) -> str:
    """The words to know a question by: the last message's first ones; a continued text's last ones."""
    if isinstance(prompt, str):
        return " ".join(prompt[-4 * QUESTION :].split())[-QUESTION:]
    text = next((text for role, text in reversed(prompt) if role == "user"), "")
    return " ".join(text[: 4 * QUESTION].split())[:QUESTION]


def _gold(sample: Sample) -> str:
    gold = sample.gold if isinstance(sample.gold, str) else json.dumps(sample.gold, ensure_ascii=False)
    return label(gold)


def label(text: str) -> str:
    """A name or answer in one line, as the list shows it and links name it."""
    return cut(" ".join(printable(text[: 4 * QUESTION]).split()), QUESTION)


def _long(text: str) -> str:
    if len(text) <= HEAD + TAIL:
        return printable(text)
    left = len(text) - HEAD - TAIL
    return f"{printable(text[:HEAD])}\n\n[… {left:,} characters are in the log only …]\n\n{printable(text[-TAIL:])}"


def _finite(value: float | None) -> float | str | None:
    """JSON has no infinity."""
    return value if value is None or math.isfinite(value) else str(value)


def _parts(things: list[Any]) -> tuple[tuple[str, ...], list[int]]:
    """A list in parts, and the number of the first thing of each."""
    parts, starts, lines, length = [], [], [], 0
    for number, thing in enumerate(things):
        if not lines:
            starts.append(number)
        lines.append(json.dumps(thing, ensure_ascii=False))
        length += len(lines[-1])
        if length >= PART or number == len(things) - 1:
            parts.append(_squeezed("[" + ",".join(lines) + "]"))
            lines, length = [], 0
    return tuple(parts), starts


def _squeezed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
