"""A teacher's marks for educational value, which the quality classifier learns from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from phial.record import Record
from phial.synth.faults import TeacherFault
from phial.synth.flows.seed_extraction import Page, prompts
from phial.synth.teacher import Teacher

_SHOWN = 4_000  # characters of a record


async def marks(
    records: Sequence[Record], teacher: Teacher, together: int = 256, watch: Callable[[int], None] | None = None
) -> list[float | None]:
    """Mark each record from 0 to 5, with the question that seed extraction asks of pages.

    Args:
        records: to be marked.
        teacher: who marks.
        together: records under way at a time.
        watch: told how many are done.

    Returns:
        A mark a record; None where the teacher gave none.

    Raises:
        PhialError: nobody will be answered any more.
    """
    room, done = asyncio.Semaphore(together), 0

    async def mark(record: Record) -> float | None:
        nonlocal done
        asked = prompts.render("page", text=record.content[:_SHOWN])
        async with room:
            try:
                reply = await teacher.ask(asked, schema=Page, temperature=0.0, max_tokens=100, task="seed-page")
            except TeacherFault:
                return None
            finally:
                done += 1
                if watch:
                    watch(done)
        return float(reply.parsed.educational_value)

    found = await asyncio.gather(*map(mark, records), return_exceptions=True)  # what is under way is paid for
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]
