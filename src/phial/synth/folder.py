"""Records from a user's own folder of text: .txt, .md, .py and .jsonl files, under the licence the user states."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from phial.errors import PhialError
from phial.record import Lineage, Record
from phial.synth.seeds import VERSION, SeedReport, SkippedFile

SUFFIXES = (".txt", ".md", ".py", ".jsonl")
ROLES = ("system", "user", "assistant", "tool")

_FLOW = "seeds/folder"
_BYTE_ORDER_MARK = "\ufeff"


class _BadText(Exception):
    """Why one file or one line of it is no record; the reader turns it into a PhialError or counts it."""


def read_folder(
    path: Path, license: str, on_bad: Literal["error", "skip"] = "error", report: SeedReport | None = None
) -> Iterator[Record]:
    """Read every .txt, .md, .py and .jsonl file below a folder, in the order of their names.

    A .txt, .md or .py file is one document. Each line of a .jsonl file is an object with either "text" (a string) or
    "messages" (a list of {"role", "content"}); its other fields are not read. Hidden files and folders are not read.

    Args:
        path: the folder.
        license: SPDX expression of everything in it, as the caller states it.
        on_bad: "error" stops at the first file or line that cannot be read; "skip" counts it in the report.
        report: filled while the records are drawn.

    Returns:
        An iterator of records: kind "organic" for text, "chat" for messages.

    Raises:
        PhialError: the folder does not exist or (while drawing) a file is not UTF-8, a line is no such object, or
            there was nothing to read.
    """
    if not path.is_dir():
        raise PhialError("no such folder", where=str(path), do="give a folder that holds " + ", ".join(SUFFIXES))
    if not license.strip():
        raise PhialError("the folder's licence is empty", where=str(path), do='state it, e.g. "CC-BY-4.0"')
    return _read(path, license, on_bad, report if report is not None else SeedReport())


def fingerprint_folder(path: Path) -> str:
    """A key that changes when a file that `read_folder` would read changes its name or its content."""
    digest = hashlib.sha256(VERSION.encode())
    for name in _files(path):
        with (path / name).open("rb") as file:
            digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[str]:
    names: list[str] = []
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names.extend(
            Path(folder, name).relative_to(path).as_posix()
            for name in files
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        )
    return sorted(names)


def _read(path: Path, license: str, on_bad: Literal["error", "skip"], report: SeedReport) -> Iterator[Record]:
    for name in _files(path):
        skipped = len(report.skipped)
        documents = _lines(path, name, on_bad, report) if name.lower().endswith(".jsonl") else _whole(path, name)
        try:
            for line, content in documents:
                params = {"file": name, "line": line}
                record = Record(
                    kind="organic" if isinstance(content, str) else "chat",
                    source=f"{path.resolve().name}/{name}",
                    license=license,
                    lineage=Lineage(flow=_FLOW, version=VERSION, params=params),
                    text=content if isinstance(content, str) else None,
                    messages=None if isinstance(content, str) else content,
                )
                if not record.content.strip():
                    report.left_out["empty document"] += 1
                    continue
                report.records += 1
                report.bytes += len(record.content.encode())
                yield record
        except _BadText as error:
            _bad(path / name, str(error), on_bad, report)
        report.files += len(report.skipped) == skipped
    if report.records == 0:
        raise PhialError(
            f"no text to read; {report.files} files read, {len(report.skipped)} skipped",
            where=str(path),
            do="put UTF-8 files there that end in " + ", ".join(SUFFIXES),
        )


def _bad(place: Path | str, reason: str, on_bad: Literal["error", "skip"], report: SeedReport) -> None:
    if on_bad == "error":
        raise PhialError(
            reason, where=str(place), do='save it as UTF-8 text or as valid JSON lines, or pass on_bad="skip"'
        )
    report.skipped.append(SkippedFile(str(place), reason))


def _decode(data: bytes, start: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        offset = start + error.start
        raise _BadText(f"not UTF-8: byte {data[error.start]:#04x} at offset {offset}") from error


def _whole(path: Path, name: str) -> Iterator[tuple[int, str]]:
    yield 1, _decode((path / name).read_bytes(), 0).removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n")


def _lines(
    path: Path, name: str, on_bad: Literal["error", "skip"], report: SeedReport
) -> Iterator[tuple[int, str | tuple[tuple[str, str], ...]]]:
    offset = 0
    with (path / name).open("rb") as file:
        for number, data in enumerate(file, start=1):
            try:
                line = _decode(data, offset).removeprefix(_BYTE_ORDER_MARK).strip()
                if line:
                    yield number, _content(line)
            except _BadText as error:
                _bad(f"{path / name}, line {number}", str(error), on_bad, report)
            offset += len(data)


def _content(line: str) -> str | tuple[tuple[str, str], ...]:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BadText(f"not JSON: {error}") from error
    if not isinstance(row, dict) or ("text" in row) == ("messages" in row):
        raise _BadText('not an object with either "text" or "messages"')
    content: str | tuple[tuple[str, str], ...]
    if "text" in row:
        if not isinstance(row["text"], str):
            raise _BadText('"text" is no string')
        content = row["text"]
        everything = content
    else:
        content = _messages(row["messages"])
        everything = "".join(words for _, words in content)
    try:
        everything.encode()
    except UnicodeEncodeError as error:
        raise _BadText("a lone surrogate (\\ud800-\\udfff) is no text") from error
    return content


def _messages(rows: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(rows, list) or not rows:
        raise _BadText('"messages" is no list of messages')
    messages: list[tuple[str, str]] = []
    for row in rows:
        role, content = (row.get("role"), row.get("content")) if isinstance(row, dict) else (None, None)
        if role not in ROLES or not isinstance(content, str):
            raise _BadText(f'a message needs a "role" of {", ".join(ROLES)} and a "content" string')
        messages.append((role, content))
    return tuple(messages)
