"""What a teacher was asked and said on the way to a record, from the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import localtime, strftime

from phial.recipe.look_cost import teacher_of
from phial.record import Record
from phial.synth.entry import Entry
from phial.synth.ledger_reading import find_ledger, read_entries


def history(record: Record, place: Path, ledger: Path | None = None) -> list[str]:
    """The requests behind a record, turn by turn, in lines.

    Args:
        record: whose lineage names them.
        place: a folder; the nearest ledger.sqlite in it or above it is read.
        ledger: read instead.

    Raises:
        PhialError: the ledger cannot be read.
    """
    keys = list(dict.fromkeys(record.lineage.request_keys))
    if not keys and ledger is None:
        return []
    path = ledger or find_ledger(place)
    if path is None:
        return [f"no ledger.sqlite lies in or above {place}: name it with --ledger to see what was asked", ""]
    entries = read_entries(path, keys)
    lines = [f"ledger     {path}", ""]
    said: list[tuple[str, str]] = []
    for number, key in enumerate(keys, 1):
        entry = entries.get(key)
        lines.append(
            f"== turn {number} of {len(keys)}: {entry.task or 'unnamed task' if entry else 'not in the ledger'}"
        )
        lines.append(f"request    {key}")
        lines += [*_turn(entry, said), ""] if entry else [""]
    return lines


def _turn(entry: Entry, said: list[tuple[str, str]]) -> Iterator[str]:
    """One request and its reply; messages that earlier turns began with are not told again."""
    request = json.loads(entry.request)
    body, spent = request["body"], entry.spent
    settings = [f"{name} {body[name]}" for name in ("temperature", "top_p", "max_tokens", "stop") if name in body]
    yield f"teacher    {teacher_of(entry)}, sample {request['sample']}, {', '.join(settings)}"
    when = strftime("%Y-%m-%d %H:%M:%S", localtime(entry.at))
    yield f"answered   {when}{f' by {entry.answer.url}' if entry.answer.url else ''}, for {entry.run}"
    estimate = ", an estimate" if entry.doubted else ""
    yield f"tokens     {spent.prompt_tokens:,} + {spent.completion_tokens:,}{estimate}, cost {spent.cost:.6f}"
    if "schema" in body:
        yield f"form       {json.dumps(body['schema'], ensure_ascii=False)}"
    messages = [(role, content) for role, content in body["messages"]]
    known = _common(messages, said)
    if known:
        yield f"-- {known} messages as in the turn before"
    for role, content in messages[known:]:
        yield from (f"-- {role}", content)
    if entry.refused:
        yield from ("-- refused", ": ".join(entry.refused))
        said[:] = messages
        return
    if entry.answer.reasoning:
        yield from ("-- reasoning", entry.answer.reasoning)
    cut = "" if entry.answer.finish_reason == "stop" else f" ({entry.answer.finish_reason})"
    yield from (f"-- reply{cut}", entry.answer.text)
    said[:] = [*messages, ("assistant", entry.answer.text)]


def _common(messages: Sequence[tuple[str, str]], said: Sequence[tuple[str, str]]) -> int:
    """How many messages two conversations begin with alike."""
    pairs = zip(messages, said, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(messages), len(said)))
