"""Training data as texts: of record files, token shards and plain files, with what was passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from phial.artifact import MANIFEST, artifact_path, read_manifest
from phial.curate.funnel import Dropped
from phial.curate.reading import Reading, read_file
from phial.errors import PhialError
from phial.record import Record, read_records
from phial.tokens.shards import read_documents
from phial.tokens.tokenizer import Tokenizer, load_tokenizer

_PLAIN = (".jsonl", ".jsonl.gz", ".txt", ".txt.gz", ".md")
_NOT_TRAINED = ("heldout", "held-out", "held_out", "dropped", ".partial")


@dataclass(frozen=True, slots=True)
class TrainingText:
    """One text that was trained on: the file or shard that has it, its words, and its record or the record's id."""

    file: str
    text: str
    origin: Record | str

    @property
    def record(self) -> str:
        """The record's id."""
        return self.origin if isinstance(self.origin, str) else self.origin.id  # hashed only where it is asked for


@dataclass(frozen=True)
class Sources:
    """What there is to read below a folder.

    Attributes:
        records: Parquet files of records.
        shards: folders of token shards.
        plain: other files of text.
        skipped: what is there but was not trained on, or can't be read as text, with the reason.
    """

    records: tuple[Path, ...]
    shards: tuple[Path, ...]
    plain: tuple[Path, ...]
    skipped: tuple[str, ...]


def find_sources(folder: Path) -> Sources:
    """Find a folder's training data: artifacts of recipes, curations, token shards, or any files of text.

    Held-out and dropped data is passed over by its name. In artifacts only records and token shards are read, for
    their other files hold benchmarks, logs and figures.

    Raises:
        PhialError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise PhialError("no such folder of training data", where=str(folder), do="name one with --shards")
    records, plain, skipped = [], [], []
    shards = sorted(header.parent for header in folder.rglob("shard.json"))
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.parent in shards or not path.name.endswith((".parquet", *_PLAIN)):
            continue
        if word := _not_trained(path, folder):
            skipped.append(f"{path}: {word}")
        elif path.suffix == ".parquet" and not _holds_records(path):
            skipped.append(f"{path}: no records")
        elif path.suffix == ".parquet":
            records.append(path)
        elif not _in_artifact(path, folder):
            plain.append(path)
    trained = [shard for shard in shards if not _not_trained(shard, folder)]
    skipped += [f"{shard}: {_not_trained(shard, folder)}" for shard in shards if shard not in trained]
    if not (records or trained or plain):
        raise PhialError(
            "no training data" + (f"; passed over: {', '.join(skipped)}" if skipped else ""),
            where=str(folder),
            do="name a folder of records (.parquet), token shards, or files of text",
        )
    return Sources(tuple(records), tuple(trained), tuple(plain), tuple(skipped))


def read_sources(sources: Sources, tokenizer: Tokenizer | None = None) -> Iterator[TrainingText]:
    """Every text of a folder's training data.

    Args:
        sources: as `find_sources` found them.
        tokenizer: of the token shards; the one that their artifact names by default.

    Raises:
        PhialError: a token shard's tokenizer is not known, or a file is damaged.
    """
    for path in sources.records:
        for record in read_records(path):
            yield TrainingText(str(path), record.content, record)
    for folder in sources.shards:
        speaking = tokenizer or _tokenizer_of(folder)
        for record, ids in read_documents(folder):
            yield TrainingText(str(folder), speaking.decode(ids.tolist()), record)
    for path in sources.plain:
        for number, piece in enumerate(read_file(path, str(path), Reading()), 1):
            if isinstance(piece, Dropped):
                raise PhialError(
                    f"training data can't be read: {piece.reason} {piece.detail}", where=f"{path}, text {number}"
                )
            yield TrainingText(str(path), piece.content, piece)


def _not_trained(path: Path, folder: Path) -> str:
    """The word in a path below the folder that tells it apart from training data."""
    inside = path.relative_to(folder).as_posix()
    return next((word for word in _NOT_TRAINED if word in inside), "")


def _in_artifact(path: Path, folder: Path) -> bool:
    return any((parent / MANIFEST).is_file() for parent in path.parents if parent.is_relative_to(folder))


def _holds_records(path: Path) -> bool:
    try:
        return {"id", "text", "messages", "flow"} <= set(pq.read_schema(path).names)
    except pa.ArrowInvalid as error:
        raise PhialError(f"not a readable Parquet file: {error}", where=str(path), do="remove it") from error


def _tokenizer_of(shard: Path) -> Tokenizer:
    for folder in shard.parents[:2]:
        if (folder / MANIFEST).is_file():
            key = read_manifest(folder).inputs.get("tokenizer")
            if key is not None:
                return load_tokenizer(artifact_path(folder.parent, "tokenizer", key))
    raise PhialError(
        "the tokenizer of this token shard is not known",
        where=str(shard),
        do="name it, or search the records that the shard was made of",
    )
