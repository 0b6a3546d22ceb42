"""Why records were turned away, to be seen: examples, clusters of near duplicates, words shared with a benchmark."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from phial.curate import decontaminate
from phial.recipe.look_folder import Folder
from phial.record import Record

EVIDENCE = 10
_CHARACTERS = 20_000
_CLUSTERS, _MEMBERS = 10, 3
_SAME, _NEAR = "same text: ", "near duplicate: "
_CLAUSES = ("13-gram", "7-gram", "whole text")


@dataclass(frozen=True)
class Example:
    """Something dropped: what it was and the evidence against it; `id` is a record's, or the seed's it was made of."""

    id: str
    text: str
    detail: str


@dataclass(frozen=True)
class Cluster:
    """Records that are near duplicates of each other: the survivor, how many were dropped for it, and some of them."""

    survivor: str
    survivor_text: str
    dropped: int
    members: tuple[Example, ...]


@dataclass(frozen=True)
class Contamination:
    """A record that shares words with a benchmark: dropped, or kept with a flag."""

    record: Example
    dropped: bool


def example(record: Record, detail: str) -> Example:
    """A record as evidence."""
    return Example(record.id, record.content[:_CHARACTERS], detail)


def find_clusters(folder: Folder) -> tuple[tuple[Cluster, ...], int]:
    """The largest clusters of near duplicates, and how many there are."""
    # Two passes over what was dropped, so that only the texts of the largest clusters are held.
    sizes: Counter[str] = Counter()
    near: set[str] = set()
    for record in folder.dropped_records():
        if survivor := _survivor(record):
            sizes[survivor] += 1
            if record.lineage.verdicts[-1].detail.startswith(_NEAR):
                near.add(survivor)
    largest = heapq.nsmallest(_CLUSTERS, near, key=lambda one: (-sizes[one], one))
    members: dict[str, list[Example]] = {survivor: [] for survivor in largest}
    texts: dict[str, str] = {}
    for record in folder.dropped_records() if largest else ():
        survivor = _survivor(record)
        if survivor in members and len(members[survivor]) < _MEMBERS:
            detail = record.lineage.verdicts[-1].detail
            if detail.startswith(_NEAR):
                members[survivor].append(example(record, detail))
        _remember(record, members, texts)
    for record in folder.records() if largest else ():
        _remember(record, members, texts)
    found = tuple(Cluster(one, texts.get(one, ""), sizes[one], tuple(members[one])) for one in largest)
    return found, len(near)


def _survivor(record: Record) -> str:
    """The first 32 digits of the id that this record was dropped for as a duplicate, or nothing."""
    detail = record.lineage.verdicts[-1].detail if record.lineage.verdicts else ""
    return next((detail.removeprefix(word) for word in (_SAME, _NEAR) if detail.startswith(word)), "")


def _remember(record: Record, wanted: Iterable[str], texts: dict[str, str]) -> None:
    """Keep the text of a survivor, known by its id or, where a later stage changed it, by a parent's."""
    for name in (record.id, *record.lineage.parents):
        if name[:32] in wanted:
            texts.setdefault(name[:32], record.content[:_CHARACTERS])


def find_contamination(folder: Folder) -> tuple[tuple[Contamination, ...], int]:
    """Some of the records that were dropped for words they share with a benchmark, and how many were."""
    dropped, shown = 0, []
    for record in folder.dropped_records():
        last = record.lineage.verdicts[-1] if record.lineage.verdicts else None
        if last and last.gate == decontaminate.GATE:
            dropped += 1
            if len(shown) < EVIDENCE:
                shown.append(Contamination(example(record, last.detail), True))
    for row in folder.funnel if not folder.dropped else ():  # a recipe's curation keeps examples only
        for one in row["examples"] if row["reason"] in _CLAUSES else ():
            shown.append(Contamination(Example(one["id"], one["text"], one["detail"]), True))
        dropped += row["count"] if row["reason"] in _CLAUSES else 0
    return tuple(shown), dropped
