"""The funnel: how many records each stage kept and dropped, and why, with a few examples of each reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from phial.record import Record

EXAMPLES_PER_REASON = 3
EXAMPLE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that a stage turned away.

    Attributes:
        record: the record, its failing verdict last in its lineage.
        reason: the rule that turned it away, one of a few words per stage ("13-gram").
        detail: the evidence for this record.
    """

    record: Record
    reason: str
    detail: str = ""


@dataclass
class _Tally:
    count: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)


class Funnel:
    """Counts of kept and dropped records by stage, in the order in which the stages were added."""

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}
        self._dropped: dict[str, dict[str, _Tally]] = {}

    def add(self, stage: str, kept: int, dropped: Iterable[Dropped] = ()) -> None:
        """Add one stage's outcome, or more of it when the stage works in parts.

        Args:
            stage: its name, e.g. "deduplicate".
            kept: how many records it let through.
            dropped: those it turned away; the first three of each reason are kept as examples.
        """
        self._kept[stage] = self._kept.get(stage, 0) + kept
        reasons = self._dropped.setdefault(stage, {})
        for one in dropped:
            tally = reasons.setdefault(one.reason, _Tally())
            tally.count += 1
            if len(tally.examples) < EXAMPLES_PER_REASON:
                text = one.record.content[:EXAMPLE_CHARACTERS]
                tally.examples.append({"id": one.record.id, "text": text, "detail": one.detail})

    def count(self, stage: str, reason: str, number: int) -> None:
        """Add drops that were counted where they happened and left no record behind, such as unreadable files."""
        self._kept.setdefault(stage, 0)
        self._dropped.setdefault(stage, {}).setdefault(reason, _Tally()).count += number

    def merge(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add another funnel's rows; its examples come after this one's."""
        for row in rows:
            stage = row["stage"]
            self._kept.setdefault(stage, 0)
            reasons = self._dropped.setdefault(stage, {})
            if row["outcome"] == "kept":
                self._kept[stage] += row["count"]
                continue
            tally = reasons.setdefault(row["reason"], _Tally())
            tally.count += row["count"]
            tally.examples += [dict(one) for one in row["examples"]][: EXAMPLES_PER_REASON - len(tally.examples)]

    def rows(self) -> list[dict[str, Any]]:
        """One JSON-able row for what each stage kept, followed by one per reason it dropped for, most frequent first.

        Returns:
            Rows of "stage", "outcome" ("kept" or "dropped"), "reason" ("" for kept), "count" and "examples" (of
            "id", "text" and "detail").
        """
        rows: list[dict[str, Any]] = []
        for stage, kept in self._kept.items():
            rows.append({"stage": stage, "outcome": "kept", "reason": "", "count": kept, "examples": []})
            for reason, tally in sorted(self._dropped[stage].items(), key=lambda item: (-item[1].count, item[0])):
                rows.append(
                    {
                        "stage": stage,
                        "outcome": "dropped",
                        "reason": reason,
                        "count": tally.count,
                        "examples": [dict(example) for example in tally.examples],
                    }
                )
        return rows
