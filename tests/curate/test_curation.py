import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from phial.artifact import read_manifest
from phial.curate.decontaminate import Decontaminate
from phial.curate.duplicates import Duplicates
from phial.curate.executor import Processes, Ray, Slurm
from phial.curate.junk import Junk
from phial.curate.mixture import COPIES, Mixture, Share
from phial.curate.personal import Personal
from phial.curate.pipeline import Curated, ShardSize, curate
from phial.curate.reading import Reading
from phial.curate.stage import Outcome
from phial.errors import PhialError
from phial.record import Record, read_records

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "sting", "lled", "s", "tion", "ly")]
ITEM = "how many red apples are in the basket when seven are taken out and nine more are put in it"
SIZE = ShardSize(records=60, characters=40_000)


@dataclass(frozen=True)
class Killed:
    """A stage whose worker dies, as by the kernel for want of memory."""

    name: str = "killed"
    version: int = 1

    def config(self) -> dict[str, Any]:
        return {}

    def judge(self, records: Sequence[Record]) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        return Outcome()


@dataclass(frozen=True)
class Faulty(Killed):
    """A stage with a fault."""

    name: str = "faulty"

    def judge(self, records: Sequence[Record]) -> Outcome:
        raise ZeroDivisionError("a fault in a stage")


@dataclass(frozen=True)
class Slow(Killed):
    """A stage that takes a while."""

    name: str = "slow"

    def judge(self, records: Sequence[Record]) -> Outcome:
        time.sleep(0.02)
        return Outcome(list(records))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 documents with duplicates, a contaminated one, an address and junk, in files of several kinds."""
    folder = tmp_path_factory.mktemp("corpus")
    generator = random.Random(0)
    texts = [" ".join(generator.choices(WORDS, k=60)) for _ in range(280)]
    texts += [f"{texts[number]} more" for number in range(10)] + [texts[20].upper()]
    texts += [f"{' '.join(generator.choices(WORDS, k=60))} {end}" for end in (ITEM, "jo@corp.io")] + ["short"]
    generator.shuffle(texts)
    for number in range(4):
        rows = [{"text": text, "kind": "ab"[len(text) % 2]} for text in texts[number::4]]
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n" * (number == 1))
    (folder / "deep").mkdir()
    (folder / "deep" / "empty.txt").touch()
    shutil.copy(folder / "3.jsonl", folder / "copy.jsonl")
    (folder.parent / "benchmarks").mkdir(exist_ok=True)
    (folder.parent / "benchmarks" / "apples.txt").write_text(ITEM)
    return folder


def stages(source: Path) -> list[Any]:
    return [
        Slow(),
        Junk(compression=(0.2, 0.9)),
        Personal(),
        Duplicates(),
        Decontaminate(source.parent / "benchmarks"),
        Mixture({"a": Share(0.5, 2), "b": Share(0.5, 2)}),
    ]


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Curated:
    to = tmp_path_factory.mktemp("made")
    return curate(source, to, stages(source), executor=Processes(1), shard=SIZE)


def result(curated: Curated) -> list[tuple[str, str, float]]:
    files = sorted((curated.path / "kept").iterdir())
    return [(one.id, one.source, one.scores[COPIES]) for path in files for one in read_records(path)]


def count(curated: Curated, stage: str, reason: str) -> int:
    return sum(row["count"] for row in curated.funnel if (row["stage"], row["reason"]) == (stage, reason))


def content(curated: Curated) -> str:
    return read_manifest(curated.path).content_hash


def test_everything_is_kept_or_dropped_with_a_reason(made: Curated, source: Path) -> None:
    lines = sum(path.read_text().count("\n") for path in source.glob("*.jsonl"))
    assert made.kept + made.dropped == lines + 1
    assert sum(row["count"] for row in made.funnel if row["outcome"] == "dropped") == made.dropped
    assert count(made, "read", "not JSON") == count(made, "read", "empty file") == 1
    assert count(made, "junk", "too short") >= 1
    assert count(made, "duplicates", "near duplicate") >= 10
    assert count(made, "duplicates", "same text") > 60  # a file is there twice
    assert next(row["count"] for row in made.funnel if row["stage"] == "duplicates") == 282
    assert count(made, "decontaminate", "13-gram") == 1
    dropped = [one for path in (made.path / "dropped").iterdir() for one in read_records(path)]
    assert len(dropped) == made.dropped and not any(one.lineage.verdicts[-1].passed for one in dropped)
    kept = [one for path in (made.path / "kept").iterdir() for one in read_records(path)]
    gates = [verdict.gate for verdict in kept[0].lineage.verdicts]
    assert gates == ["junk", "personal", "duplicates", "decontaminate", "mixture"]
    assert len({one[0] for one in result(made)}) == made.kept
    assert [row["stage"] for row in made.funnel if row["outcome"] == "kept"] == ["read", "slow", *gates]


def test_workers_and_names_of_files_do_not_matter(made: Curated, source: Path, tmp_path: Path) -> None:
    two = curate(source, tmp_path / "two", stages(source), executor=Processes(2), shard=SIZE)
    assert content(two) == content(made)
    other = tmp_path / "other"
    other.mkdir()
    for number, path in enumerate(sorted(source.rglob("*.jsonl"), reverse=True)):
        shutil.copy(path, other / f"{number}.jsonl")
    again = curate(other, tmp_path / "again", stages(source), executor=Processes(1), shard=ShardSize(records=17))
    assert {one[0] for one in result(again)} == {one[0] for one in result(made)}


def test_what_is_made_is_not_made_again(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    shutil.copytree(source, folder)
    to = tmp_path / "to"
    first = curate(folder, to, stages(source), executor=Processes(1), shard=SIZE)
    before = {path.name: path.stat().st_mtime_ns for path in to.iterdir()}
    assert curate(folder, to, stages(source), executor=Processes(1), shard=SIZE).path == first.path
    assert {path.name: path.stat().st_mtime_ns for path in to.iterdir()} == before
    (folder / "new.txt").write_text(" ".join(random.Random(5).choices(WORDS, k=60)))
    second = curate(folder, to, stages(source), executor=Processes(1), shard=SIZE)
    fresh = [path.name for path in to.iterdir() if path.name not in before]
    # The new file and its shard are read and filtered; what looks at the whole corpus is done again.
    assert sum(name.startswith("read-") for name in fresh) == sum(name.startswith("curate-0-") for name in fresh) == 1
    assert second.path != first.path and second.kept + second.dropped == first.kept + first.dropped + 1


RUN = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from test_curation import SIZE, Processes, Slurm, curate, stages
source, to = Path({source!r}), Path({to!r})
curate(source, to, stages(source), executor={executor}, shard=SIZE)
"""


def started(source: Path, to: Path, executor: str, **environment: str) -> subprocess.Popen[bytes]:
    code = RUN.format(path=[str(Path(__file__).parent)], source=str(source), to=str(to), executor=executor)
    # Through a file, for spawned workers import the main module.
    script = to.with_name(f"{to.name}{len(list(to.parent.iterdir()))}.py")
    script.write_text("if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in code.splitlines()))
    return subprocess.Popen([sys.executable, str(script)], env=os.environ | environment)


def test_a_killed_run_goes_on_where_it_stopped(made: Curated, source: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    finished: dict[str, int] = {}
    for target in (3, 14):
        run = started(source, to, "Processes(2)")
        while run.poll() is None and len(list(to.glob("*[0-9a-f]/manifest.json"))) < target:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.wait()
        for path in to.glob("*[0-9a-f]/manifest.json"):
            assert finished.setdefault(path.parent.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
    # Workers of a killed run end by themselves; the next run may begin before.
    again = curate(source, to, stages(source), executor=Processes(1), shard=SIZE)
    assert content(again) == content(made)
    assert all((to / name / "manifest.json").stat().st_mtime_ns == then for name, then in finished.items())


def test_members_of_an_array_share_the_work(made: Curated, source: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    members = [
        started(source, to, "Slurm()", SLURM_ARRAY_TASK_ID=str(rank), SLURM_ARRAY_TASK_COUNT="2") for rank in (0, 1)
    ]
    assert [member.wait() for member in members] == [0, 0]
    (folder,) = to.glob("curated-*")
    assert read_manifest(folder).content_hash == content(made)
    with pytest.raises(PhialError, match="rank 2 of 2"):
        Slurm(2, 2).run(lambda rank, world: None)


@pytest.mark.slow
def test_ray_gives_the_same(made: Curated, source: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    # Ray's workers cannot import this file, so without the stage that is made here.
    ours = curate(source, tmp_path / "to", stages(source)[1:], executor=Ray(2), shard=SIZE)
    assert result(ours) == result(made)


def test_a_killed_worker_and_a_fault_are_reported(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PhialError, match="worker was killed") as error:
        curate(source, tmp_path / "to", [Killed()], executor=Processes(2), shard=SIZE)
    assert "run the same command again" in error.value.do
    with pytest.raises(RuntimeError, match="a fault in a stage"):
        curate(source, tmp_path / "to", [Faulty()], executor=Processes(2), shard=SIZE)
    assert list((tmp_path / "to").glob("read-*[0-9a-f]/manifest.json"))


FULL = """
import resource, sys
from pathlib import Path
from phial.curate.executor import Processes
from phial.curate.pipeline import curate
from phial.errors import PhialError
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    curate(Path(sys.argv[1]), Path(sys.argv[2]), [], executor=Processes(1))
except PhialError as error:
    print(error.what)
"""


def test_a_full_disk_is_reported_and_the_rest_kept(source: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", FULL, str(source), str(tmp_path / "to")]
    said = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert "no room to write stage 'read'" in said.stdout, said.stderr
    after = curate(source, tmp_path / "to", [], executor=Processes(1))
    assert after.kept + after.dropped == 294 + 73 + 2


def test_wrong_calls_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PhialError, match="no such folder"):
        curate(tmp_path / "missing", tmp_path, [])
    with pytest.raises(PhialError, match="one name"):
        curate(source, tmp_path, [Junk(), Junk(fewest_words=3)])
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(PhialError, match="not a readable Parquet"):
        curate(tmp_path / "bad", tmp_path / "to", [], executor=Processes(1), reading=Reading())
