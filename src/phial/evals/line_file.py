"""A file that lines are appended to, by one process at a time, and that a kill leaves whole but for its last line."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from phial.errors import PhialError

SYNC_SECONDS = 1.0


class LineFile:
    """Lines of JSON objects, each with the operating system when `add` returns and on the disk about a second later.

    Args:
        path: made if there is none; a last line that was cut off is removed.

    Raises:
        PhialError: another process has it open, or it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._synced = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise PhialError(f"can't write: {error.strerror}", where=str(path), do="give another folder") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            do = "wait until it is done, or give another folder"
            raise PhialError("another process is writing this file", where=str(path), do=do) from error
        self._open = True
        os.truncate(self._file, _whole(self._file))

    def add(self, line: str) -> None:
        """Append a line, its line feed included. Any thread may."""
        left = memoryview(line.encode())
        with self._lock:
            while left:
                left = left[os.write(self._file, left) :]
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._file)
                self._synced = time.monotonic()

    def close(self) -> None:
        """Have all of it on the disk."""
        if self._open:
            self._open = False
            os.fsync(self._file)
            os.close(self._file)

    def __enter__(self) -> LineFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def objects(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """What the lines of such a file hold, each with its place for errors; a last line that was cut off is left out.

    Raises:
        PhialError: there is no such file, or a line is no JSON object.
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.endswith(b"\n"):
                    yield _object(text, f"{path}, line {number}"), f"{path}, line {number}"
    except OSError as error:
        raise PhialError(f"can't read: {error.strerror}", where=str(path), do="look at the path") from error


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PhialError(f"damaged line: {error}", where=where, do="remove that line") from error
    if not isinstance(fields, dict):
        raise PhialError("damaged line: no object", where=where, do="remove that line")
    return fields


def _whole(file: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - (1 << 16))
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
