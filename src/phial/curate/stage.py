"""What a curation stage is: a pure function from a shard of records to those kept and those dropped, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from phial.curate.funnel import Dropped
from phial.record import Lineage, Preference, Record, Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """A shard after a stage: the records kept, in order, and those dropped, in order."""

    kept: list[Record] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


@runtime_checkable
class Stage(Protocol):
    """Judges every record by itself.

    Attributes:
        name: of the stage, as the funnel shows it.
        version: raised when the same records would come out otherwise.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def config(self) -> dict[str, Any]:
        """What decides the outcome beside the records, JSON-able; files by their content's hash."""
        ...

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Keep or drop each record of one shard."""
        ...


@runtime_checkable
class CorpusStage(Protocol):
    """Judges every record by what the whole corpus holds: surveys of all shards, one conclusion, then the judging."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def config(self) -> dict[str, Any]:
        """As in `Stage`."""
        ...

    def survey(self, records: Sequence[Record], folder: Path) -> None:
        """Write what the conclusion must know of one shard into an empty folder."""
        ...

    def conclude(self, surveys: Sequence[Path], folder: Path) -> None:
        """Write what follows from all surveys, in the order of the shards, into an empty folder."""
        ...

    def judge_shard(self, records: Sequence[Record], conclusion: Path, shard: int) -> Outcome:
        """Keep or drop each record of the shard with this number."""
        ...


def judged(
    record: Record,
    gate: str,
    passed: bool,
    detail: str = "",
    *,
    scores: Mapping[str, float] | None = None,
    text: str | None = None,
    messages: tuple[tuple[str, str], ...] | None = None,
    preference: Preference | None = None,
    kind: str | None = None,
) -> Record:
    """The record with one more verdict, and with scores, another content or another kind where given.

    A record with another content names the one it was made from among its parents.
    """
    # Written out because dataclasses.replace took a third of a fast gate's time.
    before = record.lineage
    if text is None and messages is None and preference is None:
        text, messages, preference = record.text, record.messages, record.preference
    changed = (text, messages, preference) != (record.text, record.messages, record.preference)
    lineage = Lineage(
        flow=before.flow,
        version=before.version,
        parents=(*before.parents, record.id) if changed else before.parents,
        request_keys=before.request_keys,
        verdicts=(*before.verdicts, Verdict(gate, passed, detail)),
        params=before.params,
    )
    after = Record(
        kind=record.kind if kind is None else kind,
        source=record.source,
        license=record.license,
        lineage=lineage,
        text=text,
        messages=messages,
        scores={**record.scores, **scores} if scores else record.scores,
        preference=preference,
    )
    if not changed and "id" in record.__dict__:  # the same content has the same hash
        after.__dict__["id"] = record.__dict__["id"]
    return after


def turned_away(
    record: Record, gate: str, reason: str, detail: str = "", *, scores: Mapping[str, float] | None = None
) -> Dropped:
    """The record as dropped by this gate, with the failing verdict in its lineage."""
    return Dropped(
        judged(record, gate, False, f"{reason}: {detail}" if detail else reason, scores=scores), reason, detail
    )
