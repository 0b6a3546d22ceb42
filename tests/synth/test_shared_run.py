"""Several processes at one run: the same records, each shard by one of them, and none waits for the dead."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_run import Counting, seeds, shout, teacher_of

from phial.record import Record, read_records
from phial.synth.ledger import Ledger
from phial.synth.run import Plan, Run, run_flow

SHARED = Plan(shard_size=4, together=8, shared=True)


def records(folder: Path) -> list[Record]:
    return list(read_records(folder / "records.parquet"))


def together(count: int, folder: Path, plan: Plan) -> tuple[list[int], list[str]]:
    """What each of so many members accepted, and all that they asked."""
    write = Counting()

    async def work() -> list[int]:
        with Ledger(folder / "ledger.sqlite") as ledger:
            runs = [Run(shout, seeds(50), teacher_of(ledger, write), folder / "run", plan).work() for _ in range(count)]
            return [report.accepted for report in await asyncio.gather(*runs)]

    return asyncio.run(work()), write.asked


@pytest.mark.parametrize("accept", [None, 17])
def test_the_records_are_those_of_one_process(tmp_path: Path, accept: int | None) -> None:
    plan = replace(SHARED, accept=accept)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        run_flow(shout, seeds(50), teacher_of(ledger, Counting()), tmp_path / "alone", replace(plan, shared=False))
    expected = records(tmp_path / "alone")
    for count in (1, 3):
        accepted, asked = together(count, tmp_path / str(count), plan)
        assert records(tmp_path / str(count) / "run") == expected
        assert accepted == [len(expected)] * count == [accept or 45] * count
        assert len(asked) == len(set(asked))
    # Whole shards are begun as long as they are expected to be needed, by all members together; all take 95 requests.
    assert accept is None or len(asked) < 80
    assert not list((tmp_path / "3/run/shards").glob("*.lock"))


def test_finished_shards_count_whoever_made_them(tmp_path: Path) -> None:
    together(2, tmp_path, SHARED)
    accepted, asked = together(3, tmp_path, SHARED)
    assert accepted == [45] * 3 and not asked


def test_a_shard_that_a_dead_process_had_is_taken_over(tmp_path: Path) -> None:
    together(1, tmp_path, SHARED)
    shards = tmp_path / "run/shards"
    first = min(shards.glob("*.json"))
    first.unlink()  # as if its maker were still at it
    lock = first.with_suffix(".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    async def work() -> int:
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            run = asyncio.create_task(
                Run(shout, seeds(50), teacher_of(ledger, Counting()), tmp_path / "run", SHARED).work()
            )
            done, _ = await asyncio.wait([run], timeout=1.0)
            assert not done, "a living process has it"
            lock.close()
            return (await run).accepted

    assert asyncio.run(work()) == 45 and first.is_file()


MEMBER = """
import sys, time
from pathlib import Path
import test_run, test_shared_run
from phial.synth.ledger import Ledger
from phial.synth.run import run_flow

class Slow(test_run.Counting):
    def __call__(self, request):
        time.sleep(0.01)
        return super().__call__(request)

folder = Path(sys.argv[1])
with Ledger(folder / "ledger.sqlite") as ledger:
    teacher = test_run.teacher_of(ledger, Slow())
    print(run_flow(test_run.shout, test_run.seeds(50), teacher, folder / "run", test_shared_run.SHARED).accepted)
"""


def test_a_killed_member_is_replaced_by_the_others(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    members = [
        subprocess.Popen([sys.executable, "-c", MEMBER, tmp_path], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    while members[0].poll() is None and len(list((tmp_path / "run/shards").glob("*.json"))) < 3:
        time.sleep(0.01)
    members[0].send_signal(signal.SIGKILL)
    members[0].communicate()
    output, _ = members[1].communicate()
    assert members[1].returncode == 0 and output.split() == ["45"]
    assert len(records(tmp_path / "run")) == 45
