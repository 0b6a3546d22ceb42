"""A process that works with a ledger, as the others see it: a file whose lock dies with the process.

A time-out would call a process dead that is only stopped or slow, and its requests would be paid twice. The file's
space is taken when it is opened, so that replies which were paid for find room on a disk that has become full.
"""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phial.errors import PhialError

RESERVE_BYTES = 8 << 20
# Left free by `reserve`: the claims that a reservation is made for are yet to be written (512 of them take 150 KB).
_CLAIMS_BYTES = 1 << 20


class Owner:
    """This ledger handle's file.

    Args:
        folder: where owners' files lie, one folder a ledger.
        reserve_bytes: of disk kept free for `rescue`.

    Raises:
        PhialError: the disk has no room for it.
    """

    def __init__(self, folder: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = uuid.uuid4().hex
        self._path = folder / self.name
        self._written = 0
        with self.door():
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._reserved = 0
        if not self.reserve(reserve_bytes):
            self.close()
            do = f"free at least {2 * reserve_bytes >> 20} MB; nothing was sent"
            raise PhialError("no room for the ledger", where=str(folder), do=do)
        os.register_at_fork(after_in_child=self._forget)  # a forked worker must not keep its dead parent alive

    @contextmanager
    def door(self) -> Iterator[None]:
        """Held by one process at a time, while it opens the ledger or looks for the dead."""
        with self._path.with_name(".door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield

    def alive(self, name: str) -> bool:
        """Whether the owner of this name still runs."""
        if name == self.name:
            return True
        try:
            descriptor = os.open(self._path.with_name(name), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def dead(self) -> list[str]:
        """Names of owners that left a file and run no more."""
        with self.door():
            names = sorted(path.name for path in self._path.parent.iterdir() if not path.name.startswith("."))
            return [name for name in names if not self.alive(name)]

    def reserve(self, size: int) -> bool:
        """Keep so many bytes free for `rescue`; False where the disk has not as many and some for the database."""
        size += self._written
        if size > self._reserved:
            disk = os.fstatvfs(self._descriptor)
            if disk.f_bavail * disk.f_frsize < size - self._reserved + _CLAIMS_BYTES:
                return False
            try:
                os.posix_fallocate(self._descriptor, 0, size)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                return False
            self._reserved = size
        return True

    def rescue(self, line: str) -> None:
        """Keep one line in the reserved space, flushed to the disk.

        Raises:
            OSError: it is used up, and the disk is full.
        """
        data = line.encode() + b"\n"
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], self._written + done)
        os.fsync(self._descriptor)
        self._written += len(data)

    def rescued(self, name: str) -> list[str]:
        """The lines that a dead owner kept; the last one only if it was written whole."""
        try:
            data = self._path.with_name(name).read_bytes()
        except FileNotFoundError:
            return []
        return data.partition(b"\0")[0].rpartition(b"\n")[0].decode().splitlines()

    def bury(self, name: str) -> None:
        """Remove a dead owner's file."""
        self._path.with_name(name).unlink(missing_ok=True)

    def close(self) -> None:
        """End; the file stays where it holds rescued lines."""
        if not self._written:
            self._path.unlink(missing_ok=True)
        self._forget()

    def _forget(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
