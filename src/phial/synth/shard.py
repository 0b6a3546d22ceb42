"""Part of a run's seeds and what was made of them; on the disk once all of it is finished."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from phial.record import Record, read_records, write_records
from phial.synth.flow import Drop

BEGUN = "begun.dropped.jsonl"
_PARTIAL = ".partial"
_STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class Made:
    """What was made of one seed."""

    records: tuple[Record, ...]
    drops: tuple[Drop, ...]


class Shard:
    """Some seeds, in the run's order, and what was made of them.

    Args:
        folder: where shards lie.
        base: what decides the content beside the seeds.
        seeds: at least one.

    Attributes:
        path: of the records; named by what decides the content. Drops and counts lie beside it.
        seeds: those that are not finished; empty once the shard is on the disk.
        count: of all seeds.
        finished: whether it is on the disk.
        accepted: records, where finished.
        dropped: by reason, where finished.
    """

    def __init__(self, folder: Path, base: str, seeds: Sequence[Record]) -> None:
        names = [seed.id for seed in seeds]
        key = hashlib.sha256(json.dumps([base, names]).encode()).hexdigest()
        self.path = folder / f"{key[:16]}.parquet"
        self.seeds = list(seeds)
        self.count = len(names)
        self.finished = False
        self.accepted = 0
        self.dropped: dict[str, int] = {}
        self._made: dict[int, Made] = {}
        self._lock: TextIO | None = None
        self.look()

    def look(self) -> bool:
        """Whether it is finished by now, by whomever."""
        counts = self.path.with_suffix(".json")
        if not self.finished and counts.is_file():
            self._end(json.loads(counts.read_text()))
        return self.finished

    def claim(self) -> bool:
        """Take the shard for this process, or learn that it is finished; False while a living process has it."""
        path = self.path.with_suffix(".lock")
        lock = path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(lock.fileno()), path.stat())
        except (BlockingIOError, FileNotFoundError):  # or the one who had it has just finished
            held = False
        if not held:
            lock.close()
            return False
        self._lock = lock
        if self.look():
            self.free()
        return True

    def free(self) -> None:
        """Give a claimed shard back; a process that dies does so as well."""
        if self._lock:
            self.path.with_suffix(".lock").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def put(self, place: int, made: Made) -> None:
        """Take in what was made of a seed; with the last one the shard is written.

        Raises:
            OSError: the disk is full.
        """
        self._made[place] = made
        if len(self._made) < self.count:
            return
        drops = self.drops()
        accepted = write_aside(self.path, self.records())
        write_text_aside(self.path.with_suffix(".dropped.jsonl"), _lines(drops))
        dropped = Counter(drop["reason"] for drop in drops)
        counts = {"seeds": self.count, "accepted": accepted, "dropped": dict(sorted(dropped.items()))}
        write_text_aside(self.path.with_suffix(".json"), json.dumps(counts))  # last: with it the shard is finished
        self._end(counts)
        self.free()

    def records(self) -> Iterator[Record]:
        """What it has so far, in the seeds' order."""
        if self.finished:
            yield from read_records(self.path)
        for place in sorted(self._made):
            yield from self._made[place].records

    def drops(self) -> list[dict[str, Any]]:
        """What was dropped of it so far, in the seeds' order; nothing once it is finished."""
        return [
            {"seed": self.seeds[place].id, **asdict(drop)}
            for place in sorted(self._made)
            for drop in self._made[place].drops
        ]

    def _end(self, counts: dict) -> None:
        self.finished, self.accepted, self.dropped = True, counts["accepted"], counts["dropped"]
        self.seeds.clear()
        self._made.clear()


def write_whole(folder: Path, shards: Iterable[Shard], count: int | None) -> int:
    """Write the first `count` records of the shards, or all, as records.parquet."""
    records = (record for shard in shards for record in shard.records())
    return write_aside(folder / "records.parquet", islice(records, count))


def write_begun(folder: Path, shards: Iterable[Shard]) -> None:
    """Write what was dropped of shards that were begun and are not needed any more, for those who look at the run."""
    if drops := [drop for shard in shards for drop in shard.drops()]:
        write_text_aside(folder / BEGUN, _lines(drops))


def _lines(drops: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(drop, ensure_ascii=False) + "\n" for drop in drops)


def write_aside(path: Path, records: Iterable[Record]) -> int:
    """Write a Parquet file that is there whole or not at all."""
    aside = _aside(path)
    try:
        count = write_records(aside, records)
        _settle(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return count


def write_text_aside(path: Path, text: str) -> None:
    """Write a text file that is there whole or not at all."""
    aside = _aside(path)
    try:
        aside.write_text(text)
        _settle(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def remove_stale(folder: Path) -> None:
    """Remove what killed processes were writing; another process may be at work on the young ones."""
    for path in folder.glob(f"*{_PARTIAL}"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            path.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{uuid4().hex[:8]}{_PARTIAL}")


def _settle(aside: Path, path: Path) -> None:
    descriptor = os.open(aside, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(aside, path)
