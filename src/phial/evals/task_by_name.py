"""A task by the name that a command line gives it."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phial.errors import PhialError
from phial.evals import tasks
from phial.evals.log import Log
from phial.evals.task import Task

OWN = "write a file.py with a function that returns a Task, and give file.py:function"


@dataclass(frozen=True)
class Wanted:
    """What a command line says of a task: NAME[:PROTOCOL][@KEY=VALUE]…, or file.py:FUNCTION[:PROTOCOL][@KEY=VALUE]…"""

    name: str
    function: str
    protocol: str
    options: Mapping[str, Any]


def built_in() -> dict[str, Callable[..., Task]]:
    """The tasks that come with phial: what loads or makes each, by name; HumanEval+ is `humaneval-plus`."""
    found: dict[str, Callable[..., Task]] = {}
    for path in sorted(Path(tasks.__file__).parent.glob("[!_]*.py")):
        module = importlib.import_module(f"{tasks.__name__}.{path.stem}")
        for name, value in vars(module).items():
            kind, _, variant = name.partition("_")
            if kind in ("load", "make") and inspect.isfunction(value) and value.__module__ == module.__name__:
                found["-".join([path.stem, variant] if variant else [path.stem]).replace("_", "-")] = value
    return found


def described() -> list[str]:
    """A line a built-in task: its protocols."""
    lines = []
    for name, make in built_in().items():
        protocols = getattr(sys.modules[make.__module__], "PROTOCOLS", {})
        lines.append(f"{name:<16} {', '.join(protocols)}")
    return lines


def parse(text: str) -> Wanted:
    """Read a task's name as the command line has it.

    Raises:
        PhialError: an option is no KEY=VALUE.
    """
    spec, *options = text.split("@")
    name, _, rest = spec.partition(":")
    function, _, protocol = rest.partition(":") if name.endswith(".py") else ("", "", rest)
    values: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise PhialError(f"{option!r} in {text!r}", where="tasks", do="write NAME:PROTOCOL@KEY=VALUE")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return Wanted(name, function, protocol, values)


def load_task(text: str, benchmarks: Path | None = None, limit: int | None = None, seed: int | None = None) -> Task:
    """Find a task and have it read its items, or make them.

    Args:
        text: such as "gsm8k", "math500:phi-4", "gpqa@subset=diamond" or "own.py:load". A function gets what it has
            parameters for: folder, protocol, limit (or items), seed, and its options.
        benchmarks: a folder with one folder a benchmark, by its name.
        limit: items at most.
        seed: of generated items.

    Raises:
        PhialError: there is no such task, protocol or option, or its files are missing or damaged.
    """
    wanted = parse(text)
    own = wanted.name.endswith(".py")
    make = _own(Path(wanted.name), wanted.function) if own else _find(wanted.name)
    parameters = inspect.signature(make).parameters
    known = getattr(sys.modules[make.__module__], "PROTOCOLS", {}) if not own else {}
    if wanted.protocol and not own and wanted.protocol not in known:
        do = f"use one of {', '.join(known)}"
        raise PhialError(f"{wanted.name} has no protocol {wanted.protocol!r}", where="tasks", do=do)
    unknown = [key for key in wanted.options if key not in parameters]
    if unknown:
        do = f"use one of {', '.join(parameters)}"
        raise PhialError(f"{wanted.name} has no option {unknown[0]!r}", where="tasks", do=do)
    given: dict[str, Any] = {"protocol": wanted.protocol or None, "limit": limit, "items": limit, "seed": seed}
    if "folder" in parameters:
        given["folder"] = (benchmarks or Path(wanted.name).parent) if own else _folder(wanted.name, benchmarks)
    arguments = {name: value for name, value in given.items() if name in parameters and value is not None}
    lacking = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in {*arguments, *wanted.options}
    ]
    if lacking:
        raise PhialError(f"{text} wants {lacking[0]!r}", where="tasks", do=f"give it as {text}@{lacking[0]}=VALUE")
    task = make(**arguments, **wanted.options)
    if not isinstance(task, Task):
        raise PhialError(f"{text} returned {type(task).__name__}, no Task", where="tasks", do=OWN)
    return task


def judged_task(log: Log, benchmarks: Path | None = None, protocol: str = "phial") -> Task:
    """The second task of a log whose replies a judge grades.

    Args:
        log: finished.
        benchmarks: as for `load_task`; arena-hard's baseline answers lie there.
        protocol: of the judging.

    Raises:
        PhialError: the log is unfinished, or the baseline is missing.
    """
    from phial.evals.correctness import against_gold
    from phial.evals.tasks import arena_hard, rubric

    if log.run.task == "arena-hard-answers":
        return arena_hard.judged(log, _folder("arena-hard", benchmarks), protocol)
    if log.run.task == "rubric-answers":
        return rubric.judged(log, protocol)
    return against_gold(log, f"{log.run.task}-judged", protocol)


def log_path(folder: Path, model: str, text: str, task: Task) -> Path:
    """Where the log of a model's answers to a task belongs."""
    options = "".join(f"@{key}={value}" for key, value in parse(text).options.items())
    return folder / _plain(model) / f"{_plain(task.name + options)}.{_plain(task.protocol.name)}.jsonl"


def asked_so(
    task: Task,
    max_tokens: int | None = None,
    temperature: float | None = None,
    repeats: int | None = None,
    seed: int | None = None,
) -> Task:
    """A task whose protocol is changed in what is given; it keeps its name, for a log holds what was used.

    Raises:
        PhialError: several answers are wanted that would all be the same.
    """
    changes: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    sampling = replace(task.protocol.sampling, **{name: value for name, value in changes.items() if value is not None})
    repeats = task.protocol.repeats if repeats is None else repeats
    if repeats > 1 and not sampling.temperature:
        what = f"{repeats} answers an item at temperature 0, which would all be the same"
        raise PhialError(what, where=f"task {task.name}", do="give a --temperature, or one repeat")
    return replace(task, protocol=replace(task.protocol, sampling=sampling, repeats=repeats))


def _find(name: str) -> Callable[..., Task]:
    found = built_in()
    if name not in found:
        near = difflib.get_close_matches(name, found, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise PhialError(f"no task {name!r}", where="tasks", do=f"{hint}there are {', '.join(found)}; or {OWN}")
    return found[name]


def _plain(name: str) -> str:
    """A name as one part of a path."""
    return re.sub(r"[^\w@=+.-]+", "-", name).strip("-.") or "model"


def _folder(name: str, benchmarks: Path | None) -> Path:
    if benchmarks is None:
        what = f"{name} is read from its published files"
        raise PhialError(what, where="tasks", do=f"give --benchmarks DIR, with the files in DIR/{name}")
    whole = name.removesuffix("-plus").removesuffix("-sanitized")
    for place in (benchmarks / name, benchmarks / whole):
        if place.is_dir():
            return place
    there = ", ".join(sorted(path.name for path in benchmarks.iterdir())) if benchmarks.is_dir() else "nothing"
    do = f"put its published files into {benchmarks / name}"
    raise PhialError(f"no folder {name}; there is {there[:300]}", where=str(benchmarks), do=do)


def _own(path: Path, function: str) -> Callable[..., Any]:
    if not path.is_file():
        raise PhialError("no such file", where=str(path), do=OWN)
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification and specification.loader  # a path that ends in .py has a loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found = getattr(module, function or "load", None)
    if not callable(found):
        raise PhialError(f"no function {function or 'load'!r}", where=str(path), do=OWN)
    return found
