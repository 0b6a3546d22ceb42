"""What flows begin with: topics, and texts of the user's own, streamed whatever their size."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phial.artifact import file_sha256
from phial.curate.funnel import Dropped
from phial.curate.reading import SUFFIXES, Reading, read_file
from phial.errors import PhialError
from phial.record import Lineage, Record

_SUFFIXES = (*SUFFIXES, ".py")
_LINE_BYTES = 1 << 16
UNKNOWN_LICENSE = "LicenseRef-unknown"


@dataclass(frozen=True)
class SeedFiles:
    """A file, or a folder of files.

    Attributes:
        path: of it.
        license: SPDX expression of what does not state its own.
        lines: each line of a text is a topic, instead of the text a document.
    """

    path: Path
    license: str = UNKNOWN_LICENSE
    lines: bool = False

    def files(self) -> list[Path]:
        """Every file that is read, in order of their names; hidden ones and those of other kinds are not.

        Raises:
            PhialError: there is none.
        """
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise PhialError("no such file or folder of seeds", where=str(self.path), do="name one that is there")
        found = [path for path in self.path.rglob("*") if path.name.endswith(_SUFFIXES) and path.is_file()]
        shown = [path for path in found if not any(p.startswith(".") for p in path.relative_to(self.path).parts)]
        if not shown:
            do = f"put files there, each one of {', '.join(_SUFFIXES)}"
            raise PhialError("no seeds to read", where=str(self.path), do=do)
        return sorted(shown)

    def fingerprint(self) -> str:
        """A key that changes with the name or the content of a file."""
        names = [f"{self._name(path)}\0{file_sha256(path)}\0" for path in self.files()]
        return hashlib.sha256("".join(names).encode()).hexdigest()

    def records(self, bad: Counter[str] | None = None) -> Iterator[Record]:
        """Every seed in it, drawn as it is needed.

        Args:
            bad: counts what could not be read, by reason.

        Raises:
            PhialError: nothing could be read.
        """
        bad = Counter() if bad is None else bad
        read = 0
        for path in self.files():
            name = self._name(path)
            for one in self._topics(path, name) if self.lines else read_file(path, name, Reading(license=self.license)):
                if isinstance(one, str):
                    bad[one] += 1
                elif isinstance(one, Dropped):
                    bad[one.reason] += 1
                else:
                    read += 1
                    yield one
        if not read:
            found = ", ".join(f"{count} {reason}" for reason, count in bad.items()) or "empty"
            raise PhialError(f"no seeds to read: {found}", where=str(self.path), do="give UTF-8 texts or JSON lines")

    def _name(self, path: Path) -> str:
        return path.name if path == self.path else path.relative_to(self.path).as_posix()

    def _topics(self, path: Path, name: str) -> Iterator[Record | str]:
        """A topic a line, or why a line is none."""
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LINE_BYTES):
                number += 1
                if len(line) == _LINE_BYTES and not line.endswith(b"\n"):
                    while (rest := file.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    yield "line too long"
                    continue
                try:
                    words = line.decode().removeprefix("\ufeff").strip()
                except UnicodeDecodeError:
                    yield "not UTF-8"
                    continue
                if words:
                    yield topic(words, self.license, {"file": name, "line": number})


def topic(words: str, license: str, params: dict[str, object]) -> Record:
    """A topic as a seed."""
    return Record("topic", "topics", license, Lineage("topics", "1", params=params), text=words)
