"""The ledger between processes: nothing twice, nothing lost, whoever is killed and whatever is full."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_endpoint import FakeEndpoint, echo, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from phial.errors import PhialError
from phial.synth.budget import Limits, Spending
from phial.synth.endpoint import Endpoint
from phial.synth.endpoints import Endpoints
from phial.synth.entry import Entry
from phial.synth.ledger import Ledger
from phial.synth.reply import Answer
from phial.synth.request import Identity, TeacherRequest, request_key
from phial.synth.scripted import Scripted
from phial.synth.teacher import LedgerTeacher

IDENTITY = Identity("tester", "small", "1")
MOST = Spending(1, 100, 50, 0.5)
PAID = Spending(1, 10, 5, 0.05)

# Another process: claims "k0", "k1", ..., stores the reply of "k0", says so, and waits for its end.
HOLDER = """
import asyncio, sys
from pathlib import Path
from phial.synth.budget import Limits, Spending
from phial.synth.entry import Entry
from phial.synth.ledger import Ledger
from phial.synth.reply import Answer

async def main():
    ledger = Ledger(Path(sys.argv[1]))
    for i in range(3):
        assert await ledger.claim(f"k{i}", "a run", Spending(1, 100, 50, 0.5), Limits()) == "yours"
    await ledger.commit(Entry("k0", "{}", "", "a run", 1.0, Answer("kept"), Spending(1, 10, 5, 0.05)))
    print("ready", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""

# Another process, whose files may not grow beyond so many bytes: pays for replies until there is no room. The database
# is locked until all have asked, so that their claims come in one transaction, as on a busy machine.
FILLING = """
import asyncio, resource, sqlite3, sys
from pathlib import Path
from phial.errors import PhialError
from phial.synth.ledger import Ledger
from phial.synth.reply import Answer
from phial.synth.request import Identity
from phial.synth.scripted import Scripted
from phial.synth.teacher import LedgerTeacher

async def main():
    path, limit, reserve = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    answered = []
    def write(request):
        answered.append(request.messages[0][1])
        return request.messages[0][1] * 1000
    with Ledger(path, reserve) as ledger:
        teacher = LedgerTeacher(Identity("tester", "small", "1"), Scripted(write), ledger)
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        asked = [asyncio.ensure_future(teacher.ask(f"w{i}")) for i in range(600)]
        for _ in range(20):
            await asyncio.sleep(0)
        other.close()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        faults = [one for one in outcomes if isinstance(one, BaseException)]
        assert all(isinstance(one, PhialError) and "no room" in str(one) for one in faults), faults[:1]
        print(len(answered), len(faults), ledger.unstored, flush=True)

asyncio.run(main())
"""


# Another process, whose files may not grow beyond so many bytes: all its replies arrive, too many for the database.
LANDING = """
import asyncio, resource, sys
from pathlib import Path
from phial.synth.budget import Limits, Spending
from phial.synth.entry import Entry
from phial.synth.ledger import Ledger
from phial.synth.reply import Answer

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, 2_500_000))
    with Ledger(Path(sys.argv[1]), 1000) as ledger:
        for i in range(60):
            assert await ledger.claim(f"k{i}", "a run", Spending(1, 100, 5000, 0.5), Limits()) == "yours"
        answer, cost = Answer("x" * 40_000), Spending(1, 10, 5, 0.05)
        paid = [Entry(f"k{i}", "{}", "", "a run", 1.0, answer, cost) for i in range(60)]
        await asyncio.gather(*map(ledger.commit, paid))
        assert ledger.find("k59").answer.text == "x" * 40_000 and not ledger.unstored

asyncio.run(main())
"""


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def holder(path: Path) -> subprocess.Popen[str]:
    process = start(HOLDER, path)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def test_what_a_living_process_has_in_flight_is_not_sent_by_another(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"

    async def main() -> None:
        process = holder(path)
        with Ledger(path) as ledger:
            assert await ledger.claim("k0", "a run", MOST, Limits()) == "answered"
            assert await ledger.claim("k1", "a run", MOST, Limits()) == "held"
            process.send_signal(signal.SIGSTOP)  # stopped is not dead
            assert await ledger.claim("k1", "a run", MOST, Limits()) == "held"
            assert await ledger.claim("new", "a run", MOST, Limits(requests=3)) == "full"
            assert await ledger.claim("new", "a run", MOST, Limits(requests=1)) == "spent"
            process.kill()
            process.communicate()
            assert await ledger.claim("k1", "a run", MOST, Limits()) == "yours"
            # "k1" and "k2" may have been paid for; "k1" is now in flight again.
            account = ledger.account("a run")
            assert (account.spent, account.lost, account.held) == (PAID, MOST + MOST, MOST)
            assert ledger.find("k0").answer.text == "kept"
        assert [path.name for path in (tmp_path / "ledger.sqlite.owners").iterdir()] == [".door"]

    run(main)


def test_what_the_dead_held_is_settled_when_the_ledger_is_opened(tmp_path: Path) -> None:
    process = holder(tmp_path / "ledger.sqlite")
    process.kill()
    process.communicate()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        account = ledger.account("a run")
        assert (account.spent, account.lost, account.held) == (PAID, MOST + MOST, Spending())


def test_a_forked_worker_does_not_keep_its_dead_parent_alive(tmp_path: Path) -> None:
    forking = 'import os, time\n    if not os.fork(): print("forked", flush=True); time.sleep(60)\n    print("ready"'
    process = start(HOLDER.replace('print("ready"', forking), tmp_path / "ledger.sqlite")
    assert process.stdout and sorted(process.stdout.readline() for _ in range(2)) == ["forked\n", "ready\n"]
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    try:
        process.kill()
        process.wait()
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            assert ledger.account("a run").lost == MOST + MOST
    finally:
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        process.communicate()


def test_two_runs_on_one_ledger_share_every_request(tmp_path: Path) -> None:
    async def slowly(server: FakeEndpoint, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(0.005)
        return await echo(server, request, body)

    async def main() -> None:
        path = tmp_path / "ledger.sqlite"
        async with serving(slowly) as server:
            with Ledger(path) as one, Ledger(path) as other:
                teachers = [
                    LedgerTeacher(IDENTITY, Endpoints("small", [Endpoint(server.url)]), ledger, run=name)
                    for name, ledger in (("one", one), ("other", other))
                ]
                asked = [teacher.ask(f"w{i}", max_tokens=9) for i in range(60) for teacher in teachers]
                replies = await asyncio.gather(*asked)
                for teacher in teachers:
                    await teacher.close()
                spent = [one.account(name).spent.requests for name in ("one", "other")]
            assert [reply.text for reply in replies] == [f"echo: w{i // 2}" for i in range(120)]
            assert set(server.asked.values()) == {1} and sum(spent) == 60

    run(main)


def check_filled(process: subprocess.Popen[str], path: Path) -> None:
    """What a process paid for on a full disk is all there, and is not paid for again."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    answered, faults, unstored = map(int, output.split())
    assert answered + faults == 600 and unstored == 0 and 0 < answered < 600
    for left in path.with_name("ledger.sqlite.owners").glob("[!.]*"):
        assert left.read_bytes().startswith(b'{"key":')  # replies that found no room in the database, if it ended there
    again: list[str] = []

    def write(request: TeacherRequest) -> str:
        again.append(request.messages[0][1])
        return request.messages[0][1] * 1000

    async def main() -> None:
        with Ledger(path) as ledger:
            teacher = LedgerTeacher(IDENTITY, Scripted(write), ledger)
            replies = await asyncio.gather(*(teacher.ask(f"w{i}") for i in range(600)))
            assert [reply.text for reply in replies] == [f"w{i}" * 1000 for i in range(600)]
            assert len(again) == 600 - answered
            assert (ledger.account("").spent.requests, ledger.account("").lost.requests) == (600, 0)

    run(main)


def test_a_size_limit_loses_nothing_that_was_paid_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    check_filled(start(FILLING, path, 1_000_000, 900_000), path)


def test_a_full_disk_loses_nothing_that_was_paid_for(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting needs root")
    try:
        path = disk / "ledger.sqlite"
        process = start(FILLING, path, 0, 1_500_000)
        process.wait(timeout=60)
        subprocess.run(["mount", "-o", "remount,size=60m", disk], check=True)  # somebody made room
        check_filled(process, path)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_replies_that_find_no_room_in_the_database_are_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    process = start(LANDING, path)
    process.communicate(timeout=60)
    assert process.returncode == 0
    [left] = path.with_name("ledger.sqlite.owners").glob("[!.]*")
    assert left.read_bytes().startswith(b'{"key":')
    with Ledger(path) as ledger:
        assert all(ledger.find(f"k{i}").answer.text == "x" * 40_000 for i in range(60))
        assert (ledger.account("a run").spent.requests, ledger.account("a run").lost.requests) == (60, 0)
    assert not left.exists()


def test_no_room_to_begin_with_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from phial.errors import PhialError
from phial.synth.ledger import Ledger
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    Ledger(Path(sys.argv[1]))
except PhialError as error:
    print(error)
"""
    for limit in (100, 10_000, 1 << 20):
        output, _ = start(script, tmp_path / "ledger.sqlite", limit).communicate(timeout=60)
        assert "no room" in output and "nothing was sent" in output


def test_a_damaged_or_newer_ledger_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(PhialError, match="no readable ledger"):
        Ledger(path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(PhialError, match="format 99"):
        Ledger(path)
    assert [entry.name for entry in (tmp_path / "ledger.sqlite.owners").iterdir()] == [".door"]


def test_a_refusal_is_asked_again_but_a_reply_stays(tmp_path: Path) -> None:
    def entry(text: str, refused: tuple[str, str] | None = None) -> Entry:
        return Entry("k", "{}", "", "r", 1.0, Answer(text), Spending() if refused else PAID, False, refused)

    async def main() -> None:
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            assert await ledger.claim("k", "r", MOST, Limits()) == "yours"
            await ledger.commit(entry("", ("over the context", "too long")))
            assert await ledger.claim("k", "r", MOST, Limits()) == "yours"
            await ledger.commit(entry("first"))
            assert await ledger.claim("k", "r", MOST, Limits()) == "answered"
            await ledger.commit(entry("second"))
            assert ledger.find("k").answer.text == "first" and ledger.account("r").spent == PAID

    run(main)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), WORDS), min_size=1, max_size=3), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_keys_depend_on_what_decides_the_answer_alone(messages: list[tuple[str, str]], sample: int) -> None:
    def key(identity: Identity = IDENTITY, **fields: Any) -> str:
        asked = {"messages": tuple(messages), "max_tokens": 9, "temperature": 0.5, "sample": sample, **fields}
        return request_key(TeacherRequest(**asked).canonical(identity))

    assert key() == key(task="another") == key(extra={}) == key(stop=())
    others = [
        key(sample=sample + 1),
        key(temperature=0.6),
        key(temperature=None),
        key(max_tokens=10),
        key(stop=("x",)),
        key(extra={"reasoning_effort": "low"}),
        key(messages=(*messages, ("user", ""))),
        key(Identity("tester", "small", "2")),
        key(Identity("tester", "large", "1")),
    ]
    assert len({key(), *others}) == 1 + len(others)


def test_the_key_is_what_it_was() -> None:
    """A ledger of years is worth nothing once keys change."""
    canonical = TeacherRequest((("user", "Grüße"),), 20, 0.7).canonical(IDENTITY)
    assert json.loads(canonical)["body"] == {"max_tokens": 20, "messages": [["user", "Grüße"]], "temperature": 0.7}
    assert request_key(canonical) == "6896d9b0fcf8f72f0abafe58f67524dcccb2d69cfb614dc887ae9ee4f7fd1b85"


def test_disk_space_is_taken_and_given_back(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", 1 << 20):
        files = list((tmp_path / "ledger.sqlite.owners").glob("[!.]*"))
        assert [file.stat().st_blocks * 512 >= 1 << 20 for file in files] == [True]
    assert not list((tmp_path / "ledger.sqlite.owners").glob("[!.]*"))
