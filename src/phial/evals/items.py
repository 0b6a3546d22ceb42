"""Items out of published rows: columns by any of the names that mirrors give them, and what no benchmark may lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from phial.errors import PhialError
from phial.evals.files import FILE, LINE, rows
from phial.evals.task import Item, Protocol

_T = TypeVar("_T")


def field(row: Mapping[str, Any], *names: str) -> Any:
    """A column under the first of its names that the row has a value for.

    Raises:
        PhialError: it has none.
    """
    for name in names:
        value = row.get(name)
        if value is not None and (not isinstance(value, str) or value.strip()):
            return value
    there = ", ".join(name for name in row if name not in (FILE, LINE))
    raise PhialError(
        f"column {' or '.join(map(repr, names))} is missing or empty; there are {there[:300]}",
        where=place(row),
        do="give the published file",
    )


def place(row: Mapping[str, Any]) -> str:
    """Where a row stands, for messages."""
    return f"{row.get(FILE, '')}, line {row.get(LINE, '?')}"


def checked(items: Iterable[Item], folder: Path) -> tuple[Item, ...]:
    """The items, none of which lacks a right answer or has another one's id.

    Raises:
        PhialError: one does.
    """
    made = tuple(items)
    seen: set[str] = set()
    for item in made:
        if item.gold is None or item.gold in ("", []):
            raise PhialError(
                f"item {item.id!r} has no right answer", where=str(folder), do="give a file that has the answers"
            )
        if item.id in seen:
            raise PhialError(f"two items have the id {item.id!r}", where=str(folder), do="remove what is there twice")
        seen.add(item.id)
    return made


def spread(rows: Sequence[_T], limit: int | None) -> Sequence[_T]:
    """So many rows at even distances, the same each time: a part of a file in order of subjects has them all."""
    if limit is None or limit >= len(rows):
        return rows
    return [rows[index * len(rows) // limit] for index in range(limit)]


def shots(folder: Path, names: Sequence[str], columns: Sequence[str], count: int) -> list[dict[str, Any]]:
    """The first rows of the file that examples are taken from.

    Raises:
        PhialError: it has too few.
    """
    found, _ = rows(folder, names, columns, count)
    if len(found) < count:
        raise PhialError(f"{len(found)} examples where {count} are shown", where=str(folder), do="give the whole file")
    return found


def protocol_of(protocols: Mapping[str, Protocol], name: str, task: str) -> Protocol:
    """A task's protocol by its name.

    Raises:
        PhialError: it has none of that name.
    """
    if name not in protocols:
        raise PhialError(f"{task} has no protocol {name!r}", do=f"choose {', '.join(protocols)}")
    return protocols[name]
