"""One flow over its seeds by one process or many, as a recipe or a command asks for it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from phial.curate.executor import Executor, Processes, Ray, Slurm
from phial.recipe.data_schema import Budget, Scale, TeacherSection
from phial.recipe.progress import Reporter, Stopped, Tracker
from phial.recipe.seeding import SeedFiles
from phial.recipe.teachers import open_teacher
from phial.record import Record
from phial.synth.flow_by_name import flow_by_name
from phial.synth.ledger import Ledger
from phial.synth.progress import Progress, Report
from phial.synth.run import Plan, run_flow

SHARED_SHARD = 16  # seeds a shard where several processes share a run


@dataclass(frozen=True)
class FlowJob:
    """All that a process needs to know to take part.

    Attributes:
        flow: its name, as `flow_by_name` takes it.
        base: folder that a flow's file is relative to.
        seeds: in turn.
        teacher: whom to ask.
        ledger: of the workspace.
        run: who pays.
        budget: of the recipe.
        folder: of the run.
        plan: how.
    """

    flow: str
    base: Path
    seeds: tuple[SeedFiles, ...]
    teacher: TeacherSection
    ledger: Path
    run: str
    budget: Budget
    folder: Path
    plan: Plan

    def records(self, bad: Counter[str] | None = None) -> Iterable[Record]:
        """The seeds; see `SeedFiles.records`."""
        return chain.from_iterable(source.records(bad) for source in self.seeds)

    def work(self, watch: Callable[[Progress], None] | None = None, bad: Counter[str] | None = None) -> Report:
        """Take part in this process until there is nothing left to do."""
        with Ledger(self.ledger) as ledger:
            teacher = open_teacher(self.teacher, ledger, self.run, self.budget)
            flow = flow_by_name(self.flow, self.base)
            return run_flow(flow, self.records(bad), teacher, self.folder, self.plan, watch)


def executor_of(scale: Scale) -> Executor:
    """Who does the work of a stage."""
    if scale.executor == "slurm":
        return Slurm()
    return Ray(scale.workers, scale.address or None) if scale.executor == "ray" else Processes(scale.workers)


def do_job(job: FlowJob, scale: Scale, name: str, reporter: Reporter) -> None:
    """Run a flow with whoever there is, and show how far it is.

    Args:
        job: what is to be done.
        scale: by whom.
        name: of the flow, for the display.
        reporter: told of the progress and of seeds that could not be read.
    """
    wanted = job.plan.accept
    with reporter.task(name, wanted, "records" if wanted else "seeds") as track:

        def show(progress: Progress) -> None:
            track(progress.accepted if wanted else progress.seeds, progress.line())

        if not scale.alone:
            job = replace(job, plan=replace(job.plan, shared=True, shard_size=SHARED_SHARD))
        if scale.alone or scale.executor == "slurm":
            bad: Counter[str] = Counter()
            executor_of(scale).run(lambda rank, world: job.work(show, bad))
            if bad:
                left_out = ", ".join(f"{count:,} {reason}" for reason, count in bad.most_common())
                reporter.line(f"  seeds left out: {left_out}")
            return
        with _polling(job.folder, track):
            executor_of(scale).run(_Member(job))


@dataclass(frozen=True)
class _Member:
    """What a process of a pool, or a Ray task, is sent."""

    job: FlowJob

    def __call__(self, rank: int, world: int) -> None:
        self.job.work()


@contextmanager
def _polling(folder: Path, track: Tracker) -> Iterator[None]:
    """Follow the finished shards of a run that others are at."""
    over = threading.Event()

    def follow() -> None:
        with suppress(Stopped):  # the processes hear of it from the terminal, or are ended with this one
            while not over.wait(1.0):
                shards = [json.loads(path.read_text()) for path in (folder / "shards").glob("*.json")]
                accepted, seeds = sum(one["accepted"] for one in shards), sum(one["seeds"] for one in shards)
                track(accepted, f"{accepted:,} accepted of {seeds:,} seeds in finished shards")

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
