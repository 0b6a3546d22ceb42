"""The same work by one process, a pool, a Slurm array or Ray: workers that share a folder and need no messages."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from phial.artifact import BeingMade, Draft, artifact_key, artifact_path, drafting, publish
from phial.errors import PhialError

_LONGEST_WAIT = 1.0  # seconds between two looks at what others are making


@dataclass(frozen=True)
class Task:
    """One artifact to be made: its key holds everything that decides its content, whoever makes it.

    Attributes:
        make: writes it, and returns its metrics.
    """

    stage: str
    version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    make: Callable[[Draft], dict[str, Any]]

    @property
    def key(self) -> str:
        return artifact_key(self.stage, self.version, self.config, self.inputs)


Work = Callable[[int, int], object]
"""What each worker runs, given its rank and the number of workers."""


class Executor(Protocol):
    def run(self, work: Work) -> None:
        """Return when the work is done."""
        ...


def complete(root: Path, tasks: Sequence[Task], rank: int, world: int) -> list[Path]:
    """Make every task's artifact that is not there yet, together with whoever else works in the folder.

    Each worker begins at another place of the list, takes what no one has and no one is making, and comes back until
    all is there. So a worker that dies is replaced by the others, and any number may join or leave at any time.

    Returns:
        The artifacts' folders, in order of the tasks.
    """
    keys = [task.key for task in tasks]
    paths = [artifact_path(root, task.stage, key) for task, key in zip(tasks, keys, strict=True)]
    first = rank * len(tasks) // max(1, world)
    pending = [number % len(tasks) for number in range(first, first + len(tasks))]
    pause = 0.01
    while pending:
        _end_with_parent()
        left = [
            number for number in pending if not paths[number].exists() and not _make(root, tasks[number], keys[number])
        ]
        if len(left) == len(pending):
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_WAIT)
        else:
            pause = 0.01
        pending = left
    return paths


def _make(root: Path, task: Task, key: str) -> bool:
    """Make one artifact; False where another worker is at it."""
    _end_with_parent()
    started = time.time()
    try:
        with drafting(root, task.stage, key, resumable=False) as draft:
            if artifact_path(root, task.stage, key).exists():  # finished since we looked
                draft.path.rmdir()
                return True
            metrics = task.make(draft)
            publish(draft, root, task.stage, key, task.version, task.config, task.inputs, metrics, started)
    except BeingMade:
        return False
    return True


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)  # nobody is left to hear of it


@dataclass(frozen=True)
class Processes:
    """A pool of processes on this machine."""

    workers: int = os.cpu_count() or 1

    def run(self, work: Work) -> None:
        """Run the work in each process; the first fault ends them all.

        Raises:
            PhialError: a worker was killed; or whatever it raised.
        """
        if self.workers == 1:
            work(0, 1)
            return
        context = multiprocessing.get_context("spawn")
        processes: dict[Connection, multiprocessing.process.BaseProcess] = {}
        # Workers are as many as cores: libraries' own threads would only get in each other's way.
        alone = dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        before = {name: os.environ.get(name) for name in alone}
        os.environ.update(alone)
        try:
            for rank in range(self.workers):
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_report, args=(work, rank, self.workers, sender), daemon=True)
                process.start()
                sender.close()
                processes[receiver] = process
            while processes:
                for receiver in wait(list(processes)):
                    assert isinstance(receiver, Connection)
                    process = processes.pop(receiver)
                    _raise_fault(receiver, process)
        finally:
            for process in processes.values():
                process.terminate()
                process.join()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _report(work: Work, rank: int, world: int, sender: Connection) -> None:
    try:
        work(rank, world)
    except PhialError as error:
        sender.send(("user", (error.what, error.where, error.do)))
    except BaseException:
        sender.send(("fault", traceback.format_exc()))
    else:
        sender.send(("done", None))


def _raise_fault(receiver: Connection, process: multiprocessing.process.BaseProcess) -> None:
    try:
        state, facts = receiver.recv()
    except EOFError:
        process.join()
        raise PhialError(
            f"a worker was killed (exit code {process.exitcode})",
            where=f"process {process.pid}",
            do="run the same command again: finished shards are kept. If it ran out of memory, use fewer workers",
        ) from None
    process.join()
    if state == "user":
        what, where, do = facts
        raise PhialError(what, where=where, do=do)
    if state == "fault":
        raise RuntimeError(f"a worker failed:\n{facts}")


@dataclass(frozen=True)
class Slurm:
    """One member of a job array; every member runs the same command on a folder that all can see.

    Attributes:
        rank: this member's number from 0; by default from SLURM_ARRAY_TASK_ID or SLURM_PROCID.
        world: how many there are; by default from SLURM_ARRAY_TASK_COUNT or SLURM_NTASKS.
    """

    rank: int | None = None
    world: int | None = None

    def run(self, work: Work) -> None:
        """Run the work as this member.

        Raises:
            PhialError: neither told nor to be read from the environment which member this is.
        """
        rank, world = self.rank, self.world
        if rank is None and "SLURM_ARRAY_TASK_ID" in os.environ:
            rank = int(os.environ["SLURM_ARRAY_TASK_ID"]) - int(os.environ.get("SLURM_ARRAY_TASK_MIN", "0"))
            world = int(os.environ.get("SLURM_ARRAY_TASK_COUNT", "1"))
        elif rank is None and "SLURM_PROCID" in os.environ:
            rank, world = int(os.environ["SLURM_PROCID"]), int(os.environ.get("SLURM_NTASKS", "1"))
        if rank is None or world is None or not 0 <= rank < world:
            raise PhialError(f"rank {rank} of {world}", where="Slurm", do="run it with sbatch --array, or give both")
        work(rank, world)


@dataclass(frozen=True)
class Ray:
    """Ray tasks of one CPU each, on a cluster whose machines all see the folder."""

    workers: int = os.cpu_count() or 1
    address: str | None = None

    def run(self, work: Work) -> None:
        """Run the work in every task; a task whose machine is lost is run again by Ray.

        Raises:
            PhialError: ray is not installed.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray = importlib.import_module("ray")
        except ImportError as error:
            raise PhialError(
                "ray is not installed", where="executor Ray", do="pip install 'phial-lm[scale]'"
            ) from error
        started = not ray.is_initialized()
        if started:
            here = self.address is None
            ray.init(
                address=self.address,
                num_cpus=self.workers if here else None,
                include_dashboard=False if here else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        try:
            task = ray.remote(num_cpus=1, max_retries=3)(_run_rank)
            ray.get([task.remote(work, rank, self.workers) for rank in range(self.workers)])
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        finally:
            if started:
                ray.shutdown()


def _run_rank(work: Work, rank: int, world: int) -> None:
    work(rank, world)
