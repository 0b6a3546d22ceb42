"""Exact deduplication: by record id, and by text with case and whitespace set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from phial.curate.funnel import Dropped
from phial.record import Record, Verdict

GATE = "dedup.exact"


def exact(records: Iterable[Record]) -> tuple[list[Record], list[Dropped]]:
    """Keep the first of all records that have one id, or one text once lowercased with its whitespace collapsed.

    Messages are compared with their roles, so a conversation is no duplicate of a document with the same words.

    Args:
        records: in the order that decides which survives.

    Returns:
        The survivors in their order, unchanged; and the others in their order with reason "same id" or "same
        normalised text", the survivor's id as detail, and a failing verdict in their lineage.
    """
    kept: list[Record] = []
    dropped: list[Dropped] = []
    ids: set[str] = set()
    first_by_text: dict[bytes, str] = {}
    for record in records:
        text_key = normalised_key(record)
        survivor = record.id if record.id in ids else first_by_text.get(text_key)
        if survivor is None:
            ids.add(record.id)
            first_by_text[text_key] = record.id
            kept.append(record)
            continue
        reason = "same id" if survivor == record.id else "same normalised text"
        verdict = Verdict(GATE, False, f"{reason} as {survivor}")
        lineage = replace(record.lineage, verdicts=(*record.lineage.verdicts, verdict))
        dropped.append(Dropped(replace(record, lineage=lineage), reason, survivor))
    return kept, dropped


def normalised_key(record: Record) -> bytes:
    """sha256 of the record's text lowercased with its whitespace collapsed, and of its roles if it has them."""
    if record.messages is None:
        content = _normalised(record.content)
    else:
        content = "".join(f"\0{role}\0{_normalised(words)}" for role, words in record.messages)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()


def _normalised(text: str) -> str:
    return " ".join(text.lower().split())
