"""Seeds through a flow: yield, order, resumption, salvage, faults."""

import asyncio
import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from phial.errors import PhialError
from phial.record import Lineage, Record, read_records
from phial.synth import shard
from phial.synth.budget import Limits, Price
from phial.synth.estimate import estimate
from phial.synth.faults import BudgetSpent, Failed, MissingReply, Refused
from phial.synth.flow import Tools, flow
from phial.synth.ledger import Ledger
from phial.synth.procedural import IDENTITY as BOOK
from phial.synth.procedural import Procedural
from phial.synth.progress import Progress
from phial.synth.request import Identity, TeacherRequest
from phial.synth.run import Plan, run_flow
from phial.synth.scripted import Scripted
from phial.synth.teacher import LedgerTeacher, Patience, Teacher

IDENTITY = Identity("tester", "small", "1")


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


QUICK = Patience(tries=2, sleep=at_once)


def seeds(count: int) -> list[Record]:
    return [Record("organic", "test", "CC0-1.0", Lineage("seed", "1"), text=f"seed {i}") for i in range(count)]


@flow("shout", "1")
async def shout(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    first = await teacher.ask(f"shout {record.content} {tools.random.randrange(100)}", max_tokens=50)
    if first.text.endswith("7"):
        tools.drop("ends with 7", first.text)
        return
    second = await teacher.ask([("user", first.text), ("assistant", "What?"), ("user", "again")], max_tokens=50)
    lineage = Lineage("shout", "1", (record.id,), first.request_keys + second.request_keys)
    yield Record("passage", "test", "CC0-1.0", lineage, text=f"{first.text} {second.text}")


class Counting:
    """Answers, counts, and fails where it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.faults: dict[str, Exception] = {}

    def __call__(self, request: TeacherRequest) -> str:
        words = " ".join(content for _, content in request.messages)
        self.asked.append(words)
        for part, fault in self.faults.items():
            if part in words:
                raise fault
        return words.split(" ")[2].upper() if words.startswith("shout") else f"and {len(words)}"


def teacher_of(ledger: Ledger, write: Counting, **settings: object) -> LedgerTeacher:
    return LedgerTeacher(IDENTITY, Scripted(write), ledger, patience=QUICK, **settings)  # type: ignore[arg-type]


def test_every_seed_is_worked_on_and_every_drop_counted(tmp_path: Path) -> None:
    told: list[Progress] = []
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        plan = Plan(shard_size=8, together=10)
        report = run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "run", plan, told.append)
        assert (report.accepted, report.dropped, report.complete) == (45, {"ends with 7": 5}, True)
        assert told[-1].accepted == 45 and told[-1].account.spent.requests == len(write.asked) == 95
    assert told[-1].line() == (
        f"45 accepted of 50 seeds · 0 under way · dropped: ends with 7 5 · 95 requests · {report.spent.tokens:,} tokens"
    )
    records = list(read_records(tmp_path / "run/records.parquet"))
    expected = [f"{i} and" for i in range(50) if i % 10 != 7]
    assert [record.content.rsplit(" ", 1)[0] for record in records] == expected
    lines = [
        line for path in (tmp_path / "run/shards").glob("*.dropped.jsonl") for line in path.read_text().splitlines()
    ]
    assert sorted(json.loads(line)["detail"] for line in lines) == ["17", "27", "37", "47", "7"]
    assert not list((tmp_path / "run").rglob("*.partial"))


def test_drops_of_a_shard_that_is_not_needed_any_more_are_kept_until_it_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begun = folder / "begun.dropped.jsonl"
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for accept, details in ((10, ["7"]), (20, ["7", "17"]), (None, None)):
            plan = Plan(accept, together=1, shard_size=25)
            report = run_flow(shout, seeds(50), teacher_of(ledger, Counting()), folder, plan)
            finished = [path.read_text() for path in (folder / "shards").glob("*.dropped.jsonl")]
            lines = [*(begun.read_text() if begun.exists() else "").splitlines(), *"".join(finished).splitlines()]
            assert len(lines) == report.dropped["ends with 7"], "each drop is told once"
            if details:
                assert [json.loads(line)["detail"] for line in begun.read_text().splitlines()] == details
    assert not begun.exists() and len(finished) == 2


def test_so_many_records_are_the_first_ones_whatever_the_order(tmp_path: Path) -> None:
    contents = []
    for together in (1, 7, 64):
        with Ledger(tmp_path / f"{together}.sqlite") as ledger:
            write = Counting()
            folder = tmp_path / str(together)
            report = run_flow(shout, seeds(500), teacher_of(ledger, write), folder, Plan(10, together=together))
            assert report.accepted == 10 and report.complete
            assert len(write.asked) < 60  # far from every seed
        contents.append([record.content for record in read_records(folder / "records.parquet")])
    assert contents[0] == contents[1] == contents[2]


def test_a_run_is_gone_on_with_where_it_broke_off(tmp_path: Path) -> None:
    write = Counting()
    write.faults["seed 30 "] = RuntimeError("power cut")
    plan = Plan(shard_size=4, together=3)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(RuntimeError, match="power cut"):
            run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "run", plan)
        write.faults.clear()
        report = run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "run", plan)
    assert report.accepted == 45
    twice = {words for words in write.asked if write.asked.count(words) > 1}
    assert all("seed 30 " in words for words in twice)
    # Another shard size is another set of shards, and costs nothing but time.
    asked = len(write.asked)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "other", Plan(shard_size=9))
    assert len(write.asked) == asked


def test_more_seeds_leave_finished_shards_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        run_flow(shout, seeds(16), teacher_of(ledger, Counting()), tmp_path / "run", Plan(shard_size=8))
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run/shards").iterdir()}
        run_flow(shout, seeds(40), teacher_of(ledger, Counting()), tmp_path / "run", Plan(shard_size=8))
        assert all(path.stat().st_mtime_ns == time for path, time in before.items())
        assert len(list((tmp_path / "run/shards").glob("*.parquet"))) == 5


def test_a_seed_that_nobody_answers_is_salvaged_or_told(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        failures = iter([Failed("HTTP 500", perhaps_paid=False)] * 3)

        def flaky(request: TeacherRequest) -> str:
            if "seed 3 " in request.messages[0][1]:
                for fault in failures:
                    raise fault
            return write(request)

        plan = Plan(shard_size=4)
        teacher = LedgerTeacher(IDENTITY, Scripted(flaky), ledger, patience=QUICK)  # two tries a round
        report = run_flow(shout, seeds(10), teacher, tmp_path / "run", plan)
        assert (report.accepted, report.unanswered, report.complete) == (9, 0, True)
        write.faults["seed 12 "] = Failed("HTTP 500", perhaps_paid=False)
        report = run_flow(shout, seeds(20), teacher_of(ledger, write), tmp_path / "run", plan)
        assert (report.accepted, report.unanswered, report.complete) == (17, 1, False)
        assert json.loads((tmp_path / "run/run.json").read_text())["unanswered"] == 1
        write.faults.clear()
        report = run_flow(shout, seeds(20), teacher_of(ledger, write), tmp_path / "run", plan)
        assert (report.accepted, report.unanswered, report.complete) == (18, 0, True)


def test_a_refused_seed_is_dropped_with_its_reason_and_replayed_so(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        write.faults["seed 3 "] = Refused("over the context", "too long")
        report = run_flow(shout, seeds(10), teacher_of(ledger, write), tmp_path / "run")
        assert report.dropped == {"ends with 7": 1, "over the context": 1}
        replay = LedgerTeacher(IDENTITY, None, ledger)
        again = run_flow(shout, seeds(10), replay, tmp_path / "replayed")
        assert (again.accepted, again.dropped) == (report.accepted, report.dropped)
        assert (tmp_path / "replayed/records.parquet").read_bytes() == (tmp_path / "run/records.parquet").read_bytes()
        with pytest.raises(MissingReply, match="seed 10"):
            run_flow(shout, seeds(11), replay, tmp_path / "replayed")


def test_a_row_of_faults_ends_the_run(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        write.faults["seed"] = Refused("bad request", "unknown field")
        with pytest.raises(PhialError, match=r"seeds in a row failed.*unknown field"):
            run_flow(shout, seeds(5000), teacher_of(ledger, write), tmp_path / "run", Plan(together=8))
        assert len(write.asked) < 100


def test_a_spent_budget_ends_the_run_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        with pytest.raises(BudgetSpent, match="30 requests"):
            run_flow(shout, seeds(50), teacher_of(ledger, write, limits=Limits(requests=30)), tmp_path / "run")
        assert len(write.asked) == 30
        report = run_flow(shout, seeds(50), teacher_of(ledger, write, limits=Limits(requests=95)), tmp_path / "run")
        assert len(write.asked) == report.spent.requests == 95 and report.accepted == 45


def test_no_seeds_are_an_error_and_equal_ones_are_dropped(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(PhialError, match="no seeds"):
            run_flow(shout, [], teacher_of(ledger, Counting()), tmp_path / "run")
        report = run_flow(shout, seeds(5) + seeds(5), teacher_of(ledger, Counting()), tmp_path / "run")
        assert (report.accepted, report.dropped) == (5, {"seed came twice": 5})


class Problem(BaseModel):
    question: str
    steps: list[str]
    answer: str


@flow("solve", "1")
async def solve(record: Record, teacher: Teacher, tools: Tools) -> AsyncIterator[Record]:
    made = await teacher.ask(f"Write a problem for {record.content}", schema=Problem, max_tokens=100, task="problem")
    votes = [await teacher.ask(f"Solve: {made.parsed.question}", sample=i, max_tokens=100) for i in range(4)]
    right = sum(vote.text.endswith(f"The answer is {made.parsed.answer}.") for vote in votes)
    keys = tuple(key for reply in (made, *votes) for key in reply.request_keys)
    if right in (0, 4):
        tools.drop("too easy" if right else "hopeless", request_keys=keys)
        return
    yield Record("exercise", "test", "CC0-1.0", Lineage("solve", "1", (record.id,), keys), text=made.parsed.question)


def test_the_procedural_teacher_is_unanimous_divided_and_hopeless(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        with Ledger(tmp_path / f"{name}.sqlite") as ledger:
            teacher = LedgerTeacher(BOOK, Procedural(), ledger)
            report = run_flow(solve, seeds(60), teacher, tmp_path / name)
            assert report.accepted > 5 and report.dropped["too easy"] > 5 and report.dropped["hopeless"] > 5
        contents.append((tmp_path / name / "records.parquet").read_bytes())
    assert contents[0] == contents[1]


def test_a_dry_run_sends_nothing_and_bounds_the_cost(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        teacher = teacher_of(ledger, write, price=Price(1.0, 4.0))
        guess = asyncio.run(estimate(solve, iter(seeds(100)), 100, teacher))
        assert not write.asked and guess.about.requests == 500 and guess.failed == 0
        assert 0 < guess.about.cost < guess.most.cost
        assert guess.most.completion_tokens == 500 * 100
        paid = LedgerTeacher(IDENTITY, Procedural(), ledger, price=Price(1.0, 4.0))
        report = run_flow(solve, seeds(100), paid, tmp_path / "run")
        assert 0.2 * guess.about.cost < report.spent.cost <= guess.most.cost
        assert asyncio.run(estimate(solve, iter(seeds(100)), 100, teacher)).about.requests == 0


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
import test_run
from phial.synth.ledger import Ledger
from phial.synth.run import run_flow

folder = Path(sys.argv[1])
write = test_run.noting(folder / "asked", int(sys.argv[2]))
with Ledger(folder / "ledger.sqlite") as ledger:
    run_flow(test_run.shout, test_run.seeds(50), test_run.teacher_of(ledger, write), folder / "run", test_run.FEW)
"""
FEW = Plan(shard_size=8, together=6)


def noting(path: Path, last: int) -> Counting:
    """A teacher that writes down what it is asked, and kills its process when it is asked so often."""

    class Noting(Counting):
        def __call__(self, request: TeacherRequest) -> str:
            words = super().__call__(request)
            with path.open("a") as file:
                file.write(self.asked[-1] + "\n")
            if len(self.asked) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return words

    return Noting()


def test_killed_at_any_request_a_run_asks_again_only_what_was_in_flight(tmp_path: Path) -> None:
    committed: set[str] = set()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    for last in (1, 23, 40):
        before = len((tmp_path / "asked").read_text().splitlines()) if committed else 0
        process = subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(last)], env=environment)
        assert process.returncode == -signal.SIGKILL
        asked = (tmp_path / "asked").read_text().splitlines()
        assert not committed & set(asked[before:])
        with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
            requests = [json.loads(line) for (line,) in connection.execute("SELECT request FROM reply")]
        committed = {" ".join(text for _, text in request["body"]["messages"]) for request in requests}
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = noting(tmp_path / "asked", 0)
        report = run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "run", FEW)
    assert not committed & set(write.asked)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert (len(set(asked)), report.accepted, report.spent.requests) == (95, 45, 95)
    # What was claimed and not sent when the process died is perhaps paid, too: nobody can know.
    assert len(asked) - 95 <= report.lost.requests <= 3 * FEW.together


def test_seeds_that_break_off_leave_what_is_under_way(tmp_path: Path) -> None:
    def breaking() -> Iterator[Record]:
        yield from seeds(20)
        raise PhialError("not UTF-8", where="seeds.txt", do="save it as UTF-8")

    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        with pytest.raises(PhialError, match="not UTF-8"):
            run_flow(shout, breaking(), teacher_of(ledger, write), tmp_path / "run", Plan(shard_size=5))
        assert ledger.account("").lost.requests == 0 and len(list((tmp_path / "run/shards").glob("*.parquet"))) == 4


def test_no_room_for_records_is_told_and_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True

    def write_aside(path: Path, records: Iterable[Record]) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, records)

    real = shard.write_aside
    monkeypatch.setattr(shard, "write_aside", write_aside)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write = Counting()
        with pytest.raises(PhialError, match="no room to write records: No space left"):
            run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "run", Plan(shard_size=5, together=5))
        asked = len(write.asked)
        full = False
        assert run_flow(shout, seeds(50), teacher_of(ledger, write), tmp_path / "run").accepted == 45
        assert asked < 95 == len(write.asked)
