"""Reading benchmarks as they are published: jsonl, json, csv, tsv and parquet, plain, gzipped or in an archive."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from phial.errors import PhialError

FILE, LINE, KEY = "_file", "_line", "_key"
IN_ARCHIVE = "::"

# A few kilobytes of a bomb become gigabytes. Text in JSON or csv seldom becomes more than 20 times its compressed size.
LARGEST = 4 << 30
MOST_RATIO = 100
RATIO_FROM = 64 << 20
LARGEST_TAR = 1 << 30
_LARGEST_FIELD = 1 << 26
_BATCH = 1000
# What the libraries raise on damaged files and bombs; zipfile tells a missing password, and a compression that it does
# not know, by kinds of RuntimeError.
_FAULTS = (
    OSError, EOFError, ValueError, RuntimeError, csv.Error, zlib.error, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class _File:
    """What opens a file or a member of an archive, and the bytes that it takes where it lies."""

    open: Callable[[], IO[bytes]]
    stored: int


def rows(
    folder: Path,
    names: Sequence[str],
    columns: Sequence[str],
    limit: int | None = None,
    headers: bool = True,
    password: bytes | None = None,
) -> tuple[list[Row], str]:
    """The rows of the first of a benchmark's published files that lies in a folder.

    A json file may be a list of objects, one object of lists (a list a column), one object of objects (the key is then
    in "_key"), one object that is itself the row, or, as some are, one object a line.

    Args:
        folder: the benchmark's own.
        names: in order of preference; "data/test-*.parquet" is all such files, in order of their names, and
            "data.tar::data/test/*.csv" such members of an archive (zip, tar, tar.gz). Of a file and its .gz, the file.
        columns: every row must have, and not as null.
        limit: rows at most.
        headers: whether csv files name their columns in the first line; if not, `columns` are their columns.
        password: of an encrypted zip.

    Returns:
        The rows, each with the file ("_file") and the line or place in it ("_line", from 1) that it came from, and the
        sha256 of the content: of a single file's, decompressed, or else of a list of all the files' names and sha256.

    Raises:
        PhialError: there is no such file, one is damaged or far larger than it looks, or lacks a column.
    """
    for name in names:
        with _found(folder, name, password) as files:
            if files:
                return _read(folder, files, tuple(columns), limit, headers)
    there = sorted(path.name for path in folder.iterdir())[:12] if folder.is_dir() else []
    raise PhialError(
        f"no {' or '.join(names)}" + (f"; there are {', '.join(there)}" if there else ""),
        where=str(folder),
        do="put the published file there",
    )


def _read(
    folder: Path, files: Mapping[str, _File], columns: tuple[str, ...], limit: int | None, headers: bool
) -> tuple[list[Row], str]:
    found: list[Row] = []
    digests: list[tuple[str, str]] = []
    for name, file in files.items():
        where = str(folder / name)
        left = None if limit is None else limit - len(found)
        try:
            with file.open() as raw, _Content(raw, where, file.stored) as content:
                for row in islice(_rows(content, name, columns, headers, where), left):
                    _check(row, columns, where)
                    found.append({**row, FILE: name})
                digests.append((name, content.sha256()))
        except _FAULTS as error:
            _damaged(where, error)
    if not found and limit != 0:
        raise PhialError(
            "benchmark file has no items", where=str(folder / next(iter(files))), do="give the published file"
        )
    if len(digests) == 1:
        return found, digests[0][1]
    return found, hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in digests).encode()).hexdigest()


def _damaged(where: str, error: Exception) -> NoReturn:
    raise PhialError(
        f"can't read benchmark file: {error or type(error).__name__}", where=where, do="give the published file"
    ) from error


def _check(row: Row, columns: Sequence[str], where: str) -> None:
    where = f"{where}, line {row[LINE]}"
    _expect(columns, [name for name in row if name not in (LINE, KEY)], where)
    for column in columns:
        if row[column] is None:
            raise PhialError(f"column {column!r} has no value", where=where, do="give the published file")


def _rows(content: _Content, name: str, columns: tuple[str, ...], headers: bool, where: str) -> Iterator[Row]:
    kind = name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        return _parquet(content, columns, where)
    if kind in ("csv", "tsv"):
        return _csv(content, columns, headers, "\t" if kind == "tsv" else ",", where)
    if kind == "jsonl":
        return _json_lines(content, where)
    if kind == "json":
        return _json(content, columns, where)
    raise PhialError(f"a benchmark in a .{kind} file", where=where, do="give a jsonl, json, csv, tsv or parquet file")


def _json_lines(content: IO[bytes], where: str) -> Iterator[Row]:
    for number, line in enumerate(content, 1):
        if line.strip():
            try:
                yield _object(json.loads(line.decode("utf-8-sig")), number, where)
            except (ValueError, RecursionError) as error:
                _damaged(f"{where}, line {number}", error)


def _json(content: IO[bytes], columns: tuple[str, ...], where: str) -> Iterator[Row]:
    text = content.read()
    try:
        data = json.loads(text.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":  # as behind the first of several objects, one a line
            raise
        yield from _json_lines(io.BytesIO(text), where)
        return
    if isinstance(data, list):
        for number, row in enumerate(data, 1):
            yield _object(row, number, where)
    elif isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values()):
        for number, (key, row) in enumerate(data.items(), 1):
            yield {KEY: key, **row, LINE: number}
    elif isinstance(data, dict) and _is_table(data, columns):
        for number, values in enumerate(zip(*data.values(), strict=True), 1):
            yield {**dict(zip(data, values, strict=True)), LINE: number}
    else:
        yield _object(data, 1, where)


def _is_table(data: Mapping[str, Any], columns: Sequence[str]) -> bool:
    lengths = {len(value) if isinstance(value, list) else -1 for value in data.values()}
    return len(lengths) == 1 and -1 not in lengths and all(column in data for column in columns)


def _object(value: Any, number: int, where: str) -> Row:
    if not isinstance(value, dict):
        raise PhialError(
            f"no JSON object but {type(value).__name__}", where=f"{where}, line {number}", do="give the published file"
        )
    return {**value, LINE: number}


def _csv(content: IO[bytes], columns: tuple[str, ...], headers: bool, delimiter: str, where: str) -> Iterator[Row]:
    csv.field_size_limit(_LARGEST_FIELD)
    lines = (line.decode("utf-8-sig") for line in content)
    # tsv files of benchmarks have quotation marks as they stand in the text.
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    header = next(reader, []) if headers else list(columns)
    _expect(columns, header, f"{where}, line 1")
    number = reader.line_num + 1
    for fields in reader:
        if fields:
            if len(fields) != len(header):
                raise PhialError(
                    f"{len(fields)} fields where {len(header)} belong",
                    where=f"{where}, line {number}",
                    do="give the published file",
                )
            yield {**dict(zip(header, fields, strict=True)), LINE: number}
        number = reader.line_num + 1


def _expect(columns: Sequence[str], there: Sequence[str], where: str) -> None:
    for column in columns:
        if column not in there:
            what = f"column {column!r} is missing; there are {', '.join(there)[:300]}"
            raise PhialError(what, where=where, do="give the published file")


def _parquet(content: _Content, columns: tuple[str, ...], where: str) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    number, size = 0, 0
    try:
        file = parquet.ParquetFile(io.BytesIO(content.read()))
        _expect(columns, file.schema_arrow.names, where)
        for batch in file.iter_batches(_BATCH):
            size += batch.nbytes
            content.expect(size)
            for row in batch.to_pylist():
                number += 1
                yield {**row, LINE: number}
    except pyarrow.ArrowException as error:
        _damaged(where, error)


class _Content(io.BufferedReader):
    """What is read of a file, counted against bombs and hashed."""

    def __init__(self, raw: IO[bytes], where: str, compressed: int) -> None:
        self._counted = _Counted(raw, where, compressed)
        super().__init__(self._counted, 1 << 20)

    def expect(self, size: int) -> None:
        """Refuse a file that becomes so large."""
        self._counted.expect(size)

    def sha256(self) -> str:
        """Of the whole content; what nobody read is read now."""
        while self.read1(1 << 20):
            pass
        return self._counted.digest.hexdigest()


class _Counted(io.RawIOBase):
    def __init__(self, raw: IO[bytes], where: str, compressed: int) -> None:
        self._raw, self._where, self._compressed = raw, where, compressed
        self._size = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        self._size += len(data)
        self.expect(self._size)
        self.digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def expect(self, size: int) -> None:
        if size > LARGEST or size > max(RATIO_FROM, MOST_RATIO * self._compressed):
            what = f"benchmark file becomes more than {size >> 20:,} MB out of {self._compressed / 2**20:,.1f}"
            raise PhialError(what, where=self._where, do="give the published file")


@contextmanager
def _found(folder: Path, name: str, password: bytes | None) -> Iterator[dict[str, _File]]:
    """Ways to open all files that a name stands for; those of an archive while it is open."""
    outer, is_archive, inner = name.partition(IN_ARCHIVE)
    paths = sorted(path for path in folder.glob(outer) if path.is_file())
    if not is_archive:
        plain = {path.name for path in paths}
        yield {
            path.relative_to(folder).as_posix(): _File(partial(_open, path), path.stat().st_size)
            for path in paths
            if path.suffix != ".gz" or path.stem not in plain
        }
        return
    if not paths:
        yield {}
        return
    archive = paths[0]
    try:
        with _members(archive, inner, password) as members:
            name = archive.relative_to(folder).as_posix()
            yield {f"{name}{IN_ARCHIVE}{member}": file for member, file in sorted(members.items())}
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        _damaged(str(archive), error)


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


@contextmanager
def _members(archive: Path, pattern: str, password: bytes | None) -> Iterator[dict[str, _File]]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            yield {
                member.filename: _File(partial(packed.open, member, pwd=password), member.compress_size)
                for member in packed.infolist()
                if _matches(member.filename, pattern)
            }
        return
    # A compressed tar can only be read from front to back, and its members are wanted in order of their names.
    read: dict[str, _File] = {}
    size = 0
    with tarfile.open(archive) as packed:
        for member in packed:
            name = member.name.removeprefix("./")
            if member.isfile() and _matches(name, pattern):
                size += member.size
                if size > LARGEST_TAR:
                    what = f"its members take more than {LARGEST_TAR >> 20:,} MB"
                    raise PhialError(what, where=str(archive), do="unpack it")
                content = packed.extractfile(member)
                assert content  # a regular file has content
                read[name] = _File(partial(io.BytesIO, content.read()), member.size)
    yield read


def _matches(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern whose stars stay between slashes."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))
