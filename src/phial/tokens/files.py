"""Tokenizer files from the disk, never more of one than a tokenizer can have."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from phial.errors import PhialError

MAX_BYTES = 1 << 26  # the largest published tokenizer.json has 20 MB


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        PhialError: it cannot be read, or has more than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size  # read() sets aside what it is asked for
            data = file.read(min(size, most) + 1)
    except OSError as error:
        raise PhialError(f"unreadable: {error.strerror}", where=str(path), do="give a complete folder") from error
    if len(data) > most:
        raise PhialError(f"more than {most} bytes; no tokenizer", where=str(path), do="give the right file")
    return data


def read_text(path: Path) -> str:
    """The text of a UTF-8 file.

    Raises:
        PhialError: it cannot be read, is too large, or is no UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise PhialError(f"no UTF-8 text: {error.reason}", where=str(path), do="get the file again") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        PhialError: it cannot be read, is too large, or is no JSON object.
    """
    try:
        facts = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise PhialError(f"no JSON: {error}", where=str(path), do="get the file again") from error
    if not isinstance(facts, dict):
        raise PhialError("no JSON object", where=str(path), do="get the file again")
    return facts
