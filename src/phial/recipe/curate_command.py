"""What `phial data curate` does: the gates over files and folders, without a recipe."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from phial.curate.executor import Executor
from phial.curate.funnel import Dropped
from phial.curate.html import ExtractHtml
from phial.curate.pipeline import curate
from phial.curate.reading import SUFFIXES, Reading, read_file
from phial.curate.stage import CorpusStage, Stage
from phial.errors import PhialError
from phial.recipe.data_curation import gates
from phial.recipe.data_schema import DataCuration
from phial.recipe.look_folder import open_folder
from phial.recipe.progress import Reporter
from phial.record import Record

_SAMPLE, _SAMPLE_CHARACTERS = 1_000, 20_000_000


def curate_files(
    inputs: Sequence[Path], to: Path, section: DataCuration, reading: Reading, executor: Executor, estimate: bool
) -> None:
    """Curate, or say how long it will take.

    Args:
        inputs: files, folders of files, runs of flows, curations.
        to: folder of everything made.
        section: what is wanted.
        reading: how files become records.
        executor: by whom.
        estimate: only try the gates that look at one record at a time, on a few.

    Raises:
        PhialError: there is nothing to read, or the disk is full.
    """
    files = [(path, name) for one in inputs for path, name in _files(one)]
    stages: list[Stage | CorpusStage] = [ExtractHtml(), *gates(section, Path())]
    reporter = Reporter()
    if estimate:
        for line in _estimate(files, stages, reading):
            reporter.line(line)
        return
    if not section.benchmarks:
        reporter.line("no --benchmarks folder: the data is not decontaminated")
    made = curate(_linked(files, to), to, stages, executor=executor, reading=reading)
    for row in made.funnel:
        reporter.line(f"{row['stage']}: {row['count']:,} {row['reason'] or 'kept'}")
    reporter.line(f"{made.kept:,} records: {made.path / 'kept'}\n  look at it: phial data look {made.path}")


def _files(given: Path) -> Iterator[tuple[Path, str]]:
    """The files that something names, and what they are called in the records' sources."""
    if given.is_file():
        if not given.name.endswith(SUFFIXES):
            do = f"give one of {', '.join(SUFFIXES)}"
            raise PhialError("a file of another kind", where=str(given), do=do)
        yield given, given.name
        return
    if not given.is_dir():
        raise PhialError("no such file or folder", where=str(given), do="name what is to be curated")
    name = given.resolve().name
    if (given / "kept").is_dir() or (given / "run.json").is_file():
        found = list(open_folder(given).kept)
    else:
        found = sorted(path for path in given.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())
    if not found:
        do = f"put files there, each one of {', '.join(SUFFIXES)}"
        raise PhialError("nothing to curate", where=str(given), do=do)
    for path in found:
        yield path, f"{name}/{path.relative_to(given).as_posix()}"


def _linked(files: Sequence[tuple[Path, str]], to: Path) -> Path:
    """A folder of links to the files; the same for the same ones, so that the members of an array share it."""
    listed = sorted({(str(path.resolve()), name) for path, name in files})
    folder = to / f"links-{hashlib.sha256(repr(listed).encode()).hexdigest()[:16]}"
    for number, (path, name) in enumerate(listed):
        taken = sum(other == name for _, other in listed[:number])  # two folders of one name
        link = folder / (f"{taken + 1}/{name}" if taken else name)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(path)
    return folder


def _estimate(files: Sequence[tuple[Path, str]], stages: Sequence[Stage | CorpusStage], reading: Reading) -> list[str]:
    """Sizes, and the rate and the yield of the gates on records from all of the files."""
    size = sum(path.stat().st_size for path, _ in files)
    each = max(1, _SAMPLE // len(files))
    sample: list[Record] = []
    room = _SAMPLE_CHARACTERS
    for path, name in files[:: max(1, len(files) // _SAMPLE)]:
        for one in islice(read_file(path, name, reading), each):
            if room > 0 and not isinstance(one, Dropped):
                sample.append(one)
                room -= len(one.content)
    if not sample:
        raise PhialError("nothing readable in the first records of the files", where=str(files[0][0]), do="look at it")
    characters, left = sum(len(one.content) for one in sample), sample
    judging = [stage for stage in stages if not isinstance(stage, CorpusStage)]
    for stage in judging:
        stage.judge(sample[:1])  # some load a model first
    began = time.perf_counter()
    for stage in judging:
        left = stage.judge(left).kept
    rate = characters / (time.perf_counter() - began) / 1e6
    names = ", ".join(stage.name for stage in judging)
    return [
        f"{len(files):,} files, {size / 1e6:,.1f} MB on the disk",
        f"{len(left):,} of {len(sample):,} records of a sample pass {names}, at {rate:.1f} million characters a second",
        f"{size / 1e6 / rate / 60:,.1f} minutes of one processor for these; reading, duplicates and benchmarks besides",
    ]
