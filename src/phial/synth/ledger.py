"""Every request that was ever paid for and its reply, in one sqlite file a workspace.

All processes of a workspace share it. A request is claimed before it is sent, in the transaction that also looks for
its reply and reserves its cost, so that none is sent twice or over the budget; what a killed process held in flight is
found by its dead lock, and counted as perhaps paid.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phial.errors import PhialError
from phial.synth.budget import Limits, Spending
from phial.synth.entry import Entry, from_row, to_row
from phial.synth.ledger_writer import Work, Writer, is_full, no_room
from phial.synth.owner import RESERVE_BYTES, Owner
from phial.synth.request import Identity

FORMAT = 1
Claim = Literal["yours", "answered", "held", "full", "spent"]

_AMOUNTS = "requests INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS reply (
    key TEXT PRIMARY KEY, request TEXT, task TEXT, run TEXT, url TEXT, at REAL, refused TEXT, text TEXT, reasoning TEXT,
    finish_reason TEXT, {_AMOUNTS}, doubted INTEGER
);
CREATE TABLE IF NOT EXISTS flight (key TEXT PRIMARY KEY, owner TEXT, run TEXT, {_AMOUNTS});
CREATE INDEX IF NOT EXISTS flight_owner ON flight (owner);
CREATE TABLE IF NOT EXISTS batch (
    id TEXT PRIMARY KEY, teacher TEXT, url TEXT, owner TEXT, file TEXT, remote TEXT, at REAL
);
CREATE TABLE IF NOT EXISTS batch_item (
    batch TEXT, key TEXT, line TEXT, canonical TEXT, task TEXT, run TEXT, {_AMOUNTS}, PRIMARY KEY (batch, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (run TEXT, kind TEXT, {_AMOUNTS}, PRIMARY KEY (run, kind));
"""
# Flights of a batch are its own: they outlive the process that sent it.
BATCH = "batch:"
_FEW = 20
# What a reply may take on the disk when that is full: tokens are shorter on average.
_BYTES_A_TOKEN, _BYTES_A_ROW = 8, 1024
_COLUMNS = "requests, prompt_tokens, completion_tokens, cost"


@dataclass(frozen=True, slots=True)
class Account:
    """What a run has paid for.

    Attributes:
        spent: by requests that were answered.
        held: reserved by requests in flight.
        lost: by requests that were sent, or may have been, and whose answer never came; at most so much.
        doubted: replies whose token count is an estimate.
    """

    spent: Spending
    held: Spending
    lost: Spending
    doubted: int


class Ledger:
    """An open ledger; any number of processes may have it open.

    Args:
        path: the sqlite file; made where there is none. It must lie on a local disk.
        reserve_bytes: of disk kept for replies that arrive when it is full.

    Raises:
        PhialError: the file is no ledger or of a newer phial, or the disk is full.
    """

    def __init__(self, path: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.path = path
        self._owner = Owner(path.with_name(path.name + ".owners"), reserve_bytes)
        self._rescued: dict[str, Entry] = {}
        self._flying: dict[str, int] = {}  # bytes that a reply may take, by key; of the writer's thread
        try:
            with self._owner.door():
                self._reader, connection = _open(path), _open(path)
        except sqlite3.DatabaseError as error:
            self._owner.close()
            if is_full(error):
                raise no_room(str(path), error) from error
            do = "give another workspace, or move the file away; what it paid for is in it"
            raise PhialError(f"no readable ledger: {error}", where=str(path), do=do) from error
        except PhialError:
            self._owner.close()
            raise
        self._writer = Writer(connection, self._rescue, str(path))
        for name in self._owner.dead():
            self._writer.put(lambda connection, name=name: self._inherit(connection, name)).result()

    @property
    def unstored(self) -> int:
        """Paid replies that could be stored nowhere, because the disk is full."""
        return self._writer.lost

    def find(self, key: str) -> Entry | None:
        """What is recorded of a request."""
        row = self._reader.execute("SELECT * FROM reply WHERE key = ?", (key,)).fetchone()
        return self._rescued.get(key) if row is None else from_row(row)

    async def claim(self, key: str, run: str, most: Spending, limits: Limits) -> Claim:
        """Take a request for this process, and reserve its cost.

        Args:
            key: of the request.
            run: who pays.
            most: what it can cost.
            limits: of the run.

        Returns:
            "yours": send it, then `commit` or `release` it. "answered": `find` has the reply. "held": another one is
            at it. "full": the budget, or the space kept for replies, has no room until requests in flight are settled.
            "spent": the budget never will.

        Raises:
            PhialError: the disk is full; nothing may be sent any more.
        """
        claim = self._writer.put(lambda connection: self._claim(connection, key, run, most, limits))
        try:
            return await asyncio.shield(asyncio.wrap_future(claim))
        except asyncio.CancelledError:  # nobody is there any more to give it back
            claim.add_done_callback(lambda done: self._abandon(key, done))
            raise

    async def commit(self, entry: Entry) -> None:
        """Record a reply, or a refusal, and what it cost; returns when it is on the disk.

        Raises:
            PhialError: the disk is full and so is what was reserved on it.
        """
        await self._writer.ask(lambda connection: self._land(entry.key, _commit(connection, entry)), entry)

    def release(self, key: str, *, perhaps_paid: bool) -> None:
        """Give a claim of this process back.

        Args:
            key: of the request.
            perhaps_paid: count what was reserved as spent: the request was sent and its answer lost.
        """
        kind = "lost" if perhaps_paid else None
        self._writer.put(lambda connection: self._land(key, settle(connection, key, kind, owner=self.owner)))

    def account(self, run: str) -> Account:
        """What a run has spent, over all its processes and resumptions."""
        rows = self._reader.execute(f"SELECT kind, {_COLUMNS} FROM spending WHERE run = ?", (run,)).fetchall()
        amounts = {row["kind"]: Spending(*tuple(row)[1:]) for row in rows}
        held = self._reader.execute(f"SELECT {_COLUMNS} FROM flight WHERE run = ?", (run,)).fetchall()
        flight = sum((Spending(*row) for row in held), Spending())
        spent, lost, doubted = (amounts.get(kind, Spending()) for kind in ("spent", "lost", "doubted"))
        return Account(spent, flight, lost, doubted.requests)

    def runs(self) -> list[str]:
        """Whoever has spent something, or has something in flight."""
        rows = self._reader.execute("SELECT run FROM spending UNION SELECT run FROM flight ORDER BY run").fetchall()
        return [row["run"] for row in rows]

    def usual_share(self, identity: Identity) -> float | None:
        """Of max_tokens, what this teacher's latest answers took on average; None where there are few."""
        rows = self._reader.execute(
            "SELECT completion_tokens, request FROM reply WHERE refused IS NULL ORDER BY rowid DESC LIMIT 1000"
        ).fetchall()
        shares = []
        for completion_tokens, line in rows:
            request = json.loads(line)
            if (request["teacher"], request["model"]) == (identity.name, identity.model):
                shares.append(min(1.0, completion_tokens / request["body"]["max_tokens"]))
        return sum(shares) / len(shares) if len(shares) >= _FEW else None

    def alive(self, owner: str) -> bool:
        """Whether what this owner has in flight will be settled: by a living process, or by a batch at the server."""
        return owner.startswith(BATCH) or self._owner.alive(owner)

    @property
    def owner(self) -> str:
        """This process, as flights name it."""
        return self._owner.name

    async def write(self, work: Work) -> Any:
        """Have work done with the connection, in the writer's next transaction."""
        return await self._writer.ask(work)

    def close(self) -> None:
        """Write what waits, and end."""
        self._writer.close()
        self._reader.close()
        self._owner.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def _claim(self, connection: sqlite3.Connection, key: str, run: str, most: Spending, limits: Limits) -> Claim:
        if connection.execute("SELECT 1 FROM reply WHERE key = ? AND refused IS NULL", (key,)).fetchone():
            return "answered"
        held = connection.execute("SELECT owner FROM flight WHERE key = ?", (key,)).fetchone()
        if held and self.alive(held["owner"]):
            return "held"
        if held:
            self._inherit(connection, held["owner"])
            return self._claim(connection, key, run, most, limits)
        if limits != Limits():
            rows = connection.execute(f"SELECT kind, {_COLUMNS} FROM spending WHERE run = ?", (run,)).fetchall()
            spent = sum((Spending(*tuple(row)[1:]) for row in rows if row["kind"] != "doubted"), most)
            flying = connection.execute(f"SELECT owner, {_COLUMNS} FROM flight WHERE run = ?", (run,)).fetchall()
            if not sum((Spending(*tuple(row)[1:]) for row in flying), spent).within(limits):
                for owner in {row["owner"] for row in flying}:
                    if not self.alive(owner):
                        self._inherit(connection, owner)
                return "full" if flying and spent.within(limits) else "spent"
        size = most.completion_tokens * _BYTES_A_TOKEN + 2 * most.prompt_tokens + _BYTES_A_ROW
        if not self._owner.reserve(sum(self._flying.values()) + size):
            if self._flying:
                return "full"
            raise no_room(str(self.path), "a reply could not be kept safe")
        self._flying[key] = size
        amounts = (most.requests, most.prompt_tokens, most.completion_tokens, most.cost)
        connection.execute("INSERT INTO flight VALUES (?,?,?,?,?,?,?)", (key, self._owner.name, run, *amounts))
        return "yours"

    def _abandon(self, key: str, claim: Future[Claim]) -> None:
        if not claim.exception() and claim.result() == "yours":
            self.release(key, perhaps_paid=False)

    def _land(self, key: str, _: None) -> None:
        self._flying.pop(key, None)

    def _inherit(self, connection: sqlite3.Connection, owner: str) -> None:
        """Settle what a dead process left: replies it rescued are recorded, the rest was perhaps paid."""
        for line in self._owner.rescued(owner):
            _commit(connection, from_row(json.loads(line)))
        for row in connection.execute("SELECT key FROM flight WHERE owner = ?", (owner,)).fetchall():
            settle(connection, row["key"], "lost")
        self._writer.afterwards(lambda: self._owner.bury(owner))

    def _rescue(self, entry: Entry) -> None:
        self._flying.pop(entry.key, None)
        self._owner.rescue(json.dumps(to_row(entry), ensure_ascii=False))
        self._rescued[entry.key] = entry


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        what = f"a ledger of format {found}; this phial knows {FORMAT}"
        raise PhialError(what, where=str(path), do="upgrade phial, or give another workspace")
    if not found:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
    return connection


def settle(
    connection: sqlite3.Connection, key: str, kind: str | None, paid: Spending | None = None, owner: str | None = None
) -> None:
    """End a flight, whosever it is or only an owner's.

    Args:
        connection: of the writer.
        key: of the request.
        kind: the account that its cost goes to; none where nothing was paid.
        paid: the cost, if it is known; what was reserved otherwise.
        owner: whose flight it must be.
    """
    row = connection.execute(
        f"DELETE FROM flight WHERE key = ? AND owner = coalesce(?, owner) RETURNING run, {_COLUMNS}", (key, owner)
    ).fetchone()
    if row is None or kind is None:
        return
    _credit(connection, row["run"], kind, paid or Spending(*tuple(row)[1:]))


def _credit(connection: sqlite3.Connection, run: str, kind: str, amount: Spending) -> None:
    connection.execute(
        "INSERT INTO spending VALUES (?,?,?,?,?,?) ON CONFLICT (run, kind) DO UPDATE SET"
        " requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
        " completion_tokens = completion_tokens + excluded.completion_tokens, cost = cost + excluded.cost",
        (run, kind, amount.requests, amount.prompt_tokens, amount.completion_tokens, amount.cost),
    )


def _commit(connection: sqlite3.Connection, entry: Entry) -> None:
    row = to_row(entry)
    cursor = connection.execute(
        f"INSERT INTO reply ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) ON CONFLICT (key) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in row)
        + " WHERE reply.refused IS NOT NULL",
        tuple(row.values()),
    )
    settle(connection, entry.key, None if entry.refused else "spent", entry.spent)
    if entry.doubted and cursor.rowcount:
        _credit(connection, entry.run, "doubted", entry.spent)
