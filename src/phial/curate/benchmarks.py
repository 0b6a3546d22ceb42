"""Held-out benchmarks: read from a folder of files, and indexed by their word n-grams."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phial.curate.ngrams import ItemGrams, Texts, hash_texts, item_grams
from phial.errors import PhialError

LONG = 13  # words
SHORT = 7

# The columns that hold the question in the published files of the report's benchmarks.
QUESTION_COLUMNS = (
    "question",
    "problem",
    "prompt",
    "turns",
    "goal",
    "ctx",
    "sentence",
    "query",
    "instruction",
    "input",
    "text",
)
SUFFIXES = (".jsonl", ".json", ".parquet", ".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class Item:
    """One held-out question."""

    id: str
    benchmark: str
    text: str


@dataclass(frozen=True)
class Index:
    """Held-out items, ready to be looked for."""

    items: tuple[Item, ...]
    texts: Texts
    long_grams: ItemGrams
    short_grams: ItemGrams


def build_index(items: Iterable[tuple[str, str, str]]) -> Index:
    """Index held-out items by their 13-grams and 7-grams.

    Args:
        items: (item id, benchmark, text) of each; the text is what must not be trained on, in general the question.

    Raises:
        PhialError: there are no items, or one has no words and so could not be found.
    """
    listed = tuple(Item(*item) for item in items)
    if not listed:
        raise PhialError("no held-out items", where="decontaminate", do="name a benchmark, or leave the stage out")
    texts = hash_texts([item.text for item in listed])
    for number in np.flatnonzero(texts.lengths == 0):
        item = listed[number]
        raise PhialError(
            f"item {item.id!r} has no words: {item.text[:80]!r}", where=item.benchmark, do="leave it out or mend it"
        )
    return Index(listed, texts, item_grams(texts, LONG), item_grams(texts, SHORT))


def benchmark_files(folder: Path) -> list[Path]:
    """The files of a folder of benchmarks, subfolders included, in order of their names.

    Raises:
        PhialError: there are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if not files:
        raise PhialError(
            "no benchmark files", where=str(folder), do=f"put files there, each one of {', '.join(SUFFIXES)}"
        )
    return files


def read_benchmarks(folder: Path, columns: Sequence[str] = QUESTION_COLUMNS) -> Iterator[tuple[str, str, str]]:
    """The items of every benchmark file below a folder, for `build_index`.

    A .txt file is one item a line; every other is one item a row, whose text is the first of `columns` that the row
    has (a list of texts is joined). Rows without words are left out.

    Args:
        folder: with files of any of `SUFFIXES`; a benchmark is named by its file's path below the folder.
        columns: names to look for, in order.

    Raises:
        PhialError: there is no file, one cannot be read, or a row has none of the columns.
    """
    for path in benchmark_files(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        for number, row in enumerate(_rows(path)):
            text = _text(row, columns, f"{path} row {number + 1}")
            if any(character.isalnum() for character in text):
                yield f"{name}/{number}", name, text


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
        return
    try:
        with path.open(encoding="utf-8", newline="" if path.suffix in (".csv", ".tsv") else None) as file:
            if path.suffix == ".txt":
                yield from ({"text": line} for line in file)
            elif path.suffix == ".jsonl":
                yield from (json.loads(line) for line in file if line.strip())
            elif path.suffix == ".json":
                listed = json.load(file)
                yield from listed if isinstance(listed, list) else [listed]
            else:
                yield from csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    except ValueError as error:
        raise PhialError(f"benchmark cannot be read: {error}", where=str(path), do="mend or remove the file") from error


def _text(row: Mapping[str, Any], columns: Sequence[str], where: str) -> str:
    for column in columns if isinstance(row, Mapping) else ():
        value = row.get(column)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return "\n".join(value)
    raise PhialError(
        f"none of the columns {', '.join(columns)} holds a text; there is "
        + (", ".join(map(str, row)) if isinstance(row, Mapping) else f"a {type(row).__name__}"),
        where=where,
        do="name the question's column",
    )
