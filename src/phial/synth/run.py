"""Seeds through a flow to accepted records, many at a time, and on from wherever it was killed.

The folder of a run holds finished shards, each named by what decides its content: the flow, its settings, the teacher,
and the seeds in it. A shard that is there is not made again, whoever made it; one that was under way when the process
was killed is made from the replies in the ledger.

Several processes may share a folder: each takes the next shard in the seeds' order that nobody has, finishes it, and
takes over those of the dead. As many shards are begun as are expected to be needed, whoever has them, and the first
records in the seeds' order are the same however many there were.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from phial.errors import PhialError
from phial.record import Record
from phial.synth.faults import TeacherFault, Unanswered
from phial.synth.flow import Flow, Tools
from phial.synth.progress import Progress, Report
from phial.synth.shard import BEGUN, Made, Shard, remove_stale, write_begun, write_text_aside, write_whole
from phial.synth.teacher import LedgerTeacher

SALVAGE_ROUNDS = 2
_HOPELESS_AFTER = 50
_WATCH_SECONDS = 0.2


@dataclass(frozen=True)
class Plan:
    """How a flow is run.

    Attributes:
        accept: stop when so many records are accepted, as far as the seeds go; None takes every seed.
        settings: of the flow.
        seed: of the flow's randomness.
        together: seeds under way at a time.
        shard_size: seeds a shard.
        workers: threads for tests and other computing.
        shared: other processes work in the same folder; whole shards are made, so that each can read what the others
            did. Take smaller shards then.
    """

    accept: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    together: int = 256
    shard_size: int = 64
    workers: int = 2
    shared: bool = False


def run_flow(
    flow: Flow,
    seeds: Iterable[Record],
    teacher: LedgerTeacher,
    folder: Path,
    plan: Plan = Plan(),
    watch: Callable[[Progress], None] | None = None,
) -> Report:
    """Run a flow in an event loop of its own; see `Run`.

    Args:
        flow: what to do with a seed.
        seeds: drawn as they are needed; always in the same order. One that comes twice is dropped.
        teacher: whom to ask.
        folder: of the run; shards, records.parquet and run.json are written there.
        plan: how.
        watch: told of the progress a few times a second.

    Raises:
        PhialError: there are no seeds, or nobody will be answered (a wrong key, a spent budget, a full disk). What was
            finished until then is kept.
    """

    async def main() -> Report:
        async with teacher:
            return await Run(flow, seeds, teacher, folder, plan, watch).work()

    return asyncio.run(main())


class Run:
    """One process's work on a run; the arguments are those of `run_flow`."""

    def __init__(
        self,
        flow: Flow,
        seeds: Iterable[Record],
        teacher: LedgerTeacher,
        folder: Path,
        plan: Plan,
        watch: Callable[[Progress], None] | None = None,
    ) -> None:
        self._flow, self._seeds, self._teacher, self._folder, self._plan = flow, seeds, teacher, folder, plan
        self._watch, self._watched, self._began = watch, 0.0, time.monotonic()
        self._shards: list[Shard] = []
        self._foreign: list[Shard] = []  # another process has them
        self._claimed = 0  # seeds of this process's shards that are not finished; of a shared run
        self._accepted = self._done = self._duplicates = 0
        self._drops: Counter[str] = Counter()
        self._unanswered: list[tuple[Shard, int]] = []
        self._faults_in_row = 0
        self._fatal: BaseException | None = None
        self._changed = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._executor = ThreadPoolExecutor(plan.workers, thread_name_prefix="phial flow")

    async def work(self) -> Report:
        """Do what is left, and write records.parquet and run.json."""
        shards = self._folder / "shards"
        shards.mkdir(parents=True, exist_ok=True)
        remove_stale(shards)
        remove_stale(self._folder)
        (self._folder / BEGUN).unlink(missing_ok=True)
        try:
            try:
                await self._first_round()
            except Exception as fault:  # of the seeds; what is under way is paid for all the same
                self._fatal = self._fatal or fault
            await self._settle()
            for _ in range(SALVAGE_ROUNDS):
                await self._salvage()
        finally:
            for task in self._under_way:
                task.cancel()
            self._executor.shutdown(wait=False, cancel_futures=True)
            for shard in self._shards:
                shard.free()
        self._tell(always=True)
        if self._fatal:
            raise self._fatal
        return self._finish()

    async def _first_round(self) -> None:
        """Begin seeds in their order while more are wanted."""
        for shard in self._read_shards():
            self._shards.append(shard)
            if shard.finished:
                self._count(shard)
            elif self._plan.shared:
                if not await self._wanted():
                    return
                await self._take(shard)
                continue
            for place in range(len(shard.seeds)):
                if not await self._wanted():
                    return  # a shard that is only begun is not written; its replies are in the ledger
                self._begin(shard, place)
            if self._enough():
                return

    def _count(self, shard: Shard) -> None:
        """Take in what a finished shard holds."""
        self._done += shard.count
        self._accepted += shard.accepted
        self._drops.update(shard.dropped)

    async def _take(self, shard: Shard) -> None:
        """Begin a shard of a shared run, unless another process has it or has finished it."""
        if not shard.claim():
            self._foreign.append(shard)
        elif shard.finished:
            self._count(shard)
        else:
            self._claimed += shard.count
            for place in range(shard.count):
                while len(self._under_way) >= self._plan.together:
                    await self._change()
                    self._tell()
                if not self._fatal:
                    self._begin(shard, place)

    async def _visit(self) -> None:
        """See what other processes have finished, and take over what a dead one left."""
        waiting, self._foreign = self._foreign, []
        for shard in waiting:
            if shard.look():
                self._count(shard)
            elif self._fatal:
                self._foreign.append(shard)
            else:
                await self._take(shard)

    async def _salvage(self) -> None:
        """Try again those that nobody answered."""
        waiting, self._unanswered = self._unanswered, []
        for shard, place in waiting:
            if await self._wanted():
                self._claimed += int(self._plan.shared)
                self._begin(shard, place)
            else:
                self._unanswered.append((shard, place))
        await self._settle()

    def _read_shards(self) -> Iterator[Shard]:
        base = json.dumps(
            [
                [self._flow.name, self._flow.version, dict(self._plan.settings), self._plan.seed],
                [asdict(self._teacher.identity), self._teacher.extra],
            ],
            sort_keys=True,
        )
        seen: set[bytes] = set()

        def fresh() -> Iterator[Record]:
            for record in self._seeds:
                known = bytes.fromhex(record.id[:32])
                if known in seen:
                    self._duplicates += 1
                else:
                    seen.add(known)
                    yield record

        seeds = fresh()
        while batch := list(islice(seeds, self._plan.shard_size)):
            yield Shard(self._folder / "shards", base, batch)
        if not seen:
            raise PhialError("there are no seeds", where=self._flow.name, do="give at least one record to begin with")

    def _enough(self) -> bool:
        return self._plan.accept is not None and self._accepted >= self._plan.accept

    async def _wanted(self) -> bool:
        """Wait until another seed may begin; False if none should.

        What is under way is expected to yield what the finished ones did, so that few records are made beyond those
        that were asked for.
        """
        while not self._fatal and not self._enough():
            self._tell()
            waiting = self._claimed + sum(shard.count for shard in self._foreign) or len(self._under_way)
            share = (self._accepted + 1) / (self._done + 1)
            expected = self._accepted + share * waiting
            room = len(self._under_way) < self._plan.together
            if not waiting or (room and (self._plan.accept is None or expected < self._plan.accept)):
                return True
            await self._change()
            await self._visit()
        return False

    async def _settle(self) -> None:
        """Wait for what is under way, which is paid for, and in a shared run for what others have under way."""
        while self._under_way or (self._foreign and not self._fatal):
            await self._change()
            await self._visit()
            self._tell()

    async def _change(self) -> None:
        """Wait until a seed is finished, or the progress is to be told."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), _WATCH_SECONDS)

    def _begin(self, shard: Shard, place: int) -> None:
        task = asyncio.create_task(self._one(shard, place))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._claimed -= int(self._plan.shared)
        self._changed.set()

    async def _one(self, shard: Shard, place: int) -> None:
        """Make the records of one seed."""
        seed = shard.seeds[place]
        plan = self._plan
        tools = Tools(Random(f"{self._flow.name}/{plan.seed}/{seed.id}"), plan.settings, self._executor)
        records: list[Record] = []
        try:
            async for record in self._flow.make(seed, self._teacher, tools):
                records.append(record)
            self._faults_in_row = 0
        except Unanswered as fault:
            self._unanswered.append((shard, place))
            self._doubt(fault)
            return
        except TeacherFault as fault:
            tools.drop(fault.reason, "; ".join(fault.lines()))
            self._doubt(fault)
        except Exception as fault:
            self._fatal = self._fatal or fault
            return
        made = Made(tuple(records), tuple(tools.drops))
        self._done += 1
        self._accepted += len(made.records)
        self._drops.update(drop.reason for drop in made.drops)
        try:
            shard.put(place, made)
        except OSError as fault:
            do = "free some space and run the same command again; replies are kept"
            what = f"no room to write records: {fault.strerror}"
            self._fatal = self._fatal or PhialError(what, where=str(self._folder), do=do)

    def _doubt(self, fault: TeacherFault) -> None:
        """A long row of faults without a success is no fault of the seeds."""
        self._faults_in_row += 1
        if self._faults_in_row >= _HOPELESS_AFTER and not self._fatal:
            what = f"{self._faults_in_row} seeds in a row failed; the last: {fault.what}"
            self._fatal = PhialError(
                what, where=fault.where, do="look at the endpoint; then run the same command again"
            )

    def _tell(self, always: bool = False) -> None:
        now = time.monotonic()
        if self._watch and (always or now - self._watched >= _WATCH_SECONDS):
            self._watched = now
            self._watch(
                Progress(
                    self._done,
                    self._accepted,
                    len(self._under_way),
                    dict(self._drops),
                    len(self._unanswered),
                    self._teacher.account(),
                    self._teacher.limits,
                    now - self._began,
                )
            )

    def _finish(self) -> Report:
        account = self._teacher.account()
        written = write_whole(self._folder, self._shards, self._plan.accept)
        write_begun(self._folder, self._shards)
        if self._duplicates:
            self._drops["seed came twice"] = self._duplicates
        report = Report(
            f"{self._flow.name}/{self._flow.version}",
            self._done,
            written,
            self._accepted - written,
            dict(self._drops.most_common()),
            len(self._unanswered),
            self._enough() or not self._unanswered,
            account.spent,
            account.lost,
            account.doubted,
        )
        write_text_aside(self._folder / "run.json", json.dumps(asdict(report), indent=1) + "\n")
        return report
