"""A flow by the name that a recipe gives it."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from phial.errors import PhialError
from phial.synth import flows
from phial.synth.flow import Flow


def built_in() -> list[str]:
    """The names of the flows that come with phial."""
    files = Path(flows.__file__).parent.glob("*.py")
    return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))


def flow_by_name(name: str, folder: Path = Path()) -> Flow:
    """Find a flow.

    Args:
        name: of a built-in one ("textbook-section"), or "module:function", or "file.py:function".
        folder: what a file's path is relative to.

    Raises:
        PhialError: there is none of that name, or it is no flow.
    """
    place, _, function = name.partition(":")
    if not function:
        if name not in built_in():
            do = f"use one of {', '.join(built_in())}, or module:function, or file.py:function"
            raise PhialError(f"no flow {name!r}", where="flow", do=do)
        stem = name.replace("-", "_")
        place, function = f"{flows.__name__}.{stem}", stem
    try:
        module = _module_of_file(folder / place) if place.endswith(".py") else importlib.import_module(place)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise PhialError(f"no flow {name!r}: {error}", where="flow", do="look at the module's path") from error
    found = getattr(module, function, None)
    if not isinstance(found, Flow):
        what = f"{name!r} is no flow" if found is not None else f"{place} has no {function!r}"
        raise PhialError(what, where="flow", do='declare it with @flow("name", "1")')
    return found


def _module_of_file(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification and specification.loader  # a path that ends in .py has a loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
