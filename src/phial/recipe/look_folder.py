"""A folder of records as it lies on the disk: a flow's run, a curation, or files of records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phial.errors import PhialError
from phial.record import Record, read_records, schema
from phial.synth.shard import BEGUN

Form = Literal["run of a flow", "curation", "records"]


@dataclass(frozen=True)
class Folder:
    """What can be read of a folder.

    Attributes:
        path: of it.
        form: what made it.
        kept: files of records.
        dropped: files of dropped records, of a curation.
        drops: lines of drops, of a run's shards.
        counts: of a run's finished shards.
        report: a run's run.json; None while it is under way.
        funnel: rows of `Funnel.rows`, where there is a funnel.json.
    """

    path: Path
    form: Form
    kept: tuple[Path, ...]
    dropped: tuple[Path, ...] = ()
    drops: tuple[Path, ...] = ()
    counts: tuple[dict[str, Any], ...] = ()
    report: dict[str, Any] | None = None
    funnel: tuple[dict[str, Any], ...] = ()

    def records(self) -> Iterator[Record]:
        """What was kept, in order."""
        for path in self.kept:
            yield from read_records(path)

    def dropped_records(self) -> Iterator[Record]:
        """What a curation turned away; the failing verdict is each one's last."""
        for path in self.dropped:
            yield from read_records(path)

    def dropped_lines(self) -> Iterator[dict[str, Any]]:
        """What a run's flow dropped: "seed", "reason", "detail", "text" and "request_keys"."""
        form = {"seed": str, "reason": str, "detail": str, "text": str, "request_keys": list}
        for path in self.drops:
            with path.open(encoding="utf-8", newline="\n") as file:
                for number, line in enumerate(file, 1):
                    yield _parsed(line, f"{path}, line {number}", form)


def open_folder(path: Path) -> Folder:
    """Find out what a folder holds.

    Raises:
        PhialError: there is no such folder, nothing in it to look at, or a file in it is damaged.
    """
    if not path.is_dir():
        what = "a file, no folder" if path.exists() else "no such folder"
        raise PhialError(what, where=str(path), do="name the folder of a run, of a curation, or of files of records")
    if (path / "kept").is_dir() and (path / "funnel.json").is_file():
        kept, dropped = (tuple(sorted((path / name).glob("*.parquet"))) for name in ("kept", "dropped"))
        return Folder(path, "curation", kept, dropped, funnel=_funnel(path))
    if (path / "shards").is_dir() or (path / "run.json").is_file():
        return _run(path)
    files = sorted(path.glob("*.parquet"))
    kept = tuple(file for file in files if _holds_records(file))
    if not kept:
        what = "none of its Parquet files holds records" if files else "no records"
        raise PhialError(what, where=str(path), do=_nearby(path))
    return Folder(path, "records", kept, funnel=_funnel(path) if (path / "funnel.json").is_file() else ())


def _run(path: Path) -> Folder:
    shards = sorted((path / "shards").glob("*.json"))
    counts = tuple(
        _parsed(file.read_text(encoding="utf-8"), str(file), {"seeds": int, "accepted": int, "dropped": dict})
        for file in shards
    )
    report = None
    if (path / "run.json").is_file():
        form = {"flow": str, "seeds": int, "accepted": int, "dropped": dict, "spent": dict, "lost": dict}
        report = _parsed((path / "run.json").read_text(encoding="utf-8"), str(path / "run.json"), form)
    whole = path / "records.parquet"
    if not whole.is_file() and not shards:
        do = "look again when the run has finished a shard; a killed run goes on when it is started again"
        raise PhialError("no shard of this run is finished", where=str(path), do=do)
    kept = (whole,) if whole.is_file() else tuple(file.with_suffix(".parquet") for file in shards)
    drops = (*sorted((path / "shards").glob("*.dropped.jsonl")), *path.glob(BEGUN))
    return Folder(path, "run of a flow", kept, drops=drops, counts=counts, report=report)


def _funnel(path: Path) -> tuple[dict[str, Any], ...]:
    file = path / "funnel.json"
    rows = _json(file.read_text(encoding="utf-8"), str(file))
    if not isinstance(rows, list):
        raise _damaged(str(file), "no list of rows")
    form = {"stage": str, "outcome": str, "reason": str, "count": int, "examples": list}
    return tuple(_checked(row, str(file), form) for row in rows)


def _parsed(text: str, where: str, form: Mapping[str, type]) -> dict[str, Any]:
    return _checked(_json(text, where), where, form)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _damaged(where, str(error)) from error


def _checked(found: Any, where: str, form: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _damaged(where, "no object")
    wrong = [name for name, kind in form.items() if not isinstance(found.get(name), kind)]
    if wrong:
        raise _damaged(where, f"without {', '.join(wrong)}")
    return found


def _damaged(where: str, why: str) -> PhialError:
    return PhialError(f"damaged file: {why}", where=where, do="delete it and run what made it again")


def _holds_records(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except pa.ArrowInvalid as error:
        raise _damaged(str(path), f"no readable Parquet: {error}") from error
    return set(schema().names) <= set(names)


def _nearby(path: Path) -> str:
    """Folders below that could have been meant."""
    meant = [
        below
        for below in sorted(path.iterdir())
        if any((below / name).exists() for name in ("kept", "records.parquet", "train.parquet", "shards"))
    ]
    names = ", ".join(str(below) for below in meant[-3:])
    return f"name a folder in it: {names}" if names else "name the folder of a run, of a curation, or of record files"
