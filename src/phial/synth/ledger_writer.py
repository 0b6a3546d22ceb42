"""The one thread of a process that writes its ledger: what waits is written in one transaction."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from phial.errors import PhialError

if TYPE_CHECKING:
    from phial.synth.ledger import Entry

# Claims and replies of so many requests share one flush to the disk at most.
_BATCH = 512
Work = Callable[[sqlite3.Connection], Any]


def is_full(error: sqlite3.Error) -> bool:
    """Whether sqlite could not write because there is no room (a size limit shows as an I/O error)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def no_room(path: str, reason: object) -> PhialError:
    """The error of a ledger on a full disk."""
    do = "free some space and run the same command again; replies that were paid for are kept"
    return PhialError(f"no room to write the ledger: {reason}", where=path, do=do)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    entry: Entry | None
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """Runs work on the connection, in order, many a transaction.

    Args:
        connection: used by this thread alone.
        rescue: stores an entry elsewhere when the disk is full.
        where: the ledger, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, rescue: Callable[[Entry], None], where: str) -> None:
        self.lost = 0
        self._connection, self._rescue, self._where = connection, rescue, where
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._afterwards: list[Callable[[], None]] = []
        self._full: PhialError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="phial ledger", daemon=True)
        self._thread.start()

    def put(self, work: Work, entry: Entry | None = None) -> Future[Any]:
        """Have work done in the next transaction; its future is done when that is on the disk.

        Args:
            work: called with the connection.
            entry: a paid reply that the work stores, and that must not get lost.
        """
        job = _Job(work, entry)
        self._jobs.put(job)
        return job.future

    async def ask(self, work: Work, entry: Entry | None = None) -> Any:
        """Have work done and wait; who stops waiting does not stop the work."""
        return await asyncio.shield(asyncio.wrap_future(self.put(work, entry)))

    def afterwards(self, action: Callable[[], None]) -> None:
        """Called by work: have something done once its transaction is on the disk."""
        self._afterwards.append(action)

    def close(self) -> None:
        """Do what waits, and end."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        """Write until `close`, and then what is still there."""
        closing = False
        while not closing or not self._jobs.empty():
            jobs = [self._jobs.get()]
            while len(jobs) < _BATCH and not self._jobs.empty():
                jobs.append(self._jobs.get())
            closing = closing or None in jobs
            self._write([job for job in jobs if job is not None])
        self._connection.close()

    def _write(self, jobs: list[_Job]) -> None:
        if self._full is None:
            try:
                self._transact(jobs)
                return
            except Exception as error:
                if isinstance(error, sqlite3.Error) and is_full(error):
                    self._full = no_room(self._where, error)
                elif len(jobs) == 1:
                    jobs[0].future.set_exception(error)
                    return
                else:  # one job's fault must not be another's
                    for job in jobs:
                        self._write([job])
                    return
        for job in jobs:
            self._save(job, self._full)

    def _transact(self, jobs: list[_Job]) -> None:
        """Do the jobs in one transaction, or none of them."""
        connection = self._connection
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                # Another process holds the lock: it is stopped, or it writes a lot. If it dies, the lock is free.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
        self._afterwards.clear()
        try:
            results = [job.work(connection) for job in jobs]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        for action in self._afterwards:
            action()
        for job, result in zip(jobs, results, strict=True):
            job.future.set_result(result)

    def _save(self, job: _Job, full: PhialError) -> None:
        """Where the disk is full, only replies are still stored, in the space kept for them."""
        if job.entry is None:
            job.future.set_exception(full)
            return
        try:
            self._rescue(job.entry)
        except OSError as error:
            self.lost += 1
            what = f"a reply that was paid for can't be stored: {error.strerror}; {self.lost} so far"
            job.future.set_exception(PhialError(what, where=self._where, do=full.do))
        else:
            job.future.set_result(None)
