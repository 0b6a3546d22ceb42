"""The order of training: each copy of each record at its place, by a score or at random, in bounded memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from phial.curate.mixture import COPIES
from phial.errors import PhialError
from phial.record import Record, read_records, write_records

PLACE = "place"
_ROWS_HELD = 50_000


@dataclass(frozen=True)
class Order:
    """What comes first.

    Attributes:
        by: a score's name, lowest first; None for a random order.
        descending: highest first.
        blur: 0 keeps the strict order of the score, 1 is random: each copy's place is (1 - blur) of its rank's and blur
            of a random one. Some blur keeps the kinds mixed, and copies of a record apart.
        seed: of the random places.
    """

    by: str | None = None
    descending: bool = False
    blur: float = 0.3
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.blur <= 1:
            raise PhialError(f"blur {self.blur}", where="curriculum", do="give 0 to 1")


def arrange(shards: Sequence[Path], to: Path, order: Order, *, records_per_shard: int = 20_000) -> list[Path]:
    """Write records in the order of training, each as often as its score "copies" says (once without it).

    The result depends on the records and the order alone, not on how they lay in shards. Memory: one output shard, and
    8 bytes a record for the ranks.

    Args:
        shards: Parquet files of records.
        to: folder for `000000.parquet` and so on, which must not exist.

    Returns:
        The files, in order.

    Raises:
        PhialError: the folder exists, or a record lacks the score.
    """
    if to.exists():
        raise PhialError("the folder exists", where=str(to), do="remove it, or name another")
    values = [_values(path, order) for path in shards]
    ranked = np.sort(np.concatenate([*(one for one, _ in values), np.empty(0)]))
    total = sum(int(times.sum()) for _, times in values)
    parts = max(1, math.ceil(total / records_per_shard))
    to.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=to.parent) as name:
        folder, made = Path(name), Path(name) / "made"
        made.mkdir()
        # Places are spread evenly enough that a part is about a shard; each is sorted by itself.
        held: list[list[Record]] = [[] for _ in range(parts)]
        pieces: list[list[Path]] = [[] for _ in range(parts)]
        rows = 0
        for path, (scores, times) in zip(shards, values, strict=True):
            for record, score, count in zip(read_records(path), scores.tolist(), times.tolist(), strict=True):
                for copy in range(int(count)):
                    place = _place(record, score, copy, ranked, order)
                    held[min(int(place * parts), parts - 1)].append(
                        replace(record, scores={**record.scores, PLACE: place})
                    )
                    rows += 1
                if rows >= _ROWS_HELD:
                    _spill(folder, held, pieces)
                    rows = 0
        _spill(folder, held, pieces)
        for number, mine in enumerate(pieces):
            records = [record for piece in mine for record in read_records(piece)]
            records.sort(key=lambda record: (record.scores[PLACE], record.id, record.source))
            write_records(made / f"{number:06d}.parquet", records)
        made.rename(to)
    return sorted(to.iterdir())


def _values(path: Path, order: Order) -> tuple[np.ndarray, np.ndarray]:
    scores: list[float] = []
    times: list[float] = []
    for record in read_records(path):
        if order.by is not None and order.by not in record.scores:
            raise PhialError(
                f"record {record.id} has no score {order.by!r}; it has {', '.join(record.scores) or 'none'}",
                where=str(path),
                do="order by another score",
            )
        scores.append(record.scores[order.by] if order.by is not None else 0.0)
        times.append(record.scores.get(COPIES, 1.0))
    return np.array(scores, np.float64), np.array(times, np.int64)


def _place(record: Record, score: float, copy: int, ranked: np.ndarray, order: Order) -> float:
    drawn = hashlib.blake2b(f"{order.seed}/{record.id}/{copy}".encode(), digest_size=8).digest()
    chance = int.from_bytes(drawn, "big") / 2**64
    if order.by is None:
        return chance
    # Equal scores share the middle of their ranks, then chance decides: a tiny blur even where none is wanted.
    rank = float(np.searchsorted(ranked, score, "left") + np.searchsorted(ranked, score, "right")) / 2 / len(ranked)
    blur = max(order.blur, 1e-9)
    return (1 - blur) * (1 - rank if order.descending else rank) + blur * chance


def _spill(folder: Path, held: list[list[Record]], pieces: list[list[Path]]) -> None:
    for part, records in enumerate(held):
        if records:
            piece = folder / f"{part}-{len(pieces[part])}.parquet"
            write_records(piece, records)
            pieces[part].append(piece)
            records.clear()


def in_order(folder: Path) -> Iterator[Record]:
    """The records of an arranged folder, one after the other."""
    for path in sorted(folder.glob("*.parquet")):
        yield from read_records(path)
