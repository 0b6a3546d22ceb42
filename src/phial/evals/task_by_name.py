"""A task by the name that a command line gives it."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from phial.errors import PhialError
from phial.evals import tasks
from phial.evals.task import Protocol, Task

OWN = "write a file.py with a function that returns a Task, and give file.py:function"


def built_in() -> list[str]:
    """The names of the tasks that come with phial."""
    files = Path(tasks.__file__).parent.glob("*.py")
    return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))


def protocols(name: str) -> Mapping[str, Protocol]:
    """The protocols of a built-in task, by name."""
    return getattr(_module(name), "PROTOCOLS", {})


def load_task(wanted: str, benchmarks: Path | None = None, limit: int | None = None, seed: int | None = None) -> Task:
    """Find a task and have it read its items, or make them.

    Args:
        wanted: NAME or NAME:PROTOCOL of a built-in one ("gsm8k", "math500:phi-4"), or file.py:FUNCTION or
            file.py:FUNCTION:PROTOCOL. A function gets what it has parameters for: folder, protocol, limit (or items),
            seed.
        benchmarks: a folder with one folder a benchmark, by its name.
        limit: items at most.
        seed: of generated items.

    Raises:
        PhialError: there is no such task or protocol, or its files are missing or damaged.
    """
    name, _, rest = wanted.partition(":")
    if name.endswith(".py"):
        function, _, protocol = rest.partition(":")
        make, folder = _own(Path(name), function), benchmarks or Path(name).parent
    else:
        protocol, module = rest, _module(name)
        make = getattr(module, "load", None) or module.make
        folder = _folder(name, benchmarks) if "folder" in inspect.signature(make).parameters else Path()
        known = getattr(module, "PROTOCOLS", {})
        if protocol and protocol not in known:
            raise PhialError(f"{name} has no protocol {protocol!r}", where="tasks", do=f"use one of {', '.join(known)}")
    given = {"folder": folder, "protocol": protocol or None, "limit": limit, "items": limit, "seed": seed}
    parameters = inspect.signature(make).parameters
    task = make(**{key: value for key, value in given.items() if key in parameters and value is not None})
    if not isinstance(task, Task):
        raise PhialError(f"{wanted} returned {type(task).__name__}, no Task", where="tasks", do=OWN)
    return task


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


def _module(name: str) -> ModuleType:
    if name not in built_in():
        near = difflib.get_close_matches(name, built_in(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise PhialError(f"no task {name!r}", where="tasks", do=f"{hint}there are {', '.join(built_in())}; or {OWN}")
    return importlib.import_module(f"{tasks.__name__}.{name.replace('-', '_')}")


def _folder(name: str, benchmarks: Path | None) -> Path:
    if benchmarks is None:
        what = f"{name} is read from its published files"
        raise PhialError(what, where="tasks", do=f"give --benchmarks DIR, with the files in DIR/{name}")
    if not (benchmarks / name).is_dir():
        there = ", ".join(sorted(path.name for path in benchmarks.iterdir())) if benchmarks.is_dir() else "nothing"
        do = f"put its published files into {benchmarks / name}"
        raise PhialError(f"no folder {name}; there is {there[:300]}", where=str(benchmarks), do=do)
    return benchmarks / name


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
