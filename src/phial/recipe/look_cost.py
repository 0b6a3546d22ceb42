"""What the requests behind a folder of records cost, and how fast they were answered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from phial.errors import PhialError
from phial.recipe.look_folder import Folder
from phial.synth.budget import Spending
from phial.synth.entry import Entry
from phial.synth.ledger_reading import find_ledger, read_entries

PAUSE_SECONDS = 600.0


@dataclass(frozen=True)
class Task:
    """The requests of one task."""

    name: str
    spent: Spending


@dataclass(frozen=True)
class Cost:
    """Of the requests that records and drops name.

    Attributes:
        spent: on them, whoever paid.
        paid: by the run that made the folder, and what it perhaps paid in vain; None where it has not said.
        tasks: dearest first.
        teachers: name, model and revision of those who answered, in words.
        seconds: between their first reply and the last, pauses of over ten minutes left out.
        ledger: where the requests are recorded.
    """

    spent: Spending
    paid: tuple[Spending, Spending] | None
    tasks: tuple[Task, ...]
    teachers: tuple[str, ...]
    seconds: float
    ledger: Path | None


def cost_of(folder: Folder, keys: set[str], ledger: Path | None) -> tuple[Cost | None, list[str]]:
    """What some requests cost, and what could not be found out.

    Args:
        folder: whose records name them.
        keys: of the requests.
        ledger: that has them; None looks for it.

    Raises:
        PhialError: the ledger that was named, or the one that was found, cannot be read.
    """
    report = folder.report
    paid = (_spending(report["spent"], folder), _spending(report["lost"], folder)) if report else None
    if not keys:
        return (Cost(Spending(), paid, (), (), 0.0, None) if paid and paid[0].requests else None), []
    place = ledger or find_ledger(folder.path)
    if place is None:
        cost = Cost(Spending(), paid, (), (), 0.0, None)
        return cost, [f"{len(keys):,} requests are named and no ledger.sqlite lies above: name it with --ledger"]
    entries = read_entries(place, keys)
    lacking = len(keys) - len(entries)
    notes = [f"{lacking:,} of {len(keys):,} requests are not in the ledger {place}"] if lacking else []
    tasks: dict[str, Spending] = {}
    for entry in entries.values():
        tasks[entry.task] = tasks.get(entry.task, Spending()) + entry.spent
    ordered = sorted(tasks.items(), key=lambda item: (-item[1].cost, -item[1].tokens, item[0]))
    spent = sum(tasks.values(), Spending())
    rows = tuple(Task(name or "(unnamed)", amount) for name, amount in ordered)
    teachers = tuple(sorted({teacher_of(entry) for entry in entries.values()}))
    return Cost(spent, paid, rows, teachers, _working_seconds(entries.values()), place), notes


def teacher_of(entry: Entry) -> str:
    """Who was asked: the user's name, the server's name of the model, and its revision."""
    request = json.loads(entry.request)
    return " ".join(part for part in (request["teacher"], request["model"], request["revision"]) if part)


def _working_seconds(entries: Iterable[Entry]) -> float:
    gaps = (later - sooner for sooner, later in pairwise(sorted(entry.at for entry in entries)))
    return sum(gap for gap in gaps if gap <= PAUSE_SECONDS)


def _spending(facts: dict, folder: Folder) -> Spending:
    try:
        return Spending(**facts)
    except TypeError as error:
        do = "start the run again, it writes the file anew"
        raise PhialError(f"damaged file: {error}", where=str(folder.path / "run.json"), do=do) from error
