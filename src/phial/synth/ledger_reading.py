"""A ledger looked at from outside: nothing in it or beside it is changed, whoever is at work on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from phial.errors import PhialError
from phial.synth.entry import Entry, from_row
from phial.synth.ledger import FORMAT

LEDGER = "ledger.sqlite"
_AT_ONCE = 500


def find_ledger(place: Path) -> Path | None:
    """The nearest ledger.sqlite in a folder or above it."""
    place = place.resolve()
    return next((path for folder in (place, *place.parents) if (path := folder / LEDGER).is_file()), None)


def read_entries(path: Path, keys: Iterable[str]) -> dict[str, Entry]:
    """What a ledger has of some requests, by key; those it lacks are left out.

    Args:
        path: the sqlite file; processes may be writing it.
        keys: of requests, as `Lineage.request_keys` has them.

    Raises:
        PhialError: there is no ledger, or none that can be read.
    """
    if not path.is_file():
        raise PhialError("no ledger", where=str(path), do="name the ledger.sqlite that the run was made with")
    wanted = list(dict.fromkeys(keys))
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > FORMAT:
                what = f"a ledger of format {found}; this phial knows {FORMAT}"
                raise PhialError(what, where=str(path), do="upgrade phial")
            rows: list[sqlite3.Row] = []
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(part))
                rows += connection.execute(f"SELECT * FROM reply WHERE key IN ({marks})", part).fetchall()
            return {row["key"]: from_row(row) for row in rows}
    except sqlite3.Error as error:
        do = "name the ledger.sqlite that the run was made with"
        raise PhialError(f"no readable ledger: {error}", where=str(path), do=do) from error
