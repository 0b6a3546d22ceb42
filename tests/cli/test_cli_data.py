"""`phial data run` and `phial data curate` as a user meets them, with bad input and bad luck."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phial.cli import app
from phial.errors import PhialError
from phial.recipe.seeding import SeedFiles
from phial.record import Lineage, Record, read_records, write_records
from phial.synth.ledger import Ledger

ECHO = """
from phial.synth.derive import derive
from phial.synth.flow import flow


@flow("echo", "1")
async def echo(record, teacher, tools):
    reply = await teacher.ask(f"Say: {record.content[:200]}", max_tokens=50, task="echo")
    yield derive(echo, record, teacher, [reply], kind="passage", text=f"{record.content[:200]}: {reply.text}")
"""
SMALL_FILES = 40_000  # bytes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(ECHO)
    (tmp_path / "topics.txt").write_text("".join(f"the number {n} and its divisors\n" for n in range(40)))
    return tmp_path


def phial(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def run(*words: str) -> str:
    return phial("data", "run", "own.py:echo", "--seeds", "topics.txt", "--lines", "--to", "work/echo", *words)


def test_a_flow_is_run_looked_at_curated_and_traced(folder: Path) -> None:
    assert "40 records of 40 seeds" in run()
    records = list(read_records(folder / "work/echo/records.parquet"))
    seeds = {record.id for record in read_records(folder / "work/echo/seeds.parquet")}
    assert len(records) == 40 and {record.lineage.parents[0] for record in records} == seeds
    assert "echo/1: run of a flow, 40 records" in phial("data", "look", "work/echo")
    shown = phial("trace", records[0].id, "--to", "work/echo")
    assert "by topics, version 1" in shown and "the number" in shown and "-- reply" in shown
    (folder / "bench").mkdir()
    (folder / "bench/items.jsonl").write_text(json.dumps({"id": "1", "question": records[3].content}) + "\n")
    more = ("--to", "cur", "--benchmarks", "bench", "--languages", "")
    told = phial("data", "curate", "work/echo", "topics.txt", *more)
    assert "read: 41 kept" in told and "1 13-gram" in told
    (curated,) = (folder / "cur").glob("curated-*")
    kept = {record.id for file in (curated / "kept").iterdir() for record in read_records(file)}
    assert kept and records[3].id not in kept
    again = phial(
        "data", "curate", "topics.txt", "work/echo", "--to", "cur", "--benchmarks", "bench", "--languages", ""
    )
    assert again == told and len(list((folder / "cur").glob("curated-*"))) == 1


def test_so_many_records_and_a_replay_of_them(folder: Path) -> None:
    assert "5 records of" in run("--accept", "5")
    assert "5 records of" in run("--accept", "5", "--teacher", "replay")
    with pytest.raises(PhialError, match="never recorded"):
        run("--teacher", "replay")


def test_estimates_leave_nothing(folder: Path) -> None:
    told = run("--estimate", "--price", "1,2", "--accept", "10", "--most-cost", "3")
    assert "echo" in told and "the budget ends it at: cost 3" in told
    told = phial("data", "curate", "topics.txt", "--to", "cur", "--estimate")
    assert "1 files" in told and "of 1 records of a sample pass" in told
    assert not (folder / "work").exists() and not (folder / "cur").exists()


def test_limits_are_hard(folder: Path) -> None:
    with pytest.raises(PhialError, match="the budget has no room"):
        run("--most-requests", "7")
    with Ledger(folder / "work/ledger.sqlite") as ledger:
        assert ledger.account("echo/echo").spent.requests == 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--teacher", "http://localhost/v1"], "needs the model's name"),
        (["--teacher", "ftp://localhost", "--model", "m"], "http://HOST/v1"),
        (["--price", "cheap"], "price.prompt"),
        (["--executor", "slrum"], "'processes', 'slurm' or 'ray'"),
        (["--executor", "slurm"], "rank None of None"),
        (["--set", "count"], "not of the form name=value"),
        (["--seeds", "nowhere"], "no such file or folder of seeds"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PhialError) as caught:
        run(*words)
    assert said in "\n".join(caught.value.lines())


def test_seed_files_that_cannot_be_read_are_told(folder: Path) -> None:
    (folder / "topics.txt").write_bytes(b"")
    with pytest.raises(PhialError, match="no seeds to read"):
        run()
    with pytest.raises(PhialError, match="no seeds to read: 1 empty file"):
        phial("data", "run", "own.py:echo", "--seeds", "topics.txt", "--to", "work/echo")
    (folder / "topics.txt").write_bytes(b"\xff\xfe\x00bad\ngood one\n" + b"x" * 70_000 + b"\nlast one\n")
    assert "2 records of 2 seeds" in run()
    (folder / "topics.txt").write_bytes(b"\xff\xfe\x00bad\n")
    with pytest.raises(PhialError, match="no seeds to read: 1 not UTF-8"):
        run()
    (folder / "texts").mkdir()
    (folder / "texts/a.jsonl").write_text('{"text": "a whole text of some words"}\n{"tex": 1}\nnot json\n')
    (folder / "texts/b.md").write_bytes(b"caf\xe9 is not UTF-8")
    (folder / "texts/c.py").write_text("def f():\n    return 1\n")
    (folder / "texts/.hidden.txt").write_text("nobody reads this")
    phial("data", "run", "own.py:echo", "--seeds", "texts", "--to", "work/texts")
    assert len(list(read_records(folder / "work/texts/records.parquet"))) == 2


def test_a_large_seed_file_is_streamed(folder: Path) -> None:
    """64 MB of lines, and one line of as much, in a process that may not have so much memory beside its libraries."""
    with (folder / "large.jsonl").open("w") as file:
        for number in range(64):
            file.write(json.dumps({"text": f"{number} " + "word " * 200_000}) + "\n")
    script = (
        "import resource, itertools\nfrom pathlib import Path\nfrom phial.recipe.seeding import SeedFiles\n"
        "files = SeedFiles(Path('large.jsonl'), 'CC0-1.0')\nnext(iter(files.records()))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = sum(1 for _ in files.records()) + sum(1 for _ in SeedFiles(Path('large.jsonl'), lines=True)._topics("
        "Path('large.jsonl'), 'x'))\n"
        "print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, done.stdout.split())
    assert count == 128 and kilobytes < 20_000


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILES, SMALL_FILES))


def test_no_room_is_told_and_made_up_for(folder: Path) -> None:
    (folder / "topics.txt").write_text("".join(f"{n} " + os.urandom(300).hex() + "\n" for n in range(200)))
    words = ["data", "run", "own.py:echo", "--seeds", "topics.txt", "--lines", "--to", "work/echo"]
    limited = subprocess.run(
        [sys.executable, "-m", "phial", *words], capture_output=True, text=True, preexec_fn=_small_files
    )
    assert limited.returncode == 1 and "Traceback" not in limited.stderr, limited.stderr
    assert "room" in limited.stderr
    assert "200 records of 200 seeds" in phial(*words)
    with Ledger(folder / "work/ledger.sqlite") as ledger:
        assert ledger.account("echo/echo").spent.requests == 200


def test_two_runs_on_one_ledger_pay_once(folder: Path) -> None:
    command = [sys.executable, "-m", "phial", "data", "run", "own.py:echo", "--seeds", "topics.txt", "--lines"]
    ledger = ["--ledger", "ledger.sqlite"]
    runs = [
        subprocess.Popen([*command, "--to", f"work/{name}", *ledger], stderr=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    told = [process.communicate()[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], told
    with Ledger(folder / "ledger.sqlite") as both:
        assert sum(both.account(name).spent.requests for name in ("a/echo", "b/echo")) == 40
        assert not any(both.account(name).lost.requests for name in ("a/echo", "b/echo"))
    assert (folder / "work/a/records.parquet").read_bytes() == (folder / "work/b/records.parquet").read_bytes()


def test_seeds_of_records_keep_their_licences(folder: Path) -> None:
    made = Record("organic", "book", "CC-BY-4.0", Lineage("mine", "1"), text="a text under its own licence")
    write_records(folder / "mine.parquet", [made])
    (found,) = SeedFiles(folder / "mine.parquet", "CC0-1.0").records()
    assert found == made
