"""The logs of a report, in order: which are one run read by several extractors, which answer the same questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals.log import Log, Run, read
from phial.page.printable import cut, printable


@dataclass(frozen=True)
class File:
    """A log and where it lies; `sha256` is of the file."""

    path: Path
    sha256: str
    log: Log


@dataclass(frozen=True)
class Entry:
    """One run: a model's replies to a task.

    Attributes:
        file: the first log given for it, which makes its score.
        others: the same replies as read by other extractors.
        model: column of the report.
        note: what tells this run from others of the same model and task.
    """

    file: File
    others: tuple[File, ...] = ()
    model: int = 0
    note: str = ""

    @property
    def path(self) -> Path:
        """Of the log that makes the score."""
        return self.file.path

    @property
    def log(self) -> Log:
        """The one that makes the score."""
        return self.file.log

    @property
    def variants(self) -> dict[str, Log]:
        """The logs of the other extractors, by their names."""
        return {other.log.run.extractor: other.log for other in self.others}


@dataclass(frozen=True)
class Contest:
    """Runs that can be compared: one task, one protocol, the same data.

    Attributes:
        task: its name.
        protocol: its name.
        sha256: of the data.
        title: the task's name, with the protocol or the data where several are reported.
        entries: in the order of their models.
    """

    task: str
    protocol: str
    sha256: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Logs:
    """All that a report is about: the models' names in the order of their columns, and what they were asked."""

    models: tuple[str, ...]
    contests: tuple[Contest, ...]


def read_logs(paths: Sequence[Path]) -> Logs:
    """Read logs and put together what belongs together.

    Raises:
        PhialError: no log, a damaged one, one without samples, or the same one twice.
    """
    if not paths:
        raise PhialError("no log to report on", where="phial eval report", do="name one or more sample logs")
    entries = _runs([_read(path) for path in paths])
    identities: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        known = identities.setdefault(entry.log.run.model, [])
        if entry.log.run.identity not in known:
            known.append(entry.log.run.identity)
    contests: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        run = entry.log.run
        contests.setdefault((run.task, run.protocol, run.sha256), []).append(entry)
    models: list[str] = []
    made = []
    for (task, protocol, sha256), group in contests.items():
        named = []
        for entry in group:
            run = entry.log.run
            note = _note(entry, [one for one in group if _model(one.log.run) == _model(run)])
            label = ", ".join(filter(None, [printable(run.model), _identity(run, identities[run.model]), note]))
            if label not in models:
                models.append(label)
            named.append(replace(entry, model=models.index(label), note=note))
        title = _title(task, protocol, sha256, list(contests))
        made.append(Contest(task, protocol, sha256, title, tuple(sorted(named, key=lambda one: one.model))))
    return Logs(tuple(models), tuple(made))


def _read(path: Path) -> File:
    log = read(path)
    if not log.samples:
        raise PhialError("a sample log without samples", where=str(path), do="evaluate first, or leave it out")
    return File(path, hashlib.sha256(path.read_bytes()).hexdigest(), log)


def _runs(files: Sequence[File]) -> list[Entry]:
    """The runs, each with the extractors that read it: logs of one run hold the same replies."""
    runs: dict[tuple[str, ...], Entry] = {}
    for file in files:
        run = file.log.run
        key = (run.task, run.protocol, run.sha256, *_model(run), _replies(file.log))
        entry = runs.get(key)
        if entry is None:
            runs[key] = Entry(file)
            continue
        for known in (entry.file, *entry.others):
            if known.log.run.extractor == run.extractor:
                where = f"{known.path} and {file.path}"
                raise PhialError(f"the same replies, read by {run.extractor!r}, twice", where=where, do="leave one out")
        runs[key] = replace(entry, others=(*entry.others, file))
    return list(runs.values())


def _model(run: Run) -> tuple[str, str]:
    return run.model, json.dumps(run.identity, sort_keys=True)


def _replies(log: Log) -> str:
    digest = hashlib.sha256()
    for sample in sorted(log.samples, key=lambda one: (one.item, one.repeat)):
        fields = (sample.item, sample.repeat, sample.reply, sample.reasoning, sample.options, sample.seconds)
        digest.update(json.dumps(fields).encode())
    return digest.hexdigest()


def _title(task: str, protocol: str, sha256: str, known: Sequence[tuple[str, str, str]]) -> str:
    protocols = {other for name, other, _ in known if name == task}
    data = {other for name, asked, other in known if (name, asked) == (task, protocol)}
    parts = [task, protocol if len(protocols) > 1 else "", f"data {sha256[:8]}" if len(data) > 1 else ""]
    return printable(", ".join(filter(None, parts)))


def _identity(run: Run, known: Sequence[Mapping[str, Any]]) -> str:
    """What of its identity tells a model from others of the same name; "" for the only one."""
    return _differing(run.identity, known)


def _note(entry: Entry, rivals: Sequence[Entry]) -> str:
    """What of its settings tells a run from others of the same model and task; else its file's name."""
    if len(rivals) == 1:
        return ""
    told = _differing(_settings(entry.log.run), [_settings(one.log.run) for one in rivals])
    alike = [one for one in rivals if _settings(one.log.run) == _settings(entry.log.run)]
    return ", ".join(filter(None, [told, printable(entry.path.stem) if len(alike) > 1 else ""]))


def _settings(run: Run) -> dict[str, Any]:
    return {**run.sampling, "repeats": run.repeats, "system": run.system}


def _differing(own: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> str:
    keys = sorted({key for one in known for key in one if any(other.get(key) != one[key] for other in known)})
    return ", ".join(f"{printable(str(key))} {cut(printable(str(own.get(key))), 16)}" for key in keys)
