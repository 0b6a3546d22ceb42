"""What a run will cost, before anything is spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from pydantic import BaseModel

from phial.errors import PhialError
from phial.record import Record
from phial.synth.budget import Spending, most, usual
from phial.synth.faults import TeacherFault, Unusable
from phial.synth.flow import Flow, Tools
from phial.synth.offline import WRITERS
from phial.synth.procedural import Procedural
from phial.synth.reply import Reply
from phial.synth.request import TeacherRequest, request_key
from phial.synth.run import Plan
from phial.synth.structure import read_object
from phial.synth.teacher import LedgerTeacher, Messages, spoken

_SHARE = 0.5  # of max_tokens, where nothing is known of the teacher's answers
_SAMPLE = 16


@dataclass(frozen=True)
class Estimate:
    """A dry run over some seeds, and what it means for all.

    Attributes:
        seeds: that were run.
        total: seeds that the run has.
        about: what the run will probably cost.
        most: what the run can cost if every answer is as long as it may be.
        recorded: requests of the sample that the ledger can answer.
        failed: seeds of the sample that the stand-in could not lead to an end; their number of requests is a guess.
        made: records that the stand-in's words led to.
    """

    seeds: int
    total: int
    about: Spending
    most: Spending
    recorded: int
    failed: int
    made: tuple[Record, ...] = ()


class DryTeacher:
    """Counts what a flow asks; answers from the ledger where it can, else with the procedural teacher's words.

    Args:
        teacher: who would be asked.
    """

    def __init__(self, teacher: LedgerTeacher) -> None:
        self.identity = teacher.identity
        self.about = self.most = Spending()
        self.recorded = 0
        self._teacher, self._stand_in = teacher, Procedural(WRITERS)
        self._share = teacher.ledger.usual_share(teacher.identity) or _SHARE
        self._asked: set[str] = set()

    async def ask(
        self,
        messages: Messages,
        *,
        sample: int = 0,
        schema: type[BaseModel] | None = None,
        temperature: float | None = 0.7,
        max_tokens: int = 1024,
        top_p: float | None = None,
        stop: Sequence[str] = (),
        task: str = "",
    ) -> Reply:
        """See `LedgerTeacher.ask`; nothing is sent, recorded or paid."""
        teacher = self._teacher
        words = spoken(messages)
        request = TeacherRequest(
            words, max_tokens, temperature, top_p, tuple(stop), schema, teacher.extra, sample, task
        )
        key = request_key(request.canonical(self.identity))
        entry = teacher.ledger.find(key)
        recorded = entry is not None and entry.refused is None
        if entry and recorded:
            self.recorded += 1
            answer = entry.answer
        else:
            if key not in self._asked:
                self._asked.add(key)
                self.about += usual(request, teacher.price, self._share)
                self.most += most(request, teacher.price)
            async with self._stand_in.route() as send:
                answer = await send(request, key)
        parsed, fault = (None, "") if schema is None else read_object(schema, answer.text)
        if fault:
            raise Unusable("wrong form", f"the stand-in's answer does not fit: {fault}")
        return Reply(answer.text, parsed, answer.reasoning, "stop", 0, 0, 0.0, (key,), recorded)


async def estimate(
    flow: Flow,
    seeds: Iterable[Record],
    total: int,
    teacher: LedgerTeacher,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    sample: int = _SAMPLE,
) -> Estimate:
    """Run a flow over the first seeds without asking anybody.

    Args:
        flow: what would be run.
        seeds: of the run.
        total: how many there are.
        teacher: who would be asked; its ledger knows how long its answers usually are.
        plan: of the run.
        sample: seeds to try.

    Raises:
        PhialError: there are no seeds.
    """
    dry = DryTeacher(teacher)
    count = failed = 0
    made: list[Record] = []
    for seed in islice(seeds, sample):
        count += 1
        tools = Tools(Random(f"{flow.name}/{plan.seed}/{seed.id}"), plan.settings)
        try:
            async for record in flow.make(seed, dry, tools):
                made.append(record)
        except TeacherFault:
            failed += 1
    if not count:
        raise PhialError("there are no seeds", where=flow.name, do="give at least one record to begin with")
    scale = total / count
    about, highest = scaled(dry.about, scale), scaled(dry.most, scale)
    return Estimate(count, total, about, highest, dry.recorded, failed, tuple(made))


def scaled(amount: Spending, scale: float) -> Spending:
    """So many times an amount."""
    return Spending(
        round(amount.requests * scale),
        round(amount.prompt_tokens * scale),
        round(amount.completion_tokens * scale),
        amount.cost * scale,
    )
