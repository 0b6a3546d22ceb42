"""The `Source` of tests: answers that a function writes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from phial.synth.reply import Answer
from phial.synth.request import TeacherRequest
from phial.synth.teacher import Send

Written = str | dict[str, Any] | BaseModel


class Scripted:
    """Answers at once, without a limit to requests in flight.

    Args:
        write: gives the answer to a request: text, or the fields of its schema.
    """

    def __init__(self, write: Callable[[TeacherRequest], Written]) -> None:
        self._write = write

    @asynccontextmanager
    async def route(self, failed: Sequence[str] = ()) -> AsyncIterator[Send]:
        """See `Source.route`."""

        async def send(request: TeacherRequest, key: str) -> Answer:
            return Answer(written_text(self._write(request)), url="scripted:")

        yield send

    async def close(self) -> None:
        """Nothing is held."""


def written_text(written: Written) -> str:
    """What was written, as the text that a server would send."""
    if isinstance(written, BaseModel):
        return written.model_dump_json()
    return written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
