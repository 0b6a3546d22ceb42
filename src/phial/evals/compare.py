"""Two logs of one task, item by item."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phial.errors import PhialError
from phial.evals.log import Log, Run, Sample
from phial.evals.paired import (
    detectable_means,
    detectable_shares,
    holm,
    mcnemar,
    paired_means,
    paired_ratios,
    paired_shares,
)
from phial.evals.scores import grouped
from phial.evals.statistics import Estimate, mean, ratio

_SHOWN = 80  # characters of a setting


@dataclass(frozen=True)
class Difference:
    """Something that two runs do not have in common, so that their scores may differ for other reasons than the model.

    Attributes:
        name: "data", "protocol", "repeats", "sampling temperature", "system message", "extractor", "prompts" …
        first: of the first run.
        second: of the second.
        grave: whether the scores do not answer the same questions (data, prompts, right answers, unfinished logs).
    """

    name: str
    first: str
    second: str
    grave: bool


@dataclass(frozen=True)
class Marks:
    """Items by who is wholly right; for several replies an item, whose mean score is higher.

    Attributes:
        both: equal, and right.
        first: only the first, or the first more often.
        second: only the second, or the second more often.
        neither: equal, and not wholly right.
    """

    both: int
    first: int
    second: int
    neither: int


@dataclass(frozen=True)
class Part:
    """A further figure of both logs, and first - second."""

    first: Estimate
    second: Estimate
    gap: Estimate


@dataclass(frozen=True)
class Comparison:
    """Two logs over the items that both have.

    Attributes:
        task: its name.
        names: of the two models, told apart.
        first: its score on the shared items.
        second: its score on the shared items.
        gap: first - second, with an interval for pairs.
        p: probability of a gap at least this large if the models were equal.
        adjusted: p after Holm's correction over all comparisons made together; p for a single one.
        together: comparisons made together.
        test: "exact McNemar" or "paired t over items".
        marks: items by outcome.
        detectable: the smallest true gap that would be found with 80 % probability at this number of items.
        parts: further figures that both logs have.
        only_first: ids of items that the second log lacks.
        only_second: ids of items that the first log lacks.
        differences: what else the runs do not share, the grave ones first.
    """

    task: str
    names: tuple[str, str]
    first: Estimate
    second: Estimate
    gap: Estimate
    p: float
    adjusted: float
    together: int
    test: str
    marks: Marks
    detectable: float
    parts: Mapping[str, Part]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare(first: Log, second: Log) -> Comparison:
    """Compare two logs of one task, whatever their numbers of replies an item.

    0/1 scores of one reply an item are compared by McNemar's exact test, with Tango's score interval; anything else by
    the paired t test and interval over the items' means.

    Raises:
        PhialError: the logs are of different tasks, or share no item.
    """
    if first.run.task != second.run.task:
        raise PhialError(
            f"{first.run.task} can't be compared with {second.run.task}", do="compare two logs of the same task"
        )
    ones, others = grouped(first.samples), grouped(second.samples)
    shared = [item for item in ones if item in others]
    if not shared:
        raise PhialError(f"the two logs of {first.run.task} share no item", do="evaluate both models on the same data")
    pairs = [(ones[item], others[item]) for item in shared]
    scores = [(_mean(one), _mean(other)) for one, other in pairs]
    gaps = [one - other for one, other in scores]
    marks = Marks(
        both=sum(one == other == 1 for one, other in scores),
        first=sum(gap > 0 for gap in gaps),
        second=sum(gap < 0 for gap in gaps),
        neither=sum(one == other != 1 for one, other in scores),
    )
    if all(len(one) == len(other) == 1 for one, other in pairs) and {*sum(scores, ())} <= {0.0, 1.0}:
        test, counts = "exact McNemar", (marks.first, marks.second)
        gap, p, detectable = paired_shares(*counts, len(gaps)), mcnemar(*counts), detectable_shares(*counts, len(gaps))
    else:
        test, detectable = "paired t over items", detectable_means(gaps)
        gap, p = paired_means(gaps, sum(len(one) + len(other) for one, other in pairs))
    return Comparison(
        task=first.run.task,
        names=_names(first.run, second.run),
        first=mean([[sample.score for sample in one] for one, _ in pairs]),
        second=mean([[sample.score for sample in other] for _, other in pairs]),
        gap=gap,
        p=p,
        adjusted=p,
        together=1,
        test=test,
        marks=marks,
        detectable=detectable,
        parts=_parts(pairs),
        only_first=tuple(item for item in ones if item not in others),
        only_second=tuple(item for item in others if item not in ones),
        differences=tuple(sorted(_differences(first, second, pairs), key=lambda difference: not difference.grave)),
    )


def compare_all(pairs: Sequence[tuple[Log, Log]]) -> tuple[Comparison, ...]:
    """Compare several pairs of logs, such as two models on several tasks, with p values corrected for their number."""
    comparisons = [compare(first, second) for first, second in pairs]
    adjusted = holm([comparison.p for comparison in comparisons])
    return tuple(
        replace(comparison, adjusted=p, together=len(comparisons))
        for comparison, p in zip(comparisons, adjusted, strict=True)
    )


def _mean(item: Sequence[Sample]) -> float:
    return math.fsum(sample.score for sample in item) / len(item)


def _parts(pairs: Sequence[tuple[Sequence[Sample], Sequence[Sample]]]) -> dict[str, Part]:
    names = dict.fromkeys(name for one, _ in pairs for sample in one for name in sample.parts)
    parts = {}
    for name in names:
        sums = [(*_sums(one, name), *_sums(other, name)) for one, other in pairs]
        if math.fsum(s[1] for s in sums) and math.fsum(s[3] for s in sums):
            replies = [sum(name in sample.parts for pair in pairs for sample in pair[side]) for side in (0, 1)]
            first, second = ratio([s[:2] for s in sums], replies[0]), ratio([s[2:] for s in sums], replies[1])
            parts[name] = Part(first, second, paired_ratios(sums, first, second))
    return parts


def _sums(item: Sequence[Sample], name: str) -> tuple[float, float]:
    found = [sample.parts[name] for sample in item if name in sample.parts]
    return math.fsum(share for share, _ in found), math.fsum(weight for _, weight in found)


def _names(first: Run, second: Run) -> tuple[str, str]:
    if first.model != second.model:
        return first.model, second.model
    keys = [key for key in first.identity if first.identity[key] != second.identity.get(key)]
    if keys:
        marks = [f"{keys[0]} {_shown(run.identity.get(keys[0]), 12)}" for run in (first, second)]
    elif first.protocol != second.protocol:
        marks = [first.protocol, second.protocol]
    else:
        marks = ["first", "second"]
    return f"{first.model} ({marks[0]})", f"{second.model} ({marks[1]})"


def _differences(
    first: Log, second: Log, pairs: Sequence[tuple[Sequence[Sample], Sequence[Sample]]]
) -> list[Difference]:
    found = []

    def tell(name: str, one: Any, other: Any, grave: bool = False) -> None:
        if one != other:
            found.append(Difference(name, _shown(one), _shown(other), grave))

    tell("data (sha256)", first.run.sha256[:12], second.run.sha256[:12], True)
    for name, differ in (
        ("prompts", sum(_json(one[0].prompt) != _json(other[0].prompt) for one, other in pairs)),
        ("right answers", sum(_json(one[0].gold) != _json(other[0].gold) for one, other in pairs)),
    ):
        if differ:
            found.append(Difference(name, "", f"{differ:,} of {len(pairs):,} shared items have others", True))
    missing = [max(0, log.run.items * log.run.repeats - len(log.samples)) for log in (first, second)]
    if any(missing):
        one, other = (f"{count:,} replies missing" for count in missing)
        found.append(Difference("unfinished", one, other, True))
    tell("items asked", first.run.items, second.run.items)
    tell("protocol", first.run.protocol, second.run.protocol)
    tell("protocol's description", first.run.description, second.run.description)
    tell("system message", first.run.system, second.run.system)
    tell("extractor", first.run.extractor, second.run.extractor)
    tell("repeats", first.run.repeats, second.run.repeats)
    for key in dict.fromkeys((*first.run.sampling, *second.run.sampling)):
        tell(f"sampling {key}", first.run.sampling.get(key), second.run.sampling.get(key))
    return found


def _json(value: Any) -> str:
    """The value as a log holds it, whether it was read from one or not."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _shown(value: Any, length: int = _SHOWN) -> str:
    text = value if isinstance(value, str) else _json(value)
    text = " ".join(text.split()) or "none"
    return text if len(text) <= length else text[: length - 1] + "…"
