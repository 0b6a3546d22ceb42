"""How a flow's records carry their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phial.record import Lineage, Preference, Record, Verdict
from phial.synth.flow import Flow
from phial.synth.reply import Reply, keys_of
from phial.synth.teacher import Teacher


def derive(
    flow: Flow,
    seed: Record,
    teacher: Teacher,
    replies: Sequence[Reply],
    *,
    kind: str,
    text: str | None = None,
    messages: Sequence[tuple[str, str]] | None = None,
    preference: Preference | None = None,
    verdicts: Sequence[Verdict] = (),
    params: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
    source: str = "",
) -> Record:
    """A record that a teacher made of a seed.

    Its licence is the seed's: what is made of a text stays under that text's terms.

    Args:
        flow: that made it.
        seed: its parent.
        teacher: who wrote it.
        replies: all that were asked for it, those it was checked by included.
        kind: see `Record`.
        text: or `messages` or `preference`.
        messages: (role, content) in turn.
        preference: two answers to the same words.
        verdicts: of its gates.
        params: what a later flow or a reader needs of it, such as its tests; JSON-able.
        scores: by name.
        source: where its words are from; the teacher by default.
    """
    keys = tuple(dict.fromkeys(keys_of(replies)))
    lineage = Lineage(flow.name, flow.version, (seed.id,), keys, tuple(verdicts), dict(params or {}))
    source = source or "/".join(part for part in (teacher.identity.name, teacher.identity.model) if part)
    spoken = None if messages is None else tuple(messages)
    marks = dict(scores or {})
    return Record(kind, source, seed.license, lineage, text=text, messages=spoken, scores=marks, preference=preference)
