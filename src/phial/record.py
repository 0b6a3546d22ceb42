"""The Record: one piece of training text with its licence and its whole history, in zstd Parquet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phial.errors import PhialError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 16_384
Messages = tuple[tuple[str, str], ...]  # (role, content) in turn
_PREFERENCE = ("prompt", "chosen", "rejected")
# Kept, since json.dumps with arguments makes an encoder for each call and takes half as long again.
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
_ascii = json.JSONEncoder(sort_keys=True).encode
# Dictionaries on columns whose values are all different take a seventh of the time of writing.
_REPEATING = ("kind", "source", "license", "flow", "version")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate said of a record: `gate` names the check, `passed` its answer, `detail` the evidence."""

    gate: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a record came from.

    Attributes:
        flow: the generator or reader that wrote it, e.g. "problems/change_from_purchase".
        version: that flow's declared version.
        parents: ids of the records it was made from.
        request_keys: ledger keys of the teacher requests behind it (none for the procedural teacher).
        verdicts: every gate it passed or failed, in order.
        params: what reproduces it (seed, index, file and line), JSON-able.
    """

    flow: str
    version: str
    parents: tuple[str, ...] = ()
    request_keys: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preference:
    """Two continuations of one conversation; the fields, and so the columns on disk, are named as TRL names them.

    Attributes:
        prompt: (role, content) in turn, the last one a user's.
        chosen: the better continuation.
        rejected: the worse one.
    """

    prompt: Messages
    chosen: Messages
    rejected: Messages


@dataclass(frozen=True)
class Record:
    """One document (`text`), one conversation (`messages`) or one pair of answers (`preference`): one of the three.

    Attributes:
        kind: "organic", "passage", "exercise", "code", "chat", "topic" or "preference".
        source: the package, file or teacher it comes from.
        license: SPDX expression of that source.
        scores: numbers given by gates and filters.
    """

    kind: str
    source: str
    license: str
    lineage: Lineage
    text: str | None = None
    messages: Messages | None = None
    scores: dict[str, float] = field(default_factory=dict)
    preference: Preference | None = None

    def __post_init__(self) -> None:
        if [self.text, self.messages, self.preference].count(None) != 2:
            raise ValueError("a Record has either text or messages or a preference")

    @cached_property
    def id(self) -> str:
        """sha256 over the canonical content, so equal content has one id whatever its history."""
        if self.text is not None:
            content = f'{{"text": {_canonical(self.text)}}}'
        else:
            content = _canonical({"messages": self.messages} if self.preference is None else asdict(self.preference))
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def content(self) -> str:
        """All of the record's words as one string, for filters that do not care about roles."""
        if self.text is not None:
            return self.text
        pair = self.preference
        messages = (*pair.prompt, *pair.chosen, *pair.rejected) if pair else self.messages or ()
        return "\n".join(content for _, content in messages)


def schema() -> pa.Schema:
    """The Parquet schema; only types that `datasets.load_dataset` reads (so no maps)."""
    import pyarrow as pa

    text = pa.string()
    messages = pa.list_(pa.struct([("role", text), ("content", text)]))
    return pa.schema(
        [
            ("id", text),
            ("text", text),
            ("messages", messages),
            *((name, messages) for name in _PREFERENCE),
            ("kind", text),
            ("source", text),
            ("license", text),
            ("flow", text),
            ("version", text),
            ("parents", pa.list_(text)),
            ("request_keys", pa.list_(text)),
            ("verdicts", pa.list_(pa.struct([("gate", text), ("passed", pa.bool_()), ("detail", text)]))),
            ("params", text),
            ("scores", pa.list_(pa.struct([("name", text), ("value", pa.float64())]))),
        ]
    )


def _columns(records: Sequence[Record]) -> dict[str, list[Any]]:
    return {
        "id": [r.id for r in records],
        "text": [r.text for r in records],
        "messages": [_turns(r.messages) for r in records],
        **{name: [_turns(getattr(r.preference, name, None)) for r in records] for name in _PREFERENCE},
        "kind": [r.kind for r in records],
        "source": [r.source for r in records],
        "license": [r.license for r in records],
        "flow": [r.lineage.flow for r in records],
        "version": [r.lineage.version for r in records],
        "parents": [list(r.lineage.parents) for r in records],
        "request_keys": [list(r.lineage.request_keys) for r in records],
        "verdicts": [
            [{"gate": v.gate, "passed": v.passed, "detail": v.detail} for v in r.lineage.verdicts] for r in records
        ],
        "params": [_ascii(r.lineage.params) for r in records],
        "scores": [[{"name": name, "value": value} for name, value in sorted(r.scores.items())] for r in records],
    }


def _turns(messages: Messages | None) -> list[dict[str, str]] | None:
    return None if messages is None else [{"role": role, "content": content} for role, content in messages]


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records as one zstd Parquet file, streaming.

    Returns:
        The number of records written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    table_schema = schema()
    with pq.ParquetWriter(path, table_schema, compression="zstd", use_dictionary=list(_REPEATING)) as writer:
        group: list[Record] = []
        for record in records:
            group.append(record)
            if len(group) == ROWS_PER_GROUP:
                writer.write_table(pa.table(_columns(group), schema=table_schema))
                count += len(group)
                group = []
        if group:
            writer.write_table(pa.table(_columns(group), schema=table_schema))
            count += len(group)
    return count


def read_records(path: Path, *, known_ids: bool = False) -> Iterator[Record]:
    """Stream the records of one Parquet file.

    Args:
        known_ids: take the ids that stand there, where this program wrote the file and nobody else could; ids are
            computed from the content otherwise, when they are asked for.

    Raises:
        PhialError: the file is missing, is no Parquet, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise PhialError("record file is missing", where=str(path), do="run the stage that makes it again") from error
    except pa.ArrowInvalid as error:
        raise PhialError(
            f"not a readable Parquet file: {error}", where=str(path), do="delete its folder and run again"
        ) from error
    present = [name for name in schema().names if name in file.schema_arrow.names]
    missing = [name for name in schema().names if name not in (*present, *_PREFERENCE)]
    if missing:
        raise PhialError(f"record file lacks the columns {missing}", where=str(path), do="write it with phial.record")
    with file:
        for batch in file.iter_batches(batch_size=4096, columns=present):
            for row in batch.to_pylist():
                record = _from_row(row)
                if known_ids:
                    record.__dict__["id"] = row["id"]
                yield record


def _from_row(row: dict[str, Any]) -> Record:
    return Record(
        kind=row["kind"],
        source=row["source"],
        license=row["license"],
        lineage=Lineage(
            flow=row["flow"],
            version=row["version"],
            parents=tuple(row["parents"]),
            request_keys=tuple(row["request_keys"]),
            verdicts=tuple(Verdict(v["gate"], v["passed"], v["detail"]) for v in row["verdicts"]),
            params=json.loads(row["params"]),
        ),
        text=row["text"],
        messages=_messages(row["messages"]),
        scores={score["name"]: score["value"] for score in row["scores"]},
        preference=_preference(row) if row.get("prompt") else None,
    )


def _preference(row: dict[str, Any]) -> Preference | None:
    prompt, chosen, rejected = (_messages(row.get(name)) for name in _PREFERENCE)
    return Preference(prompt, chosen, rejected) if prompt and chosen and rejected else None


def _messages(turns: list[dict[str, str]] | None) -> Messages | None:
    return None if turns is None else tuple((turn["role"], turn["content"]) for turn in turns)
