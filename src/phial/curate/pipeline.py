"""A whole curation: a folder of files through a list of stages, shard by shard, resumable."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from phial.artifact import Draft, file_sha256, find, read_manifest
from phial.curate.executor import Executor, Processes, Task, complete
from phial.curate.funnel import Dropped, Funnel
from phial.curate.reading import Reading, input_files, read_file
from phial.curate.stage import CorpusStage, Stage
from phial.errors import PhialError
from phial.record import Record, read_records, write_records

VERSION = 1
KEPT, DROPPED, FUNNEL, SURVEY = "kept.parquet", "dropped.parquet", "funnel.json", "survey"


@dataclass(frozen=True)
class ShardSize:
    """The most that a shard of the input holds; a worker keeps one shard in memory, with some multiples of it."""

    records: int = 20_000
    characters: int = 16_000_000


@dataclass(frozen=True)
class Curated:
    """A finished curation.

    Attributes:
        path: folder of `kept/*.parquet`, `dropped/*.parquet` and `funnel.json`.
        kept: records.
        dropped: records.
        funnel: rows of `Funnel.rows`.
    """

    path: Path
    kept: int
    dropped: int
    funnel: list[dict[str, Any]]


@dataclass(frozen=True)
class _Pass:
    """Stages done in one go: first the judging of the corpus stage surveyed before, last the survey of the next."""

    judging: CorpusStage | None
    stages: tuple[Stage, ...]
    surveying: CorpusStage | None

    def config(self) -> dict[str, Any]:
        return {
            "judging": self.judging and _facts(self.judging),
            "stages": [_facts(stage) for stage in self.stages],
            "surveying": self.surveying and _facts(self.surveying),
        }


def curate(
    source: Path,
    to: Path,
    stages: Sequence[Stage | CorpusStage],
    *,
    executor: Executor | None = None,
    reading: Reading | None = None,
    shard: ShardSize | None = None,
) -> Curated:
    """Read every file below a folder and put its records through the stages.

    Everything made is an artifact in `to`, keyed by the content of what it was made from: a run killed at any moment
    goes on where it stopped, whatever the number of workers then; a changed stage is run again with all behind it, a
    new file brings work for its own shards and for the stages that look at the whole corpus. The outcome does not
    depend on the executor. (A file is known by its size and time of change, and read again only where they differ.)

    Args:
        source: folder of files as `reading.read_file` takes them.
        to: folder for the artifacts; it may hold other runs'.
        stages: in order; every run of the same stages in the same folder shares its work.
        executor: who does it; all processors of this machine by default.
        reading: how files become records.
        shard: the size of the shards they are cut into.

    Raises:
        PhialError: nothing to read, a full disk, a damaged artifact or a killed worker.
    """
    if not source.is_dir():
        raise PhialError("no such folder", where=str(source), do="name the folder of the files to curate")
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise PhialError(f"two stages have one name: {', '.join(names)}", where="curate", do="give each its own")
    run = _Run(source, to, tuple(stages), reading or Reading(), shard or ShardSize())
    (executor or Processes()).run(run.work)
    path = run.work(0, 1)
    found = find(to, path.name.rsplit("-", 1)[0], read_manifest(path).key)
    assert found is not None
    rows = json.loads((path / FUNNEL).read_text(encoding="utf-8"))
    return Curated(path, found.manifest.metrics["kept"], found.manifest.metrics["dropped"], rows)


@dataclass(frozen=True)
class _Run:
    source: Path
    to: Path
    stages: tuple[Stage | CorpusStage, ...]
    reading: Reading
    shard: ShardSize

    @cached_property
    def passes(self) -> list[_Pass]:
        passes: list[_Pass] = []
        judging: CorpusStage | None = None
        plain: list[Stage] = []
        for stage in self.stages:
            if isinstance(stage, CorpusStage):
                passes.append(_Pass(judging, tuple(plain), stage))
                judging, plain = stage, []
            else:
                plain.append(stage)
        return [*passes, _Pass(judging, tuple(plain), None)]

    def work(self, rank: int, world: int) -> Path:
        """All of the work, shared with the other workers; returns the finished folder."""
        self.to.mkdir(parents=True, exist_ok=True)
        do = partial(complete, self.to, rank=rank, world=world)
        read = do([self._reading(path) for path in self._ordered_files(rank, world)])
        shards = [path / name for path in read for name in read_manifest(path).files if name != FUNNEL]
        # The order of shards is that of their content, not of the files' names.
        keyed = sorted((read_manifest(path.parent).files[path.name], path) for path in shards if path.name != DROPPED)
        paths, keys = [path for _, path in keyed], [key for key, _ in keyed]
        conclusion: Path | None = None
        made: list[list[Path]] = [read]
        for number, one in enumerate(self.passes):
            config = one.config()
            tasks: list[Task] = []
            for shard, (path, key) in enumerate(zip(paths, keys, strict=True)):
                inputs = {"records": key}
                if conclusion:  # it knows shards by number, and two may be equal
                    inputs |= {"conclusion": read_manifest(conclusion).key, "shard": str(shard)}
                make = partial(_judge_shard, one, path, conclusion, shard)
                tasks.append(Task(f"curate-{number}", VERSION, config, inputs, make))
            folders = do(tasks)
            made.append(folders)
            paths, keys = [folder / KEPT for folder in folders], [task.key for task in tasks]
            if one.surveying:
                stage = one.surveying
                conclude = partial(_conclude, stage, [folder / SURVEY for folder in folders])
                named = {f"{number:06d}": key for number, key in enumerate(keys)}
                task = Task(f"conclude-{number}", VERSION, _facts(stage), named, conclude)
                conclusion = do([task])[0]
        inputs = {f"{number:06d}": key for number, key in enumerate(keys)}
        inputs |= {f"read-{number:06d}": read_manifest(path).key for number, path in enumerate(read)}
        return do([Task("curated", VERSION, {}, inputs, partial(_gather, made, [s.name for s in self.stages]))])[0]

    def _ordered_files(self, rank: int, world: int) -> list[tuple[str, Path]]:
        """Every input file with the hash of its content, in order of the hashes."""
        files = input_files(self.source)
        cache = self.to / "inputs"
        cache.mkdir(exist_ok=True)
        first = rank * len(files) // max(1, world)
        hashes = [(_known_sha256(path, cache), path) for path in (*files[first:], *files[:first])]
        return sorted(hashes, key=lambda pair: (pair[0], pair[1].relative_to(self.source).as_posix()))

    def _reading(self, file: tuple[str, Path]) -> Task:
        sha256, path = file
        name = path.relative_to(self.source).as_posix()
        config = {"reading": self.reading.config(), "name": name, "size": vars(self.shard)}
        return Task("read", VERSION, config, {"file": sha256}, partial(_read, path, name, self.reading, self.shard))


def _facts(stage: Stage | CorpusStage) -> dict[str, Any]:
    return {"name": stage.name, "version": stage.version, "config": stage.config()}


def _known_sha256(path: Path, cache: Path) -> str:
    facts = path.stat()
    known = cache / hashlib.sha256(f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()
    try:
        return known.read_text()
    except FileNotFoundError:
        aside = known.with_suffix(f".{os.getpid()}")
        aside.write_text(file_sha256(path))
        aside.rename(known)
        return known.read_text()


def _read(path: Path, name: str, reading: Reading, size: ShardSize, draft: Draft) -> dict[str, Any]:
    funnel = Funnel()
    kept = count = 0
    records: list[Record] = []
    dropped: list[Dropped] = []

    def flush() -> None:
        nonlocal count, records
        write_records(draft.path / f"{count:06d}.parquet", records)
        count, records = count + 1, []

    def aside() -> Iterator[Record]:
        """Write the dropped as they come, so that none is held."""
        nonlocal kept
        characters = 0
        for one in read_file(path, name, reading):
            if isinstance(one, Dropped):
                funnel.add("read", 0, [one])
                yield one.record
                continue
            records.append(one)
            kept += 1
            characters += len(one.content)
            if len(records) >= size.records or characters >= size.characters:
                flush()
                characters = 0

    bad = write_records(draft.path / DROPPED, aside())
    if records:
        flush()
    funnel.add("read", kept, dropped)
    _write_funnel(draft.path, funnel)
    return {"kept": kept, "dropped": bad}


def _judge_shard(one: _Pass, path: Path, conclusion: Path | None, shard: int, draft: Draft) -> dict[str, Any]:
    records = list(read_records(path, known_ids=True))
    funnel = Funnel()
    dropped: list[Dropped] = []
    judges: list[tuple[str, Callable[[Sequence[Record]], Any]]] = [(stage.name, stage.judge) for stage in one.stages]
    if one.judging:
        assert conclusion is not None
        judging = partial(one.judging.judge_shard, conclusion=conclusion, shard=shard)
        judges.insert(0, (one.judging.name, judging))
    for name, judge in judges:
        outcome = judge(records)
        funnel.add(name, len(outcome.kept), outcome.dropped)
        dropped += outcome.dropped
        records = outcome.kept
    if judges:
        write_records(draft.path / KEPT, records)
    else:
        _link(path, draft.path / KEPT)
    write_records(draft.path / DROPPED, (one.record for one in dropped))
    _write_funnel(draft.path, funnel)
    if one.surveying:
        (draft.path / SURVEY).mkdir()
        one.surveying.survey(records, draft.path / SURVEY)
    return {"kept": len(records), "dropped": len(dropped)}


def _conclude(stage: CorpusStage, surveys: Sequence[Path], draft: Draft) -> dict[str, Any]:
    stage.conclude(surveys, draft.path)
    return {}


def _gather(made: Sequence[Sequence[Path]], names: Sequence[str], draft: Draft) -> dict[str, Any]:
    (draft.path / "kept").mkdir()
    (draft.path / "dropped").mkdir()
    kept = dropped = 0
    funnel = Funnel()
    for stage in ("read", *names):
        funnel.add(stage, 0)
    for number, folders in enumerate(made):
        for shard, folder in enumerate(folders):
            metrics = read_manifest(folder).metrics
            dropped += metrics["dropped"]
            if metrics["dropped"]:
                _link(folder / DROPPED, draft.path / "dropped" / f"{number}-{shard:06d}.parquet")
            if number == len(made) - 1:
                kept += metrics["kept"]
                _link(folder / KEPT, draft.path / "kept" / f"{shard:06d}.parquet")
            funnel.merge(json.loads((folder / FUNNEL).read_text(encoding="utf-8")))
    _write_funnel(draft.path, funnel)
    return {"kept": kept, "dropped": dropped}


def _link(made: Path, to: Path) -> None:
    try:
        os.link(made, to)
    except OSError:  # a file system without links
        shutil.copyfile(made, to)


def _write_funnel(folder: Path, funnel: Funnel) -> None:
    (folder / FUNNEL).write_text(json.dumps(funnel.rows(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
