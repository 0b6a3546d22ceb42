"""What a folder of records shows at a look: samples, funnel, cost, speed, duplicates, diversity, contamination."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

from phial.curate import decontaminate, quality
from phial.recipe.diversity import Diversity, diversity
from phial.recipe.look_cost import Cost, cost_of
from phial.recipe.look_evidence import (
    EVIDENCE,
    Cluster,
    Contamination,
    Example,
    example,
    find_clusters,
    find_contamination,
)
from phial.recipe.look_folder import Folder, Form, open_folder
from phial.recipe.look_quality import Learned, find_learned
from phial.record import Record, Verdict

_POOL = 400  # records of a kind that samples and diversity are drawn from
_POOL_CHARACTERS = 20_000
_EXAMPLES = 3
_BINS = 20


@dataclass(frozen=True)
class Sample:
    """A record as it is shown; `score` is the one that samples are ordered by, None where it has none."""

    id: str
    source: str
    license: str
    flow: str
    requests: int
    score: float | None
    scores: Mapping[str, float]
    verdicts: tuple[Verdict, ...]
    text: str


@dataclass(frozen=True)
class Kind:
    """The records of a kind, with samples from the lowest score to the highest."""

    name: str
    records: int
    characters: int
    samples: tuple[Sample, ...]
    diversity: Diversity


@dataclass(frozen=True)
class Spread:
    """Of a score over all records that have it: quantiles, and counts of twenty equal steps from lowest to highest."""

    name: str
    records: int
    lowest: float
    quartiles: tuple[float, float, float]
    highest: float
    bins: tuple[int, ...]


@dataclass(frozen=True)
class Reason:
    """What a gate turned records away for."""

    name: str
    count: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Gate:
    """A step of the funnel."""

    name: str
    entered: int
    kept: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Look:
    """All that is shown of a folder.

    Attributes:
        folder: where.
        form: what made it.
        title: of the flow or the folder.
        records: kept.
        score: the name of the score that samples are ordered by; "" where no record has one.
        kinds: largest first.
        scores: by name.
        gates: the funnel, in its order.
        cost: None where no teacher was asked.
        clusters: of near duplicates, largest first.
        clustered: how many clusters there are.
        contamination: a few of each: dropped, flagged.
        contaminated: records dropped, and flagged, for sharing words with a benchmark; None where nobody looked.
        learned: by the quality classifier; None where there was none.
        notes: what the numbers leave out.
    """

    folder: Path
    form: Form
    title: str
    records: int
    score: str
    kinds: tuple[Kind, ...]
    scores: tuple[Spread, ...]
    gates: tuple[Gate, ...]
    cost: Cost | None
    clusters: tuple[Cluster, ...]
    clustered: int
    contamination: tuple[Contamination, ...]
    contaminated: tuple[int, int] | None
    learned: Learned | None
    notes: tuple[str, ...]


def look(
    path: Path, samples: int = 5, score: str = "", ledger: Path | None = None, quality_report: Path | None = None
) -> Look:
    """Read a folder of records.

    Args:
        path: of a flow's run, finished or not, of a curation, or of Parquet files of records.
        samples: to show of each kind.
        score: to order them by; by default the quality, or what most records have.
        ledger: of the teacher's requests; by default the nearest ledger.sqlite in the folder or above it.
        quality_report: of the classifier; by default the quality.json in the folder.

    Raises:
        PhialError: there is nothing to look at, or a file is damaged.
    """
    folder = open_folder(path)
    seen = _Seen()
    for record in folder.records():
        seen.add(record)
    chosen = score or seen.usual_score()
    lines = _Drops()
    for line in folder.dropped_lines():
        lines.add(line)
    clusters, clustered = find_clusters(folder)
    contamination, contaminated = find_contamination(folder)
    cost, notes = cost_of(folder, seen.keys | lines.keys, ledger)
    return Look(
        path,
        folder.form,
        folder.report["flow"] if folder.report else path.resolve().name,
        sum(seen.records.values()),
        chosen,
        tuple(seen.kinds(samples, chosen)),
        tuple(_spread(*item) for item in sorted(seen.scores.items()) if any(map(isfinite, item[1]))),
        tuple(_gates(folder, lines, sum(seen.records.values()))),
        cost,
        clusters,
        clustered,
        (*contamination, *seen.flagged),
        (contaminated, seen.flags) if seen.judged or contaminated else None,
        find_learned(path, quality_report),
        (*_notes(folder), *notes),
    )


class _Seen:
    """What one pass over the kept records gathers; of their texts, only those of a fixed number a kind."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        self.scores: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self.keys: set[str] = set()
        self.flagged: list[Contamination] = []
        self.flags = self.judged = 0
        # Ids are hashes, so the smallest ones are a fair sample, the same at every look.
        self._pools: defaultdict[str, list[tuple[int, int, Record]]] = defaultdict(list)

    def add(self, record: Record) -> None:
        self.records[record.kind] += 1
        self.characters[record.kind] += len(record.content)
        for name, value in record.scores.items():
            self.scores[name].append(value)
        self.keys.update(record.lineage.request_keys)
        for verdict in record.lineage.verdicts:
            if verdict.gate == decontaminate.GATE:
                self.judged += 1
                if verdict.detail.startswith("partial"):
                    self.flags += 1
                    if len(self.flagged) < EVIDENCE:
                        self.flagged.append(Contamination(example(record, verdict.detail), False))
        pool = self._pools[record.kind]
        entry = (-int(record.id[:15], 16), -self.records[record.kind], record)
        if len(pool) < _POOL:
            heapq.heappush(pool, entry)
        elif entry > pool[0]:
            heapq.heapreplace(pool, entry)

    def usual_score(self) -> str:
        if quality.SCORE in self.scores:
            return quality.SCORE
        # Of those that most records have, the one that tells most of them apart.
        return max(self.scores, key=lambda name: (len(self.scores[name]), len(set(self.scores[name]))), default="")

    def kinds(self, samples: int, score: str) -> Iterator[Kind]:
        for kind, count in self.records.most_common():
            pool = [record for *_, record in sorted(self._pools[kind], reverse=True)]
            scored = sorted(
                (one for one in pool if isfinite(one.scores.get(score, nan))), key=lambda one: one.scores[score]
            )
            rest = [one for one in pool if not isfinite(one.scores.get(score, nan))]
            few = _evenly(scored, samples)
            shown = tuple(_sample(one, score) for one in few + rest[: samples - len(few)])
            measured = diversity([one.content[:_POOL_CHARACTERS] for one in pool])
            yield Kind(kind, count, self.characters[kind], shown, measured)


class _Drops:
    """What a run's flow dropped, by reason."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: defaultdict[str, list[Example]] = defaultdict(list)
        self.keys: set[str] = set()

    def add(self, line: Mapping[str, Any]) -> None:
        reason = line["reason"]
        self.counts[reason] += 1
        self.keys.update(line["request_keys"])
        if len(self.examples[reason]) < _EXAMPLES:
            self.examples[reason].append(Example(line["seed"], line["text"], line["detail"]))


def _evenly(ordered: list[Record], count: int) -> list[Record]:
    """Some of a list, its first and last among them."""
    if len(ordered) <= count:
        return ordered
    return [ordered[round(at * (len(ordered) - 1) / max(1, count - 1))] for at in range(count)]


def _sample(record: Record, score: str) -> Sample:
    lineage = record.lineage
    shown = record.text or "\n\n".join(f"{role}: {content}" for role, content in record.messages or ())
    return Sample(
        record.id,
        record.source,
        record.license,
        f"{lineage.flow}/{lineage.version}",
        len(lineage.request_keys),
        record.scores.get(score),
        record.scores,
        lineage.verdicts,
        shown,
    )


def _spread(name: str, values: array[float]) -> Spread:
    ordered = sorted(filter(isfinite, values))
    low, high = ordered[0], ordered[-1]
    step = (high - low) / _BINS or 1.0
    bins = Counter(min(_BINS - 1, int((value - low) / step)) for value in ordered)
    quarter, half, most = (ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75))
    return Spread(name, len(ordered), low, (quarter, half, most), high, tuple(bins[at] for at in range(_BINS)))


def _gates(folder: Folder, lines: _Drops, records: int) -> Iterator[Gate]:
    if folder.form == "run of a flow":
        totals = Counter(folder.report["dropped"] if folder.report else lines.counts)
        reasons = [Reason(name, count, tuple(lines.examples[name])) for name, count in totals.most_common()]
        seeds = folder.report["seeds"] if folder.report else sum(one["seeds"] for one in folder.counts)
        yield Gate("seeds through the flow", seeds, records, tuple(reasons))
    kept: dict[str, int] = {}
    reasons_of: defaultdict[str, list[Reason]] = defaultdict(list)
    for row in folder.funnel:
        if row["outcome"] == "kept":
            kept[row["stage"]] = row["count"]
        else:
            examples = tuple(Example(one["id"], one["text"], one["detail"]) for one in row["examples"])
            reasons_of[row["stage"]].append(Reason(row["reason"], row["count"], examples))
    for stage, count in kept.items():
        reasons = reasons_of[stage]
        yield Gate(stage, count + sum(reason.count for reason in reasons), count, tuple(reasons))


def _notes(folder: Folder) -> Iterator[str]:
    report = folder.report
    if folder.form == "run of a flow" and report is None:
        yield "the run is not finished: these are the shards that are, whatever their settings"
    if report and report.get("unanswered"):
        yield f"{report['unanswered']:,} seeds were not answered; start the run again for them"
    if report and report.get("spare"):
        yield f"{report['spare']:,} more records were accepted than asked for; their replies are in the ledger"
