"""The LoRA adapters of an engine, by name."""

from __future__ import annotations

import threading
from pathlib import Path

from phial.engine.backend import Adapting
from phial.engine.scheduler import Scheduler
from phial.errors import PhialError
from phial.model.adapter import Adapter, read_adapter

MOST_NAME = 256  # characters


class Adapters:
    """Names of adapters. A name may stand for another adapter later; who has begun with one ends with it.

    Args:
        scheduler: whose backend computes them.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._named: dict[str, Adapter] = {}

    @property
    def names(self) -> list[str]:
        """Of the adapters that are loaded."""
        with self._lock:
            return sorted(self._named)

    def load(self, name: str, adapter: Path | Adapter) -> None:
        """Read an adapter, unless that is done, have the backend prepare for it, and give it a name.

        Raises:
            PhialError: the name is taken, empty or too long, the backend has no adapters, or the adapter is unusable.
        """
        backend = self._scheduler.backend
        if not isinstance(backend, Adapting):
            raise PhialError("this backend has no adapters", where="engine", do="merge the adapter into the weights")
        if not 0 < len(name) <= MOST_NAME:
            raise PhialError(
                f"an adapter's name of {len(name):,} characters", where="engine", do=f"give 1 to {MOST_NAME}"
            )
        read = adapter if isinstance(adapter, Adapter) else read_adapter(adapter, backend.config)
        with self._scheduler.turn:
            backend.adapt(read)
        with self._lock:
            if name in self._named:
                do = "unload it first, or choose another name"
                raise PhialError(f"there is an adapter {name!r} already", where="engine", do=do)
            self._named[name] = read

    def remove(self, name: str) -> None:
        """Take an adapter's name away.

        Raises:
            PhialError: nothing has that name.
        """
        with self._lock:
            self._get(name)
            del self._named[name]

    def find(self, name: str | None) -> Adapter | None:
        """The adapter of a name; None for None.

        Raises:
            PhialError: nothing has that name.
        """
        if name is None:
            return None
        with self._lock:
            return self._get(name)

    def _get(self, name: str) -> Adapter:
        if name not in self._named:
            known = ", ".join(map(repr, sorted(self._named))) or "none"
            what = f"no adapter {name[:MOST_NAME]!r} is loaded; there is {known}"
            raise PhialError(what, where="engine", do="load it first (Engine.load_adapter), or leave it out")
        return self._named[name]
