"""Batches that were, or are about to be, handed to a server; in the ledger, so that none is forgotten or sent twice."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from phial.synth.budget import Spending
from phial.synth.ledger import BATCH, Ledger, settle
from phial.synth.request import Identity


@dataclass(frozen=True)
class Item:
    """One request of a batch.

    Attributes:
        key: of the request; the server returns it with the answer.
        line: what the server is sent.
        canonical: the request as the ledger keeps it.
        task: what was asked for in a word.
        run: who pays.
        reserved: for it.
    """

    key: str
    line: str
    canonical: str
    task: str
    run: str
    reserved: Spending


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        id: phial's own name of it.
        file: the server's name of the uploaded requests; empty before that.
        remote: the server's name of the batch; empty before that.
    """

    id: str
    file: str
    remote: str


class BatchLog:
    """The batches of one teacher at one server.

    Args:
        ledger: they are in.
        identity: of the teacher.
        url: of the server.
    """

    def __init__(self, ledger: Ledger, identity: Identity, url: str) -> None:
        self._ledger, self._url = ledger, url
        self._teacher = json.dumps(asdict(identity), sort_keys=True)

    async def begin(self, items: Sequence[Item]) -> Batch:
        """Write a batch down before anything of it is sent; its flights are its own from now on."""
        name = uuid.uuid4().hex

        def work(connection: sqlite3.Connection) -> None:
            values = (name, self._teacher, self._url, self._ledger.owner, "", "", time.time())
            connection.execute("INSERT INTO batch VALUES (?,?,?,?,?,?,?)", values)
            for item in items:
                one, most = (item.key, item.line, item.canonical, item.task, item.run), item.reserved
                amounts = (most.requests, most.prompt_tokens, most.completion_tokens, most.cost)
                connection.execute("INSERT INTO batch_item VALUES (?,?,?,?,?,?,?,?,?,?)", (name, *one, *amounts))
                connection.execute("UPDATE flight SET owner = ? WHERE key = ?", (BATCH + name, item.key))

        await self._ledger.write(work)
        return Batch(name, "", "")

    async def note(self, batch: Batch) -> None:
        """Write down how the server calls a batch, or its file."""
        values = (batch.file, batch.remote, batch.id)
        await self._ledger.write(
            lambda connection: connection.execute("UPDATE batch SET file = ?, remote = ? WHERE id = ?", values) and None
        )

    async def adopt(self) -> list[Batch]:
        """Take over the batches whose process is dead."""

        def work(connection: sqlite3.Connection) -> list[Batch]:
            found = []
            query = "SELECT id, owner, file, remote FROM batch WHERE teacher = ? AND url = ? AND owner != ?"
            for row in connection.execute(query, (self._teacher, self._url, self._ledger.owner)).fetchall():
                if not self._ledger.alive(row["owner"]):
                    connection.execute("UPDATE batch SET owner = ? WHERE id = ?", (self._ledger.owner, row["id"]))
                    found.append(Batch(row["id"], row["file"], row["remote"]))
            return found

        return await self._ledger.write(work)

    async def items(self, batch: Batch) -> list[Item]:
        """Its requests that are not settled."""
        query = "SELECT i.* FROM batch_item i JOIN flight USING (key) WHERE batch = ? AND owner = ?"
        rows = await self._ledger.write(
            lambda connection: connection.execute(query, (batch.id, BATCH + batch.id)).fetchall()
        )
        return [
            Item(
                row["key"],
                row["line"],
                row["canonical"],
                row["task"],
                row["run"],
                Spending(row["requests"], row["prompt_tokens"], row["completion_tokens"], row["cost"]),
            )
            for row in rows
        ]

    async def end(self, batch: Batch, lost: Sequence[str]) -> None:
        """Forget a batch.

        Args:
            batch: whose answers are recorded.
            lost: keys of its requests that were paid for and whose answers can't be read; for what else it has in
                flight nothing was paid.
        """

        def work(connection: sqlite3.Connection) -> None:
            for key in lost:
                settle(connection, key, "lost")
            connection.execute("DELETE FROM flight WHERE owner = ?", (BATCH + batch.id,))
            connection.execute("DELETE FROM batch_item WHERE batch = ?", (batch.id,))
            connection.execute("DELETE FROM batch WHERE id = ?", (batch.id,))

        await self._ledger.write(work)
