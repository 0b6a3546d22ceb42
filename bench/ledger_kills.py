"""Claim: however often a run of a flow is killed (kill -9), nothing that was committed is asked again or lost.

    python bench/ledger_kills.py --kills 30 --replicas 2

Two processes work on one run, on one ledger, against a loopback server; after a random number of requests one of them
is killed and started anew. The server looks into the ledger whenever a request arrives: one whose reply is already
there counts as sent again. At every kill the ledger and the finished shards are noted; at the end all of it must still
be there, and the records must be those of a run that nobody disturbed. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from phial.record import Lineage, Record
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.flow import Tools, flow
from phial.synth.ledger import Ledger
from phial.synth.request import Identity, TeacherRequest, request_key
from phial.synth.run import Plan, run_flow
from phial.synth.teacher import LedgerTeacher, Teacher

IDENTITY = Identity("bench", "small")
PLAN = Plan(shard_size=16, together=32)


@flow("three-turns", "1")
async def three_turns(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    """Ask, ask twice about the answer, and keep two records of three."""
    first = await teacher.ask(f"first {record.content}", max_tokens=40)
    others = await asyncio.gather(*(teacher.ask(f"next {i} {first.text}", max_tokens=40) for i in range(2)))
    if hash_of(record.content) % 3 == 0:
        tools.drop("one of three")
        return
    keys = tuple(key for reply in (first, *others) for key in reply.request_keys)
    text = " ".join(reply.text for reply in (first, *others))
    yield Record("passage", "bench", "CC0-1.0", Lineage("three-turns", "1", (record.id,), keys), text=text)


def hash_of(text: str) -> int:
    """The same in every process."""
    return int(request_key(text)[:8], 16)


def work(url: str, folder: Path, seeds: int) -> None:
    """One process's work on the run."""
    records = [Record("organic", "bench", "CC0-1.0", Lineage("seed", "1"), text=f"seed {i}") for i in range(seeds)]
    with Ledger(folder / "ledger.sqlite") as ledger:
        teacher = LedgerTeacher(IDENTITY, Endpoints("small", [Endpoint(url)]), ledger)
        run_flow(three_turns, records, teacher, folder / "run", PLAN)


class Watch:
    """The server, and what it knows.

    Attributes:
        arrived: requests by their words.
        keys: of the requests in the ledger.
        again: requests that arrived although their reply was committed.
    """

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self.arrived: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.again = 0
        self._random = random.Random(0)
        self._reader: sqlite3.Connection | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Count, wait a little, answer."""
        messages = tuple((one["role"], one["content"]) for one in (await request.json())["messages"])
        words = messages[-1][1]
        self.arrived[words] += 1
        key = request_key(TeacherRequest(messages, 40, 0.7).canonical(IDENTITY))
        self.keys.add(key)
        self.again += self.reply(key) is not None
        await asyncio.sleep(self._random.uniform(0.005, 0.04))
        message = {"role": "assistant", "content": f"answer {hash_of(words):x}"}
        usage = {"prompt_tokens": 20, "completion_tokens": 8}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})

    def reply(self, key: str) -> str | None:
        """The committed reply to a request."""
        found = self.read("SELECT text FROM reply WHERE key = ?", key)
        return found[0][0] if found else None

    def read(self, query: str, *values: str) -> list[tuple[str, ...]]:
        """Rows of the ledger."""
        if self._reader is None:
            if not self.ledger.exists():
                return []
            self._reader = sqlite3.connect(self.ledger, timeout=60)
        return self._reader.execute(query, values).fetchall()


async def trial(folder: Path, kills: int, replicas: int, seeds: int, seed: int) -> tuple[Watch, dict[str, int]]:
    """One run, disturbed so many times.

    Returns:
        The server, and what was lost.
    """
    watch = Watch(folder / "ledger.sqlite")
    app = web.Application()
    app.router.add_post("/v1/chat/completions", watch.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    async def start() -> asyncio.subprocess.Process:
        arguments = ["--work", url, str(folder), str(seeds)]
        return await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments)

    generator = random.Random(seed)
    processes = [await start() for _ in range(replicas)]
    step = 3 * seeds / (kills + 1)
    noted: dict[str, str] = {}
    shards: dict[Path, bytes] = {}
    killed = 0
    while killed < kills:
        goal = sum(watch.arrived.values()) + generator.uniform(0.3, 1.0) * step
        while sum(watch.arrived.values()) < goal and any(process.returncode is None for process in processes):
            await asyncio.sleep(0.002)
        alive = [place for place, process in enumerate(processes) if process.returncode is None]
        if not alive:
            break
        place = generator.choice(alive)
        processes[place].send_signal(signal.SIGKILL)
        await processes[place].wait()
        killed += 1
        noted.update(watch.read("SELECT key, text FROM reply"))
        shards |= {path: path.read_bytes() for path in (folder / "run").glob("shards/*.parquet")}
        sent, committed = sum(watch.arrived.values()), len(noted)
        print(f"kill {killed}: {sent:,} requests sent, {committed:,} replies noted, {len(shards)} shards", flush=True)
        processes[place] = await start()
    for process in processes:
        assert await process.wait() == 0
    kept = dict(watch.read("SELECT key, text FROM reply"))
    assert watch.keys == set(kept)  # the server looks for the keys that the ledger uses
    lost = {
        "kills": killed,
        "replies": sum(kept.get(key) != text for key, text in noted.items()),
        "shards": sum(not path.exists() or path.read_bytes() != content for path, content in shards.items()),
    }
    await runner.cleanup()
    return watch, lost


async def compare(kills: int, replicas: int, seeds: int, seed: int) -> dict[str, object]:
    """Run undisturbed, then disturbed."""
    with tempfile.TemporaryDirectory() as place:
        calm, rough = Path(place) / "calm", Path(place) / "rough"
        calm.mkdir()
        rough.mkdir()
        quiet, _ = await trial(calm, 0, 1, seeds, seed)
        watch, lost = await trial(rough, kills, replicas, seeds, seed)
        equal = (calm / "run/records.parquet").read_bytes() == (rough / "run/records.parquet").read_bytes()
        unique, sent = len(quiet.arrived), sum(watch.arrived.values())
        print(f"{unique:,} different requests; {sent - unique:,} sent again, in flight when their process was killed")
        return {
            "claim": "kill -9 during one run",
            "kills": lost["kills"],
            "replicas": replicas,
            "requests": unique,
            "sent_again": sent - unique,
            "sent_again_committed": watch.again,
            "replies_lost": lost["replies"],
            "shards_lost": lost["shards"],
            "records_equal": equal,
        }


def main() -> None:
    """Run the trial and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    result = asyncio.run(compare(arguments.kills, arguments.replicas, arguments.seeds, arguments.seed))
    print(json.dumps(result))
    bad = result["sent_again_committed"] or result["replies_lost"] or result["shards_lost"]
    sys.exit(bool(bad) or not result["records_equal"] or result["kills"] != arguments.kills)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
