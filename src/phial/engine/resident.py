"""Prompts whose keys and values stay in the cache, in memory and on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from phial.engine.backend import Backend, Storing, chunk
from phial.engine.request import Request
from phial.errors import PhialError
from phial.model.adapter import Adapter
from phial.model.config import uses_long_factors

_FACTS = "prefix.json"


@dataclass(eq=False)
class Pin:
    """A resident prompt; requests that begin with it, and share its salt, adapter and images, start behind it.

    Attributes:
        request: the prompt.
        adapter: what the request's adapter stands for.
        ids: its tokens.
        long: LongRoPE's long factors.
        handle: the backend's.
    """

    request: Request
    adapter: Adapter | None
    ids: list[int]
    long: bool
    handle: int

    @property
    def salt(self) -> bytes:
        """See `Request.sharing_salt`."""
        return self.request.sharing_salt(self.adapter.key if self.adapter else None)


class Residents:
    """The resident prompts of one backend.

    Args:
        backend: keeps their keys and values.
        size: tokens computed at a time.
    """

    def __init__(self, backend: Backend, size: int) -> None:
        self._backend, self._size = backend, size
        self._pins: list[Pin] = []

    def open(self, ids: Sequence[int], long: bool, salt: bytes) -> tuple[int, int]:
        """Begin a sequence behind the longest resident prompt, or with what the backend shares; see `Backend.open`."""
        best: Pin | None = None
        for pin in self._pins:
            size = len(pin.ids)
            fits = size < len(ids) and pin.long == long and pin.salt == salt
            if fits and (best is None or size > len(best.ids)) and list(ids[:size]) == pin.ids:
                best = pin
        if best is None:
            return self._backend.open(ids, long, salt)
        return self._backend.fork(best.handle), len(best.ids)

    def add(self, request: Request, adapter: Adapter | None) -> Pin:
        """Compute a prompt and keep it.

        Raises:
            NoRoom: it does not fit the cache.
        """
        long = uses_long_factors(self._backend.config, len(request.ids))
        pin = Pin(request, adapter, list(request.ids), long, -1)
        pin.handle, start = self.open(pin.ids, long, pin.salt)
        try:
            self.read(pin.handle, request, adapter, start, len(pin.ids))
        except BaseException:
            self._backend.free(pin.handle)
            raise
        return self._keep(pin)

    def read(self, handle: int, request: Request, adapter: Adapter | None, start: int, end: int) -> None:
        """Compute tokens of a prompt, a part at a time, for the cache alone."""
        for first in range(start, end, self._size):
            last = min(first + self._size, end)
            self._backend.run([chunk(handle, request.ids, first, last, 0, request.images, adapter)])

    def remove(self, pin: Pin) -> None:
        """Let a prompt go."""
        self._pins.remove(pin)
        self._backend.free(pin.handle)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nothing is resident inside; all is computed again behind it."""
        pins, self._pins = self._pins, []
        for pin in pins:
            self._backend.free(pin.handle)
        try:
            yield
        finally:
            for pin in pins:
                pin.handle = self.add(pin.request, pin.adapter).handle
                self._pins[-1] = pin

    def save(self, pin: Pin, folder: Path) -> None:
        """Write a prompt into a new folder, whole or not at all.

        Raises:
            PhialError: the backend can't, the prompt has images, or the folder exists.
        """
        backend = self._storing()
        if pin.request.images or folder.exists():
            what = "a prompt with images can't be stored" if pin.request.images else "the folder exists"
            raise PhialError(what, where=str(folder), do="store a prompt of text alone, in a new folder")
        draft = folder.with_name(folder.name + ".partial")
        if draft.exists():
            shutil.rmtree(draft)  # of a process that was killed
        draft.mkdir(parents=True)
        backend.save(pin.handle, draft)
        request = pin.request
        facts = {"ids": pin.ids, "long": pin.long, "adapter": request.adapter, "salt": request.salt.hex()}
        facts["adapter_key"] = pin.adapter.key if pin.adapter else None
        (draft / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        draft.rename(folder)

    def load(self, folder: Path, find: Callable[[str | None], Adapter | None]) -> Pin:
        """Keep what `save` wrote, without computing it again.

        Args:
            folder: the snapshot.
            find: the adapter of a name.

        Raises:
            PhialError: the backend can't, or the folder is damaged or of another model or adapter.
            NoRoom: it does not fit the cache.
        """
        backend, config = self._storing(), self._backend.config
        advice = "make it anew"
        try:
            facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
            ids, long = [int(token) for token in facts["ids"]], bool(facts["long"])
            request = Request(ids, adapter=facts["adapter"], salt=bytes.fromhex(facts["salt"]))
            key = facts.get("adapter_key")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PhialError("this is no whole snapshot of a prompt", where=str(folder), do=advice) from error
        adapter = find(request.adapter)
        if key != (adapter.key if adapter else None):
            what = f"the snapshot was made with another adapter than the one that is {request.adapter!r} now"
            raise PhialError(what, where=str(folder), do=advice)
        handle = backend.load(folder, request.sharing_salt(key))
        if self._backend.length(handle) != len(ids) or long != uses_long_factors(config, len(ids)):
            self._backend.free(handle)
            raise PhialError("the parts of the snapshot do not agree", where=str(folder), do=advice)
        return self._keep(Pin(request, adapter, ids, long, handle))

    def _keep(self, pin: Pin) -> Pin:
        self._pins.append(pin)
        return pin

    def _storing(self) -> Storing:
        if not isinstance(self._backend, Storing):
            raise PhialError("this backend stores no prompts", where="engine", do="use the int4 or the torch backend")
        return self._backend
