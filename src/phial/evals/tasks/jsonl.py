"""Reading published files of one JSON object a line, plain or gzipped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phial.errors import PhialError


def read_lines(path: Path, columns: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """The first `limit` objects of a .jsonl or .jsonl.gz file.

    Raises:
        PhialError: the file is missing or empty, a line is no JSON object, or a column is missing.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    lines: list[dict[str, Any]] = []
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if len(lines) == limit:
                    break
                if not text.strip():
                    continue
                line = json.loads(text)
                missing = [c for c in columns if not isinstance(line, dict) or c not in line]
                if missing:
                    raise PhialError(f"column {missing[0]!r} is missing", where=f"{path}, line {number}")
                lines.append(line)
    except (OSError, ValueError) as error:
        raise PhialError(
            f"can't read benchmark file: {error}", where=str(path), do="give the published file"
        ) from error
    if not lines:
        raise PhialError("benchmark file has no items", where=str(path), do="give the published file")
    return lines
