"""Every sample of a report, small enough to be carried in the page: an index, and texts in gzipped parts."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phial.evals.log import Sample
from phial.evals.report.logs import Logs, outcome
from phial.page.printable import cut, printable

NONE, TRUNCATED, DISAGREE, BETTER, WORSE, OVERLAP = 1, 2, 4, 8, 16, 32  # a sample's marks, as samples.js knows them
PART = 400_000  # characters of text in a part, so that none takes a browser long to unpack
HEAD, TAIL = 16_000, 8_000  # what of a long text is shown
QUESTION, ANSWER = 160, 60  # characters in a line of the list


@dataclass(frozen=True)
class Packed:
    """What the page carries, each ready to be written between tags.

    Attributes:
        index: names, questions' first words, and the columns that the list shows and filters by.
        prompts: parts of a list of the prompts.
        texts: parts of a list of what else there is to a sample, in the order of the index.
        count: of the samples.
    """

    index: str
    prompts: tuple[str, ...]
    texts: tuple[str, ...]
    count: int


def pack(logs: Logs, marks: Mapping[tuple[int, int, str], int] | None = None) -> Packed:
    """Pack all samples of all runs.

    Args:
        logs: the report's.
        marks: BETTER, WORSE and OVERLAP by number of the contest, of the model, and item.
    """
    tags, rules, prompts = _Names(), _Names(), _Names()
    items: dict[tuple[int, str], int] = {}
    about: list[Any] = []
    rows: list[tuple[int, ...]] = []
    answers: list[str] = []
    texts: list[Any] = []
    for number, contest in enumerate(logs.contests):
        for entry in contest.entries:
            read = {name: {(one.item, one.repeat): one for one in log.samples} for name, log in entry.variants.items()}
            for sample in sorted(entry.log.samples, key=_asked(items, number)):
                if (number, sample.item) not in items:
                    items[number, sample.item] = len(about)
                    chosen = [tags.number(f"{name}: {value}") for name, value in sample.tags.items()]
                    about.append([number, _shown(sample.item, 80), _question(sample.prompt), _gold(sample, ANSWER), chosen])
                others = [[name, *_read_by(one[sample.item, sample.repeat])] for name, one in read.items() if (sample.item, sample.repeat) in one]
                mark = (marks or {}).get((number, entry.model, sample.item), 0)
                mark |= NONE * (sample.answer is None) | TRUNCATED * sample.truncated
                mark |= DISAGREE * any(one[1:] != _read_by(sample) for one in others)
                rows.append(
                    (entry.model, items[number, sample.item], sample.repeat, outcome(sample), rules.number(sample.rule), mark,
                     prompts.number(json.dumps(_prompt(sample.prompt))))
                )
                answers.append("" if sample.answer is None else _shown(sample.answer, ANSWER))
                texts.append(_text(sample, others))
    prompt_parts, prompt_starts = _parts([json.loads(one) for one in prompts.known])
    text_parts, text_starts = _parts(texts)
    names = ("model", "item", "repeat", "outcome", "rule", "mark", "prompt")
    index = {
        "models": logs.models,
        "tasks": [_shown(one.task, 80) for one in logs.contests],
        "tags": tags.known,
        "rules": rules.known,
        "items": about,
        **{name: [row[place] for row in rows] for place, name in enumerate(names)},
        "answer": answers,
        "prompts": prompt_starts,
        "texts": text_starts,
    }
    return Packed(_squeezed(index), prompt_parts, text_parts, len(rows))


@dataclass
class _Names:
    """Numbers of strings, in the order they were first seen."""

    known: dict[str, int] = field(default_factory=dict)
