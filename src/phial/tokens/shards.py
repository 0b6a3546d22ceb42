"""Token shards: packed rows of ids on disk, with the documents in them and the spans that carry loss."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phial.errors import PhialError
from phial.tokens.packing import best_fit

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Document:
    """One tokenized record: BOS, content, EOS.

    Attributes:
        record_id: the record it comes from.
        ids: its tokens.
        spans: [start, end) token ranges that carry loss, ascending.
        scored_bytes: UTF-8 bytes of the text inside those spans, for bits-per-byte.
    """

    record_id: str
    ids: Sequence[int]
    spans: tuple[tuple[int, int], ...]
    scored_bytes: int


@dataclass(frozen=True)
class Shard:
    """An open shard.

    Attributes:
        ids: [rows, row_length] uint16 or uint32, memory-mapped.
        scored: bool [rows, row_length], True where the token is a target.
        starts: bool [rows, row_length], True at the first token of a document.
        documents: number of documents.
        tokens: tokens that are not padding.
        scored_bytes: UTF-8 bytes behind all targets.
    """

    ids: np.ndarray
    scored: np.ndarray
    starts: np.ndarray
    documents: int
    tokens: int
    scored_bytes: int

    @property
    def rows(self) -> int:
        """Number of packed rows."""
        return self.ids.shape[0]


def write_shard(folder: Path, documents: Sequence[Document], row_length: int, vocab_size: int, pad_id: int) -> dict:
    """Pack documents into rows and write them.

    Files: `ids.bin` (rows x row_length, little-endian), `documents.parquet` (record, row, offset, length, spans,
    bytes), `shard.json` (the header).

    Args:
        folder: an existing folder.
        documents: each at most `row_length` tokens long.
        row_length: tokens a row holds; a row trains row_length - 1 positions.
        vocab_size: decides between uint16 and uint32.
        pad_id: fills what is left of a row.

    Returns:
        The header.

    Raises:
        PhialError: there are no documents.
    """
    if not documents:
        raise PhialError("no documents to write", where=str(folder), do="loosen the filters or give more data")
    rows = best_fit([len(document.ids) for document in documents], row_length)
    dtype = np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")
    ids = np.full((len(rows), row_length), pad_id, dtype=dtype)
    placed = np.zeros((len(documents), 2), dtype=np.int64)
    for row, members in enumerate(rows):
        offset = 0
        for member in members:
            tokens = documents[member].ids
            ids[row, offset : offset + len(tokens)] = tokens
            placed[member] = row, offset
            offset += len(tokens)
    ids.tofile(folder / "ids.bin")
    table = pa.table(
        {
            "record_id": [document.record_id for document in documents],
            "row": placed[:, 0],
            "offset": placed[:, 1],
            "length": [len(document.ids) for document in documents],
            "spans": pa.array([[n for span in d.spans for n in span] for d in documents], pa.list_(pa.int32())),
            "bytes": [document.scored_bytes for document in documents],
        }
    )
    pq.write_table(table, folder / "documents.parquet", compression="zstd")
    header = {
        "format": FORMAT,
        "dtype": dtype.name,
        "rows": len(rows),
        "row_length": row_length,
        "documents": len(documents),
        "tokens": sum(len(document.ids) for document in documents),
        "scored_bytes": sum(document.scored_bytes for document in documents),
        "vocab_size": vocab_size,
    }
    (folder / "shard.json").write_text(json.dumps(header, indent=1) + "\n")
    return header


def read_shard(folder: Path) -> Shard:
    """Memory-map a shard and rebuild its masks.

    Raises:
        PhialError: a missing or unreadable header, a newer format, or a file of the wrong size.
    """
    where = str(folder)
    again = "delete the folder and run the recipe again"
    try:
        header = json.loads((folder / "shard.json").read_text())
    except (OSError, ValueError) as error:
        raise PhialError(f"not a token shard: {error}", where=where, do=again) from error
    if header["format"] > FORMAT:
        raise PhialError(f"shard format {header['format']} is newer than {FORMAT}", where=where, do="upgrade phial")
    shape = (header["rows"], header["row_length"])
    dtype = np.dtype(header["dtype"])
    if (folder / "ids.bin").stat().st_size != shape[0] * shape[1] * dtype.itemsize:
        raise PhialError("ids.bin has the wrong size", where=where, do=again)
    ids = np.memmap(folder / "ids.bin", dtype=dtype, mode="r", shape=shape)
    table = pq.read_table(folder / "documents.parquet", columns=["row", "offset", "spans"])
    first = table["row"].to_numpy() * shape[1] + table["offset"].to_numpy()  # flat position of each first token
    starts = np.zeros(shape[0] * shape[1], dtype=bool)
    starts[first] = True
    spans = table["spans"].combine_chunks()
    bounds = spans.flatten().to_numpy()
    documents = np.repeat(np.arange(len(first)), np.diff(spans.offsets.to_numpy()))
    # A span adds 1 at its start and takes it away at its end; the running sum is positive inside spans.
    steps = np.zeros(shape[0] * shape[1] + 1, dtype=np.int8)
    np.add.at(steps, first[documents] + bounds, np.where(np.arange(len(bounds)) % 2 == 0, 1, -1))
    scored = np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
    return Shard(
        ids=ids,
        scored=scored.reshape(shape),
        starts=starts.reshape(shape),
        documents=header["documents"],
        tokens=header["tokens"],
        scored_bytes=header["scored_bytes"],
    )


def read_documents(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The record id and the tokens of each document of a shard, without its padding.

    Raises:
        PhialError: as `read_shard` does.
    """
    shard = read_shard(folder)
    table = pq.read_table(folder / "documents.parquet", columns=["record_id", "row", "offset", "length"])
    for record_id, row, offset, length in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield record_id, shard.ids[row, offset : offset + length]
