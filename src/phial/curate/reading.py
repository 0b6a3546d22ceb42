"""Files of text into records: streamed, in bounded memory, with what cannot be read counted and kept aside."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from phial.curate.funnel import Dropped
from phial.curate.stage import turned_away
from phial.errors import PhialError
from phial.record import Lineage, Record, read_records

GATE = "read"
SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".txt", ".md", ".txt.gz", ".html", ".htm")
_CHUNK = 1 << 20
_SHOWN = 2_000  # bytes of what could not be read


@dataclass(frozen=True)
class Reading:
    """How files become records.

    Attributes:
        kind: of the records of files that do not say.
        license: likewise, an SPDX expression.
        document_characters: a longer text file is cut into documents, at the end of a paragraph or line if there is one
            in the last half.
        line_bytes: a longer line of a .jsonl file is dropped.
        html_bytes: a longer HTML file is dropped.
    """

    kind: str = "organic"
    license: str = "LicenseRef-unknown"
    document_characters: int = 500_000
    line_bytes: int = 64_000_000
    html_bytes: int = 16_000_000

    def config(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def input_files(folder: Path) -> list[Path]:
    """The readable files below a folder, in order of their names.

    Raises:
        PhialError: the folder is missing, or holds none.
    """
    files = sorted(path for path in folder.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())
    if not files:
        raise PhialError(
            "nothing to curate", where=str(folder), do=f"put files there, each one of {', '.join(SUFFIXES)}"
        )
    return files


def read_file(path: Path, source: str, reading: Reading) -> Iterator[Record | Dropped]:
    """Every record of one file, and in its place whatever could not become one.

    .parquet as `phial.record` writes it; .jsonl with "text", "html" or "messages" and optionally "kind", "source" and
    "license"; .html as one record of kind "html" with the tags, for `ExtractHtml`; anything else as plain text.

    Args:
        source: the records' source, where the file does not say.
    """
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        yield from read_records(path)
        return
    try:
        with cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as file:
            if name.endswith(".jsonl"):
                yield from _lines(file, source, reading)
            elif name.endswith((".html", ".htm")):
                yield from _page(file, source, reading)
            else:
                yield from _documents(file, source, reading)
    except (EOFError, gzip.BadGzipFile) as error:
        yield _unreadable(b"", "damaged gzip", str(error), source, reading, {})


def _record(text: str, source: str, reading: Reading, params: dict[str, Any], kind: str | None = None) -> Record:
    return Record(
        kind or reading.kind, source, reading.license, Lineage("curate/reading", "1", params=params), text=text
    )


def _unreadable(
    content: bytes, reason: str, detail: str, source: str, reading: Reading, params: dict[str, Any]
) -> Dropped:
    shown = content[:_SHOWN].decode("utf-8", "backslashreplace")
    return turned_away(_record(shown, source, reading, params), GATE, reason, detail)


def _lines(file: BinaryIO, source: str, reading: Reading) -> Iterator[Record | Dropped]:
    number = 0
    while line := file.readline(reading.line_bytes):
        number += 1
        params = {"line": number}
        if len(line) == reading.line_bytes and not line.endswith(b"\n"):
            size = len(line)
            while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
                size += len(rest)
            yield _unreadable(line[:_SHOWN], "line too long", f"{size + len(rest)} bytes", source, reading, params)
        elif line.strip():
            yield _parsed(line, source, reading, params)
    if not number:
        yield _unreadable(b"", "empty file", "", source, reading, {})


def _parsed(line: bytes, source: str, reading: Reading, params: dict[str, Any]) -> Record | Dropped:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _unreadable(line, "not UTF-8", str(error), source, reading, params)
    except (ValueError, RecursionError) as error:
        return _unreadable(line, "not JSON", str(error), source, reading, params)
    if not isinstance(row, dict):
        return _unreadable(line, "no record", "not an object", source, reading, params)
    facts = {name: row.get(name, default) for name, default in _defaults(source, reading).items()}
    text, kind = row.get("text"), facts["kind"]
    if text is None and "html" in row:
        text, kind = row["html"], "html"
    try:
        messages = tuple((message["role"], message["content"]) for message in row.get("messages") or ()) or None
    except (TypeError, KeyError):
        return _unreadable(line, "no record", "messages without role and content", source, reading, params)
    strings = [*facts.values(), *(part for message in messages or () for part in message)]
    if not all(isinstance(value, str) for value in strings) or isinstance(text, str) == (messages is not None):
        return _unreadable(line, "no record", "neither a text nor messages", source, reading, params)
    try:  # JSON can spell half a surrogate pair, which no UTF-8 file can hold
        "".join((*strings, text or "")).encode()
    except UnicodeEncodeError as error:
        return _unreadable(line, "not Unicode", str(error), source, reading, params)
    lineage = Lineage("curate/reading", "1", params=params)
    return Record(kind, facts["source"], facts["license"], lineage, text=text, messages=messages)


def _defaults(source: str, reading: Reading) -> dict[str, str]:
    return {"kind": reading.kind, "source": source, "license": reading.license}


def _page(file: BinaryIO, source: str, reading: Reading) -> Iterator[Record | Dropped]:
    content = file.read(reading.html_bytes + 1)
    if len(content) > reading.html_bytes:
        yield _unreadable(content, "page too long", f"over {reading.html_bytes} bytes", source, reading, {})
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield _unreadable(content, "not UTF-8", str(error), source, reading, {})
        return
    yield (
        _record(text, source, reading, {}, "html")
        if text.strip()
        else _unreadable(content, "empty file", "", source, reading, {})
    )


def _documents(file: BinaryIO, source: str, reading: Reading) -> Iterator[Record | Dropped]:
    # Bytes that are no UTF-8 become lone surrogates, and only the document they are in is dropped.
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text, part, end = "", 0, False
    while not end:
        content = file.read(_CHUNK)
        end = not content
        text += decoder.decode(content, final=end)
        if part == 0:
            text = text.removeprefix("\ufeff")
        while len(text) > reading.document_characters or (end and text):
            cut = _end_of_document(text, reading.document_characters)
            yield from _document(text[:cut], source, reading, {"part": part})
            text, part = text[cut:], part + 1
    if part == 0:
        yield _unreadable(b"", "empty file", "", source, reading, {})


def _document(text: str, source: str, reading: Reading, params: dict[str, Any]) -> Iterator[Record | Dropped]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        detail = f"byte {ord(text[error.start]) - 0xDC00:#x} at character {error.start}"
        content = text[:_SHOWN].encode("utf-8", "surrogateescape")
        yield _unreadable(content, "not UTF-8", detail, source, reading, params)
        return
    if text.strip():
        yield _record(text, source, reading, params)


def _end_of_document(text: str, limit: int) -> int:
    if len(text) <= limit:
        return len(text)
    for end in ("\n\n", "\n", " "):
        cut = text.rfind(end, limit // 2, limit)
        if cut >= 0:
            return cut + len(end)
    return limit
